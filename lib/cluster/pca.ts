// Principal component analysis: ml-pca where it is quick enough, else a block Krylov method of our own (leading_directions.ts).
// Both give scikit-learn's numbers, its signs included.
import { Matrix } from "ml-matrix";
import { PCA } from "ml-pca";
import { InputError } from "../run/errors.ts";
import { jitMoments, jitProducts, loopProducts, MANY } from "./centred_products.ts";
import { blockSize, leadingDirections } from "./leading_directions.ts";

/** The first components of some data. */
export interface Pca {
  /** Coordinates of the rows, [n, components] row-major. */
  scores: Float64Array;
  /** Unit vectors, [components, d] row-major; of each, the entry of the largest size is positive, as in scikit-learn. */
  components: Float64Array;
  /** Of the columns, [d]. */
  mean: Float64Array;
  /** Share of the whole variance along each component; NaN where all rows are equal. */
  explainedVarianceRatio: number[];
}

/** "svd", "nipals" and "covariance" are ml-pca's; "krylov" is ours. */
export type PcaMethod = "svd" | "nipals" | "covariance" | "krylov";

/** How components are found. */
export interface PcaOptions {
  /** How many; default 2. */
  components?: number;
  /** Default "auto": ml-pca up to about 0.1 s (see pcaMethod()), "krylov" above. */
  method?: PcaMethod | "auto";
  /** Threads of the matrix products of large data. */
  threads?: number;
}

/** Up to so many multiplications of an exact decomposition, n·d·min(n, d), ml-pca takes about 0.1 s. */
const QUICK = 1e7;
/** Data whose largest number is below this, or above its inverse, are made about 1 first. */
const SCALE = 1e-12;

/**
 * What "auto" means for [n, d]. ml-pca's SVD works on the whole matrix and its covariance method on d × d numbers, so the time grows
 * with the cube of the size: at 5,000 × 4,096 it would take hours. Its NIPALS is never chosen: it starts from the first
 * column, and is wrong where that is constant.
 */
export function pcaMethod([n, d]: [number, number]): PcaMethod {
  if (n * d * Math.min(n, d) > QUICK) return "krylov";
  return n > 4 * d ? "covariance" : "svd";
}

/**
 * PCA of `x` [n, d] row-major, columns centred and not scaled, as scikit-learn's PCA(svd_solver="full") (to 1e-4 of the scores' size and
 * mostly far better; close eigenvalues leave their directions less sure in any method). Throws InputError for numbers that are not
 * finite, and where there are fewer rows or columns than components.
 */
export async function pca(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  { components: k = 2, method = "auto", threads }: PcaOptions = {},
): Promise<Pca> {
  checkShape(x, [n, d], k);
  const chosen = method === "auto" ? pcaMethod([n, d]) : method;
  if (chosen === "krylov" && n * d > MANY) {
    const moments = await jitMoments(x, [n, d], threads); // their total tells whether float32 holds the squares
    if (moments.total > 1e-20 && moments.total < 1e30) {
      return await largePca(x, [n, d], { k, threads, ...moments });
    }
  }
  checkFinite(x, [n, d], k);
  const size = largest(x);
  if (size > 0 && (size > 1 / SCALE || size < SCALE)) { // whose squares float32 cannot hold
    const found = await pca(Float64Array.from(x, (value) => value / size), [n, d], {
      components: k,
      method,
      threads,
    });
    const back = (values: Float64Array) => values.map((value) => value * size);
    return { ...found, scores: back(found.scores), mean: back(found.mean) };
  }
  const mean = columnMeans(x, [n, d]), total = totalVariance(x, [n, d], mean);
  await using products = loopProducts(x, [n, d], mean);
  const axes = total === 0
    ? unitAxes(k, d)
    : chosen === "krylov"
    ? await leadingDirections(products, { b: blockSize(k, [n, d]), d, count: k })
    : mlDirections(x, [n, d], { mean, count: k, method: chosen });
  const components = fixSigns(axes, [k, d]), scores = await products.along(components, k);
  return { scores, components, mean, explainedVarianceRatio: ratios(scores, k, total) };
}

/** PCA of many numbers: products, means and projections go through the jit. */
async function largePca(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  { k, threads, mean, total }: { k: number; threads?: number; mean: Float64Array; total: number },
): Promise<Pca> {
  const b = blockSize(k, [n, d]);
  await using products = await jitProducts(x, [n, d], { mean, b, threads });
  const components = fixSigns(await leadingDirections(products, { b, d, count: k }), [k, d]);
  const scores = await products.along(components, k);
  return { scores, components, mean, explainedVarianceRatio: ratios(scores, k, total) };
}

/** The share of the whole variance along each component. */
function ratios(scores: Float64Array, k: number, total: number): number[] {
  return Array.from({ length: k }, (_, c) => {
    let sum = 0;
    for (let i = c; i < scores.length; i += k) sum += scores[i] ** 2;
    return total === 0 ? NaN : sum / total;
  });
}

function largest(x: Float32Array | Float64Array): number {
  let size = 0;
  for (let i = 0; i < x.length; i++) size = Math.max(size, Math.abs(x[i]));
  return size;
}

const failure = ([n, d]: [number, number], k: number, why: string) =>
  new InputError(`Cannot find ${k} principal components of ${n} × ${d} numbers: ${why}`);

/** Throws InputError unless `x` is [n, d] and large enough for `k` components. */
function checkShape(x: ArrayLike<number>, [n, d]: [number, number], k: number): void {
  if (x.length !== n * d) throw failure([n, d], k, `${x.length} were given`);
  if (!(Number.isInteger(k) && k > 0 && k <= Math.min(n, d))) {
    throw failure([n, d], k, `there are ${Math.min(n, d)} at most; give more rows, or ask for fewer`);
  }
}

/** Throws InputError for the first number that is not finite. */
function checkFinite(x: ArrayLike<number>, [n, d]: [number, number], k: number): void {
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(x[i])) {
      throw failure([n, d], k, `row ${Math.floor(i / d)} has ${x[i]} in column ${i % d}; leave that row out`);
    }
  }
}

/** The mean of each column. */
export function columnMeans(x: ArrayLike<number>, [n, d]: [number, number]): Float64Array {
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j] += x[i * d + j];
  return mean.map((sum) => sum / n);
}

/** The sum of all squared differences from the columns' means. */
function totalVariance(x: ArrayLike<number>, [n, d]: [number, number], mean: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) sum += (x[i * d + j] - mean[j]) ** 2;
  return sum;
}

/** Directions for data that do not vary: any will do. */
function unitAxes(k: number, d: number): Float64Array {
  const axes = new Float64Array(k * d);
  for (let c = 0; c < k; c++) axes[c * d + c] = 1;
  return axes;
}

const ML_METHODS = { svd: "SVD", nipals: "NIPALS", covariance: "covarianceMatrix" } as const;

/** The first directions by ml-pca, [count, d]. */
function mlDirections(
  x: ArrayLike<number>,
  [n, d]: [number, number],
  { mean, count, method }: { mean: Float64Array; count: number; method: keyof typeof ML_METHODS },
): Float64Array {
  const centred = Matrix.zeros(n, d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) centred.set(i, j, x[i * d + j] - mean[j]);
  const found = new PCA(centred, { method: ML_METHODS[method], nCompNIPALS: count, center: false });
  const rows = method === "nipals" ? found.getLoadings() : found.getEigenvectors().transpose(); // one row a direction
  const axes = new Float64Array(count * d);
  for (let c = 0; c < count; c++) for (let j = 0; j < d; j++) axes[c * d + j] = rows.get(c, j);
  return axes;
}

/** The same directions, each turned so that its largest entry is positive (scikit-learn's svd_flip, u_based_decision=False). */
function fixSigns(axes: Float64Array, [k, d]: [number, number]): Float64Array {
  for (let c = 0; c < k; c++) {
    let largest = c * d;
    for (let j = c * d; j < (c + 1) * d; j++) if (Math.abs(axes[j]) > Math.abs(axes[largest])) largest = j;
    if (axes[largest] < 0) { for (let j = c * d; j < (c + 1) * d; j++) axes[j] = -axes[j]; }
  }
  return axes;
}
