// Two other measures of how well labels are separated: Calinski and Harabasz's, Davies and Bouldin's. As scikit-learn's
// calinski_harabasz_score and davies_bouldin_score.
import { checkLabels } from "./silhouette.ts";
import { columnMeans } from "./pca.ts";

/** Centroids [labels, d], and how far the points are from their own. */
interface Spread {
  centroids: Float64Array;
  counts: Int32Array;
  /** Sum of squared distances of all points from their centroids. */
  squares: number;
  /** Mean distance of each label's points from their centroid. */
  mean: Float64Array;
}

function spreadOf(x: ArrayLike<number>, [n, d]: [number, number], codes: Int32Array, labels: number): Spread {
  const centroids = new Float64Array(labels * d),
    counts = new Int32Array(labels),
    mean = new Float64Array(labels);
  for (let i = 0; i < n; i++) {
    counts[codes[i]]++;
    for (let j = 0; j < d; j++) centroids[codes[i] * d + j] += x[i * d + j];
  }
  for (let c = 0; c < labels; c++) for (let j = 0; j < d; j++) centroids[c * d + j] /= counts[c];
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const square = squaredGap(x, i * d, centroids, codes[i] * d, d);
    squares += square;
    mean[codes[i]] += Math.sqrt(square) / counts[codes[i]];
  }
  return { centroids, counts, squares, mean };
}

function squaredGap(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, d: number): number {
  let sum = 0;
  for (let k = 0; k < d; k++) sum += (a[i + k] - b[j + k]) ** 2;
  return sum;
}

/**
 * Variance between the labels' means over variance within them (Calinski and Harabasz 1974); larger is better separated. 1 where the
 * points of each label coincide. Throws InputError as silhouette().
 */
export function calinskiHarabasz(
  x: ArrayLike<number>,
  [n, d]: [number, number],
  labels: ArrayLike<number>,
): number {
  const { codes, names } = checkLabels(x, [n, d], labels), k = names.length;
  const { centroids, counts, squares } = spreadOf(x, [n, d], codes, k), mean = columnMeans(x, [n, d]);
  let between = 0;
  for (let c = 0; c < k; c++) between += counts[c] * squaredGap(centroids, c * d, mean, 0, d);
  return squares === 0 ? 1 : between * (n - k) / (squares * (k - 1));
}

/**
 * The mean over labels of the worst ratio of spreads to the distance of the means (Davies and Bouldin 1979); smaller is better
 * separated, 0 the best. Throws InputError as silhouette().
 */
export function daviesBouldin(
  x: ArrayLike<number>,
  [n, d]: [number, number],
  labels: ArrayLike<number>,
): number {
  const { codes, names } = checkLabels(x, [n, d], labels), k = names.length;
  const { centroids, mean } = spreadOf(x, [n, d], codes, k);
  const gap = (a: number, b: number) => Math.sqrt(squaredGap(centroids, a * d, centroids, b * d, d));
  const all = names.flatMap((_, a) => names.flatMap((_, b) => a === b ? [] : [gap(a, b)]));
  const none = (values: ArrayLike<number>) => Array.from(values).every((value) => Math.abs(value) <= 1e-8); // numpy.allclose
  if (none(mean) || none(all)) return 0;
  let sum = 0;
  for (let a = 0; a < k; a++) {
    let worst = 0;
    for (let b = 0; b < k; b++) {
      if (b !== a && gap(a, b) > 0) worst = Math.max(worst, (mean[a] + mean[b]) / gap(a, b));
    }
    sum += worst;
  }
  return sum / k;
}
