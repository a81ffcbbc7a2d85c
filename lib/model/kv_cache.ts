// The key/value cache of generation: JavaScript owns it, compiled steps read it and put out the new entries only. Here
// the arrays; the step that reads them: decode.ts; who uses them when: text_rows.ts.
import { f32, type Params, type Spec, type TensorData } from "../jit/mod.ts";
import type { LlamaConfig } from "./config.ts";

/** Keys and values of `rows` texts, up to `capacity` positions each. */
export interface KvCache {
  rows: number;
  capacity: number;
  kvHeads: number;
  headSize: number;
  /** Keys and values by layer: k0, v0, k1, v1 …, each [rows, kvHeads, capacity, headSize]; zero where not written. */
  arrays: Float32Array<ArrayBuffer>[];
}

/** An empty cache. */
export function createCache(
  { layers, kvHeads, headSize }: LlamaConfig,
  rows: number,
  capacity: number,
): KvCache {
  const size = rows * kvHeads * capacity * headSize;
  const arrays = Array.from({ length: 2 * layers }, () => new Float32Array(size));
  return { rows, capacity, kvHeads, headSize, arrays };
}

/** The same entries with room for `capacity` positions. */
export function grow(cache: KvCache, capacity: number): KvCache {
  const { rows, kvHeads, headSize } = cache;
  const arrays = cache.arrays.map((old) => {
    const array = new Float32Array(rows * kvHeads * capacity * headSize);
    const size = cache.capacity * headSize;
    for (let i = 0; i < rows * kvHeads; i++) {
      array.set(old.subarray(i * size, (i + 1) * size), i * capacity * headSize);
    }
    return array;
  });
  return { ...cache, capacity, arrays };
}

/** The arrays of `count` rows from row `from` on as a program's inputs (default: all of them); not copied. */
export function cacheInputs(cache: KvCache, from = 0, count: number = cache.rows): Params {
  const { kvHeads, capacity, headSize } = cache, size = kvHeads * capacity * headSize;
  const shape = [count, kvHeads, capacity, headSize];
  return Object.fromEntries(
    cache.arrays.map((
      array,
      i,
    ) => [nameOf(i), f32(shape, array.subarray(from * size, (from + count) * size))]),
  );
}

/** The shapes of those inputs. */
export function cacheSpecs(
  { layers, kvHeads, headSize }: LlamaConfig,
  rows: number,
  capacity: number,
): Record<string, Spec> {
  const spec: Spec = { shape: [rows, kvHeads, capacity, headSize], dtype: "float32" };
  return Object.fromEntries(Array.from({ length: 2 * layers }, (_, i) => [nameOf(i), spec]));
}

/** Array i of the cache by name: k0, v0, k1 … */
const nameOf = (i: number) => `${i % 2 ? "v" : "k"}${i >> 1}`;

/** The bytes of one position's keys and values. */
export function bytesPerToken({ layers, kvHeads, headSize }: LlamaConfig): number {
  return 4 * 2 * layers * kvHeads * headSize;
}

/**
 * Writes row `from` of a step's new entries, [2·layers, rows, kvHeads, C, headSize], the first `count` of its C
 * positions, to row `to` from position `at` on.
 */
export function store(
  cache: KvCache,
  made: TensorData,
  { from, to, at, count }: { from: number; to: number; at: number; count: number },
): void {
  const { kvHeads, capacity, headSize, arrays } = cache;
  const [, rows, , C] = made.shape, data = made.data as Float32Array;
  for (const [i, array] of arrays.entries()) {
    for (let head = 0; head < kvHeads; head++) {
      const source = ((i * rows + from) * kvHeads + head) * C * headSize;
      const target = ((to * kvHeads + head) * capacity + at) * headSize;
      array.set(data.subarray(source, source + count * headSize), target);
    }
  }
}
