// The expected calibration error of some runs with an interval over dialogues. The error itself is lib/evaluate's.
import { calibrate } from "../evaluate/mod.ts";
import type { Score } from "../model/mod.ts";
import { bootstrap, interval } from "../stats/mod.ts";
import { mean } from "./examples.ts";

/**
 * The mean expected calibration error of `runs`, 0 to 1, each scored on the same dialogues in the same order, with a 95% bootstrap
 * interval over dialogues. Drawing dialogues again adds chance gaps to the bins and so raises every draw's error: the draws are
 * moved down by how far their mean lies above the value (bias correction), and cut at 0.
 * Throws RangeError where nothing was predicted.
 */
export function calibrationError(
  runs: readonly Score[][],
  { seed = 0 }: { seed?: number } = {},
): { value: number; low: number; high: number } {
  const error = (scores: (own: Score[]) => Score[]) => mean(runs.map((own) => calibrate(scores(own)).ece));
  const value = error((own) => own);
  const draws = bootstrap(runs[0].length, seed, (draw) => error((own) => draw.map((i) => own[i])));
  const bias = mean(draws) - value, [low, high] = interval(draws);
  return { value, low: Math.max(0, low - bias), high: high - bias };
}
