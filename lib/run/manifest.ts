// A stage's manifest: what went in, what came out. Written last, so its existence means the stage completed.
// What varies by nature (times, memory, hardware, commit) goes into volatile.json beside it.
import { join, relative, resolve, sep } from "node:path";
import { InputError, messageOf } from "./errors.ts";
import { readBytes, sha256File, writeFileAtomic } from "./files.ts";
import { type GitState, gitState, type Hardware, hardware, peakMemory, versions } from "./machine.ts";

/** Any JSON value; undefined fields are left out. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };

/** What makes a stage's outputs: equal keys mean equal outputs. */
export interface StageKey {
  /** SHA-256 by name of each input: data, model, the output of an earlier stage. */
  inputs: Record<string, string>;
  /** Everything the user can set, with the seed and the thread count. */
  settings: Record<string, Json>;
  /** hashLib() of the folders of lib that the stage runs. */
  code: string;
}

/** The content of manifest.json: byte-identical from run to run. */
export interface Manifest extends StageKey {
  /** Such as "map" or "train". */
  stage: string;
  /** What versions() says. */
  versions: Record<string, string>;
  /** SHA-256 of each output, by its path inside the run's folder. */
  outputs: Record<string, string>;
  /** Figures of merit: losses, perplexities, counts, sizes. */
  results: Record<string, Json>;
}

/** The content of volatile.json. Memory in bytes. */
export interface Volatile {
  /** The machine, its load at the end. */
  hardware: Hardware;
  /** Bytes. */
  peakMemory: number;
  /** Absent outside a git checkout. */
  git?: GitState;
  /** Times, speeds and the like, as the stage names them. */
  [measure: string]: unknown;
}

/** What a stage tells writeManifest(). */
export interface ManifestOptions extends StageKey {
  /** Such as "map" or "train". */
  stage: string;
  /** Paths inside the run's folder of the files that the stage wrote; hashed here. */
  outputs?: string[];
  /** Figures of merit; the same from run to run. */
  results?: Record<string, Json>;
  /** Times, speeds and whatever else differs from run to run. */
  volatile?: Record<string, Json>;
}

/** The stages that this process wrote or found current, by their folders. */
const touched = new Map<string, Manifest>();

/**
 * The manifests of the stages below `folder` that this process wrote or found current, by their paths in it, sorted: what its results
 * rest on. What older runs left in the folder is not among them.
 */
export function stagesTouched(folder: string): Record<string, Manifest> {
  const inside = [...touched].map(([path, manifest]) => [relative(folder, path), manifest] as const)
    .filter(([path]) => path && !path.startsWith(".."));
  inside.sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(inside.map(([path, manifest]) => [path.split(sep).join("/"), manifest]));
}

/** Writes volatile.json, then manifest.json into `folder`. Throws RangeError for a number that JSON cannot hold. */
export async function writeManifest(folder: string, options: ManifestOptions): Promise<Manifest> {
  const outputs: Record<string, string> = {};
  for (const path of options.outputs ?? []) outputs[path] = await sha256File(join(folder, path));
  const { stage, inputs, settings, code, results = {} } = options;
  const manifest: Manifest = { stage, inputs, settings, code, versions: versions(), outputs, results };
  const varying: Volatile = {
    ...options.volatile,
    hardware: hardware(),
    peakMemory: peakMemory(),
    git: gitState(),
  };
  const text = sortedJson(manifest);
  await writeFileAtomic(join(folder, "volatile.json"), sortedJson(varying));
  await writeFileAtomic(join(folder, "manifest.json"), text);
  touched.set(resolve(folder), manifest);
  return manifest;
}

/** The manifest in `folder`. Throws InputError where there is none or it is broken. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, "manifest.json");
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    const value = JSON.parse(text);
    if (typeof value?.stage !== "string") throw new TypeError("it names no stage");
    return value;
  } catch (error) {
    throw new InputError(`Cannot read ${path}: ${messageOf(error)}; run the stage again`);
  }
}

/** The volatile.json in `folder`. Throws InputError where there is none or it is broken. */
export async function readVolatile(folder: string): Promise<Volatile> {
  const path = join(folder, "volatile.json");
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read ${path}: ${messageOf(error)}; run the stage again`);
  }
}

/** Whether the stage in `folder` is complete, was made from the same key and versions, and its outputs are untouched. */
export async function isCurrent(folder: string, key: StageKey): Promise<boolean> {
  try {
    const manifest = await readManifest(folder);
    const made = [manifest.inputs, manifest.settings, manifest.code, manifest.versions];
    if (sortedJson(made) !== sortedJson([key.inputs, key.settings, key.code, versions()])) return false;
    for (const [path, hash] of Object.entries(manifest.outputs)) {
      if (await sha256File(join(folder, path)) !== hash) return false;
    }
    touched.set(resolve(folder), manifest);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** JSON text with sorted keys, two spaces and a final newline: equal values give equal bytes. Throws RangeError for NaN and infinities. */
export function sortedJson(value: unknown): string {
  const sort = (key: string, v: unknown): unknown => {
    if (typeof v === "number" && !Number.isFinite(v)) {
      throw new RangeError(`Cannot write ${key} as JSON: it is ${v}; leave it out or use null`);
    }
    if (typeof v !== "object" || v === null || Array.isArray(v)) return v;
    return Object.fromEntries(Object.entries(v).sort(([a], [b]) => a < b ? -1 : 1));
  };
  return JSON.stringify(value, sort, 2) + "\n";
}
