// Percentiles and bootstrap intervals of measures over samples. What is measured stands in the files beside this.
import { stream } from "../run/seed.ts";

const RESAMPLES = 2000;

/** `f` of each resample: indices drawn with replacement, equal for equal `n`, so that methods are compared on the same draws. */
export function bootstrap(n: number, seed: number, f: (draw: number[]) => number): number[] {
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
