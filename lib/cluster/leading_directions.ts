// The directions of largest variance, by a block Krylov method: only products with the data are needed (centred_products.ts).
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import type { Product, Products } from "./centred_products.ts";

/** Vectors of a block beside those that are wanted, and blocks before the basis is made small again. */
const EXTRA = 6, BLOCKS = 12;
/**
 * Residual of an eigenvector, as a share of the largest eigenvalue, at which it is good enough: its direction is then off by that over the
 * gap to the next eigenvalue. float32 reaches no less than the second.
 */
const EXACT = 1e-9, SINGLE = 2e-7;
const RESTARTS = 20;

/**
 * The `count` leading eigenvectors of the covariance of the data behind `products` [n, d], one a row. Golub and Van Loan, "Matrix
 * Computations", 10.3: a Krylov basis of blocks, kept orthogonal, with Rayleigh and Ritz's best vectors out of it, begun anew from
 * these until their residuals are small.
 */
export async function leadingDirections(
  products: Products,
  { b, d, count }: { b: number; d: number; count: number },
): Promise<Float64Array> {
  const limit = products.exact ? EXACT : SINGLE;
  let start: Float64Array = anyVectors(b * d);
  let best = Infinity, found: Float64Array = start;
  for (let restart = 0; restart < RESTARTS; restart++) {
    const { vectors, residual } = await krylov(products.product, start, { b, d, count, limit });
    if (residual < best) found = vectors;
    const stuck = residual > best / 2;
    best = Math.min(best, residual);
    if (best <= limit || (restart > 1 && stuck)) break;
    start = vectors;
  }
  return found.slice(0, count * d);
}

/** Vectors of a block where `count` are wanted of data [n, d]. */
export const blockSize = (count: number, [n, d]: [number, number]): number => Math.min(count + EXTRA, d, n);

/** Numbers to start from, always the same: any do that are not orthogonal to what is sought. A stream of seed.ts takes longer than the rest. */
function anyVectors(length: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Knuth's linear congruential generator
    return state / 2 ** 32 - 0.5;
  });
}

/** One basis from `start` [b, d]: its best b vectors, and the largest residual of the first `count`, relative to the largest value. */
async function krylov(
  product: Product,
  start: Float64Array,
  { b, d, count, limit }: { b: number; d: number; count: number; limit: number },
): Promise<{ vectors: Float64Array; residual: number }> {
  const basis: Float64Array[] = [], images: Float64Array[] = []; // single vectors and what the product makes of them
  const small: number[][] = []; // the product within the basis, symmetric
  let block = start, best: Ritz | undefined;
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
    extend(small, basis, images);
    best = ritz(small, basis, images, count);
    if (best.residual <= limit) break;
    block = image;
  }
  if (!best) return { vectors: start, residual: Infinity };
  const vectors = new Float64Array(b * d);
  best.shares.slice(0, b).forEach((shares, r) =>
    combine(shares, basis, vectors.subarray(r * d, (r + 1) * d))
  );
  return { vectors, residual: best.residual };
}

/** Rows of the small matrix for the vectors that are new. */
function extend(small: number[][], basis: Float64Array[], images: Float64Array[]): void {
  for (let i = small.length; i < basis.length; i++) {
    small.push([]);
    for (let j = 0; j <= i; j++) {
      small[i][j] = small[j][i] = (dot(basis[i], images[j]) + dot(basis[j], images[i])) / 2;
    }
  }
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

/** Rayleigh and Ritz's vectors within a basis. */
interface Ritz {
  /** How each is made of the basis, those of the largest values first. */
  shares: Float64Array[];
  /** The largest residual of the first ones, relative to the largest value. */
  residual: number;
}

function ritz(small: number[][], basis: Float64Array[], images: Float64Array[], count: number): Ritz {
  const { realEigenvalues: values, eigenvectorMatrix } = new EigenvalueDecomposition(new Matrix(small), {
    assumeSymmetric: true,
  });
  const order = values.map((_, i) => i).sort((i, j) => values[j] - values[i]);
  const shares = order.map((column) => Float64Array.from(basis, (_, i) => eigenvectorMatrix.get(i, column)));
  const residuals = order.slice(0, count).map((column, r) => {
    const vector = combine(shares[r], basis), image = combine(shares[r], images);
    const apart = image.map((value, j) => value - values[column] * vector[j]);
    return Math.sqrt(dot(apart, apart)) / values[order[0]];
  });
  return { shares, residual: Math.max(...residuals) };
}

/** The sum of vectors by their shares, added to `into`. */
function combine(
  shares: Float64Array,
  vectors: Float64Array[],
  into: Float64Array = new Float64Array(vectors[0].length),
): Float64Array {
  shares.forEach((share, i) => {
    const vector = vectors[i];
    for (let j = 0; j < into.length; j++) into[j] += share * vector[j];
  });
  return into;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}
