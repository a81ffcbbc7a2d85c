// The next token from its logits: the most likely one, or a draw by temperature, top-k and top-p as Hugging Face's
// logits processors define them (transformers, generation/logits_process.py: temperature, then top-k, then top-p).
import { InputError } from "../run/errors.ts";

/** How to draw. */
export interface Sampling {
  /** Logits are divided by it; 0 takes the most likely token. Default 0. */
  temperature?: number;
  /** Only the `topK` most likely tokens, and what equals the last of them; 0 is no limit. Default 0. */
  topK?: number;
  /** Only the fewest most likely tokens whose probabilities reach `topP`. Default 1: all. */
  topP?: number;
}

/** Throws InputError for settings outside their range. */
export function checkSampling({ temperature = 0, topK = 0, topP = 1 }: Sampling): void {
  if (!(temperature >= 0 && temperature < Infinity)) {
    throw new InputError(`Cannot generate with temperature ${temperature}: give 0 (most likely) or more`);
  }
  if (!Number.isSafeInteger(topK) || topK < 0) {
    throw new InputError(`Cannot generate with top-k ${topK}: give a whole number, 0 for no limit`);
  }
  if (!(topP > 0 && topP <= 1)) {
    throw new InputError(`Cannot generate with top-p ${topP}: give a number above 0 and at most 1`);
  }
}

/** The index of the largest value, of equal ones the first. Throws where the largest is NaN. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0, max = values[0];
  for (let i = 1; i < values.length; i++) {
    if (values[i] > max) {
      max = values[i];
      best = i;
    }
  }
  if (Number.isNaN(max)) throw new Error("Cannot generate: the model gives NaN; check model and adapter");
  return best;
}

/**
 * A token drawn from `logits` [K] with `u`, uniform in [0, 1): the one at which the cumulative probability of what
 * top-k and top-p leave first exceeds u. At temperature 0 the most likely one.
 */
export function drawToken(logits: Float32Array, sampling: Sampling, u: number): number {
  if (!sampling.temperature) return argMax(logits);
  const { ids, probabilities } = distribution(logits, sampling);
  let sum = 0;
  const at = probabilities.findIndex((p) => (sum += p) > u);
  return at < 0 ? ids[argMax(probabilities)] : ids[at]; // rounding may leave the sum below u
}

/** The tokens that top-k and top-p leave and their probabilities, which add up to 1. `temperature` must be above 0. */
export function distribution(
  logits: Float32Array,
  { temperature = 1, topK = 0, topP = 1 }: Sampling,
): { ids: number[]; probabilities: number[] } {
  const max = logits[argMax(logits)];
  const weights = Float64Array.from(logits, (x) => Math.exp((x - max) / temperature));
  const ids = topK === 0 && topP === 1 ? [...weights.keys()] : candidates(weights, topK, topP);
  const total = ids.reduce((sum, id) => sum + weights[id], 0);
  return { ids, probabilities: ids.map((id) => weights[id] / total) };
}

/** The ids that top-k and then top-p leave, most likely first (ties: the lower id). The largest weight is 1. */
function candidates(weights: Float64Array, topK: number, topP: number): number[] {
  const total = topK ? 0 : weights.reduce((sum, w) => sum + w, 0);
  const limit = topK || weights.length;
  // Sorting all is slow: only as many likely ones as reach the limit.
  for (let threshold = 1e-2;; threshold = threshold > 1e-300 ? threshold ** 2 : 0) {
    const ids: number[] = [];
    let mass = 0;
    for (let id = 0; id < weights.length; id++) {
      if (weights[id] < threshold) continue;
      ids.push(id);
      mass += weights[id];
    }
    const enough = threshold === 0 || ids.length >= limit || (!topK && mass >= topP * total);
    if (!enough) continue;
    ids.sort((a, b) => weights[b] - weights[a] || a - b);
    if (ids.length > limit) {
      const least = weights[ids[limit - 1]];
      ids.length = ids.findLastIndex((id) => weights[id] === least) + 1;
    }
    return topP < 1 ? nucleus(ids, weights, topP, topK ? undefined : total) : ids;
  }
}

/** The fewest of `ids`, most likely first, whose share of `total` (default: of their own sum) reaches `topP`. */
function nucleus(ids: number[], weights: Float64Array, topP: number, total?: number): number[] {
  const target = topP * (total ?? ids.reduce((sum, id) => sum + weights[id], 0));
  let sum = 0;
  const end = ids.findIndex((id) => (sum += weights[id]) >= target);
  return end < 0 ? ids : ids.slice(0, end + 1);
}
