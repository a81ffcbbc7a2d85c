// DEITA's selection (Liu et al. 2023, "What makes good data for alignment?"): by a dialogue's complexity × quality, the best
// first, none that is too similar to one already picked. Pure: scores come from judge_scores.ts or a file, embeddings from
// embeddings.ts or a file.
import type { Scores } from "../data/example.ts";
import { InputError } from "../run/errors.ts";

/** Cosine similarity above which a dialogue is redundant, as in the paper's code (spec: method, item 15). */
export const REDUNDANT = 0.95;

/** A dialogue's score: the sum of its exchanges' complexity times the sum of their quality. */
export function deitaScore({ complexity, quality }: Scores): number {
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return sum(complexity) * sum(quality);
}

/** What is picked from. */
export interface Candidate {
  id: string;
  score: number;
  /** All of one length. */
  embedding: ArrayLike<number>;
}

/** One that was passed over. */
export interface Redundant {
  id: string;
  /** The picked one that it is too similar to, the most similar. */
  of: string;
  /** Cosine. */
  similarity: number;
}

/**
 * The ids of up to `count` candidates, the highest scores first (equal scores in the order given), without those whose cosine
 * similarity to one picked before is above `threshold`; and those passed over on the way. Throws InputError for embeddings
 * of different lengths, zero vectors, and what is no number.
 */
export function pickDiverse(
  candidates: readonly Candidate[],
  { count, threshold = REDUNDANT }: { count: number; threshold?: number },
): { picked: string[]; redundant: Redundant[] } {
  const ranked = candidates.map((candidate) => ({ ...candidate, unit: unitVector(candidate, candidates[0]) }))
    .sort((a, b) => b.score - a.score); // stable
  const picked: typeof ranked = [], redundant: Redundant[] = [];
  for (const candidate of ranked) {
    if (picked.length >= count) break;
    let nearest = { id: "", similarity: -Infinity };
    for (const { id, unit } of picked) {
      const similarity = dot(unit, candidate.unit);
      if (similarity > nearest.similarity) nearest = { id, similarity };
    }
    if (nearest.similarity > threshold) {
      redundant.push({ id: candidate.id, of: nearest.id, similarity: nearest.similarity });
    } else picked.push(candidate);
  }
  return { picked: picked.map(({ id }) => id), redundant };
}

function unitVector({ id, score, embedding }: Candidate, first: Candidate): Float64Array {
  const fail = (what: string): never => {
    throw new InputError(`Cannot select ${id}: ${what}; make its scores and embedding again`);
  };
  if (!Number.isFinite(score)) fail(`its score is ${score}`);
  if (embedding.length !== first.embedding.length) {
    fail(`its embedding has ${embedding.length} numbers, that of ${first.id} ${first.embedding.length}`);
  }
  const norm = Math.sqrt(dot(embedding, embedding));
  if (!(norm > 0 && norm < Infinity)) fail("its embedding is zero or not finite");
  return Float64Array.from(embedding, (x) => x / norm);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
