// De-duplication of dialogues: the same words, or nearly the same by the Jaccard similarity of their shingles. Candidates come
// from MinHash, each is then compared exactly, so nothing is left out by an estimate.
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import { LshIndex, minHasher, planBands } from "./minhash.ts";
import { jaccard, type ShingleOptions, shinglesOf, wordsOf } from "./words.ts";

/** How alike is too alike. */
export interface DedupeOptions extends ShingleOptions {
  /** Least Jaccard similarity of a duplicate, above 0 to 1; default 0.8. 1: the same words only. */
  threshold?: number;
  /** What is compared; default the whole dialogue. */
  part?: "dialogue" | "request" | "answer";
  /** Places of a signature; default 128. */
  permutations?: number;
  seed?: number;
}

/** A dialogue that was left out. */
export interface Duplicate {
  id: string;
  /** The earlier dialogue that it repeats. */
  of: string;
  /** "exact": the same words in the same order. */
  kind: "exact" | "near";
  /** Jaccard similarity of the shingles. */
  similarity: number;
}

/**
 * The dialogues without those that repeat an earlier kept one. A pair at the threshold is found with a chance of 99%, pairs
 * above it with more (planBands()); a dialogue without any word is a duplicate only of another one.
 */
export function dedupe(
  examples: readonly Example[],
  options: DedupeOptions = {},
): { kept: Example[]; duplicates: Duplicate[] } {
  const { threshold = 0.8, part = "dialogue", permutations = 128, seed = 0 } = options;
  if (!(threshold > 0 && threshold <= 1)) {
    throw new InputError(`Cannot compare at a similarity of ${threshold}: give a number above 0, up to 1`);
  }
  const index = new LshIndex(planBands(permutations, { threshold }));
  const signatureOf = minHasher(permutations, seed), exact = new Map<string, number>();
  const kept: Example[] = [], sets: Uint32Array[] = [], duplicates: Duplicate[] = [];
  for (const example of examples) {
    const text = partOf(example, part), words = wordsOf(text).join(" "), same = exact.get(words);
    if (same !== undefined) {
      duplicates.push({ id: example.id, of: kept[same].id, kind: "exact", similarity: 1 });
      continue;
    }
    const set = shinglesOf(text, options), signature = threshold < 1 ? signatureOf(set) : undefined;
    const near = signature && nearest(set, { signature, index, sets, threshold });
    if (near) {
      duplicates.push({ id: example.id, of: kept[near.at].id, kind: "near", similarity: near.similarity });
      continue;
    }
    if (signature) index.add(signature, kept.length);
    exact.set(words, kept.length);
    sets.push(set);
    kept.push(example);
  }
  return { kept, duplicates };
}

/** What of a dialogue is compared. */
function partOf({ turns }: Example, part: NonNullable<DedupeOptions["part"]>): string {
  const role = { dialogue: undefined, request: "user", answer: "assistant" }[part];
  return turns.filter((turn) => !role || turn.role === role).map(({ content }) => content).join("\n");
}

interface Known {
  signature: Uint32Array;
  index: LshIndex;
  sets: Uint32Array[];
  threshold: number;
}

/** The most similar kept set at or above the threshold, the earliest of several. */
function nearest(
  set: Uint32Array,
  { signature, index, sets, threshold }: Known,
): { at: number; similarity: number } | undefined {
  let best: { at: number; similarity: number } | undefined;
  for (const at of index.candidates(signature)) {
    const similarity = jaccard(set, sets[at]);
    if (similarity >= threshold && !(best && best.similarity >= similarity)) best = { at, similarity };
  }
  return best;
}
