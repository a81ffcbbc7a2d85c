// All runs of some words in benchmarks' texts, to be found in other texts: by hash, then compared word by word. What a match
// means is decontaminate.ts.
import { hashRun, wordsOf } from "./words.ts";

/** A text as numbers of words. */
export interface NumberedText {
  /** The number of what it belongs to. */
  owner: number;
  words: Int32Array;
}

/** A run of words that a text and a searched one have in common. */
export interface RunMatch {
  /** The text's number and the run's first word in it. */
  text: number;
  from: number;
  /** Words. */
  length: number;
  /** Equal runs have equal numbers. */
  run: number;
}

const BUCKETS = 2 ** 22;

/** 30 bits, which V8 holds without an object. */
const hashOf = (words: Int32Array, from: number, length: number) => hashRun(words, from, length) >>> 2;

/** Runs of `n` words of the texts that were added, a shorter text as one run. Memory: about 60 bytes a run. */
export class RunIndex {
  /** Those that were long enough. */
  readonly texts: NumberedText[] = [];
  #numbers = new Map<string, number>();
  #names: string[] = [];
  #lengths = new Set<number>();
  /** Of each run: text, first word, the next run of its bucket (−1: none), the first run with the same words, the hash. */
  #text: number[] = [];
  #from: number[] = [];
  #next: number[] = [];
  #first: number[] = [];
  #hash: number[] = [];
  /** By the hash's last bits: the last run that was added with them. */
  #heads = new Int32Array(BUCKETS).fill(-1);

  /** Texts of fewer than `least` words are left out. */
  constructor(private readonly n: number, private readonly least: number) {}

  /** Adds a text; false where it is too short. */
  add(owner: number, text: string): boolean {
    const words = Int32Array.from(wordsOf(text), (word) => this.#numberOf(word));
    const length = Math.min(this.n, words.length);
    if (length < Math.min(this.least, this.n)) return false;
    this.#lengths.add(length);
    this.texts.push({ owner, words });
    for (let from = 0; from + length <= words.length; from++) {
      this.#addRun(this.texts.length - 1, from, length);
    }
    return true;
  }

  #numberOf(word: string): number {
    let number = this.#numbers.get(word);
    if (number === undefined) {
      this.#numbers.set(word, number = this.#names.length);
      this.#names.push(word);
    }
    return number;
  }

  #addRun(text: number, from: number, length: number): void {
    const run = this.#text.length, { words } = this.texts[text];
    const hash = hashOf(words, from, length), bucket = hash & (BUCKETS - 1), head = this.#heads[bucket];
    this.#text.push(text);
    this.#from.push(from);
    this.#next.push(head);
    let other = head;
    while (other >= 0 && !(this.#hash[other] === hash && this.#isEqual(other, words, from, length))) {
      other = this.#next[other];
    }
    this.#first.push(other < 0 ? run : this.#first[other]);
    this.#hash.push(hash);
    this.#heads[bucket] = run;
  }

  #lengthOf(run: number): number {
    return Math.min(this.n, this.texts[this.#text[run]].words.length);
  }

  #isEqual(run: number, words: Int32Array, from: number, length: number): boolean {
    if (this.#lengthOf(run) !== length) return false;
    const own = this.texts[this.#text[run]].words, start = this.#from[run];
    for (let i = 0; i < length; i++) if (own[start + i] !== words[from + i]) return false;
    return true;
  }

  /** The runs that `content` has, at every place of the added texts. */
  *find(content: string): Generator<RunMatch> {
    const words = Int32Array.from(wordsOf(content), (word) => this.#numbers.get(word) ?? -1);
    for (const length of this.#lengths) {
      let known = 0; // words up to here that some text has, in a row
      for (let end = 0; end < words.length; end++) {
        known = words[end] < 0 ? 0 : known + 1;
        if (known < length) continue;
        const from = end + 1 - length, hash = hashOf(words, from, length);
        for (let run = this.#heads[hash & (BUCKETS - 1)]; run >= 0; run = this.#next[run]) {
          if (this.#hash[run] !== hash || !this.#isEqual(run, words, from, length)) continue;
          yield { text: this.#text[run], from: this.#from[run], length, run: this.#first[run] };
        }
      }
    }
  }

  /** The words of a run, as normalised. */
  wordsOfRun(run: number): string {
    return this.wordsBetween(this.#text[run], this.#from[run], this.#from[run] + this.#lengthOf(run));
  }

  /** The words [from, to) of a text. */
  wordsBetween(text: number, from: number, to: number): string {
    return Array.from(this.texts[text].words.subarray(from, to), (number) => this.#names[number]).join(" ");
  }
}
