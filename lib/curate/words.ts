// Texts as words and as shingles (runs of words or characters): what near-duplicates and benchmark overlaps are told by.
import { mix32 } from "../run/mix32.ts";

/**
 * The words of a text: lower-cased, punctuation and symbols deleted ("don't" is "dont"), split at white space. As GPT-3's
 * filters do (Brown et al. 2020, appendix C: lower-case, no punctuation, white space between words); letters of all
 * scripts count.
 */
export function wordsOf(text: string): string[] {
  return text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{M}\p{N}\s]+/gu, "").split(/\s+/).filter((
    word,
  ) => word);
}

/** What a shingle is made of. */
export interface ShingleOptions {
  /** Runs of words, or of characters of the words with single spaces between them. */
  unit?: "word" | "char";
  /** Units in a run; default 3 words or 8 characters. */
  size?: number;
}

/** The hashes of a text's different shingles, ascending; a text shorter than one is one shingle, one without words none. */
export function shinglesOf(text: string, { unit = "word", size }: ShingleOptions = {}): Uint32Array {
  const words = wordsOf(text);
  if (words.length === 0) return new Uint32Array();
  const units = unit === "word" ? words.map(hashText) : codes(words.join(" "));
  const length = Math.min(size ?? (unit === "word" ? 3 : 8), units.length);
  const hashes = new Set<number>();
  for (let start = 0; start + length <= units.length; start++) hashes.add(hashRun(units, start, length));
  return Uint32Array.from(hashes).sort();
}

const codes = (text: string) => Uint32Array.from(text, (character) => character.codePointAt(0)!);

/** A 32-bit hash of a text (FNV-1a over UTF-16 units, then mixed). */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix32(h) >>> 0;
}

/** A 32-bit hash of `units[start …]`, `length` of them, in order. */
export function hashRun(units: ArrayLike<number>, start: number, length: number): number {
  let h = length;
  for (let i = start; i < start + length; i++) {
    h = Math.imul((h ^ units[i]) + 0x9e3779b9, 0x85ebca6b) ^ (h >>> 15);
  }
  return mix32(h) >>> 0;
}

/** The Jaccard similarity of two ascending lists of different numbers: shared over all; 1 for two empty ones. */
export function jaccard(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let shared = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) shared++, i++, j++;
    else if (a[i] < b[j]) i++;
    else j++;
  }
  const all = a.length + b.length - shared;
  return all === 0 ? 1 : shared / all;
}
