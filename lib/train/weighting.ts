// How targets and samples weigh in a step's loss. Weights are of the whole step, so micro-batches change nothing.
import { type Sequence, targetCount } from "../model/mod.ts";
import type { TrainSettings } from "./settings.ts";

/** The weights of one step's samples. */
export interface StepWeights {
  /** Each sample's targets. */
  counts: number[];
  /** What the sum of a sample's losses is divided by to give the sample's loss. */
  divisors: number[];
  /** The weight of each of a sample's targets in the step's loss. */
  perTarget: number[];
  /** The step's value from one value a sample. */
  mean: (values: number[]) => number;
}

/**
 * The weights of the samples `sequences` in one step (see WEIGHTINGS). The released code divides a sample's loss by the
 * count of its labels before the shift (spec, row 7; finetune/utils.py:48-63): where the whole sequence is learnt that is
 * one more than it has targets, as the first token is a label that nothing predicts.
 */
export function stepWeights(
  sequences: Sequence[],
  { weighting = "sample", fidelity = "paper" }: Pick<TrainSettings, "weighting" | "fidelity">,
): StepWeights {
  const counts = sequences.map(targetCount), S = sequences.length;
  if (weighting === "token" && fidelity === "paper") {
    const all = counts.reduce((a, b) => a + b, 0);
    const mean = (values: number[]) => values.reduce((sum, v, i) => sum + v * counts[i], 0) / all;
    return { counts, divisors: counts, perTarget: counts.map(() => 1 / all), mean };
  }
  const divisors = fidelity === "paper"
    ? counts
    : counts.map((n, i) => sequences[i].supervised[1] ? n + 1 : n);
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / S;
  return { counts, divisors, perTarget: divisors.map((n) => 1 / (n * S)), mean };
}
