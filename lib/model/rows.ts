// Token sequences laid out in rows of fixed length, several to a row, for graphs of static shape. Which row a sequence
// lands in changes none of its results: positions restart and attention stays inside its segment.
import { f32, i32, type Params, type TensorData } from "../jit/mod.ts";
import { cheapestLayout, chunks, cutByLength, type Layout, packRows, type Sized } from "./layout.ts";

export { chunks, type Layout, packRows, roundUp } from "./layout.ts";

/** One tokenised example. */
export interface Sequence {
  id: string;
  /** Token ids, at most the context length. */
  ids: Int32Array;
  /** supervised[i] = 1: ids[i] is a target, predicted from position i − 1. The first is always 0. */
  supervised: Uint8Array;
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

/** What laying out needs to know of sequences. */
const sizesOf = (sequences: Sequence[]): Sized[] =>
  sequences.map((s) => ({ tokens: s.ids.length, targets: targetCount(s) }));

/** cheapestLayout() of sequences. */
export function planLayout(groups: Sequence[][], maxRows: number): Layout {
  return cheapestLayout(groups.map(sizesOf), maxRows).layout;
}

/** cutByLength() of sequences. */
export function planBuckets(sequences: Sequence[], maxRows: number, { passes = 1 } = {}): number[][] {
  return cutByLength(sizesOf(sequences), maxRows, { passes });
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
