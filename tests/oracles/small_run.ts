// Training runs of the small model (small_model.ts): its samples and settings, a run in one line, and a step's losses and
// gradient written out with loops in float64, sharing no code with lib/train.
import { join } from "node:path";
import type { Params } from "../../lib/jit/mod.ts";
import { initLora, type LoraConfig } from "../../lib/model/lora.ts";
import type { LlamaConfig } from "../../lib/model/config.ts";
import type { Sequence } from "../../lib/model/rows.ts";
import { openSafetensors } from "../../lib/model/safetensors.ts";
import { readJsonl } from "../../lib/run/files.ts";
import {
  type StepMetrics,
  train,
  type TrainOptions,
  type TrainResult,
  type TrainSettings,
} from "../../lib/train/loop.ts";
import { loopHidden, loopLogProbs, loopSmoothedLoss, smallBase } from "./small_model.ts";

export const lora: LoraConfig = { r: 2, alpha: 4, dropout: 0, targets: ["q_proj", "v_proj"] };

export const settings: TrainSettings = {
  lora,
  batch: 3,
  steps: 6,
  lr: 0.02,
  warmup: 0,
  schedule: "constant",
  weightDecay: 0.01,
  clip: 0,
  seed: 1,
  shuffle: true,
  maxRows: 4,
  threads: 1,
};

const ids = [
  [1, 5, 9, 3, 22, 7, 2],
  [4, 4, 8],
  [11, 0, 2, 13, 6, 12, 1, 1, 9, 3, 5, 20, 21, 2],
  [7, 8, 9, 10],
  [3, 3, 1, 19, 15],
];

/** Five samples; what is learnt of them begins at different places. */
export const sequences: Sequence[] = ids.map((list, i) => ({
  id: `s${i}`,
  ids: Int32Array.from(list),
  supervised: Uint8Array.from(list, (_, j) => j > i % 3 ? 1 : 0),
}));
export const smoothing = [0, 0.1, 0.3, 0.6, 0.9];
export const quiet = { jit: { cache: false as const } };

/** What a run left. */
export type SmallRun = TrainResult & { metrics: StepMetrics[]; dir: string };

/** Trains with changed settings into `folder`/`name`. */
export async function smallRun(
  folder: string,
  change: Partial<TrainSettings> = {},
  { name = crypto.randomUUID() as string, how = smoothing, ...options }:
    & { name?: string; how?: Parameters<typeof train>[2] }
    & Partial<TrainOptions> = {},
): Promise<SmallRun> {
  const { base } = await smallBase(folder);
  const dir = join(folder, name);
  const result = await train(base, sequences, how, { ...settings, ...change }, { ...quiet, ...options, dir });
  return { ...result, metrics: await metricsIn(dir), dir };
}

export async function metricsIn(dir: string): Promise<StepMetrics[]> {
  return (await readJsonl(join(dir, "metrics.jsonl"))).map(({ value }) => value as StepMetrics);
}

/** Without what differs from run to run. */
export const timeless = (metrics: StepMetrics[]) => metrics.map((m) => ({ ...m, seconds: 0 }));

/** The groups of the checkpoint in `dir`: params, m, v. */
export async function checkpointIn(dir: string): Promise<Record<string, Params>> {
  const file = await openSafetensors(join(dir, "checkpoint.safetensors"));
  const groups: Record<string, Params> = {};
  for (const full of file.tensors.keys()) {
    const [group, ...rest] = full.split("/");
    (groups[group] ??= {})[rest.join("/")] = await file.read(full);
  }
  file.close();
  return groups;
}

/** An adapter whose B is not zero, so that every parameter has a gradient. */
export function warmAdapter(config: LlamaConfig): Params {
  const init = initLora(config, lora, 1);
  for (const [name, { data }] of Object.entries(init)) {
    if (name.includes("lora_B")) data.forEach((_, i) => data[i] = 0.05 * Math.sin(i + 1));
  }
  return init;
}

/** The −log p of each target of a sample, and its smoothed losses, under an adapter. */
export function loopLosses(
  model: { config: LlamaConfig; weights: Params },
  { ids, supervised }: Sequence,
  adapter: Params,
  s: number,
): { nll: number[]; loss: number[] } {
  const { config, weights } = model;
  const hidden = loopHidden(config, weights, ids, adapter, lora.alpha / lora.r);
  const at = Array.from(ids.keys()).filter((i) => supervised[i]);
  const logProbs = at.map((i) => loopLogProbs(config, weights, hidden[i - 1]));
  return {
    nll: at.map((i, k) => -logProbs[k][ids[i]]),
    loss: at.map((i, k) => loopSmoothedLoss(logProbs[k], ids[i], s)),
  };
}

/**
 * The gradient of `lossOf` in every `stride`-th number of `adapter`, by central differences: index → derivative.
 */
export function loopGradient(
  adapter: Params,
  lossOf: (adapter: Params) => number,
  stride = 1,
): Record<string, Map<number, number>> {
  const h = 1e-4;
  return Object.fromEntries(
    Object.entries(adapter).map(([name, tensor]) => {
      const moved = (i: number, by: number) => {
        const data = Float64Array.from(tensor.data, (v, j) => j === i ? v + by : v);
        return lossOf({ ...adapter, [name]: { ...tensor, data: data as never } });
      };
      const looked = [...tensor.data.keys()].filter((i) => i % stride === 0);
      return [name, new Map(looked.map((i) => [i, (moved(i, h) - moved(i, -h)) / (2 * h)]))];
    }),
  );
}

/** The gradient that AdamW's first moments took in between two checkpoints: m = 0.9·m' + 0.1·g. */
export function gradientBetween(m: Params, before?: Params): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(m).map(([name, { data }]) => [
      name,
      Array.from(data, (x, i) => (x - 0.9 * (before?.[name].data[i] ?? 0)) / 0.1),
    ]),
  );
}
