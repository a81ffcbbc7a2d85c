// One optimizer step: micro-batches through the compiled program, their gradients added up, clipping, AdamW, and the line
// of metrics. Which samples and when is loop.ts's.
import {
  type Compiled,
  f32,
  jit,
  type JitOptions,
  type Params,
  specsOf,
  type TensorData,
} from "../jit/mod.ts";
import {
  type Base,
  type Batch,
  type Layout,
  loraModules,
  perTarget,
  type Sequence,
  toBatches,
} from "../model/mod.ts";
import { adamWStep, clipGradients, defaultAdamW, gradientNorm } from "./adamw.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { KEY_SIZE, moduleKeys, tokenKeys } from "./dropout.ts";
import { perplexityInputs, type PerplexitySmoothing } from "./perplexity_smoothing.ts";
import { trainingProgram } from "./program.ts";
import { learningRate } from "./schedule.ts";
import type { StepMetrics, TrainSettings } from "./settings.ts";
import { type StepWeights, stepWeights } from "./weighting.ts";

/** A compiled step and what it is fed besides the batch. */
export interface Step {
  compiled: Compiled;
  layout: Layout;
  settings: TrainSettings;
  dropout?: Params;
  perplexity?: PerplexitySmoothing;
}

/** One sample of a step. Its smoothing is left out where the graph makes it. */
export interface Chosen {
  sequence: Sequence;
  smoothing?: number;
}

/** What to compile for: the largest micro-batch, the adapter's shapes, and PPL-UAL for steps of at most `samples`. */
export interface StepOptions {
  layout: Layout;
  init: Params;
  samples: number;
  perplexity?: PerplexitySmoothing;
  jit?: JitOptions;
}

/** Compiles the step of a run. */
export async function compileStep(base: Base, settings: TrainSettings, options: StepOptions): Promise<Step> {
  const { layout, init, samples, perplexity } = options;
  const { B, T, R } = layout, { lora, seed, threads, engine } = settings;
  const int = (shape: number[]) => ({ shape, dtype: "int32" as const });
  const float = (shape: number[]) => ({ shape, dtype: "float32" as const });
  const dropout = lora.dropout > 0 ? moduleKeys(loraModules(base.config, lora), seed) : undefined;
  const batch = {
    ids: int([B, T]),
    positions: int([B, T]),
    segments: int([B, T]),
    rows: int([R]),
    targets: int([R]),
    ...(perplexity
      ? { owner: int([R]), share: float([R]), slope: float([1]), offset: float([1]) }
      : { smoothing: float([R]) }),
    weight: float([R]),
    ...(dropout ? { keys: float([B * T, KEY_SIZE]) } : {}),
  };
  const specs = { params: specsOf(init), batch, ...(dropout ? { dropout: specsOf(dropout) } : {}) };
  const shape = perplexity && { samples, ceiling: perplexity.ceiling };
  const compiled = await jit(trainingProgram(base.config, lora, shape), specs, {
    threads,
    engine,
    ...options.jit,
    weights: base.weights,
  });
  return { compiled, layout, settings, dropout, perplexity };
}

/**
 * One optimizer step on the samples `chosen`, in place on `state`; `total` steps in all. Throws Error naming the step and
 * its samples where the loss, the gradient or the adapter after it is not finite.
 */
export async function oneStep(
  step: Step,
  chosen: Chosen[],
  state: Checkpoint,
  total: number,
): Promise<StepMetrics> {
  const start = performance.now(), { settings } = step;
  const number = state.optimizer.step + 1;
  const sequences = chosen.map((c) => c.sequence), weights = stepWeights(sequences, settings);
  const { sums, grads } = await accumulate(step, chosen, weights, state);
  const { counts, divisors, mean } = weights;
  const samples = chosen.map(({ sequence }, i) => ({
    id: sequence.id,
    loss: sums[i].loss / divisors[i],
    nll: sums[i].nll / counts[i],
    smoothing: sums[i].smoothing,
    targets: counts[i],
  }));
  const norm = gradientNorm(grads), loss = mean(samples.map((s) => s.loss));
  const lr = learningRate(number, total, settings);
  checkFinite(number, loss, norm, samples);
  update(state, grads, norm, lr, settings);
  const tokens = sequences.reduce((sum, s) => sum + s.ids.length, 0);
  state.samples += chosen.length;
  state.tokens += tokens;
  state.nll += samples.reduce((sum, s) => sum + s.nll, 0);
  return {
    step: number,
    loss,
    nll: mean(samples.map((s) => s.nll)),
    grad_norm: norm,
    lr,
    tokens,
    targets: counts.reduce((a, b) => a + b, 0),
    samples,
    seconds: (performance.now() - start) / 1000,
  };
}

/** Each sample's summed losses and the smoothing it had, and the step's gradients, over all micro-batches. */
async function accumulate(step: Step, chosen: Chosen[], weights: StepWeights, state: Checkpoint) {
  const { compiled, dropout } = step;
  const sequences = chosen.map((c) => c.sequence);
  const sums = chosen.map((c) => ({ loss: 0, nll: 0, smoothing: c.smoothing ?? NaN }));
  let grads: Params | undefined;
  for (const batch of toBatches(sequences, step.layout)) {
    const arrays = batchArrays(step, batch, chosen, weights, state);
    const args = { params: state.params, batch: arrays, ...(dropout ? { dropout } : {}) };
    const out = await compiled(args) as Record<"loss" | "nll" | "smoothing", TensorData> & { grads: Params };
    batch.owner.forEach((owner, r) => {
      if (owner < 0) return;
      sums[owner].loss += out.loss.data[r];
      sums[owner].nll += out.nll.data[r];
      if (out.smoothing) sums[owner].smoothing = out.smoothing.data[r];
    });
    grads = grads ? add(grads, out.grads) : out.grads;
  }
  return { sums, grads: grads! };
}

function batchArrays(
  { layout, settings, dropout, perplexity }: Step,
  batch: Batch,
  chosen: Chosen[],
  { counts, perTarget: weight }: StepWeights,
  state: Checkpoint,
): Params {
  const running = { sum: state.nll, samples: state.samples };
  const arrays: Params = {
    ...batch.arrays,
    ...(perplexity
      ? perplexityInputs(batch, counts, perplexity, running)
      : { smoothing: perTarget(batch, chosen.map((c) => c.smoothing!)) }),
    weight: perTarget(batch, weight),
  };
  if (dropout) {
    arrays.keys = dropoutKeys(
      batch,
      chosen.map((c) => c.sequence),
      layout,
      settings.seed,
      state.optimizer.step + 1,
    );
  }
  return arrays;
}

/** The keys of a micro-batch's tokens; a sample that a step draws twice has another mask the second time. */
function dropoutKeys(
  batch: Batch,
  sequences: Sequence[],
  { B, T }: Layout,
  seed: number,
  step: number,
): TensorData {
  const data = new Float32Array(B * T * KEY_SIZE);
  for (const { index, row, offset } of batch.places) {
    const { id, ids } = sequences[index];
    const before = sequences.slice(0, index).filter((other) => other.id === id).length;
    data.set(tokenKeys(ids.length, seed, step, id, before), (row * T + offset) * KEY_SIZE);
  }
  return f32([B * T, KEY_SIZE], data);
}

/** Clips the gradients and takes AdamW's step. */
function update(state: Checkpoint, grads: Params, norm: number, lr: number, settings: TrainSettings): void {
  const { clip, weightDecay } = settings;
  clipGradients(grads, norm, clip);
  adamWStep(state.params, grads, state.optimizer, lr, { ...defaultAdamW, weightDecay });
  if (Object.values(state.params).every(({ data }) => data.every(Number.isFinite))) return;
  throw new Error(
    `Cannot go on training: after step ${state.optimizer.step} the adapter is not finite (learning rate ${lr}, ` +
      `weight decay ${weightDecay}); lower them`,
  );
}

function checkFinite(step: number, loss: number, norm: number, samples: StepMetrics["samples"]): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  const bad = samples.filter((s) => !Number.isFinite(s.loss));
  const ids = (bad.length ? bad : samples).slice(0, 10).map((s) => s.id);
  throw new Error(
    `Cannot go on training: at step ${step} the loss is ${loss} and the gradient norm ${norm} ` +
      `(samples ${ids.join(", ")}); lower the learning rate or leave these samples out`,
  );
}

function add(a: Params, b: Params): Params {
  for (const [name, { data }] of Object.entries(a)) {
    for (let i = 0; i < data.length; i++) data[i] += b[name].data[i];
  }
  return a;
}
