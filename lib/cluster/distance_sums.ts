// Summed distances from points to each label's points, in blocks of matrix products through the jit: float32, memory of a
// block. Points that are too close to others for float32 are done again in float64.
import * as tf from "@tensorflow/tfjs";
import { type Compiled, f32, jit, type Program, type TensorData } from "../jit/mod.ts";
import { columnMeans } from "./pca.ts";
import { prepared, rowSums, type SumOptions } from "./distance_loops.ts";

/** Points of a block: 2,048² distances are 16 MB. */
const BLOCK = 2048;
/**
 * Squared distances below this share of both points' squared lengths are not trusted to float32. Points that close are of nearly
 * equal length, so that one of the lengths tells it: with NEAR instead of 2.
 */
const CLOSE = 1e-3, NEAR = 2.2;
/** Added to a point's squared distance from itself, which is then nowhere the least. */
const FAR = 1e30;

/**
 * For each point, the sum of its distances to the points of each label, [n, labels]. Each block of distances is made once and counted for
 * its rows and its columns. |a − b|² = |a|² + |b|² − 2ab loses digits where a and b are close, so a row that
 * meets such a pair is done again pair by pair; so is one whose squares float32 cannot hold.
 */
export async function blockSums(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  codes: Int32Array,
  { threads, ...options }: SumOptions & { threads?: number },
): Promise<Float64Array> {
  const { labels, metric } = options, size = Math.min(BLOCK, n), blocks = Math.ceil(n / size);
  const mean = metric === "euclidean" ? columnMeans(x, [n, d]) : new Float64Array(d);
  const parts = Array.from(
    { length: blocks },
    (_, b) => blockOf(x, codes, { from: b * size, size, n, d, labels, mean, metric }),
  );
  const sums = new Float64Array(n * labels), close = new Uint8Array(n);
  const compile = (diagonal: boolean) => compileBlock({ size, d, labels, metric, threads, diagonal });
  await using onDiagonal = closing(await compile(true));
  await using offDiagonal = blocks > 1 ? closing(await compile(false)) : undefined;
  for (let i = 0; i < blocks; i++) {
    for (let j = i; j < blocks; j++) {
      const { run } = i === j ? onDiagonal : offDiagonal!;
      const out = await run({ a: parts[i].arrays, b: parts[j].arrays }) as Record<string, TensorData>;
      add(out.rows.data, out.rowLeast.data, i);
      if (i !== j) add(out.columns.data, out.columnLeast.data, j);
    }
  }
  let points: Float64Array | undefined;
  for (let i = 0; i < n; i++) {
    const own = sums.subarray(i * labels, (i + 1) * labels);
    if (!close[i] && own.every(Number.isFinite)) continue;
    points ??= prepared(x, [n, d], metric);
    own.set(rowSums(points, i, d, codes, options));
  }
  return sums;

  /** Adds sums [size, labels] to those of a block's points, and notes which of them are too close to another. */
  function add(block: ArrayLike<number>, least: ArrayLike<number>, b: number): void {
    const from = b * size, there = Math.min(size, n - from), { near } = parts[b];
    for (let r = 0; r < there * labels; r++) sums[from * labels + r] += block[r];
    for (let r = 0; r < there; r++) if (least[r] < near[r]) close[from + r] = 1;
  }
}

const closing = (run: Compiled) => ({ run, [Symbol.asyncDispose]: () => run.close() });

/** A block's points as the program takes them, and the least distance (squared, but for cosines) that is trusted of each. */
interface Part {
  arrays: Record<string, TensorData>;
  near: Float64Array;
}

/** `size` points; those past the end belong to no label. */
function blockOf(
  x: ArrayLike<number>,
  codes: Int32Array,
  { from, size, n, d, labels, mean, metric }: {
    from: number;
    size: number;
    n: number;
    d: number;
    labels: number;
    mean: Float64Array;
    metric: SumOptions["metric"];
  },
): Part {
  const data = new Float32Array(size * d), squares = new Float32Array(size), near = new Float64Array(size);
  const member = new Float32Array(size * labels), there = Math.min(size, n - from);
  for (let r = 0; r < there; r++) {
    const at = (from + r) * d;
    let square = 0;
    for (let j = 0; j < d; j++) square += (x[at + j] - mean[j]) ** 2;
    const length = metric === "cosine" && square > 0 ? Math.sqrt(square) : 1;
    for (let j = 0; j < d; j++) data[r * d + j] = (x[at + j] - mean[j]) / length;
    squares[r] = square;
    near[r] = metric === "cosine" ? CLOSE : NEAR * CLOSE * square;
    member[r * labels + codes[from + r]] = 1;
  }
  const arrays = {
    x: f32([size, d], data),
    squares: f32([size, 1], squares),
    member: f32([size, labels], member),
    index: f32([size, 1], Float32Array.from({ length: size }, (_, r) => r)),
  };
  return { arrays, near };
}

/**
 * `rows` [size, labels]: sums over the columns of the block by label, `columns` over the rows; `rowLeast`, `columnLeast` [size]: the least
 * distance of each (squared, but for cosines). One product gives all of |a|² + |b|² − 2ab, or 1 − ab.
 */
function blockProgram({ metric, size, diagonal }: Pick<Shape, "metric" | "size" | "diagonal">): Program {
  return ({ a, b }) => {
    const ones = tf.ones([size, 1]);
    const [left, right] = metric === "cosine"
      ? [[a.x, ones], [tf.neg(b.x), ones]]
      : [[a.x, a.squares, ones], [tf.mul(b.x, -2), ones, b.squares]];
    const gaps = tf.matMul(
      tf.concat(left, 1) as tf.Tensor2D,
      tf.concat(right, 1) as tf.Tensor2D,
      false,
      true,
    );
    const apart = tf.relu(gaps), lengths = metric === "cosine" ? apart : tf.sqrt(apart);
    const own = diagonal ? tf.cast(tf.equal(a.index, tf.transpose(b.index)), "float32") : undefined;
    const distance = (own ? tf.mul(lengths, tf.sub(1, own)) : lengths) as tf.Tensor2D;
    const others = own ? tf.add(gaps, tf.mul(own, FAR)) : gaps;
    return {
      rows: tf.matMul(distance, b.member as tf.Tensor2D),
      columns: tf.matMul(distance, a.member as tf.Tensor2D, true, false),
      rowLeast: tf.min(others, 1),
      columnLeast: tf.min(others, 0),
    };
  };
}

interface Shape {
  size: number;
  d: number;
  labels: number;
  metric: SumOptions["metric"];
  threads?: number;
  /** Whether rows and columns are the same points. */
  diagonal: boolean;
}

async function compileBlock({ threads, ...shape }: Shape): Promise<Compiled> {
  const { size, d, labels } = shape, float = (...of: number[]) => ({ shape: of, dtype: "float32" as const });
  const part = {
    x: float(size, d),
    squares: float(size, 1),
    member: float(size, labels),
    index: float(size, 1),
  };
  return await jit(blockProgram(shape), { a: part, b: part }, { threads });
}
