// Products of vectors with centred data, without a centred copy: in float64 here for few numbers, in float32 through the jit for many.
import * as tf from "@tensorflow/tfjs";
import { f32, jit, type Program, type TensorData } from "../jit/mod.ts";

/** From so many numbers on products go through the jit. */
export const MANY = 2e6;

/** A product with XᵀX, X centred: [b, d] → [b, d], row-major. */
export type Product = (block: Float64Array, b: number) => Promise<Float64Array>;

/** Products with data; to be disposed of. */
export interface Products extends AsyncDisposable {
  product: Product;
  /** The coordinates of the rows along a block's first `count` vectors, [n, count]. */
  along(block: Float64Array, count: number): Promise<Float64Array>;
  /** Whether they are made in float64. */
  exact: boolean;
}

/** In float64, row by row. */
export function loopProducts(x: ArrayLike<number>, [n, d]: [number, number], mean: Float64Array): Products {
  const row = new Float64Array(d);
  const product: Product = (block, b) => {
    const out = new Float64Array(b * d);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < d; j++) row[j] = x[i * d + j] - mean[j];
      for (let c = 0; c < b; c++) {
        let sum = 0;
        for (let j = 0; j < d; j++) sum += row[j] * block[c * d + j];
        for (let j = 0; j < d; j++) out[c * d + j] += sum * row[j];
      }
    }
    return Promise.resolve(out);
  };
  const along = (block: Float64Array, count: number) => {
    const scores = new Float64Array(n * count);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < count; c++) {
        let sum = 0;
        for (let j = 0; j < d; j++) sum += (x[i * d + j] - mean[j]) * block[c * d + j];
        scores[i * count + c] = sum;
      }
    }
    return Promise.resolve(scores);
  };
  return { product, along, exact: true, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** `along` = (X − 1·mean) Vᵀ and `out` = alongᵀ (X − 1·mean): the mean's part is taken off the small products. */
const productProgram: Program = ({ data: { x, mean }, block: { v } }) => {
  const along = tf.sub(
    tf.matMul(x as tf.Tensor2D, v as tf.Tensor2D, false, true),
    tf.matMul(mean as tf.Tensor2D, v as tf.Tensor2D, false, true),
  ) as tf.Tensor2D; // [n, b]
  const back = tf.matMul(along, x as tf.Tensor2D, true, false), sums = tf.sum(along, 0); // [b, d], [b]
  return { along, out: tf.sub(back, tf.mul(tf.reshape(sums, [-1, 1]), mean)) };
};

/** In float32, for blocks of `b` vectors. */
export async function jitProducts(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  { mean, b, threads }: { mean: Float64Array; b: number; threads?: number },
): Promise<Products> {
  const data = { x: f32([n, d], single(x)), mean: f32([1, d], Float32Array.from(mean)) };
  const float = "float32" as const;
  const specs = {
    data: { x: { shape: [n, d], dtype: float }, mean: { shape: [1, d], dtype: float } },
    block: { v: { shape: [b, d], dtype: float } },
  };
  const compiled = await jit(productProgram, specs, { threads });
  const run = async (block: Float64Array) =>
    await compiled({ data, block: { v: f32([b, d], Float32Array.from(block)) } }) as Record<
      string,
      TensorData
    >;
  return {
    product: async (block) => Float64Array.from((await run(block)).out.data),
    along: async (block, count) => {
      const padded = new Float64Array(b * d);
      padded.set(block.subarray(0, count * d));
      const { data: all } = (await run(padded)).along;
      return Float64Array.from({ length: n * count }, (_, i) => all[Math.floor(i / count) * b + i % count]);
    },
    exact: false,
    [Symbol.asyncDispose]: () => compiled.close(),
  };
}

const single = (x: Float32Array | Float64Array) => x instanceof Float32Array ? x : Float32Array.from(x);

/** The columns' means, and each row's squared distance from them. */
const momentsProgram: Program = ({ data: { x } }) => {
  const mean = tf.mean(x, 0, true);
  return { mean, squares: tf.sum(tf.square(tf.sub(x, mean)), 1) };
};

/** The columns' means and the sum of all squared differences from them, of many numbers: float32 by row, then float64. */
export async function jitMoments(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  threads?: number,
): Promise<{ mean: Float64Array; total: number }> {
  const spec = { data: { x: { shape: [n, d], dtype: "float32" as const } } };
  const compiled = await jit(momentsProgram, spec, { threads });
  try {
    const out = await compiled({ data: { x: f32([n, d], single(x)) } }) as Record<string, TensorData>;
    let total = 0;
    for (let i = 0; i < n; i++) total += out.squares.data[i];
    return { mean: Float64Array.from(out.mean.data), total };
  } finally {
    await compiled.close();
  }
}
