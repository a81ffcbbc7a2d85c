// Log-likelihoods of choices: what questions share is computed once (the shots of a group as a prefix, a context as the trunk
// of its choices' tree), rows are packed, and only the nodes that predict a target meet the vocabulary.
import { type Compiled, f32, i32, type JitOptions, type Params, type TensorData } from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import { type ChoiceBatch, type ChoiceShape, fillChoiceBatch, toChoiceBatches } from "./choice_batch.ts";
import { compileChoices, compilePrefix } from "./choice_program.ts";
import { type ChoiceRequest, type ChoiceTree, sharedPrefix, treeOf } from "./choice_tree.ts";
import { cheapestLayout, chunks, cutByLength, type Layout, roundUp } from "./layout.ts";
import { byShape, sameShape } from "./score.ts";

export type { ChoiceRequest } from "./choice_tree.ts";

/** What a model says of one question, one value a choice. */
export interface ChoiceScore {
  /** Σ log p over the scored tokens, in nats. */
  loglikelihoods: number[];
  /** Whether each scored token is the likeliest one (the first of equals). */
  isGreedy: boolean[];
}

/** How to score choices. */
export interface ChoiceOptions extends JitOptions {
  /** Tokens of a batch, about. More take memory and gain little. Default 1024. */
  batchTokens?: number;
  /** Called with each question's score under each model as it is made, in no promised order; awaited. */
  onScore?: (model: string, index: number, score: ChoiceScore) => void | Promise<void>;
  /**
   * Says what need not be scored; its place in the results stays empty. Batches are laid out as if all were to be scored, and
   * only those run that hold something unknown: what a resumed call computes has the bits of an uninterrupted one.
   */
  known?: (model: string, index: number) => boolean;
}

/** Shortest shared beginning that is worth a program of its own. */
const LEAST_PREFIX = 32;
/** Prefixes are padded to multiples of this, so that few programs serve all groups. */
const PREFIX_UNIT = 128;
/** Questions that are packed into rows together. */
const PACKED = 256;

/** Questions that go through one program after one prefix. */
interface Pack {
  prefix: ArrayLike<number>;
  /** Indices into the requests, and their trees. */
  indices: number[];
  trees: ChoiceTree[];
}

/**
 * Scores every request under each adapter (undefined: the base model alone), in the requests' order. The same programs
 * serve all adapters of one rank, scale and projections. Results do not depend on the order of the requests or on what else
 * is asked, but for rounding. Throws RangeError for a request that is longer than the model's context.
 */
export async function scoreChoices(
  base: Base,
  requests: ChoiceRequest[],
  adapters: Record<string, Adapter | undefined>,
  options: ChoiceOptions = {},
): Promise<Record<string, ChoiceScore[]>> {
  requests.forEach((request, i) => check(base, request, i));
  const { batchTokens = 1024, onScore, known = () => false, ...jitOptions } = options;
  const results: Record<string, ChoiceScore[]> = Object.fromEntries(
    Object.keys(adapters).map((name) => [name, new Array(requests.length)]),
  );
  const keep = async (name: string, index: number, score: ChoiceScore) => {
    results[name][index] = score;
    await onScore?.(name, index, score);
  };
  for (const [P, packs] of packsByPrefix(requests)) {
    for (const alike of byShape(adapters)) {
      for (const part of byLength(packs, batchTokens, Object.keys(alike).length)) {
        await scorePacks(base, part, P, alike, { ...jitOptions, batchTokens, keep, known });
      }
    }
  }
  return results;
}

function check(base: Base, { sequences, targets }: ChoiceRequest, i: number): void {
  const longest = sequences.reduce((most, { length }) => Math.max(most, length), 0) - 1;
  if (sequences.length === 0 || sequences.some((s, j) => targets[j] < 1 || s.length <= targets[j])) {
    throw new RangeError(`Cannot score request ${i}: each choice needs a context and a token to score`);
  }
  if (longest > base.config.maxPositions) {
    throw new RangeError(
      `Cannot score request ${i}: it has ${longest} tokens, the model's context ${base.config.maxPositions}; truncate it`,
    );
  }
}

/** The requests in packs of one prefix each, by the length that their prefix is padded to, ascending; 0: none. */
function packsByPrefix(requests: ChoiceRequest[]): [number, Pack[]][] {
  const groups = Map.groupBy(requests.keys(), (i) => requests[i].group ?? "");
  const packs = new Map<number, Pack[]>(), alone: number[] = [];
  const add = (P: number, indices: number[], prefix: ArrayLike<number>) => {
    const trees = indices.map((i) => treeOf(requests[i], prefix.length));
    packs.set(P, [...packs.get(P) ?? [], { prefix, indices, trees }]);
  };
  for (const [group, indices] of groups) {
    const shared = group && indices.length > 1 ? sharedPrefix(indices.map((i) => requests[i])) : 0;
    if (shared < LEAST_PREFIX) { for (const i of indices) alone.push(i); }
    else {
      const { sequences: [first] } = requests[indices[0]];
      add(roundUp(shared, PREFIX_UNIT), indices, Array.from(first).slice(0, shared));
    }
  }
  if (alone.length) add(0, alone, []);
  return [...packs].sort(([a], [b]) => a - b);
}

/** The packs cut into one to three lists by the length of their trees, each to get a layout of its own. */
function byLength(packs: Pack[], batchTokens: number, passes: number): Pack[][] {
  const all = packs.flatMap(({ trees }, p) => trees.map((tree, t) => ({ p, t, tree })));
  const sizes = all.map(({ tree }) => sizeOf(tree));
  const buckets = cutByLength(sizes, rowsFor(sizes.map((s) => s.tokens), batchTokens), { passes });
  const longFirst = (part: number[]) => part.sort((a, b) => sizes[b].tokens - sizes[a].tokens); // fills rows better
  return buckets.map((bucket) =>
    [...Map.groupBy(bucket, (i) => all[i].p)].flatMap(([p, own]) =>
      chunks(own, PACKED).map(longFirst).map((part) => ({
        prefix: packs[p].prefix,
        indices: part.map((i) => packs[p].indices[all[i].t]),
        trees: part.map((i) => all[i].tree),
      }))
    )
  );
}

const sizeOf = (tree: ChoiceTree) => ({ tokens: tree.ids.length, targets: tree.rows.length });

const rowsFor = (lengths: number[], batchTokens: number) =>
  Math.max(1, Math.round(batchTokens / lengths.reduce((a, b) => Math.max(a, b), 1)));

interface PackOptions extends JitOptions {
  batchTokens: number;
  keep: (model: string, index: number, score: ChoiceScore) => Promise<void>;
  known: (model: string, index: number) => boolean;
}

/** Scores packs whose prefixes are padded to P with one program. */
async function scorePacks(
  base: Base,
  packs: Pack[],
  P: number,
  adapters: Record<string, Adapter | undefined>,
  { batchTokens, keep, known, ...jitOptions }: PackOptions,
): Promise<void> {
  const like = sameShape(adapters);
  const sizes = packs.map(({ trees }) => trees.map(sizeOf));
  const { layout } = cheapestLayout(sizes, rowsFor(sizes.flat().map((s) => s.tokens), batchTokens));
  const batches = packs.map(({ trees }) => toChoiceBatches(trees, layout));
  const shape = shapeOf(layout, batches.flat(), P);
  const work = packs.flatMap((pack, p) =>
    Object.keys(adapters).map((name) => ({ pack, name, batches: openOf(batches[p], pack, name, known) }))
  ).filter(({ batches }) => batches.length > 0);
  if (work.length === 0) return;
  const zero: Params = Object.fromEntries(
    Object.entries(like?.params ?? {}).map(([name, t]) => [name, f32(t.shape)]),
  );
  const scorer = await compileChoices(base, shape, { ...jitOptions, adapter: like });
  // Two sessions take turns: the threads of one that is done must not spin while the other works.
  const config = { force_spinning_stop: "1", ...jitOptions.config };
  const reader = P ? await compilePrefix(base, P, { ...jitOptions, config, adapter: like }) : undefined;
  try {
    for (const { pack, name, batches } of work) {
      const params = adapters[name]?.params ?? zero;
      const prefix = reader ? await readPrefix(reader, params, pack.prefix, P) : {};
      await scorePack(scorer, pack, batches, shape, { params, prefix }, async (i, score) => {
        if (!known(name, i)) await keep(name, i, score);
      });
    }
  } finally {
    await scorer.close();
    await reader?.close();
  }
}

/** The batches that hold a question whose score under the model is not known. */
function openOf(batches: ChoiceBatch[], { indices }: Pack, name: string, known: PackOptions["known"]) {
  return batches.filter(({ places }) => places.some(({ tree }) => !known(name, indices[tree])));
}

function shapeOf({ B, T }: Layout, batches: ChoiceBatch[], P: number): ChoiceShape {
  const most = (f: (batch: ChoiceBatch) => number) => batches.reduce((n, batch) => Math.max(n, f(batch)), 1);
  return { B, T, R: roundUp(most((b) => b.rows), 16), Q: roundUp(most((b) => b.targets), 16), P };
}

async function readPrefix(
  reader: Compiled,
  params: Params,
  tokens: ArrayLike<number>,
  P: number,
): Promise<Params> {
  const ids = new Int32Array(P);
  ids.set(Array.from(tokens));
  const read = await reader({ params, batch: { ids: i32([1, P], ids) } });
  return read.prefix as Params;
}

async function scorePack(
  scorer: Compiled,
  { trees, indices, prefix: { length: past } }: Pack,
  batches: ChoiceBatch[],
  shape: ChoiceShape,
  given: { params: Params; prefix: Params },
  keep: (index: number, score: ChoiceScore) => Promise<void>,
): Promise<void> {
  for (const batch of batches) {
    const { arrays, owners } = fillChoiceBatch(trees, batch, shape, past);
    const { ll, predicted } = await scorer({ ...given, batch: arrays }) as Record<string, TensorData>;
    const scores = new Map<number, ChoiceScore>();
    owners.forEach(({ tree, choice }, q) => {
      if (!scores.has(tree)) scores.set(tree, { loglikelihoods: [], isGreedy: [] });
      const { loglikelihoods, isGreedy } = scores.get(tree)!;
      loglikelihoods[choice] = (loglikelihoods[choice] ?? 0) + ll.data[q];
      isGreedy[choice] = (isGreedy[choice] ?? true) &&
        predicted.data[arrays.of.data[q]] === arrays.targets.data[q];
    });
    for (const [tree, score] of scores) await keep(indices[tree], score);
  }
}
