// Two conditions on the same samples: paired bootstrap, McNemar's test, Holm's correction, detectable differences.
import { bootstrap, interval } from "./bootstrap.ts";
import { binomialCdf, normalQuantile, studentQuantile } from "./distributions.ts";

/** A difference by the paired bootstrap. */
export interface PairedBootstrap {
  /** Mean of the differences. */
  difference: number;
  /** Lower end of the 95% percentile interval. */
  low: number;
  /** Its upper end. */
  high: number;
  /** Two-sided: twice the smaller share of draws on one side of 0 (0 itself counts for both), at most 1, never 0. */
  p: number;
}

/**
 * The paired bootstrap of each column of differences over samples 0 … n − 1, all columns on the same 2,000 draws. A draw
 * more counts on either side (Davison and Hinkley 1997, equation 4.11), so p is at least 2/2001. NaN for empty
 * columns, and but for the difference for a single sample, all of whose draws are alike.
 * Throws RangeError for columns of different lengths.
 */
export function pairedBootstrap(
  columns: (ArrayLike<number> & Iterable<number>)[],
  { seed = 0 }: { seed?: number } = {},
): PairedBootstrap[] {
  const n = columns[0]?.length ?? 0;
  const other = columns.find((column) => column.length !== n);
  if (other) {
    throw new RangeError(`Cannot pair ${n} samples with ${other.length}: give the same samples in each`);
  }
  if (n < 2) return columns.map(([difference = NaN]) => ({ difference, low: NaN, high: NaN, p: NaN }));
  const draws = bootstrap(n, seed, (draw) => columns.map((column) => drawnMean(column, draw)));
  const all = Array.from({ length: n }, (_, i) => i);
  return columns.map((column, c) => {
    const means = draws.map((values) => values[c]), [low, high] = interval(means);
    return { difference: drawnMean(column, all), low, high, p: twoSided(means) };
  });
}

function drawnMean(column: ArrayLike<number>, draw: number[]): number {
  let sum = 0;
  for (let i = 0; i < draw.length; i++) sum += column[draw[i]];
  return sum / draw.length;
}

/** Twice the smaller share of the means on one side of 0, counting one draw more on either; at most 1. */
export function twoSided(means: number[]): number {
  const below = means.filter((mean) => mean <= 0).length, above = means.filter((mean) => mean >= 0).length;
  return Math.min(1, 2 * (1 + Math.min(below, above)) / (1 + means.length));
}

/**
 * McNemar's exact test of hits and misses on the same items, from the items that only one or only the other has right:
 * two-sided binomial test of a half. `midP` counts the observed table half: less cautious, and still near its level
 * (Fagerland, Lydersen and Laake 2013). Both 1 where no item is discordant.
 */
export function mcnemar(onlyA: number, onlyB: number): { p: number; midP: number } {
  const n = onlyA + onlyB, k = Math.min(onlyA, onlyB);
  const tail = binomialCdf(k, n, 0.5), here = tail - binomialCdf(k - 1, n, 0.5);
  return { p: Math.min(1, 2 * tail), midP: Math.min(1, 2 * tail - here) };
}

/**
 * Holm's step-down correction (Holm 1979): the p-values so raised that taking those below α finds any false difference in the
 * whole family with probability α at most. In the order given; NaN stays NaN and is not counted.
 */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).filter((i) => !Number.isNaN(ps[i])).sort((i, j) => ps[i] - ps[j]);
  const raised = ps.map(() => NaN);
  let largest = 0;
  order.forEach((i, rank) => {
    largest = Math.max(largest, Math.min(1, ps[i] * (order.length - rank)));
    raised[i] = largest;
  });
  return raised;
}

/** What a test is asked to find. */
export interface Power {
  /** Two-sided level; 0.05. */
  alpha?: number;
  /** Probability of finding a true difference of this size; 0.8. */
  power?: number;
}

/**
 * The smallest true difference of two shares that McNemar's test finds with the given power, at n items of which `discordant`
 * differ: δ with δ√n = z_{1−α/2}·√ψ + z_power·√(ψ − δ²), ψ the share of discordant items (Connor 1987). Where these are too
 * few for any difference to be found, ψ is taken as δ: as many as are needed, all of one side. NaN where no difference could.
 */
export function detectableShare(
  discordant: number,
  n: number,
  { alpha = 0.05, power = 0.8 }: Power = {},
): number {
  const za = normalQuantile(1 - alpha / 2), zb = normalQuantile(power), psi = discordant / n;
  if (!(n >= za * za)) return NaN;
  const found = Math.sqrt(psi) * (za * Math.sqrt(n) + zb * Math.sqrt(n + zb * zb - za * za)) / (n + zb * zb);
  if (psi > 0 && found <= psi) return found;
  let low = psi, high = 1;
  for (let step = 0; step < 60; step++) { // the equation with ψ = δ, divided by √δ: its sides' difference grows with δ
    const middle = (low + high) / 2;
    if (Math.sqrt(middle * n) < za + zb * Math.sqrt(1 - middle)) low = middle;
    else high = middle;
  }
  return high;
}

/** As detectableShare() for a paired difference with this standard error: (t_{1−α/2} + t_power)·stderr (Miller 2024, section 5). */
export function detectableMean(
  stderr: number,
  df: number,
  { alpha = 0.05, power = 0.8 }: Power = {},
): number {
  return stderr > 0 ? (studentQuantile(1 - alpha / 2, df) + studentQuantile(power, df)) * stderr : NaN;
}
