// Calibration of next-token predictions: does the model's confidence match how often it is right?
import type { Score } from "../model/mod.ts";

/** Predictions whose confidence lies in [low, high), the last bin closed. */
export interface CalibrationBin {
  /** Lower edge. */
  low: number;
  /** Upper edge. */
  high: number;
  /** Predictions in the bin. */
  count: number;
  /** Mean confidence; 0 in an empty bin. */
  confidence: number;
  /** Share of right predictions; 0 in an empty bin. */
  accuracy: number;
}

/** Bins and the expected calibration error. */
export interface Calibration {
  /** From the lowest confidence to the highest. */
  bins: CalibrationBin[];
  /** Σ count/total · |accuracy − confidence| (Guo et al. 2017, equation 3). */
  ece: number;
  /** Share of right predictions overall. */
  accuracy: number;
  /** Mean confidence overall. */
  confidence: number;
  /** Predictions in all. */
  count: number;
}

/** Calibration over all targets of `scores`, in `bins` bins of equal width. Throws RangeError where there is none. */
export function calibrate(scores: Score[], bins = 10): Calibration {
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { confidence, predicted, targets } of scores) {
    for (let i = 0; i < targets.length; i++) {
      const bin = sums[Math.min(bins - 1, Math.floor(confidence[i] * bins))];
      bin.count++;
      bin.confidence += confidence[i];
      if (predicted[i] === targets[i]) bin.right++;
    }
  }
  const total = (f: (b: typeof sums[0]) => number) => sums.reduce((s, b) => s + f(b), 0);
  const count = total((b) => b.count);
  if (count === 0) throw new RangeError("Cannot measure calibration: there are no predictions");
  return {
    bins: sums.map((b, i) => ({
      low: i / bins,
      high: (i + 1) / bins,
      count: b.count,
      confidence: b.count ? b.confidence / b.count : 0,
      accuracy: b.count ? b.right / b.count : 0,
    })),
    ece: total((b) => Math.abs(b.right - b.confidence)) / count,
    accuracy: total((b) => b.right) / count,
    confidence: total((b) => b.confidence) / count,
    count,
  };
}
