// Token sequences laid out in rows of fixed length, several to a row, for graphs of static shape. Which row a sequence
// lands in changes none of its results: positions restart and attention stays inside its segment.
import { f32, i32, type Params, type TensorData } from "../jit/mod.ts";

/** One tokenised example. */
export interface Sequence {
  id: string;
  /** Token ids, at most the context length. */
  ids: Int32Array;
  /** supervised[i] = 1: ids[i] is a target, predicted from position i − 1. The first is always 0. */
  supervised: Uint8Array;
}

/** The static shape of a batch: B rows of T tokens, at most R targets. */
export interface Layout {
  B: number;
  T: number;
  R: number;
}

/** Where a sequence begins: its index, its row and the offset in the row. */
interface Place {
  index: number;
  row: number;
  offset: number;
}

/** The number of a sequence's targets. */
export function targetCount(sequence: Sequence): number {
  return sequence.supervised.reduce((a, b) => a + b, 0);
}

/** First-fit packing, in the given order: rows of indices into `lengths`. Throws RangeError where one exceeds `T`. */
export function packRows(lengths: number[], T: number): number[][] {
  const rows: number[][] = [], left: number[] = [];
  lengths.forEach((n, i) => {
    if (n > T) throw new RangeError(`Cannot pack ${n} tokens into a row of ${T}: truncate them first`);
    const at = left.findIndex((free) => free >= n);
    if (at < 0) {
      rows.push([i]);
      left.push(T - n);
    } else {
      rows[at].push(i);
      left[at] -= n;
    }
  });
  return rows;
}

/** `size` rounded up to a multiple of `unit`. */
export const roundUp = (size: number, unit: number): number => Math.ceil(size / unit) * unit;

/** Row lengths that are tried, in lengths of the longest sequence: longer rows fill better but attend further. */
const ROW_LENGTHS = [1, 1.5, 2, 3, 4];

/**
 * The cheapest layout that serves all `groups` (each packed on its own and cut into batches of B rows): at most as many
 * tokens as `maxRows` rows of the longest sequence. R is the largest number of targets in any batch, rounded up.
 */
export function planLayout(groups: Sequence[][], maxRows: number): Layout {
  let longest = 1;
  for (const group of groups) for (const s of group) longest = Math.max(longest, s.ids.length);
  const lengths = groups.map((group) => group.map((s) => s.ids.length));
  const targets = groups.map((group) => group.map(targetCount));
  let best: { layout: Layout; cost: number } | undefined;
  for (const T of ROW_LENGTHS.map((k) => roundUp(k * longest, 16))) {
    const packed = lengths.map((list) => packRows(list, T));
    const most = packed.reduce((n, rows) => Math.max(n, rows.length), 1);
    for (let B = 1; B <= Math.min(most, Math.max(1, Math.floor(maxRows * longest / T))); B++) {
      const parts = packed.map((rows) => chunks(rows, B).map((part) => part.flat()));
      let batches = 0, R = 1;
      parts.forEach((group, g) => {
        batches += group.length;
        for (const part of group) R = Math.max(R, part.reduce((sum, i) => sum + targets[g][i], 0));
      });
      const layout = { B, T, R: roundUp(R, 32) }, cost = batches * batchCost(layout);
      if (!best || cost < best.cost) best = { layout, cost };
    }
    if (T > maxRows * longest) break;
  }
  return best!.layout;
}

/**
 * What a batch costs, in tokens: the layers over all tokens, with attention growing with the row; the projection to the
 * vocabulary, about a quarter of the layers, over the targets; and reading the weights once. Measured on the 135M model.
 */
function batchCost({ B, T, R }: Layout): number {
  return B * T * (1 + T / 2000) + 0.25 * R + 64;
}

/** A batch's arrays and who is who in them. */
export interface Batch {
  /** ids, positions, segments [B, T]; rows, targets [R] int32: where each target's hidden state lies, and the target. */
  arrays: Params;
  /** The sequence of each target, R values, −1 in padding; an index into what was packed. */
  owner: Int32Array;
  /** The sequences of the batch, with their place. */
  places: Place[];
  /** Tokens that are not padding. */
  tokens: number;
}

/** Packs `sequences` into batches of one layout. */
export function toBatches(sequences: Sequence[], layout: Layout): Batch[] {
  const rows = packRows(sequences.map((s) => s.ids.length), layout.T);
  return chunks(rows, layout.B).map((part) => fillBatch(sequences, part, layout));
}

function fillBatch(sequences: Sequence[], rows: number[][], { B, T, R }: Layout): Batch {
  const ids = i32([B, T]), positions = i32([B, T]), segments = i32([B, T]);
  // Padding reads the last position, which no target reads: its gradient, zero, is added to no other.
  const at = i32([R], new Int32Array(R).fill(B * T - 1)),
    targets = i32([R]),
    owner = new Int32Array(R).fill(-1);
  const places: Place[] = [];
  let r = 0, tokens = 0;
  rows.forEach((row, b) => {
    let offset = 0;
    row.forEach((index, k) => {
      const { ids: own, supervised } = sequences[index], start = b * T + offset;
      places.push({ index, row: b, offset });
      for (let i = 0; i < own.length; i++) {
        ids.data[start + i] = own[i];
        positions.data[start + i] = i;
        segments.data[start + i] = k + 1;
        if (!supervised[i]) continue;
        at.data[r] = start + i - 1;
        targets.data[r] = own[i];
        owner[r++] = index;
      }
      offset += own.length;
      tokens += own.length;
    });
  });
  return { arrays: { ids, positions, segments, rows: at, targets }, owner, places, tokens };
}

/** One value a target, from one value a sequence; 0 in padding. */
export function perTarget(batch: Batch, values: ArrayLike<number>): TensorData {
  return f32([batch.owner.length], Float32Array.from(batch.owner, (i) => i < 0 ? 0 : values[i]));
}

/** Cuts a list into parts of `size`, the last one shorter. */
export function chunks<T>(list: T[], size: number): T[][] {
  return Array.from(
    { length: Math.ceil(list.length / size) },
    (_, i) => list.slice(i * size, (i + 1) * size),
  );
}
