// Summed distances from points to each label's points, in blocks of matrix products through the jit: float32, memory of a
// block. Points that are too close to others for float32 are done again in float64.
import * as tf from "@tensorflow/tfjs";
import { type Compiled, f32, jit, type Program, type TensorData } from "../jit/mod.ts";
import { columnMeans } from "./pca.ts";
import { prepared, rowSums, type SumOptions } from "./distance_loops.ts";

/** Points of a block: 2,048² distances are 16 MB. */
const BLOCK = 2048;
/** Squared distances below this share of both points' squared lengths are not trusted to float32. */
const CLOSE = 1e-3;

/**
 * For each point, the sum of its distances to the points of each label, [n, labels]. Each block of distances is made once and counted for
 * its rows and its columns. |a − b|² = |a|² + |b|² − 2ab loses digits where a and b are close, so a row that
 * meets such a pair is done again pair by pair.
 */
export async function blockSums(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  codes: Int32Array,
  { threads, ...options }: SumOptions & { threads?: number },
): Promise<Float64Array> {
  const { labels, metric } = options, points = prepared(x, [n, d], metric);
  if (metric === "euclidean") centre(points, [n, d]);
  const size = Math.min(BLOCK, n), blocks = Math.ceil(n / size);
  const parts = Array.from(
    { length: blocks },
    (_, b) => blockOf(points, codes, { from: b * size, size, n, d, labels }),
  );
  const sums = new Float64Array(n * labels), close = new Uint8Array(n);
  const run = await compileBlock({ size, d, labels, metric, threads });
  try {
    for (let i = 0; i < blocks; i++) {
      for (let j = i; j < blocks; j++) {
        const out = await run({ a: parts[i], b: parts[j] }) as Record<string, TensorData>;
        add(out.rows.data, i * size);
        if (i !== j) add(out.columns.data, j * size);
      }
    }
  } finally {
    await run.close();
  }
  for (let i = 0; i < n; i++) {
    if (close[i]) sums.set(rowSums(points, i, d, codes, options), i * labels);
  }
  return sums;

  /** Adds a block's sums [size, labels + 1]; the last column counts pairs that are too close, a point with itself among them. */
  function add(block: ArrayLike<number>, from: number): void {
    const width = labels + 1;
    for (let r = 0; r < size && from + r < n; r++) {
      for (let label = 0; label < labels; label++) {
        sums[(from + r) * labels + label] += block[r * width + label];
      }
      if (block[r * width + labels] > 0) close[from + r] = 1;
    }
  }
}

function centre(points: Float64Array, [n, d]: [number, number]): void {
  const mean = columnMeans(points, [n, d]);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) points[i * d + j] -= mean[j];
}

/** The arrays of `size` points; those past the end belong to no label and are close to none. */
function blockOf(
  points: Float64Array,
  codes: Int32Array,
  { from, size, n, d, labels }: { from: number; size: number; n: number; d: number; labels: number },
): Record<string, TensorData> {
  const data = new Float32Array(size * d), there = Math.min(size, n - from);
  data.set(points.subarray(from * d, (from + there) * d));
  const squares = new Float32Array(size),
    member = new Float32Array(size * labels),
    index = new Float32Array(size);
  const real = new Float32Array(size);
  for (let r = 0; r < size; r++) {
    index[r] = from + r;
    if (r >= there) continue;
    for (let j = 0; j < d; j++) squares[r] += data[r * d + j] ** 2;
    member[r * labels + codes[from + r]] = 1;
    real[r] = 1;
  }
  return {
    x: f32([size, d], data),
    squares: f32([size, 1], squares),
    member: f32([size, labels], member),
    index: f32([size, 1], index),
    real: f32([size, 1], real),
  };
}

/** `rows` [size, labels + 1]: sums over the columns of the block by label and the count of close pairs; `columns` over the rows. */
function blockProgram(metric: SumOptions["metric"]): Program {
  return ({ a, b }) => {
    const product = tf.matMul(a.x as tf.Tensor2D, b.x as tf.Tensor2D, false, true);
    const both = tf.add(a.squares, tf.transpose(b.squares)); // |a|² + |b|²
    const squared = tf.relu(tf.sub(both, tf.mul(product, 2)));
    const other = tf.cast(tf.notEqual(a.index, tf.transpose(b.index)), "float32");
    const distance = metric === "cosine" ? tf.relu(tf.sub(1, product)) : tf.sqrt(squared);
    const near = tf.mul(tf.cast(tf.less(squared, tf.mul(both, CLOSE)), "float32"), other);
    const apart = tf.mul(distance, other);
    const count = (by: tf.Tensor, transpose: boolean) =>
      tf.matMul(near as tf.Tensor2D, by as tf.Tensor2D, transpose, false);
    const sum = (by: tf.Tensor, transpose: boolean) =>
      tf.matMul(apart as tf.Tensor2D, by as tf.Tensor2D, transpose, false);
    return {
      rows: tf.concat([sum(b.member, false), count(b.real, false)], 1),
      columns: tf.concat([sum(a.member, true), count(a.real, true)], 1),
    };
  };
}

async function compileBlock(
  { size, d, labels, metric, threads }: {
    size: number;
    d: number;
    labels: number;
    metric: SumOptions["metric"];
    threads?: number;
  },
): Promise<Compiled> {
  const float = (...shape: number[]) => ({ shape, dtype: "float32" as const });
  const part = {
    x: float(size, d),
    squares: float(size, 1),
    member: float(size, labels),
    index: float(size, 1),
    real: float(size, 1),
  };
  return await jit(blockProgram(metric), { a: part, b: part }, { threads });
}
