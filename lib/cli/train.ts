// `ual train`: the train stage from flags.
import type { Output } from "../cli.ts";
import { join } from "node:path";
import { resolveUser } from "../run/files.ts";
import { Progress } from "../run/progress.ts";
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
    onStart: (_, total) => void (progress = new Progress("train", total)),
    onStep: (m) => progress!.update(m.step, { tokens: m.tokens, note: `loss ${m.loss.toFixed(4)}` }),
  });
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
      alpha: flags.number("alpha", { least: 1e-9 }),
      dropout: flags.number("dropout", { least: 0, most: 0.99 }),
      targets: flags.required("targets").split(",").map((t) => t.trim()),
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
