// `ual train`: the train stage from flags.
import type { Output } from "../cli.ts";
import { join } from "node:path";
import { type JitOptions, loadEngine } from "../jit/mod.ts";
import { readExamples } from "../data/source.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { Progress } from "../run/progress.ts";
import { requestStop } from "../run/stop.ts";
import {
  type Fidelity,
  type Schedule,
  type Smoothing,
  type StepMetrics,
  trainStage,
  type Weighting,
} from "../train/mod.ts";
import { readSmoothing } from "../uncertainty/mod.ts";
import type { Flags } from "./flags.ts";
import { adapterOf, engineOf, examplesOf, modelOf, threadsOf } from "./model.ts";

/** Trains, resumes, or finds the run of `--out` complete. */
export async function train(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("out"));
  checkFidelity(flags);
  const smoothing = await smoothingOf(flags);
  const settings = settingsOf(flags);
  await loadEngine(settings); // before anything is written
  const examples = await examplesOf(flags, smoothing.method === "truncated-linear");
  const heldout = await heldoutOf(flags);
  const { model, template } = await modelOf(flags);
  const init = await adapterOf(flags, model, "init-adapter");
  let progress: Progress | undefined;
  const release = stopOnSignal(dir);
  const run = await trainStage({
    model,
    examples,
    smoothing,
    settings,
    init,
    template,
    dir,
    dataFile: resolveUser(flags.required("data")),
    context: flags.whole("context", 2),
    supervise: flags.required("supervise") as "all" | "response",
    heldout,
    jit: compileOf(flags),
    checkpointEvery: flags.whole("checkpoint-every"),
    ...(flags.given("keep-every") ? { keepEvery: flags.whole("keep-every") } : {}),
    onNotice: (text) => console.error(text),
    onStart: (done, total) => void (progress = new Progress("train", total, undefined, undefined, done)),
    onStep: (m) => progress!.update(m.step, { tokens: m.tokens, note: noteOf(m) }),
  });
  release();
  await progress?.finish(run.stopped ? "stopped" : undefined);
  const last = run.metrics.at(-1)!;
  const state = run.stopped ? "stopped" : run.skipped ? "already complete" : "complete";
  return {
    json: {
      out: dir,
      adapter: run.stopped ? null : join(dir, "adapter"),
      state,
      resumed_from: run.resumedFrom,
      steps: last.step,
      loss: last.loss,
      nll: last.nll,
      results: run.manifest?.results ?? null,
    },
    text: `${state} at step ${last.step}: loss ${last.loss.toFixed(4)}, nll ${last.nll.toFixed(4)}; ${dir}`,
  };
}

const noteOf = ({ loss, heldout }: StepMetrics) =>
  `loss ${loss.toFixed(4)}` + (heldout === undefined ? "" : `, held-out perplexity ${heldout.toFixed(3)}`);

/** Flags that the released code decides itself, and what of it. */
const DECIDED: Record<string, { what: string; theirs?: string }> = {
  schedule: { what: "has a warm-up that never ends" },
  warmup: { what: "takes a tenth of all samples seen" },
  weighting: { what: "weighs samples the same", theirs: "sample" },
  supervise: { what: "learns prompts too", theirs: "all" },
};

/** Throws InputError where a flag that was given contradicts `--fidelity released-code`. */
function checkFidelity(flags: Flags): void {
  if (flags.text("fidelity") !== "released-code") return;
  for (const [name, { what, theirs }] of Object.entries(DECIDED)) {
    const value = flags.text(name);
    if (!flags.given(name) || value === theirs) continue;
    throw new InputError(
      `Cannot use --${name} ${value} with --fidelity released-code: that ${what}; leave --${name} out, or use ` +
        "--fidelity paper",
    );
  }
}

/** The dialogues of `--heldout`. */
async function heldoutOf(flags: Flags) {
  const path = flags.text("heldout");
  if (path) return await readExamples(resolveUser(path));
  const alone = ["eval-every", "patience"].find((name) => flags.given(name));
  if (!alone) return undefined;
  throw new InputError(`Cannot use --${alone} alone: there is nothing to evaluate on; give --heldout FILE`);
}

/** The first Ctrl-C asks the run to end after its step, with a checkpoint; the second ends the process. */
function stopOnSignal(dir: string): () => void {
  let asked = false;
  const stop = () => {
    if (asked) Deno.exit(130);
    asked = true;
    console.error("stopping after this step; again to stop at once, without a checkpoint of it");
    requestStop(dir).catch(() => Deno.exit(130));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  return () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  };
}

async function smoothingOf(flags: Flags): Promise<Smoothing> {
  const file = flags.text("smoothing-file");
  if (file) return { method: "file", rows: await readSmoothing(resolveUser(file)) };
  const kind = flags.required("smoothing") as "none" | "constant" | "uncertainty" | "perplexity" | "entropy";
  const method = kind === "uncertainty" ? "truncated-linear" : kind;
  const ceiling = flags.number("ceiling", { least: 0, most: 1 });
  return { method, mean: method === "none" ? 0 : flags.number("mean", { least: 0 }), ceiling };
}

/** How to compile: within `--memory`. The result is the same without it, bit for bit. */
export function compileOf(flags: Flags): JitOptions {
  return flags.text("memory") === undefined
    ? {}
    : { memoryTarget: 1e9 * flags.number("memory", { least: 0.001 }) };
}

/** The settings of a run. */
export function settingsOf(flags: Flags) {
  return {
    lora: {
      r: flags.whole("rank"),
      alpha: flags.number("alpha", { least: 1e-9, most: 1e9 }),
      dropout: flags.number("dropout", { least: 0, most: 0.99 }),
      targets: [...new Set(flags.required("targets").split(",").map((t) => t.trim()))],
      ...(flags.flag("rslora") ? { rslora: true } : {}),
    },
    batch: flags.whole("batch"),
    ...(flags.text("steps") === undefined
      ? { epochs: flags.whole("epochs") }
      : { steps: flags.whole("steps") }),
    lr: flags.number("lr", { least: 0 }),
    warmup: flags.whole("warmup", 0),
    schedule: flags.required("schedule") as Schedule,
    weightDecay: flags.number("weight-decay", { least: 0 }),
    clip: flags.number("clip", { least: 0 }),
    seed: flags.whole("seed", 0),
    shuffle: flags.required("shuffle") === "true",
    maxRows: flags.whole("max-rows"),
    threads: threadsOf(flags),
    ...engineOf(flags),
    weighting: flags.required("weighting") as Weighting,
    fidelity: flags.required("fidelity") as Fidelity,
    ...(flags.given("eval-every") ? { evalEvery: flags.whole("eval-every") } : {}),
    ...(flags.given("patience") ? { patience: flags.whole("patience") } : {}),
  };
}
