// Summed distances from points to each label's points, pair by pair in float64: for few points, and for those that are too
// close for distance_sums.ts.
import type { Metric } from "./silhouette.ts";

/** How sums of distances are asked for. */
export interface SumOptions {
  /** The number of labels; codes are 0 … labels − 1. */
  labels: number;
  metric: Metric;
}

/** For each point, the sum of its distances to the points of each label, [n, labels]. */
export function loopSums(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  codes: Int32Array,
  { labels, metric }: SumOptions,
): Float64Array {
  const points = prepared(x, [n, d], metric), sums = new Float64Array(n * labels);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const distance = between(points, i, j, d, metric);
      sums[i * labels + codes[j]] += distance;
      sums[j * labels + codes[i]] += distance;
    }
  }
  return sums;
}

/** As loopSums(), for the point `i` alone. `points` are prepared(). */
export function rowSums(
  points: Float64Array,
  i: number,
  d: number,
  codes: Int32Array,
  { labels, metric }: SumOptions,
): Float64Array {
  const sums = new Float64Array(labels);
  for (let j = 0; j < codes.length; j++) {
    if (j !== i) sums[codes[j]] += between(points, i, j, d, metric);
  }
  return sums;
}

/** Points as float64; for cosines of length 1 (those without a length stay as they are). */
export function prepared(x: ArrayLike<number>, [n, d]: [number, number], metric: Metric): Float64Array {
  const points = Float64Array.from(x);
  if (metric === "euclidean") return points;
  for (let i = 0; i < n; i++) {
    const row = points.subarray(i * d, (i + 1) * d), size = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    if (size > 0) { for (let j = 0; j < d; j++) row[j] /= size; }
  }
  return points;
}

function between(points: Float64Array, i: number, j: number, d: number, metric: Metric): number {
  const a = i * d, b = j * d;
  let sum = 0;
  if (metric === "cosine") {
    for (let k = 0; k < d; k++) sum += points[a + k] * points[b + k];
    return Math.min(2, Math.max(0, 1 - sum));
  }
  for (let k = 0; k < d; k++) {
    const gap = points[a + k] - points[b + k];
    sum += gap * gap;
  }
  return Math.sqrt(sum);
}
