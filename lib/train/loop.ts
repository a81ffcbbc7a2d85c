// The training loop: goes on from the folder's checkpoint, takes step after step, evaluates, keeps metrics and checkpoints.
// What a step computes is step.ts's; settings and files of a whole stage are stage.ts's. One process, one folder.
import { type Compiled, f32, type JitOptions, type Params } from "../jit/mod.ts";
import { type Adapter, type Base, initLora, type Layout, planLayout, type Sequence } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { appendLineSync } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import type { Json } from "../run/manifest.ts";
import { clearStop, stopRequested } from "../run/stop.ts";
import { adamWState } from "./adamw.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import {
  bestOf,
  checkEvaluation,
  type Evaluation,
  type Heldout,
  isExhausted,
  openHeldout,
} from "./heldout.ts";
import { keepMetrics, metricsPath } from "./metrics.ts";
import { checkSequences, stepPlan } from "./plan.ts";
import {
  checkUnused,
  differences,
  identityKey,
  identityOf,
  readIdentity,
  type RunIdentity,
  writeIdentity,
} from "./run_folder.ts";
import type { StepMetrics, TrainSettings } from "./settings.ts";
import { checkSmoothing, runSmoothing, type SampleSmoothing } from "./smoothing.ts";
import { compileStep, oneStep, type Step } from "./step.ts";
export { stepPlan } from "./plan.ts";
export type { StepMetrics, TrainSettings } from "./settings.ts";

/** Where a run lives and whom it tells. */
export interface TrainOptions {
  /** The run's folder: run.json, smoothing.jsonl, metrics.jsonl, checkpoint.safetensors, the stop flag. */
  dir: string;
  /** The adapter to start from; default: PEFT's initialisation from the seed. */
  init?: Params;
  /** Dialogues to evaluate on every `evalEvery` steps and after the last: the best adapter is kept. */
  heldout?: Sequence[];
  /** Steps between checkpoints, which also follow every evaluation. Default 5. */
  checkpointEvery?: number;
  /** What the given smoothing was made from, one a sequence: written to smoothing.jsonl beside it. Without it no such file. */
  uncertainty?: ArrayLike<number | undefined>;
  /** Names what else decides the result, such as the code's hash: a checkpoint of another name is not resumed. */
  code?: string;
  /** Settings that made the sequences and the smoothing, by name: told apart where a run is not resumed. */
  made?: Record<string, Json>;
  /** Called once the step is compiled, with the steps already done and all steps. */
  onStart?: (done: number, total: number) => void | Promise<void>;
  onStep?: (metrics: StepMetrics, total: number) => void | Promise<void>;
  /** Called with each new best adapter before its checkpoint; after a kill perhaps again with the same. */
  onBest?: (adapter: Adapter, evaluation: Evaluation) => void | Promise<void>;
  /** Steps between adapters that onKeep gets. Default: none are kept. */
  keepEvery?: number;
  /** Called with the adapter after every `keepEvery` steps and after the last; after a kill perhaps again with the same. */
  onKeep?: (adapter: Adapter, step: number) => void | Promise<void>;
  /** Told what takes long before the first step. */
  onNotice?: (text: string) => void;
  jit?: JitOptions;
}

/** What a run ends with. */
export interface TrainResult {
  /** After the last step. */
  adapter: Adapter;
  /** At the lowest held-out perplexity; absent without held-out dialogues. */
  best?: { adapter: Adapter; evaluation: Evaluation };
  /** All held-out evaluations. */
  evaluations: Evaluation[];
  steps: number;
  samples: number;
  tokens: number;
  /** A stop was asked for before the last step; run again to go on. */
  stopped: boolean;
  /** It ended before the last step for want of a better held-out perplexity. */
  stoppedEarly: boolean;
  /** The step it went on from; 0 for a new run. */
  resumedFrom: number;
  layout: Layout;
  compile: Compiled["stats"];
}

/**
 * Trains an adapter on `sequences` with `smoothing`, one a sequence or made by the model, going on from the folder's
 * checkpoint if it has one. The loss of a step is the mean over its samples of the mean over their targets (`weighting`
 * changes that), whatever the micro-batches. Bit-identical for equal arguments and thread count, interrupted or not.
 *
 * Throws InputError for a folder of another run (naming what differs) or one in use (naming the process), and for run
 * files that are damaged; RangeError for a sequence without targets; and Error naming the step and its samples where the
 * loss or the gradient is not finite.
 */
export async function train(
  base: Base,
  sequences: Sequence[],
  smoothing: SampleSmoothing,
  settings: TrainSettings,
  options: TrainOptions,
): Promise<TrainResult> {
  checkSequences(sequences);
  checkSmoothing(sequences, smoothing);
  checkEvaluation(settings, options.heldout);
  checkKeeping(options);
  const { dir } = options;
  const init = options.init ?? initLora(base.config, settings.lora, settings.seed);
  const identity = identityOf(base, sequences, smoothing, settings, { ...options, init });
  using _lock = lockFolder(dir);
  const { state: found, known } = await openFolder(dir, identity);
  const { threads, engine, maxRows } = settings, scoring = { threads, engine, ...options.jit, maxRows };
  const values = await runSmoothing(base, sequences, smoothing, { ...options, known, scoring });
  const state = found ?? newState(init, values.hash);
  if (state.smoothing !== values.hash) {
    throw new InputError(
      `Cannot resume in ${dir}: its smoothing.jsonl was changed after the checkpoint; delete it, and it is made again`,
    );
  }
  const plan = stepPlan(sequences.length, settings);
  const layout = planLayout(plan.map((step) => step.map((i) => sequences[i])), settings.maxRows);
  const samples = plan.reduce((most, step) => Math.max(most, step.length), 0);
  const compiling = { layout, init, samples, perplexity: values.perplexity, jit: options.jit };
  const step = await compileStep(base, settings, compiling);
  const resumedFrom = state.optimizer.step;
  let heldout: Heldout | undefined;
  try {
    if (options.heldout) {
      const like = { params: init, lora: settings.lora };
      heldout = await openHeldout(base, options.heldout, like, scoring);
    }
    await clearStop(dir);
    await keepMetrics(dir, resumedFrom);
    await options.onStart?.(resumedFrom, plan.length);
    const chosen = plan.map((list) =>
      list.map((i) => ({ sequence: sequences[i], smoothing: values.of?.[i] }))
    );
    const stopped = await takeSteps({ step, heldout, chosen, state, key: identityKey(identity), options });
    return result({ state, settings, stopped, resumedFrom, steps: plan.length, step });
  } finally {
    await heldout?.close();
    await step.compiled.close();
  }
}

/** What takeSteps() works with. */
interface Work {
  step: Step;
  heldout?: Heldout;
  /** The samples of every step. */
  chosen: Parameters<typeof oneStep>[1][];
  state: Checkpoint;
  key: string;
  options: TrainOptions;
}

/** Steps until the last, until patience is exhausted, or until a stop is asked for: returns true then. */
async function takeSteps({ step, heldout, chosen, state, key, options }: Work): Promise<boolean> {
  const { dir, checkpointEvery = 5 } = options, { settings } = step, total = chosen.length;
  let saved = state.optimizer.step;
  const done = () => state.optimizer.step >= total || isExhausted(state.evaluations, settings.patience);
  try {
    while (!done()) {
      const metrics = await oneStep(step, chosen[state.optimizer.step], state, total);
      const evaluated = heldout && (metrics.step === total || metrics.step % settings.evalEvery! === 0);
      if (evaluated) await evaluate(heldout, metrics, state, step, options);
      await keepAdapter(metrics.step, { state, step, options, last: done() });
      appendLineSync(metricsPath(dir), metrics);
      const stopped = !done() && stopRequested(dir);
      if (stopped || done() || evaluated || metrics.step % checkpointEvery === 0) {
        await writeCheckpoint(dir, key, state);
        saved = metrics.step;
      }
      await options.onStep?.(metrics, total);
      if (stopped) return true;
    }
    return false;
  } catch (error) {
    throw withRemedy(error, saved);
  }
}

/** Measures the held-out perplexity after a step, and keeps the adapter where it is the best so far. */
async function evaluate(
  heldout: Heldout,
  metrics: StepMetrics,
  state: Checkpoint,
  { settings }: Step,
  options: TrainOptions,
): Promise<void> {
  const evaluation = await heldout.evaluate(metrics.step, state.params);
  metrics.heldout = evaluation.perplexity;
  state.evaluations.push(evaluation);
  if (bestOf(state.evaluations) !== evaluation) return;
  state.best = copy(state.params);
  await options.onBest?.({ params: state.best, lora: settings.lora }, evaluation);
}

/** Hands the adapter over where it is to be kept: before the checkpoint, so that none is missing after a kill. */
async function keepAdapter(
  at: number,
  { state, step, options, last }: { state: Checkpoint; step: Step; options: TrainOptions; last: boolean },
): Promise<void> {
  const { keepEvery, onKeep } = options;
  if (!keepEvery || (at % keepEvery !== 0 && !last)) return;
  await onKeep?.({ params: state.params, lora: step.settings.lora }, at);
}

function checkKeeping({ keepEvery }: TrainOptions): void {
  if (keepEvery === undefined || (Number.isSafeInteger(keepEvery) && keepEvery >= 1)) return;
  throw new InputError(`Cannot keep an adapter every ${keepEvery} steps: give a whole number of at least 1`);
}

/** A failure to write, such as a full disk, with what is left and how to go on. */
function withRemedy(error: unknown, saved: number): unknown {
  if (!(error instanceof InputError) || !error.message.startsWith("Cannot write")) return error;
  const left = saved
    ? `the checkpoint of step ${saved} is whole and the same command goes on from it`
    : "there is no checkpoint yet, the same command starts again";
  return new InputError(`${error.message}; ${left}`, { cause: error });
}

/** The checkpoint of the run `identity` in `dir`, and whether the folder was already this run's. */
async function openFolder(dir: string, identity: RunIdentity) {
  const there = await readIdentity(dir), key = identityKey(identity);
  const state = await readCheckpoint(dir, key, () => there ? differences(there, identity) : "");
  if (!state) await checkUnused(dir);
  const known = there !== undefined && identityKey(there) === key;
  if (!known) await writeIdentity(dir, identity);
  return { state, known };
}

function newState(init: Params, smoothing: string): Checkpoint {
  const counts = { samples: 0, tokens: 0, nll: 0 };
  return { params: copy(init), optimizer: adamWState(init), ...counts, smoothing, evaluations: [] };
}

/** What train() returns. */
function result(
  { state, settings, stopped, resumedFrom, steps, step }: {
    state: Checkpoint;
    settings: TrainSettings;
    stopped: boolean;
    resumedFrom: number;
    steps: number;
    step: Step;
  },
): TrainResult {
  const { lora } = settings, { evaluations, samples, tokens } = state;
  const evaluation = bestOf(evaluations);
  return {
    adapter: { params: state.params, lora },
    ...(evaluation ? { best: { adapter: { params: state.best!, lora }, evaluation } } : {}),
    evaluations,
    steps: state.optimizer.step,
    samples,
    tokens,
    stopped,
    stoppedEarly: !stopped && state.optimizer.step < steps,
    resumedFrom,
    layout: step.layout,
    compile: step.compiled.stats,
  };
}

function copy(params: Params): Params {
  return Object.fromEntries(
    Object.entries(params).map(([name, { shape, data }]) => [name, f32(shape, Float32Array.from(data))]),
  );
}
