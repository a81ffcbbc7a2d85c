// Measures as UAL's released code takes them, to stand beside the honest ones: best-of-4, substring, gold A.
// From github.com/ekonwang/UAL4Alignment, commit 3ed0ffc. They flatter: by guessing alone, best-of-4 gives 68% on four
// choices. Their names begin with "released_", to be told apart.

/** The measures' names in rows and tables. */
export const RELEASED = {
  /** Letter prompts: benchmark/openllm_leaderboard.py, model_best_of_n_inference. */
  bestOf4: "released_best_of_4",
  /** Letter prompts whose right answer is always A: openllm_leaderboard.py, data_preprocess. */
  goldAAccuracy: "released_gold_a_acc",
  goldABestOf4: "released_gold_a_best_of_4",
  /** Mathematics: benchmark/math_bench.py, main. */
  substring: "released_substring",
} as const;

/**
 * The probability 1 − (1 − p)ⁿ that an answer of probability `p` is among `n` samples, which the released code estimates by
 * drawing them. It draws at temperature 0.8 among the 200 likeliest tokens; `p` here is the model's own. Throws RangeError.
 */
export function bestOf(p: number, n = 4): number {
  if (!(p >= 0 && p <= 1 + 1e-6)) {
    throw new RangeError(`Cannot take the best of ${n} at a probability of ${p}`);
  }
  return p >= 1 ? 1 : -Math.expm1(n * Math.log1p(-p));
}

/**
 * Whether `gold` stands anywhere in `text`: "8" does in "18 - 3 = 15", right or wrong. The released code looks through up to
 * 256 sampled tokens; `text` here is the greedy answer before the first stop text.
 */
export function substringHit(text: string, gold: string): number {
  return Number(text.includes(gold));
}

/** What the released code takes for the answer of a MetaMathQA response: its last word without dots at the end. */
export function lastWord(response: string): string {
  return response.replace(/^[ .]+|[ .]+$/g, "").trim().split(/\s+/).at(-1)!;
}
