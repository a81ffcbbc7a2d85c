// From uncertainties to label smoothing: the paper's truncated linear mapping, two others that solve for the same mean (rank,
// power), and the two baselines (constant, none). Plain arithmetic on arrays. Rating dialogues is not here, nor is the file
// that carries the result (smoothing_file.ts), nor what the ceiling does (clip.ts).
import { InputError } from "../run/errors.ts";
import { midRanks } from "../stats/mod.ts";

/** The largest smoothing of a sample, s_max in the paper. */
export const CEILING = 0.99;

/** Two means closer than this (relative) are the same: sums of doubles are not exact. */
const SLACK = 1e-12;

/** The largest uncertainty taken, so that sums stay finite. */
const LARGEST = 1e300;

/** The power of the power map where none is given. */
export const POWER = 2;

/** The ways to smooth: UAL by three maps of the uncertainty; label smoothing (LS); plain fine-tuning (SFT). */
export const MAPPING_METHODS = ["truncated-linear", "rank", "power", "constant", "none"] as const;
/** One of MAPPING_METHODS. */
export type MappingMethod = typeof MAPPING_METHODS[number];

/** What a mapping gives. */
export interface Mapping {
  /** s_i in [0, ceiling], in the order of the samples: the probability mass taken from the target. */
  smoothing: Float64Array;
  /** The slope of the truncated line: over the uncertainty, its rank share or its power share; 0 for the two baselines. */
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

/**
 * The rank map: s_i = min(α·r_i, ceiling) with r_i = (mid-rank − ½) / n, from 0 to 1, so that only the order of the
 * uncertainties counts and equal ones share a value. The mean of r is ½ whatever the uncertainties are: up to a mean of half
 * the ceiling nobody is cut and s is spread evenly from about 0 to twice the mean. Also the least uncertain get a little.
 * Throws InputError as truncatedLinear().
 */
export function rankMapping(u: ArrayLike<number>, options: { mean: number; ceiling?: number }): Mapping {
  checkRange(options.mean, options.ceiling ?? CEILING);
  return truncatedLinear(rankShares(u), options);
}

/** (mid-rank − ½) / n of each uncertainty: 0 to 1, its mean is ½. Throws InputError as truncatedLinear(). */
export function rankShares(u: ArrayLike<number>): Float64Array {
  const n = u.length;
  return midRanks(checkedCopy(u)).map((rank) => (rank - 0.5) / n);
}

/**
 * The power map: s_i = min(α·v_i, ceiling) with v_i = (u_i / max u)^power, the same α as in the truncated linear mapping, so
 * that the mean is exact. Power 1 is that mapping; a larger one gives more to the most uncertain and less to the rest, one
 * below 1 evens out. Only ratios of uncertainties count: there is no temperature to fit to their scale, as in a softmax.
 * Throws InputError as truncatedLinear(), and for a power that is not above 0 and at most 100.
 */
export function powerMapping(
  u: ArrayLike<number>,
  { power = POWER, ...options }: { mean: number; ceiling?: number; power?: number },
): Mapping {
  checkRange(options.mean, options.ceiling ?? CEILING);
  return truncatedLinear(powerShares(u, power), options);
}

/** (u_i / max u)^power: 0 to 1; all 0 where every uncertainty is. Throws InputError as powerMapping(). */
export function powerShares(u: ArrayLike<number>, power: number = POWER): Float64Array {
  if (!(power > 0 && power <= 100)) {
    throw new InputError(
      `Cannot smooth with power ${power}: it is not above 0 and at most 100; use for example ${POWER}, or method constant`,
    );
  }
  const values = checkedCopy(u), most = values.reduce((a, b) => Math.max(a, b), 0);
  return most > 0 ? values.map((value) => (value / most) ** power) : values;
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
  { method, mean, ceiling = CEILING, power, ids }: {
    method: MappingMethod;
    mean: number;
    ceiling?: number;
    /** Of the power map. */
    power?: number;
    ids?: readonly string[];
  },
): Mapping {
  if (method === "none") return { smoothing: noSmoothing(u.length), alpha: 0, truncated: 0 };
  if (method === "constant") {
    checkRange(mean, ceiling);
    return { smoothing: constantSmoothing(u.length, mean), alpha: 0, truncated: 0 };
  }
  if (!MAPPING_METHODS.includes(method)) {
    const known = MAPPING_METHODS.join(", ");
    throw new InputError(`Cannot smooth by method "${method}": it is unknown; use one of ${known}`);
  }
  return truncatedLinear(sharesOf(checkedCopy(u, ids), { method, power }), { mean, ceiling });
}

/**
 * What the slope of a map multiplies: the uncertainties themselves, their rank shares or their power shares.
 * Throws InputError as mapUncertainty(), and for a method without a slope.
 */
export function sharesOf(
  u: ArrayLike<number>,
  { method, power }: { method: MappingMethod; power?: number },
): ArrayLike<number> {
  if (method === "rank") return rankShares(u);
  if (method === "power") return powerShares(u, power);
  if (method === "truncated-linear") return checkedCopy(u);
  throw new InputError(
    `Cannot take the slope of method "${method}": it has none; use a map of the uncertainty`,
  );
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
