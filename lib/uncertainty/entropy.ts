// Uncertainty as the model's own predictive entropy over an answer: how open the next token is to it, in the mean.
import type { JitOptions } from "../jit/mod.ts";
import { type Base, type Score, score, type Sequence } from "../model/mod.ts";

/**
 * The uncertainty of each sample: the mean over its targets of the model's predictive entropy, divided by the most that
 * is possible, ln K over K classes. From 0 to 1. The scores must hold entropies; throws Error where one is not finite.
 */
export function entropyUncertainty(scores: Score[], classes: number): number[] {
  return scores.map(({ id, entropy }) => {
    if (!entropy) throw new RangeError(`Cannot take the entropy of ${id}: it was scored without; ask for it`);
    const mean = entropy.reduce((a, b) => a + b, 0) / entropy.length / Math.log(classes);
    if (!Number.isFinite(mean)) {
      throw new Error(`Cannot take the entropy of ${id}: the model's is ${mean}; check the model`);
    }
    return Math.max(0, mean); // rounding may take that of a model that is quite certain a hair below 0
  });
}

/** entropyUncertainty() of each sequence under the base model. */
export async function measureEntropy(
  base: Base,
  sequences: Sequence[],
  options: JitOptions & { maxRows?: number } = {},
): Promise<number[]> {
  return entropyUncertainty(
    await score(base, sequences, { ...options, entropy: true }),
    base.config.vocabSize,
  );
}
