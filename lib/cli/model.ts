// What the verbs with a model have in common: opening it, its template, an adapter, its dialogues.
import { basename, dirname, join } from "node:path";
import type { Example } from "../data/example.ts";
import { readTemplate } from "../data/named_template.ts";
import { readExamples } from "../data/source.ts";
import type { Engine, JitOptions } from "../jit/mod.ts";
import {
  type Adapter,
  baseOf,
  type Encoded,
  type Model,
  openModel,
  readAdapter,
  toSequences,
} from "../model/mod.ts";
import { InputError, oneLine } from "../run/errors.ts";
import { resolveUser, sha256File, sha256Hex } from "../run/files.ts";
import type { Flags } from "./flags.ts";

/** The model of `--model`, with the template of `--template` if given. */
export async function modelOf(flags: Flags): Promise<{ model: Model; template: string }> {
  const model = await openModel(flags.text("model"));
  const template = flags.text("template");
  return { model, template: template ? await readTemplate(template) : model.chatTemplate };
}

/** The adapter of the flag `name`, if given. */
export async function adapterOf(flags: Flags, model: Model, name = "adapter"): Promise<Adapter | undefined> {
  const dir = flags.text(name);
  return dir ? await readAdapter(resolveUser(dir), model.config) : undefined;
}

/** Models by name, from NAME=DIR or DIR: an adapter's folder, or undefined for "base". Throws InputError for bad names. */
export function modelsNamed(given: string[]): Map<string, string | undefined> {
  const models = new Map<string, string | undefined>();
  for (const text of given.length ? given : ["base"]) {
    const [, name, path] = /^([\w.-]+)=(.+)$/s.exec(text) ?? [undefined, undefined, text];
    const folder = path === "base" ? undefined : resolveUser(path), last = basename(folder ?? path);
    const own = name ?? (last === "adapter" ? basename(dirname(folder!)) : last);
    if (own !== "base" || folder) checkName(own, path);
    if (models.has(own) && (folder || models.get(own))) {
      throw new InputError(
        `Cannot evaluate two models called ${own}: name them, as in --adapter one=DIR --adapter two=DIR`,
      );
    }
    models.set(own, folder);
  }
  return models;
}

/** Throws InputError for a name that tables and files cannot bear, and for an adapter called as the model without one. */
function checkName(name: string, path: string): void {
  const why = name === "base"
    ? "that is the model without an adapter"
    : name in {} || /^\.*$/.test(name)
    ? "that is no name"
    : oneLine(name) !== name || !name.isWellFormed()
    ? "it holds characters that steer a terminal"
    : undefined;
  if (!why) return;
  throw new InputError(`Cannot call ${path} ${name || "so"}: ${why}; name it, as in --adapter one=${path}`);
}

/** The adapters in those folders, and the SHA-256 of each one's files. Throws InputError as readAdapter(). */
export async function readAdapters(
  wanted: Map<string, string | undefined>,
  model: Model,
): Promise<{ adapters: Record<string, Adapter | undefined>; hashes: Record<string, string> }> {
  const adapters: Record<string, Adapter | undefined> = {}, hashes: Record<string, string> = {};
  for (const [name, folder] of wanted) {
    adapters[name] = folder ? await readAdapter(folder, model.config) : undefined;
    if (!folder) continue;
    const files = ["adapter_config.json", "adapter_model.safetensors"];
    hashes[name] = sha256Hex((await Promise.all(files.map((file) => sha256File(join(folder, file))))).join());
  }
  return { adapters, hashes };
}

/** The dialogues of `--data`. */
export async function examplesOf(flags: Flags, requireUncertainty = false): Promise<Example[]> {
  return await readExamples(resolveUser(flags.required("data")), { requireUncertainty });
}

/** Those dialogues as tokens, by `--context` and `--supervise`; notes on stderr what was cut or left out. */
export async function sequencesOf(flags: Flags, model: Model, template: string): Promise<Encoded> {
  const encoded = toSequences(model, await examplesOf(flags), {
    context: flags.whole("context", 2),
    supervise: flags.required("supervise") as "all" | "response",
    template,
  });
  if (encoded.truncated.length) console.error(`${encoded.truncated.length} dialogues cut at the context`);
  if (encoded.dropped.length) {
    console.error(`${encoded.dropped.length} dialogues left out: no answer within the context`);
  }
  return encoded;
}

/** The thread count of `--threads`; all cores without it. */
export function threadsOf(flags: Flags): number {
  if (flags.text("threads") === undefined) return navigator.hardwareConcurrency;
  flags.number("threads", { least: 1, most: 1024 });
  return flags.whole("threads");
}

/** Options of the compiler. */
export function jitOf(flags: Flags): JitOptions {
  return { threads: threadsOf(flags), ...engineOf(flags) };
}

/** The engine of `--engine` unless it is the default, so that it marks only what another one computed. */
export function engineOf(flags: Flags): { engine?: Engine } {
  const engine = flags.text("engine") as Engine | undefined;
  if (!engine || engine === "onnxruntime") return {};
  if (engine === "tfjs-node" && !Deno.env.get("GLIBC_TUNABLES")?.includes("hugetlb")) {
    console.error("tfjs-node is faster with huge pages: set GLIBC_TUNABLES=glibc.malloc.hugetlb=1");
  }
  return { engine };
}

export { baseOf };
