// The training loop: which samples when, micro-batches, AdamW, metrics, checkpoints. Not where settings and files come
// from (stage.ts). One process, one compiled program for the whole run.
import { join } from "node:path";
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
  type Adapter,
  type Base,
  type Batch,
  initLora,
  type Layout,
  type LoraConfig,
  loraModules,
  perTarget,
  planLayout,
  type Sequence,
  targetCount,
  toBatches,
} from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { appendLineSync, dropTornLine, readJsonl, sha256Hex, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { stream } from "../run/seed.ts";
import { clearStop, stopRequested } from "../run/stop.ts";
import { adamWState, adamWStep, clipGradients, defaultAdamW, gradientNorm } from "./adamw.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { KEY_SIZE, moduleKeys, tokenKeys } from "./dropout.ts";
import { trainingProgram } from "./program.ts";
import { learningRate, type Schedule } from "./schedule.ts";

/** What decides a run's result, together with model, data and smoothing. */
export interface TrainSettings {
  lora: LoraConfig;
  /** Samples per optimizer step. */
  batch: number;
  /** Optimizer steps in all. */
  steps: number;
  lr: number;
  /** Steps of linear warm-up. */
  warmup: number;
  schedule: Schedule;
  weightDecay: number;
  /** Largest gradient norm; 0 for none. */
  clip: number;
  seed: number;
  /** A new order each epoch; false keeps the file's. */
  shuffle: boolean;
  /** Rows of a micro-batch at most: memory against speed. */
  maxRows: number;
  threads: number;
}

/** One line of metrics.jsonl. Losses in nats; the samples' are means over their targets. */
export interface StepMetrics {
  step: number;
  /** The mean smoothed loss of the step's samples: what is minimised. */
  loss: number;
  /** The same without smoothing, comparable between methods. */
  nll: number;
  grad_norm: number;
  lr: number;
  /** Tokens in the step's samples, and how many of them are targets. */
  tokens: number;
  targets: number;
  samples: { id: string; loss: number; nll: number; smoothing: number; targets: number }[];
  /** Wall time of the step. */
  seconds: number;
}

/** Where a run lives and whom it tells. */
export interface TrainOptions {
  /** The run's folder: metrics.jsonl, checkpoint.safetensors, the stop flag. */
  dir: string;
  /** The adapter to start from; default: PEFT's initialisation from the seed. */
  init?: Params;
  /** Steps between checkpoints. Default 5. */
  checkpointEvery?: number;
  /** Names what else decides the result, such as the code's hash: a checkpoint of another name is not resumed. */
  code?: string;
  /** Called once the step is compiled, with the steps already done and all steps. */
  onStart?: (done: number, total: number) => void | Promise<void>;
  onStep?: (metrics: StepMetrics, total: number) => void | Promise<void>;
  jit?: JitOptions;
}

/** What a run ends with. */
export interface TrainResult {
  adapter: Adapter;
  steps: number;
  samples: number;
  tokens: number;
  /** A stop was asked for before the last step; run again to go on. */
  stopped: boolean;
  /** The step it went on from; 0 for a new run. */
  resumedFrom: number;
  layout: Layout;
  compile: Compiled["stats"];
}

/** Which samples each step takes: whole passes over the data, each in its own order; a pass's last step may be short. */
export function stepPlan(
  count: number,
  settings: Pick<TrainSettings, "batch" | "steps" | "seed" | "shuffle">,
): number[][] {
  const { batch, steps, seed, shuffle } = settings;
  const plan: number[][] = [];
  for (let epoch = 0; plan.length < steps; epoch++) {
    const order = shuffle
      ? stream(seed, "order", epoch).shuffle(count)
      : Array.from({ length: count }, (_, i) => i);
    for (let i = 0; i < count && plan.length < steps; i += batch) plan.push(order.slice(i, i + batch));
  }
  return plan;
}

/**
 * Trains an adapter on `sequences` with `smoothing` [one a sequence], going on from the folder's checkpoint if it has one.
 * The loss of a step is the mean over its samples of the mean over their targets, whatever the micro-batches.
 * Bit-identical for equal arguments and thread count, interrupted or not.
 *
 * Throws InputError for a folder of another run or one in use, RangeError for a sequence without targets, and Error
 * naming the step and its samples where the loss or the gradient is not finite.
 */
export async function train(
  base: Base,
  sequences: Sequence[],
  smoothing: ArrayLike<number>,
  settings: TrainSettings,
  options: TrainOptions,
): Promise<TrainResult> {
  checkSequences(sequences, smoothing);
  const { dir, checkpointEvery = 5 } = options;
  const init = options.init ?? initLora(base.config, settings.lora, settings.seed);
  const key = runKey(base, sequences, smoothing, settings, init, options.code);
  const plan = stepPlan(sequences.length, settings);
  const layout = planLayout(plan.map((step) => step.map((i) => sequences[i])), settings.maxRows);
  using _lock = lockFolder(dir);
  const found = await readCheckpoint(dir, key);
  if (!found) await checkUnused(dir);
  const state = found ?? { params: copy(init), optimizer: adamWState(init), samples: 0, tokens: 0 };
  const resumedFrom = state.optimizer.step;
  const step = await compileStep(base, settings, layout, init, options.jit);
  await clearStop(dir);
  await truncateMetrics(dir, resumedFrom);
  let stopped = false;
  try {
    await options.onStart?.(resumedFrom, plan.length);
    for (let s = resumedFrom + 1; s <= plan.length && !stopped; s++) {
      const chosen = plan[s - 1].map((i) => ({ sequence: sequences[i], smoothing: smoothing[i] }));
      const metrics = await oneStep(step, layout, chosen, state, settings, plan.length);
      appendLineSync(join(dir, "metrics.jsonl"), metrics);
      stopped = s < plan.length && stopRequested(dir);
      if (stopped || s === plan.length || s % checkpointEvery === 0) await writeCheckpoint(dir, key, state);
      await options.onStep?.(metrics, plan.length);
    }
  } finally {
    await step.close();
  }
  return {
    adapter: { params: state.params, lora: settings.lora },
    steps: state.optimizer.step,
    samples: state.samples,
    tokens: state.tokens,
    stopped,
    resumedFrom,
    layout,
    compile: step.stats,
  };
}

/** A compiled step and what it is fed besides the batch. */
type Step = Compiled & { dropout?: Params };

async function compileStep(
  base: Base,
  settings: TrainSettings,
  layout: Layout,
  init: Params,
  jitOptions?: JitOptions,
): Promise<Step> {
  const { B, T, R } = layout, { lora, seed, threads } = settings;
  const int = (shape: number[]) => ({ shape, dtype: "int32" as const });
  const float = (shape: number[]) => ({ shape, dtype: "float32" as const });
  const dropout = lora.dropout > 0 ? moduleKeys(loraModules(base.config, lora), seed) : undefined;
  const batch = {
    ids: int([B, T]),
    positions: int([B, T]),
    segments: int([B, T]),
    rows: int([R]),
    targets: int([R]),
    smoothing: float([R]),
    weight: float([R]),
    ...(dropout ? { keys: float([B * T, KEY_SIZE]) } : {}),
  };
  const specs = { params: specsOf(init), batch, ...(dropout ? { dropout: specsOf(dropout) } : {}) };
  const compiled = await jit(trainingProgram(base.config, lora), specs, {
    threads,
    ...jitOptions,
    weights: base.weights,
  });
  return Object.assign(compiled, { dropout });
}

interface Chosen {
  sequence: Sequence;
  smoothing: number;
}

/** One optimizer step, in place on `state`. */
async function oneStep(
  compiled: Step,
  layout: Layout,
  chosen: Chosen[],
  state: Checkpoint,
  settings: TrainSettings,
  total: number,
): Promise<StepMetrics> {
  const start = performance.now();
  const step = state.optimizer.step + 1;
  const sequences = chosen.map((c) => c.sequence), counts = sequences.map(targetCount);
  const sums = chosen.map(() => ({ loss: 0, nll: 0 }));
  let grads: Params | undefined;
  for (const batch of toBatches(sequences, layout)) {
    const arrays: Params = {
      ...batch.arrays,
      smoothing: perTarget(batch, chosen.map((c) => c.smoothing)),
      weight: perTarget(batch, counts.map((n) => 1 / (n * chosen.length))),
    };
    if (compiled.dropout) arrays.keys = dropoutKeys(batch, sequences, layout, settings.seed, step);
    const args = {
      params: state.params,
      batch: arrays,
      ...(compiled.dropout ? { dropout: compiled.dropout } : {}),
    };
    const out = await compiled(args) as { loss: TensorData; nll: TensorData; grads: Params };
    batch.owner.forEach((owner, r) => {
      if (owner < 0) return;
      sums[owner].loss += out.loss.data[r];
      sums[owner].nll += out.nll.data[r];
    });
    grads = grads ? add(grads, out.grads) : out.grads;
  }
  const samples = chosen.map(({ sequence, smoothing }, i) => ({
    id: sequence.id,
    loss: sums[i].loss / counts[i],
    nll: sums[i].nll / counts[i],
    smoothing,
    targets: counts[i],
  }));
  const norm = gradientNorm(grads!);
  const loss = mean(samples.map((s) => s.loss));
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
    const bad = samples.filter((s) => !Number.isFinite(s.loss));
    const ids = (bad.length ? bad : samples).slice(0, 10).map((s) => s.id);
    throw new Error(
      `Cannot go on training: at step ${step} the loss is ${loss} and the gradient norm ${norm} ` +
        `(samples ${ids.join(", ")}); lower the learning rate or leave these samples out`,
    );
  }
  const lr = learningRate(step, total, settings);
  clipGradients(grads!, norm, settings.clip);
  adamWStep(state.params, grads!, state.optimizer, lr, {
    ...defaultAdamW,
    weightDecay: settings.weightDecay,
  });
  if (!Object.values(state.params).every(({ data }) => data.every(Number.isFinite))) {
    throw new Error(
      `Cannot go on training: after step ${step} the adapter is not finite (learning rate ${lr}, weight decay ` +
        `${settings.weightDecay}); lower them`,
    );
  }
  const tokens = sequences.reduce((sum, s) => sum + s.ids.length, 0);
  state.samples += chosen.length;
  state.tokens += tokens;
  return {
    step,
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
    data.set(tokenKeys(ids.length, seed, step, id), (row * T + offset) * KEY_SIZE);
  }
  return f32([B * T, KEY_SIZE], data);
}

function add(a: Params, b: Params): Params {
  for (const [name, { data }] of Object.entries(a)) {
    for (let i = 0; i < data.length; i++) data[i] += b[name].data[i];
  }
  return a;
}

/** Names everything that decides the run's result. */
function runKey(
  base: Base,
  sequences: Sequence[],
  smoothing: ArrayLike<number>,
  settings: TrainSettings,
  init: Params,
  code = "",
): string {
  const samples = sequences.map((s, i) => [s.id, arrayHash(s.ids), arrayHash(s.supervised), smoothing[i]]);
  return sha256Hex(
    JSON.stringify([base.weights.hash, base.config, settings, samples, paramsHash(init), code]),
  );
}

/** The SHA-256 of named tensors, names and shapes included. */
export function paramsHash(params: Params): string {
  const tensors = Object.entries(params).map(([name, { shape, data }]) => [name, shape, arrayHash(data)]);
  return sha256Hex(JSON.stringify(tensors));
}

function arrayHash({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return sha256Hex(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
}

/** Throws InputError where a folder without a checkpoint holds what no training run of ours has left. */
async function checkUnused(dir: string): Promise<void> {
  const metrics = await Deno.readTextFile(join(dir, "metrics.jsonl")).catch(() => "");
  const foreign = metrics !== "" && !metrics.startsWith('{"step":1,');
  if (foreign || await Deno.stat(join(dir, "adapter")).then(() => true, () => false)) {
    throw new InputError(
      `Cannot train into ${dir}: it holds ${
        foreign ? "metrics.jsonl" : "adapter/"
      } but no checkpoint of this run; give an empty folder`,
    );
  }
}

/** Drops the lines after the checkpoint, so that a resumed run's metrics are those of an uninterrupted one. */
async function truncateMetrics(dir: string, step: number): Promise<void> {
  const path = join(dir, "metrics.jsonl");
  if (step === 0) return await writeFileAtomic(path, "");
  await dropTornLine(path);
  const lines = await readJsonl(path);
  const kept = lines.filter(({ value }) => (value as StepMetrics).step <= step);
  await writeFileAtomic(path, kept.map(({ value }) => JSON.stringify(value) + "\n").join(""));
}

function checkSequences(sequences: Sequence[], smoothing: ArrayLike<number>): void {
  if (sequences.length === 0) throw new InputError("Cannot train: there are no examples; give at least one");
  if (smoothing.length !== sequences.length) {
    throw new RangeError(
      `Cannot train: ${sequences.length} sequences have ${smoothing.length} smoothing values`,
    );
  }
  const ids = new Set(sequences.map((s) => s.id));
  if (ids.size !== sequences.length) throw new RangeError("Cannot train: two sequences have the same id");
  const empty = sequences.filter((s) => targetCount(s) === 0).map((s) => s.id);
  if (empty.length) {
    throw new RangeError(
      `Cannot train on ${empty.join(", ")}: nothing of them is supervised; leave them out`,
    );
  }
}

function copy(params: Params): Params {
  return Object.fromEntries(
    Object.entries(params).map(([name, { shape, data }]) => [name, f32(shape, Float32Array.from(data))]),
  );
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
