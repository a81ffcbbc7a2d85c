// ROUGE-L (Lin 2004): how much of two texts' words lies in their longest common subsequence.

/**
 * A text's words in lower case: runs of letters, marks and digits; of scripts written without spaces each letter is one. On
 * ASCII text these are the words of Google's rouge-score, which drops other letters; no stemming.
 */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

const UNSPACED = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}";
const WORD = new RegExp(`[${UNSPACED}]|(?:(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}])+`, "gu");

/**
 * The F measure of ROUGE-L of two lists of words, 0 to 1: 2·L / (words of one + words of the other) with L the length of the
 * longest common subsequence. Symmetric; 0 where one has no word, as in rouge-score.
 */
export function rougeL(a: readonly string[], b: readonly string[]): number {
  return a.length && b.length ? 2 * commonLength(a, b) / (a.length + b.length) : 0;
}

/** The length of the longest common subsequence, by dynamic programming over one row. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  const row = new Uint32Array(b.length + 1);
  for (const word of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j];
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row[b.length];
}
