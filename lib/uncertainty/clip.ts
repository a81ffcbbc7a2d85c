// What the ceiling of a mapping does: whom it cuts, and how much smoothing it moves to the others.
import { CEILING, type MappingMethod, mapUncertainty, sharesOf } from "./map.ts";

/** A mapping beside the one it would be without a ceiling, of the same mean. */
export interface ClipEffect {
  /** Samples that the ceiling cuts. */
  cut: number;
  /** cut / samples. */
  share: number;
  /** Smoothing, summed over the samples, that the ceiling takes from those it cuts and gives to the others. */
  moved: number;
  /** moved as a share of all smoothing. */
  movedShare: number;
  /** The slope without a ceiling, n·mean / Σ u. */
  alphaBefore: number;
  /** The slope with it: at least as steep. */
  alphaAfter: number;
  /** The largest smoothing without a ceiling; no longer a probability where it is above 1. */
  largestBefore: number;
  /** The largest mean at which nobody is cut: ceiling · mean u / max u. */
  uncutMean: number;
}

/**
 * What the ceiling does to the mapping of `u` by `method` (default: truncated linear). u is the uncertainty, or what the rank
 * or power map makes of it. Throws InputError as mapUncertainty(), and for a method that has no slope.
 */
export function clipEffect(
  u: ArrayLike<number>,
  { method = "truncated-linear", mean, ceiling = CEILING, power }: {
    method?: MappingMethod;
    mean: number;
    ceiling?: number;
    power?: number;
  },
): ClipEffect {
  const { smoothing, alpha, truncated: cut } = mapUncertainty(u, { method, mean, ceiling, power });
  const values = Array.from(sharesOf(u, { method, power })), n = values.length;
  const sum = values.reduce((a, b) => a + b, 0), most = values.reduce((a, b) => Math.max(a, b), 0);
  const alphaBefore = mean === 0 ? 0 : n * mean / sum;
  const moved = values.reduce((all, value, i) => all + Math.max(0, alphaBefore * value - smoothing[i]), 0);
  return {
    cut,
    share: cut / n,
    moved: cut ? moved : 0,
    movedShare: cut ? moved / (n * mean) : 0,
    alphaBefore,
    alphaAfter: alpha,
    largestBefore: alphaBefore * most,
    uncutMean: most > 0 ? ceiling * sum / n / most : 0,
  };
}
