// One question with its choices as a tree of tokens: what all choices begin with stands once, each choice's rest is a branch.
// A node sees what is above it only, so every choice is read as if it stood alone after its context.

import { commonLength } from "./common_length.ts";

/** A question: the choices' token sequences, each a context and its continuation together. */
export interface ChoiceRequest {
  /** One a choice, its length at least `targets` + 1. */
  sequences: ArrayLike<number>[];
  /** How many tokens at each sequence's end are scored, at least 1. */
  targets: number[];
  /** Requests of one group begin alike, which is then computed once (a subject's shots). */
  group?: string;
}

/** The tree of one question, without a beginning of `prefix` tokens that is computed apart. N nodes, R rows, Q targets. */
export interface ChoiceTree {
  /** [N] tokens, trunk first, then branch by branch; a sequence's last token predicts nothing and is no node. */
  ids: Int32Array;
  /** [N] positions in the sequence, the prefix counted. */
  positions: Int32Array;
  /** [N] 0 in the trunk, else the choice's number from 1. */
  branches: Int32Array;
  /** [R] the nodes that predict targets, each once. */
  rows: number[];
  /** [Q] of each target: which of `rows` predicts it, its token, its choice. */
  of: number[];
  tokens: number[];
  choices: number[];
}

/** The number of tokens that all sequences of `requests` begin with, short of any context's last token. */
export function sharedPrefix(requests: ChoiceRequest[]): number {
  const all = requests.flatMap(({ sequences }) => sequences);
  const context = requests.flatMap(({ sequences, targets }) =>
    sequences.map((s, i) => s.length - targets[i])
  );
  if (all.length === 0) return 0;
  const most = context.reduce((least, n) => Math.min(least, n), Infinity) - 1;
  return Math.max(0, commonLength(all, 0, most));
}

/** The tree of a request whose first `prefix` tokens are computed apart: at most sharedPrefix() of it. */
export function treeOf({ sequences, targets }: ChoiceRequest, prefix = 0): ChoiceTree {
  const shortest = sequences.reduce((least, s) => Math.min(least, s.length), Infinity);
  const fork = commonLength(sequences, prefix, shortest - 1);
  const ids: number[] = [], positions: number[] = [], branches: number[] = [];
  const grow = (list: ArrayLike<number>, from: number, to: number, branch: number) => {
    for (let i = from; i < to; i++) {
      ids.push(list[i]);
      positions.push(i);
      branches.push(branch);
    }
  };
  grow(sequences[0], prefix, fork, 0);
  const tree: Pick<ChoiceTree, "rows" | "of" | "tokens" | "choices"> = {
    rows: [],
    of: [],
    tokens: [],
    choices: [],
  };
  const rowOf = new Map<number, number>(); // node → its place in rows
  for (const [choice, list] of sequences.entries()) {
    const base = ids.length - fork; // node of position i in this branch: base + i
    grow(list, fork, list.length - 1, choice + 1);
    for (let i = list.length - targets[choice]; i < list.length; i++) {
      const node = i - 1 < fork ? i - 1 - prefix : base + i - 1;
      if (!rowOf.has(node)) rowOf.set(node, tree.rows.push(node) - 1);
      tree.of.push(rowOf.get(node)!);
      tree.tokens.push(list[i]);
      tree.choices.push(choice);
    }
  }
  return {
    ids: Int32Array.from(ids),
    positions: Int32Array.from(positions),
    branches: Int32Array.from(branches),
    ...tree,
  };
}
