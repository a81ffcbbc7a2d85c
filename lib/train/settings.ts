// What decides a training run's result, and the lines of metrics.jsonl: types and their choices. What they do stands in
// plan.ts, schedule.ts, weighting.ts, smoothing.ts, heldout.ts and step.ts.
import type { Engine } from "../jit/mod.ts";
import type { LoraConfig } from "../model/mod.ts";
import type { Schedule } from "./schedule.ts";

/**
 * How samples weigh in a step's loss. "sample": the mean over the samples of each one's mean over its targets, so that a
 * short answer counts as much as a long one. "token": the mean over all targets of the step.
 */
export const WEIGHTINGS = ["sample", "token"] as const;
/** One of WEIGHTINGS. */
export type Weighting = typeof WEIGHTINGS[number];

/**
 * What the paper says, or what its released code does instead (spec: rows 1, 7 and 8; UAL4Alignment,
 * finetune/lora_train.py and utils.py). The latter decides: steps and draws (plan.ts), the warm-up that never ends
 * (schedule.ts), each sample's loss divided by the count of its unshifted labels (weighting.ts), and prompts are learnt too.
 */
export const FIDELITIES = ["paper", "released-code"] as const;
/** One of FIDELITIES. */
export type Fidelity = typeof FIDELITIES[number];

/** What decides a run's result, together with model, data and smoothing. */
export interface TrainSettings {
  lora: LoraConfig;
  /** Samples per optimizer step: gradients are accumulated over as many micro-batches (see maxRows) as that takes. */
  batch: number;
  /** Optimizer steps in all. */
  steps: number;
  lr: number;
  /** Optimizer steps of linear warm-up; with "released-code" the micro-iterations that their warm-up counts. */
  warmup: number;
  schedule: Schedule;
  weightDecay: number;
  /** Largest gradient norm; 0 for none. */
  clip: number;
  seed: number;
  /** A new order each epoch; false keeps the file's. */
  shuffle: boolean;
  /**
   * Rows of a micro-batch at most: memory against speed. Losses and gradients do not depend on it (but for rounding):
   * weights come from the whole step, and a sample depends on itself alone.
   */
  maxRows: number;
  threads: number;
  /** What computes the steps; default: onnxruntime. Another engine rounds differently. */
  engine?: Engine;
  /** Default "sample". */
  weighting?: Weighting;
  /** Default "paper". */
  fidelity?: Fidelity;
  /** Steps between evaluations on the held-out dialogues, which also follow the last step. Needs some of them. */
  evalEvery?: number;
  /** Ends the run after so many evaluations without a lower held-out perplexity. Default: never. */
  patience?: number;
}

/** One line of metrics.jsonl. Losses in nats. */
export interface StepMetrics {
  step: number;
  /** The step's smoothed loss, as `weighting` has it: what is minimised. */
  loss: number;
  /** The same without smoothing, comparable between methods. */
  nll: number;
  /** Before clipping. */
  grad_norm: number;
  lr: number;
  /** Tokens in the step's samples, and how many of them are targets. */
  tokens: number;
  targets: number;
  /** Means over a sample's targets, and the smoothing that was used; with "released-code" the loss is divided as there. */
  samples: { id: string; loss: number; nll: number; smoothing: number; targets: number }[];
  /** The held-out perplexity under the adapter after this step, where it was measured. */
  heldout?: number;
  /** Wall time of the step, without the evaluation. */
  seconds: number;
}
