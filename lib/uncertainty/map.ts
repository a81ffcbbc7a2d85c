// From uncertainties to label smoothing: the paper's truncated linear mapping, and the two baselines (constant, none).
// Plain arithmetic on arrays. Rating dialogues is not here, nor is the file that carries the result (smoothing_file.ts).
import { InputError } from "../run/errors.ts";

/** The largest smoothing of a sample, s_max in the paper. */
export const CEILING = 0.99;

/** Two means closer than this (relative) are the same: sums of doubles are not exact. */
const SLACK = 1e-12;

/** The largest uncertainty taken, so that sums stay finite. */
const LARGEST = 1e300;

/** The three ways to smooth: UAL, label smoothing (LS), plain fine-tuning (SFT). */
export type MappingMethod = "truncated-linear" | "constant" | "none";

/** What a mapping gives. */
export interface Mapping {
  /** s_i in [0, ceiling], in the order of the samples: the probability mass taken from the target. */
  smoothing: Float64Array;
  /** The slope of the truncated line; 0 for the two baselines. */
  alpha: number;
  /** How many samples the ceiling cuts. */
  truncated: number;
}

/**
 * The truncated linear mapping s_i = min(α·u_i, ceiling) with mean(s) = `mean`. α is found in closed form: with k samples at the
 * ceiling the others share what is left, α_k = (n·mean − k·ceiling) / Σ_rest u, and the right k is the smallest whose next
 * sample stays under the ceiling (water filling over the sorted uncertainties). `mean` 0 is the limit α = 0: no smoothing.
 *
 * @param u one uncertainty a sample, from 0 to 1e300; any scale, only ratios count.
 * @throws InputError where a value is unusable or the mean cannot be reached, with the largest mean that can.
 * @source The paper's section on mapping. Its released code searches α by iteration and never ends on an unreachable mean.
 */
export function truncatedLinear(
  u: ArrayLike<number>,
  { mean, ceiling = CEILING }: { mean: number; ceiling?: number },
): Mapping {
  checkRange(mean, ceiling);
  const sorted = checkedCopy(u).sort(); // ascending
  const n = sorted.length, positive = n - firstPositive(sorted);
  const reachable = (ceiling * positive) / n;
  if (mean > reachable * (1 + SLACK)) {
    const why = positive === 0 ? "every uncertainty is 0" : `${positive} of ${n} uncertainties are above 0`;
    throw new InputError(
      `Cannot smooth with mean ${mean}: ${why}, so the largest reachable mean is ${digits(reachable)}; ` +
        `ask for at most that, or rate the samples again`,
    );
  }
  if (mean === 0) return { smoothing: new Float64Array(n), alpha: 0, truncated: 0 };
  const alpha = waterLevel(sorted, { total: n * mean, ceiling });
  if (!Number.isFinite(alpha)) {
    throw new InputError(
      `Cannot smooth with mean ${mean}: the uncertainties above 0 start at ${
        sorted[n - positive]
      }, too small for a ` +
        `slope in double precision; scale them all up`,
    );
  }
  let truncated = 0;
  const smoothing = Float64Array.from(u, (value) => {
    const s = alpha * value;
    if (s < ceiling) return s;
    truncated++;
    return ceiling;
  });
  return { smoothing, alpha, truncated };
}

/**
 * The α with Σ min(α·u, ceiling) = `total`, for ascending uncertainties. Sums run from the smallest up, so that small values
 * are not lost.
 */
function waterLevel(sorted: Float64Array, { total, ceiling }: { total: number; ceiling: number }): number {
  const n = sorted.length;
  const sums = new Float64Array(n + 1); // sums[i] = Σ of the i smallest
  for (let i = 0; i < n; i++) sums[i + 1] = sums[i] + sorted[i];
  for (let k = 0; k < n && sorted[n - 1 - k] > 0; k++) { // k: how many the ceiling cuts
    const alpha = (total - k * ceiling) / sums[n - k];
    if (alpha * sorted[n - 1 - k] <= ceiling) return alpha;
  }
  return ceiling / sorted[firstPositive(sorted)]; // the largest reachable mean: everything above 0 is at the ceiling
}

/** Label smoothing (LS): the same `mean` for each of `n` samples, 0 ≤ mean < 1. Throws InputError otherwise. */
export function constantSmoothing(n: number, mean: number): Float64Array {
  if (!(mean >= 0 && mean < 1)) {
    throw new InputError(`Cannot smooth with ${mean}: it is not at least 0 and below 1; use for example 0.1`);
  }
  return new Float64Array(n).fill(mean);
}

/** Plain fine-tuning (SFT): no smoothing for any of `n` samples. */
export function noSmoothing(n: number): Float64Array {
  return new Float64Array(n);
}

/**
 * Smoothing for samples with uncertainties `u` by `method`. The two baselines look only at how many samples there are, so
 * uncertainties may be missing there; "none" ignores `mean`.
 *
 * @throws InputError as truncatedLinear, and where an uncertainty is missing; `ids` names the sample in the message.
 */
export function mapUncertainty(
  u: ArrayLike<number | undefined>,
  { method, mean, ceiling = CEILING, ids }: {
    method: MappingMethod;
    mean: number;
    ceiling?: number;
    ids?: readonly string[];
  },
): Mapping {
  if (method === "none") return { smoothing: noSmoothing(u.length), alpha: 0, truncated: 0 };
  if (method === "constant") {
    checkRange(mean, ceiling);
    return { smoothing: constantSmoothing(u.length, mean), alpha: 0, truncated: 0 };
  }
  if (method !== "truncated-linear") {
    const known = "truncated-linear, constant, none";
    throw new InputError(`Cannot smooth by method "${method}": it is unknown; use one of ${known}`);
  }
  return truncatedLinear(checkedCopy(u, ids), { mean, ceiling });
}

/** Throws InputError unless 0 < ceiling < 1 and 0 ≤ mean ≤ ceiling. */
export function checkRange(mean: number, ceiling: number): void {
  if (!(ceiling > 0 && ceiling < 1)) {
    throw new InputError(`Cannot smooth with ceiling ${ceiling}: it is not between 0 and 1; use ${CEILING}`);
  }
  if (!(mean >= 0 && mean <= ceiling)) {
    throw new InputError(
      `Cannot smooth with mean ${mean}: it is not between 0 and ${ceiling}, the ceiling; use for example 0.1`,
    );
  }
}

/** The uncertainties as doubles. Throws InputError for none at all and for a missing, negative, huge or non-finite one. */
function checkedCopy(u: ArrayLike<number | undefined>, ids?: readonly string[]): Float64Array {
  if (u.length === 0) {
    throw new InputError("Cannot smooth 0 samples: there is no uncertainty; give at least one");
  }
  return Float64Array.from(u as ArrayLike<number>, (value, i) => {
    if (typeof value === "number" && value >= 0 && value <= LARGEST) return value;
    const sample = ids ? `sample "${ids[i]}"` : `sample ${i}`;
    throw new InputError(
      `Cannot smooth ${sample}: its uncertainty is ${value ?? "missing"}; give a finite number of at least 0`,
    );
  });
}

/** The index of the first value above 0 in an ascending list; its length where there is none. */
function firstPositive(sorted: Float64Array): number {
  const i = sorted.findIndex((value) => value > 0);
  return i < 0 ? sorted.length : i;
}

/** A mean for a message, rounded down: what it says can be asked for. */
function digits(value: number): string {
  return String(Math.floor(value * 1e6) / 1e6);
}
