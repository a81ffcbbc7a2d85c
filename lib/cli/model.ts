// What the verbs with a model have in common: opening it, its template, an adapter, its dialogues.
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
import { resolveUser } from "../run/files.ts";
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
