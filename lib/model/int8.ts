// Base weights in 8 bits for generation: each block of 32 values of a row has one scale. Made once per model, in the cache.
// The products that read them: lib/jit/passes/int8_products.ts. Adapters, norms and the embedding stay float32.
import { join } from "node:path";
import { INT8_BLOCK, int8Names } from "../jit/passes/int8_products.ts";
import { cacheDir } from "../run/files.ts";
import type { Base } from "./base.ts";
import { headName } from "./llama.ts";
import type { Model } from "./open_model.ts";
import { type LazyTensor, openSafetensors, writeSafetensors } from "./safetensors.ts";

/** Raise it when the file's content changes for the same model. */
const VERSION = "1";

/** What is needed of a model. */
type Source = Pick<Model, "config" | "weights" | "hash">;

/**
 * The model with its linear layers in 8 bits, written to `folder` where it is not there yet. Layers whose rows are no
 * whole blocks stay as they are. Throws InputError where the folder cannot be written.
 */
export async function int8Base(model: Source, folder: string = join(cacheDir(), "int8")): Promise<Base> {
  const path = join(folder, `${model.hash.slice(0, 16)}-${VERSION}.safetensors`);
  const there = await Deno.stat(path).then(() => true, () => false);
  if (!there) await writeInt8(model, path);
  using file = await openSafetensors(path);
  const tensors: Base["weights"]["tensors"] = {};
  for (const [name, { dtype, shape, begin, end }] of file.tensors) {
    tensors[name] = { dtype: dtype === "U8" ? "uint8" : "float32", shape, begin, end };
  }
  for (const name of linearNames(model)) { // for the program that names them; the pass replaces every use
    const { values } = int8Names(name);
    tensors[name] ??= { ...tensors[values], dtype: "float32", shape: model.weights.tensors.get(name)!.shape };
  }
  return { config: model.config, weights: { path, hash: `${model.hash}-int8-${VERSION}`, tensors } };
}

/** The weights that become 8-bit products: every matrix of a layer and the output projection. */
function linearNames({ config, weights }: Source): string[] {
  return [...weights.tensors.keys()].filter((name) => {
    const { shape } = weights.tensors.get(name)!;
    const linear = name === headName(config) || name.startsWith("model.layers.");
    return linear && shape.length === 2 && shape[1] % INT8_BLOCK === 0;
  });
}

async function writeInt8(model: Source, path: string): Promise<void> {
  const linear = new Set(linearNames(model)), embedding = "model.embed_tokens.weight";
  const tensors: Record<string, LazyTensor> = {};
  for (const [name, { shape }] of model.weights.tensors) {
    const load = async () => (await model.weights.read(name)).data as Float32Array<ArrayBuffer>;
    if (!linear.has(name) || name === embedding) tensors[name] = { dtype: "float32", shape, load };
    if (!linear.has(name)) continue;
    const [N, K] = shape, blocks = K / INT8_BLOCK, { values, scales } = int8Names(name);
    tensors[values] = {
      dtype: "int32",
      stored: "U8",
      shape: [N, blocks, INT8_BLOCK],
      load: async () => toInt8(await load()).values,
    };
    tensors[scales] = {
      dtype: "float32",
      shape: [N * blocks],
      load: async () => toInt8(await load()).scales,
    };
  }
  await writeSafetensors(path, tensors);
}

/** Blocks of 32: scale = max |x| / 127, value = round(x / scale) + 128, halves away from zero. */
export function toInt8(x: Float32Array): { values: Uint8Array<ArrayBuffer>; scales: Float32Array } {
  const values = new Uint8Array(x.length), scales = new Float32Array(x.length / INT8_BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const row = x.subarray(block * INT8_BLOCK, (block + 1) * INT8_BLOCK);
    const scale = scales[block] = row.reduce((most, v) => Math.max(most, Math.abs(v)), 0) / 127;
    row.forEach((v, i) => {
      const q = scale ? v / scale : 0;
      values[block * INT8_BLOCK + i] = 128 + Math.sign(q) * Math.floor(Math.abs(q) + 0.5);
    });
  }
  return { values, scales };
}
