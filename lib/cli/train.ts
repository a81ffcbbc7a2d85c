// `ual train`: the train stage from flags.
import type { Output } from "../cli.ts";
import { join } from "node:path";
import { resolveUser } from "../run/files.ts";
import { Progress } from "../run/progress.ts";
import { requestStop } from "../run/stop.ts";
import { type Schedule, type Smoothing, trainStage } from "../train/mod.ts";
import { readSmoothing } from "../uncertainty/mod.ts";
import type { Flags } from "./flags.ts";
import { adapterOf, examplesOf, modelOf, threadsOf } from "./model.ts";

/** Trains, resumes, or finds the run of `--out` complete. */
export async function train(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("out"));
  const smoothing = await smoothingOf(flags);
  const settings = settingsOf(flags);
  const examples = await examplesOf(flags, smoothing.method === "truncated-linear");
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
    context: flags.whole("context", 2),
    supervise: flags.required("supervise") as "all" | "response",
    checkpointEvery: flags.whole("checkpoint-every"),
    onNotice: (text) => console.error(text),
    onStart: (done, total) => void (progress = new Progress("train", total, undefined, undefined, done)),
    onStep: (m) => progress!.update(m.step, { tokens: m.tokens, note: `loss ${m.loss.toFixed(4)}` }),
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
  const methods = { none: "none", constant: "constant", uncertainty: "truncated-linear" } as const;
  const method = methods[flags.required("smoothing") as keyof typeof methods];
  const ceiling = flags.number("ceiling", { least: 0, most: 1 });
  return { method, mean: method === "none" ? 0 : flags.number("mean", { least: 0 }), ceiling };
}

function settingsOf(flags: Flags) {
  return {
    lora: {
      r: flags.whole("rank"),
      alpha: flags.number("alpha", { least: 1e-9, most: 1e9 }),
      dropout: flags.number("dropout", { least: 0, most: 0.99 }),
      targets: [...new Set(flags.required("targets").split(",").map((t) => t.trim()))],
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
  };
}
