// Trees of choices (choice_tree.ts) laid out in rows of fixed length: the arrays of a batch, and whose each target is.
import { i32, type Params } from "../jit/mod.ts";
import type { ChoiceTree } from "./choice_tree.ts";
import { chunks, type Layout, packRows } from "./layout.ts";

/** A batch of trees. */
export interface ChoiceBatch {
  /** The trees in it, by row and offset. */
  places: { tree: number; row: number; offset: number }[];
  /** Rows and targets that it needs: R and Q at least. */
  rows: number;
  targets: number;
}

/** The shape of a batch: `layout`'s B rows of T tokens, R rows that predict, Q targets, a prefix of P tokens or none. */
export interface ChoiceShape extends Layout {
  Q: number;
  P: number;
}

/** Packs `trees` into batches of at most B rows of T tokens and R predicting nodes. */
export function toChoiceBatches(trees: ChoiceTree[], { B, T }: Layout): ChoiceBatch[] {
  const rows = packRows(trees.map(({ ids }) => ids.length), T);
  return chunks(rows, B).map((part) => {
    const batch: ChoiceBatch = { places: [], rows: 0, targets: 0 };
    part.forEach((row, r) => {
      let offset = 0;
      for (const tree of row) {
        batch.places.push({ tree, row: r, offset });
        offset += trees[tree].ids.length;
        batch.rows += trees[tree].rows.length;
        batch.targets += trees[tree].of.length;
      }
    });
    return batch;
  });
}

/** A batch's arrays and whose they are. */
export interface FilledBatch {
  /**
   * `ids`, `positions`, `segments` (0 in padding), `branches` [B, T]; `rows` [R]: where a predicting node lies in [0, B·T);
   * `of`, `targets` [Q]: its number in `rows`, the token asked for; `past` [1]: the prefix's length. All int32.
   */
  arrays: Params;
  /** For each of Q targets its tree and its choice; fewer than Q: the rest is padding. */
  owners: { tree: number; choice: number }[];
}

/** The arrays of one batch. */
export function fillChoiceBatch(
  trees: ChoiceTree[],
  batch: ChoiceBatch,
  { B, T, R, Q }: ChoiceShape,
  past = 0,
): FilledBatch {
  const ids = i32([B, T]), positions = i32([B, T]), segments = i32([B, T]), branches = i32([B, T]);
  const rows = i32([R], new Int32Array(R).fill(B * T - 1)), of = i32([Q]), targets = i32([Q]);
  const owners: FilledBatch["owners"] = [];
  let r = 0;
  for (const [segment, { tree: index, row, offset }] of batch.places.entries()) {
    const tree = trees[index], start = row * T + offset;
    ids.data.set(tree.ids, start);
    positions.data.set(tree.positions, start);
    branches.data.set(tree.branches, start);
    segments.data.fill(segment + 1, start, start + tree.ids.length);
    tree.rows.forEach((node, i) => rows.data[r + i] = start + node);
    tree.of.forEach((row, i) => {
      of.data[owners.length] = r + row;
      targets.data[owners.length] = tree.tokens[i];
      owners.push({ tree: index, choice: tree.choices[i] });
    });
    r += tree.rows.length;
  }
  return {
    arrays: { ids, positions, segments, branches, rows, of, targets, past: i32([1], [past]) },
    owners,
  };
}
