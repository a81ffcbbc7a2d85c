// Percentiles and bootstrap intervals of measures over samples. What is measured stands in the files beside this and in
// the rooms that measure.
import { stream } from "../run/seed.ts";

const RESAMPLES = 2000;

/** `f` of each resample: indices drawn with replacement, equal for equal `n`, so that methods are compared on the same draws. */
export function bootstrap<T>(n: number, seed: number, f: (draw: number[]) => T): T[] {
  return Array.from({ length: RESAMPLES }, (_, b) => f(stream(seed, "bootstrap", b).ints(n, n)));
}

/** The 2.5th and 97.5th percentile. */
export function interval(draws: ArrayLike<number>): [number, number] {
  const [low, high] = quantiles(draws, [0.025, 0.975]);
  return [low, high];
}

/** The quantiles at `shares` (0 to 1), linearly interpolated as numpy does by default. */
export function quantiles(values: ArrayLike<number>, shares: number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  return shares.map((q) => {
    const x = q * (sorted.length - 1), i = Math.floor(x);
    return sorted[i] + (x - i) * ((sorted[i + 1] ?? sorted[i]) - sorted[i]);
  });
}

/** A measure over samples with its uncertainty. */
export interface Estimate {
  /** The measure over all samples. */
  value: number;
  /** Lower end of the 95% percentile interval of the bootstrap over samples; NaN where it cannot be told. */
  low: number;
  /** Its upper end. */
  high: number;
  /** How many samples. */
  samples: number;
}

/** A measure of the samples with the indices `draw`, some of them several times. */
export type Measure = (draw: ArrayLike<number>) => number;

/**
 * Each measure over samples 0 … n − 1 with its interval, all from the same draws: what compares two columns of the same
 * samples is paired, and measures of equal `n` and seed can be set against each other. Resamples in which a measure is not
 * defined (a correlation where one column is constant) are left out; where those are more than half, the interval is NaN.
 */
export function estimates<K extends string>(
  n: number,
  measures: Record<K, Measure>,
  { seed = 0 }: { seed?: number } = {},
): Record<K, Estimate> {
  const names = Object.keys(measures) as K[], all = Array.from({ length: n }, (_, i) => i);
  const drawn = n > 0 ? bootstrap(n, seed, (draw) => names.map((name) => measures[name](draw))) : [];
  const found = names.map((name, m): [K, Estimate] => {
    const draws = drawn.map((values) => values[m]).filter(Number.isFinite);
    const [low, high] = draws.length > RESAMPLES / 2 ? interval(draws) : [NaN, NaN];
    return [name, { value: n > 0 ? measures[name](all) : NaN, low, high, samples: n }];
  });
  return Object.fromEntries(found) as Record<K, Estimate>;
}

/** estimates() of one measure. */
export function estimate(n: number, measure: Measure, options: { seed?: number } = {}): Estimate {
  return estimates(n, { it: measure }, options).it;
}
