// A model's weights in several safetensors files, by their model.safetensors.index.json (Hugging Face's layout), as one.
// A single file is safetensors.ts.
import { dirname, join } from "node:path";
import { InputError, messageOf } from "../run/errors.ts";
import { readBytes } from "../run/files.ts";
import { openSafetensors, type Safetensors, type TensorInfo } from "./safetensors.ts";

/** The index's file name. */
export const INDEX = "model.safetensors.index.json";

/**
 * Opens the files that the index at `path` names; each tensor's info has its `file`. Throws InputError where the index is
 * damaged, a file is missing, or a tensor is not in the file that the index says.
 */
export async function openShards(path: string): Promise<Safetensors> {
  const map = await readIndex(path), folder = dirname(path);
  const shards = new Map<string, Safetensors>();
  const close = () => shards.values().forEach((shard) => shard.close());
  try {
    for (const name of shardNames(map)) shards.set(name, await openSafetensors(join(folder, name)));
    const tensors = new Map<string, TensorInfo>();
    for (const [name, shard] of map) {
      const info = shards.get(shard)!.tensors.get(name);
      if (!info) {
        throw new InputError(
          `Cannot open ${path}: tensor ${name} is not in ${shard}, where the index has it; get the model again`,
        );
      }
      tensors.set(name, { ...info, file: join(folder, shard) });
    }
    return {
      path,
      tensors,
      metadata: {},
      read: async (name) => {
        const shard = map.get(name);
        if (shard) return await shards.get(shard)!.read(name);
        throw new InputError(`Cannot read tensor ${name}: ${path} has none of that name`);
      },
      close,
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** The files of a model in several, in order of their names. */
export async function shardFiles(path: string): Promise<string[]> {
  return shardNames(await readIndex(path)).map((name) => join(dirname(path), name));
}

const shardNames = (map: Map<string, string>) => [...new Set(map.values())].sort();

/** Tensor → file name. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const fail = (what: string): never => {
    throw new InputError(`Cannot open ${path}: ${what}; get the model again`);
  };
  let index: { weight_map?: unknown };
  try {
    index = JSON.parse(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    if (error instanceof InputError) throw error;
    return fail(`not valid JSON (${messageOf(error)})`);
  }
  const map = index?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) return fail("it has no weight_map");
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== "string" || !/^[^/\\]+\.safetensors$/.test(shard)) {
      fail(`the file of tensor ${name} is ${JSON.stringify(shard)}`);
    }
  }
  if (Object.keys(map).length === 0) fail("its weight_map is empty");
  return new Map(Object.entries(map));
}
