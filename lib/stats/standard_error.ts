// Standard errors of means: of independent samples, of clusters, of tasks put together.

/** A mean and how sure it is. */
export interface Mean {
  /** Of the values. */
  value: number;
  /** Of the mean; NaN where it cannot be told (fewer than two values or clusters). */
  stderr: number;
  /** Degrees of freedom of `stderr`: values (or clusters) less one. */
  df: number;
  /** How many values. */
  n: number;
  /** How many clusters, where there are any. */
  clusters?: number;
}

/** The mean of `values` with the standard error s/√n, s with n − 1 below (lm-evaluation-harness's mean_stderr). */
export function meanWithError(values: ArrayLike<number>): Mean {
  const n = values.length, value = average(values);
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - value) ** 2;
  return { value, stderr: n > 1 ? Math.sqrt(squares / (n - 1) / n) : NaN, df: n - 1, n };
}

/** Of a share: `right` of `n`, independent. The same as meanWithError() of ones and zeros: √(p(1 − p)/(n − 1)). */
export function proportionError(right: number, n: number): number {
  const p = right / n;
  return n > 1 ? Math.sqrt(p * (1 - p) / (n - 1)) : NaN;
}

/**
 * The mean of all values with the standard error for values that err alike within a cluster and independently between them,
 *
 * stderr² = G/(G − 1) · Σ_c (Σ_{i in c} (x_i − x̄))² / n²
 *
 * over G clusters: the cluster-robust (sandwich, "CR1") estimator, as statsmodels' OLS on a constant with cov_type
 * "cluster" has it. Miller 2024 ("Adding error bars to evals", arXiv 2411.00640, section 2.2) writes the same sum as
 * stderr² of independent values plus the products of pairs within a cluster over n², without the factor for few clusters on
 * those pairs; for clusters of one value each both are meanWithError(). With one cluster nothing can be told: NaN.
 * Throws RangeError for columns of different lengths.
 */
export function clusteredMean(values: ArrayLike<number>, clusters: ArrayLike<string | number>): Mean {
  const n = values.length;
  if (clusters.length !== n) {
    throw new RangeError(`Cannot cluster ${n} values by ${clusters.length} names: give one of each a sample`);
  }
  const value = average(values), sums = new Map<string | number, number>();
  for (let i = 0; i < n; i++) {
    sums.set(clusters[i], (sums.get(clusters[i]) ?? 0) + values[i] - value);
  }
  const G = sums.size, squares = [...sums.values()].reduce((total, sum) => total + sum * sum, 0);
  const stderr = G > 1 ? Math.sqrt(G / (G - 1) * squares) / n : NaN;
  return { value, stderr, df: G - 1, n, clusters: G };
}

/**
 * Of the mean over all items of several tasks, from each task's standard error and size: √(Σ (n−1)·se²·n / (Σn − k) / Σn),
 * lm-evaluation-harness's pooled_sample_stderr. It leaves out how far the tasks' means lie apart. Throws RangeError for
 * columns of different lengths.
 */
export function pooledError(stderrs: number[], sizes: number[]): number {
  sameCount(stderrs, sizes);
  const total = sizes.reduce((a, b) => a + b, 0);
  const squares = stderrs.reduce((sum, se, i) => sum + (sizes[i] - 1) * se * se * sizes[i], 0);
  return Math.sqrt(squares / (total - sizes.length) / total);
}

/** Of the plain mean of k independent means: √Σ se² / k (the harness's unweighted_mean_stderr). */
export function averageError(stderrs: number[]): number {
  return Math.sqrt(stderrs.reduce((sum, se) => sum + se * se, 0)) / stderrs.length;
}

/** Degrees of freedom of averageError() (Welch and Satterthwaite): (Σ se²)² / Σ (se⁴/df). Infinity where all are 0. */
export function averageFreedom(stderrs: number[], dfs: number[]): number {
  sameCount(stderrs, dfs);
  const squares = stderrs.map((se) => se * se), total = squares.reduce((a, b) => a + b, 0);
  return total === 0 ? Infinity : total ** 2 / squares.reduce((sum, v, i) => sum + v * v / dfs[i], 0);
}

function sameCount(a: number[], b: number[]): void {
  if (a.length === b.length) return;
  throw new RangeError(`Cannot put together ${a.length} and ${b.length} values: give one of each a task`);
}

function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
