// The silhouette coefficient (Rousseeuw 1987), exact and of a sample, with scikit-learn's edge cases. Few points are compared
// here, many in blocks through the jit (distance_sums.ts).
import { InputError } from "../run/errors.ts";
import { stream } from "../run/seed.ts";
import { loopSums } from "./distance_loops.ts";
import { blockSums } from "./distance_sums.ts";

/** How far apart two points are: "cosine" is 1 − the cosine of the angle between them. */
export type Metric = "euclidean" | "cosine";

/** Silhouettes of points. */
export interface Silhouette {
  /** Of all points: the coefficient, −1 to 1. */
  mean: number;
  /** Of each point. */
  samples: Float64Array;
  /** The mean of each label's points. */
  byLabel: Map<number, number>;
}

/** How silhouettes are found. */
export interface SilhouetteOptions {
  /** Default: euclidean. */
  metric?: Metric;
  /** Of so many points drawn without replacement, compared among themselves (scikit-learn's sample_size). */
  sample?: { size: number; seed?: number };
  /** Default: "loop" for few points, "jit" for many. */
  engine?: "loop" | "jit";
  threads?: number;
}

/** Multiplications up to which a loop is quicker than loading a graph. */
const FEW = 5e8;

/**
 * Silhouettes of `x` [n, d] row-major under `labels` [n], as scikit-learn's silhouette_samples and silhouette_score. A point that is
 * alone under its label has 0, and so has one whose distances are all 0. Throws InputError for fewer than 2 labels or as many
 * as points, and for numbers that are not finite.
 */
export async function silhouette(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  labels: ArrayLike<number>,
  { metric = "euclidean", sample, engine, threads }: SilhouetteOptions = {},
): Promise<Silhouette> {
  if (sample) {
    const drawn = drawRows(x, [n, d], labels, sample);
    return await silhouette(drawn.x, [sample.size, d], drawn.labels, { metric, engine, threads });
  }
  const { codes, names } = checkLabels(x, [n, d], labels);
  const loop = (engine ?? (n * n * d <= FEW ? "loop" : "jit")) === "loop";
  const sums = loop
    ? loopSums(x, [n, d], codes, { labels: names.length, metric })
    : await blockSums(x, [n, d], codes, { labels: names.length, metric, threads });
  const samples = fromSums(sums, codes, names.length);
  const total = new Float64Array(names.length), counts = countsOf(codes, names.length);
  samples.forEach((s, i) => total[codes[i]] += s);
  return {
    mean: samples.reduce((sum, s) => sum + s, 0) / n,
    samples,
    byLabel: new Map(names.map((name, label) => [name, total[label] / counts[label]])),
  };
}

/** s = (b − a) / max(a, b) of each point, from its summed distances to each label's points, [n, labels]. */
function fromSums(sums: Float64Array, codes: Int32Array, labels: number): Float64Array {
  const counts = countsOf(codes, labels);
  return Float64Array.from(codes, (own, i) => {
    if (counts[own] === 1) return 0;
    let b = Infinity;
    for (let label = 0; label < labels; label++) {
      if (label !== own) b = Math.min(b, sums[i * labels + label] / counts[label]);
    }
    const a = sums[i * labels + own] / (counts[own] - 1);
    return a === 0 && b === 0 ? 0 : (b - a) / Math.max(a, b);
  });
}

function countsOf(codes: Int32Array, labels: number): Int32Array {
  const counts = new Int32Array(labels);
  for (const code of codes) counts[code]++;
  return counts;
}

/** Labels as 0 … L − 1, in ascending order of the labels. Throws InputError where they or the data cannot be used. */
export function checkLabels(
  x: ArrayLike<number>,
  [n, d]: [number, number],
  labels: ArrayLike<number>,
): { codes: Int32Array; names: number[] } {
  checkShape(x, [n, d], labels);
  const fail = (why: string) => new InputError(`Cannot measure clusters of ${n} points: ${why}`);
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(x[i])) throw fail(`point ${Math.floor(i / d)} has ${x[i]}; leave it out`);
  }
  const odd = Array.from(labels).findIndex((label) => !Number.isFinite(label));
  if (odd >= 0) throw fail(`point ${odd} has the label ${labels[odd]}; leave it out, or give it a number`);
  const names = [...new Set(Array.from(labels))].sort((a, b) => a - b);
  if (names.length < 2 || names.length >= n) {
    throw fail(`they have ${names.length} labels; there must be 2 to ${n - 1}`);
  }
  const codeOf = new Map(names.map((name, code) => [name, code]));
  return { codes: Int32Array.from(labels, (label) => codeOf.get(label)!), names };
}

function checkShape(x: ArrayLike<number>, [n, d]: [number, number], labels: ArrayLike<number>): void {
  const fail = (why: string) => new InputError(`Cannot measure clusters of ${n} points: ${why}`);
  if (x.length !== n * d) throw fail(`they have ${x.length} numbers, not ${n} × ${d}; give that many`);
  if (labels.length !== n) throw fail(`there are ${labels.length} labels; give one a point`);
}

function drawRows(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  labels: ArrayLike<number>,
  { size, seed = 0 }: { size: number; seed?: number },
): { x: Float64Array; labels: number[] } {
  checkShape(x, [n, d], labels);
  if (!(Number.isInteger(size) && size > 0 && size <= n)) {
    throw new InputError(`Cannot draw ${size} of ${n} points: give a whole number from 3 to ${n}`);
  }
  const rows = stream(seed, "silhouette").shuffle(n).slice(0, size), drawn = new Float64Array(size * d);
  rows.forEach((row, i) => drawn.set(x.subarray(row * d, (row + 1) * d), i * d));
  return { x: drawn, labels: rows.map((row) => labels[row]) };
}
