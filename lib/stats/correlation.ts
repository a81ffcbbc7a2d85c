// Correlation of two columns: Pearson's, and Spearman's on mid-ranks. Intervals are bootstrap.ts.
import { type Estimate, estimate, type Measure } from "./bootstrap.ts";

/**
 * Pearson's correlation, −1 to 1; NaN where a column is constant or there are fewer than two samples.
 * Throws RangeError for columns of different lengths.
 */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  sameLength(x, y);
  const n = x.length, mx = mean(x), my = mean(y);
  let xx = 0, yy = 0, xy = 0;
  for (let i = 0; i < n; i++) {
    const dx = x[i] - mx, dy = y[i] - my;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const product = xx * yy; // its root is exact for equal columns of whole numbers, but it may overflow
  const scale = product > 0 && product < Infinity ? Math.sqrt(product) : Math.sqrt(xx) * Math.sqrt(yy);
  if (isConstant(x) || isConstant(y) || !(scale > 0)) return NaN; // sums of a constant column may round away from 0
  return Math.max(-1, Math.min(1, xy / scale));
}

function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

/** The ranks from 1 on; equal values share the mean of the ranks that they take up. */
export function midRanks(values: ArrayLike<number>): Float64Array {
  return ranker(values)(Array.from(values, (_, i) => i));
}

/** Spearman's rank correlation with mid-ranks for ties. NaN and RangeError as pearson(). */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  sameLength(a, b);
  return pearson(midRanks(a), midRanks(b));
}

/** Spearman's correlation with its bootstrap interval over samples. */
export function spearmanEstimate(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: { seed?: number } = {},
): Estimate {
  return estimate(a.length, spearmanMeasure(a, b), options);
}

/** Spearman's correlation of the drawn samples, ranked anew in each draw. Throws RangeError as pearson(). */
export function spearmanMeasure(a: ArrayLike<number>, b: ArrayLike<number>): Measure {
  sameLength(a, b);
  const ranksA = ranker(a), ranksB = ranker(b);
  return (draw) => pearson(ranksA(draw), ranksB(draw));
}

/** Ranks any draw of `values` by counting, not by sorting again: a bootstrap ranks thousands of draws. */
function ranker(values: ArrayLike<number>): (draw: ArrayLike<number>) => Float64Array {
  const sorted = Float64Array.from(new Set(Array.from(values))).sort();
  const place = new Map(Array.from(sorted, (value, i) => [value, i]));
  const code = Uint32Array.from(values, (value) => place.get(value)!);
  return (draw) => {
    const rank = new Float64Array(sorted.length);
    for (let i = 0; i < draw.length; i++) rank[code[draw[i]]]++;
    let before = 0;
    for (let c = 0; c < rank.length; c++) {
      const count = rank[c];
      rank[c] = before + (count + 1) / 2;
      before += count;
    }
    return Float64Array.from(draw, (i) => rank[code[i]]);
  };
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** Throws RangeError for columns of different lengths or with a number that is not finite. */
export function sameLength(a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length) {
    throw new RangeError(`Cannot compare ${a.length} values with ${b.length}: give one of each a sample`);
  }
  for (const column of [a, b]) {
    for (let i = 0; i < column.length; i++) {
      if (Number.isFinite(column[i])) continue;
      throw new RangeError(`Cannot compare value ${i}: it is ${column[i]}; leave the sample out of both`);
    }
  }
}
