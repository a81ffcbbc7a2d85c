// The directions of largest variance of many numbers, by a block Krylov method: only products with the data are needed, which
// run in float64 here where they are few, and in float32 through the jit where they are many.
import * as tf from "@tensorflow/tfjs";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { f32, jit, type Program, type TensorData } from "../jit/mod.ts";
import { stream } from "../run/seed.ts";

/** Vectors of a block beside those that are wanted, and blocks before the basis is made small again. */
const EXTRA = 6, BLOCKS = 12;
/** Residual of an eigenvector, as a share of the largest eigenvalue, at which it is good enough; float32 reaches no less than the second. */
const EXACT = 1e-12, SINGLE = 2e-7;
const RESTARTS = 20;
/** From so many numbers on products go through the jit. */
const MANY = 2e6;

/** A product with XᵀX, X centred: [b, d] → [b, d], row-major. */
type Product = (block: Float64Array, b: number) => Promise<Float64Array>;

/**
 * The `count` leading eigenvectors of the covariance of `x` [n, d], one a row. Golub and Van Loan, "Matrix Computations", 10.3: a
 * Krylov basis of blocks, kept orthogonal, with Rayleigh and Ritz's best vectors out of it, begun anew from these until their
 * residuals are small.
 */
export async function leadingDirections(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  { mean, count, threads }: { mean: Float64Array; count: number; threads?: number },
): Promise<Float64Array> {
  const many = n * d > MANY, b = Math.min(count + EXTRA, d, n);
  await using products = many
    ? await jitProduct(x, [n, d], { mean, b, threads })
    : loopProduct(x, [n, d], mean);
  const random = stream(0, "krylov");
  let start: Float64Array = Float64Array.from({ length: b * d }, (_, i) => random.normal(i));
  let best = Infinity, found: Float64Array = start;
  for (let restart = 0; restart < RESTARTS; restart++) {
    const { vectors, residual } = await krylov(products.product, start, {
      b,
      d,
      count,
      limit: many ? SINGLE : EXACT,
    });
    if (residual < best) found = vectors;
    const stuck = residual > best / 2;
    best = Math.min(best, residual);
    if (best <= (many ? SINGLE : EXACT) || (restart > 1 && stuck)) break;
    start = vectors;
  }
  return found.slice(0, count * d);
}

/** One basis from `start` [b, d]: its best b vectors, and the largest residual of the first `count`, relative to the largest value. */
async function krylov(
  product: Product,
  start: Float64Array,
  { b, d, count, limit }: { b: number; d: number; count: number; limit: number },
): Promise<{ vectors: Float64Array; residual: number }> {
  const basis: Float64Array[] = [], images: Float64Array[] = []; // single vectors and what the product makes of them
  let block = start, result = { vectors: start, residual: Infinity };
  for (let step = 0; step < BLOCKS; step++) {
    const fresh = orthogonal(block, basis, d);
    if (fresh.length === 0) break;
    const padded = new Float64Array(b * d);
    fresh.forEach((vector, i) => padded.set(vector, i * d));
    const image = await product(padded, b);
    fresh.forEach((vector, i) => {
      basis.push(vector);
      images.push(image.slice(i * d, (i + 1) * d));
    });
    result = ritz(basis, images, { b, d, count });
    if (result.residual <= limit) break;
    block = image;
  }
  return result;
}

/** The rows of `block` made orthogonal to `basis` and to each other, unit length; those that are left with nothing are dropped. */
function orthogonal(block: Float64Array, basis: Float64Array[], d: number): Float64Array[] {
  const fresh: Float64Array[] = [];
  for (let begin = 0; begin < block.length; begin += d) {
    const vector = block.slice(begin, begin + d), size = Math.sqrt(dot(vector, vector));
    if (!(size > 0)) continue;
    for (let twice = 0; twice < 2; twice++) {
      for (const other of [...basis, ...fresh]) {
        const share = dot(vector, other);
        for (let j = 0; j < d; j++) vector[j] -= share * other[j];
      }
    }
    const left = Math.sqrt(dot(vector, vector));
    if (left <= 1e-10 * size) continue;
    fresh.push(vector.map((value) => value / left));
  }
  return fresh;
}

/** Rayleigh–Ritz: the best `b` vectors within the basis. */
function ritz(
  basis: Float64Array[],
  images: Float64Array[],
  { b, d, count }: { b: number; d: number; count: number },
): { vectors: Float64Array; residual: number } {
  const m = basis.length, small = Matrix.zeros(m, m);
  for (let i = 0; i < m; i++) {
    for (let j = i; j < m; j++) {
      const value = (dot(basis[i], images[j]) + dot(basis[j], images[i])) / 2;
      small.set(i, j, value);
      small.set(j, i, value);
    }
  }
  const { realEigenvalues: values, eigenvectorMatrix } = new EigenvalueDecomposition(small, {
    assumeSymmetric: true,
  });
  const order = values.map((_, i) => i).sort((i, j) => values[j] - values[i]).slice(0, b);
  const vectors = new Float64Array(b * d);
  let residual = 0;
  order.forEach((column, r) => {
    const vector = vectors.subarray(r * d, (r + 1) * d), image = new Float64Array(d);
    for (let i = 0; i < m; i++) {
      const share = eigenvectorMatrix.get(i, column), from = basis[i], to = images[i];
      for (let j = 0; j < d; j++) {
        vector[j] += share * from[j];
        image[j] += share * to[j];
      }
    }
    if (r >= count) return;
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (image[j] - values[column] * vector[j]) ** 2;
    residual = Math.max(residual, Math.sqrt(sum) / values[order[0]]);
  });
  return { vectors, residual };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

interface Products extends AsyncDisposable {
  product: Product;
}

function loopProduct(x: ArrayLike<number>, [n, d]: [number, number], mean: Float64Array): Products {
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
  return { product, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** ((X − 1·mean) Vᵀ)ᵀ (X − 1·mean) without a centred copy of X: the mean's part is taken off the small products. */
const productProgram: Program = ({ data: { x, mean }, block: { v } }) => {
  const along = tf.sub(
    tf.matMul(x as tf.Tensor2D, v as tf.Tensor2D, false, true),
    tf.matMul(mean as tf.Tensor2D, v as tf.Tensor2D, false, true),
  ) as tf.Tensor2D; // [n, b]
  const back = tf.matMul(along, x as tf.Tensor2D, true, false), sums = tf.sum(along, 0); // [b, d], [b]
  return { out: tf.sub(back, tf.mul(tf.reshape(sums, [-1, 1]), mean)) };
};

async function jitProduct(
  x: Float32Array | Float64Array,
  [n, d]: [number, number],
  { mean, b, threads }: { mean: Float64Array; b: number; threads?: number },
): Promise<Products> {
  const data = {
    x: f32([n, d], x instanceof Float32Array ? x : Float32Array.from(x)),
    mean: f32([1, d], Float32Array.from(mean)),
  };
  const float = "float32" as const;
  const specs = {
    data: { x: { shape: [n, d], dtype: float }, mean: { shape: [1, d], dtype: float } },
    block: { v: { shape: [b, d], dtype: float } },
  };
  const run = await jit(productProgram, specs, { threads });
  const product: Product = async (block) => {
    const { out } = await run({ data, block: { v: f32([b, d], Float32Array.from(block)) } });
    return Float64Array.from((out as TensorData).data as Float32Array);
  };
  return { product, [Symbol.asyncDispose]: () => run.close() };
}
