// Ids that were seen before, in constant memory however long the stream: a split block Bloom filter. It may take a new id
// for a seen one (rarely, see SeenIds), never a seen one for a new one; whoever must be sure looks again (open_source.ts).

import { mix32 } from "../run/mix32.ts";

/** Bits, 32 MiB of them, in blocks of one cache line: 16 words of 32 bits. */
const BLOCKS = 2 ** 19, WORDS = 16;

/** Odd constants that spread one hash over the 16 words (digits of π's fraction, made odd). */
// deno-fmt-ignore
const SALTS = Int32Array.of(
  0x243f6a89, 0x85a308d3, 0x13198a2f, 0x03707345, 0xa4093823, 0x299f31d1, 0x082efa99, 0xec4e6c89,
  0x452821e7, 0x38d01377, 0xbe5466cf, 0x34e90c6d, 0xc0ac29b7, 0xc97c50dd, 0x3f84d5b5, 0xb5470917,
);

/**
 * A set of ids that only grows. One bit in each word of a block is set for an id (Putze, Sanders and Singler, "Cache-,
 * hash- and space-efficient Bloom filters", 2007; the layout is Parquet's with twice the words). The chance that a new id
 * counts as seen is below 1e-12 at one million ids, 1e-8 at four and 1e-4 at ten.
 */
export class SeenIds {
  #bits = new Int32Array(BLOCKS * WORDS);
  /** How many ids went in. */
  count = 0;

  /** Whether `id` may have gone in before; it has from now on. */
  add(id: string): boolean {
    let a = 0x9e3779b9 | 0, b = 0x85ebca6b | 0;
    for (let i = 0; i < id.length; i++) {
      const unit = id.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x5bd1e995);
      a ^= a >>> 15;
      b = Math.imul(b ^ unit, 0x1b873593);
      b ^= b >>> 13;
    }
    const first = (mix32(a ^ id.length) >>> 13) * WORDS, hash = mix32(b + a);
    let seen = true;
    for (let word = 0; word < WORDS; word++) {
      const bit = 1 << (Math.imul(hash, SALTS[word]) >>> 27);
      if ((this.#bits[first + word] & bit) === 0) seen = false;
      this.#bits[first + word] |= bit;
    }
    this.count++;
    return seen;
  }
}
