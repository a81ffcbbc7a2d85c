// MinHash signatures and their bands (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3):
// sets that share most of their members fall into one bucket somewhere. What is done with such pairs is dedupe.ts.
import { mix32 } from "../run/mix32.ts";
import { stream } from "../run/seed.ts";
import { hashRun } from "./words.ts";

/** Makes signatures of `count` places, each with a hash function of its own, drawn by `seed`. */
export function minHasher(count: number, seed = 0): (set: ArrayLike<number>) => Uint32Array {
  const draws = stream(seed, "minhash"), keys = Int32Array.from({ length: count }, (_, i) => draws.u32(i));
  return (set) => {
    const signature = new Uint32Array(count).fill(0xffffffff);
    for (let m = 0; m < set.length; m++) {
      const member = set[m];
      for (let i = 0; i < count; i++) {
        const h = mix32(member ^ keys[i]) >>> 0; // a permutation of all 32-bit numbers
        if (h < signature[i]) signature[i] = h;
      }
    }
    return signature;
  };
}

/** The share of places in which two signatures agree: an unbiased estimate of the sets' Jaccard similarity. */
export function signatureSimilarity(a: Uint32Array, b: Uint32Array): number {
  let same = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) same++;
  return same / a.length;
}

/** Bands of `rows` places of a signature each. */
export interface Bands {
  bands: number;
  rows: number;
}

/** The chance that a pair of similarity `s` shares a whole band: 1 − (1 − s^rows)^bands. */
export function foundChance(s: number, { bands, rows }: Bands): number {
  return 1 - (1 - s ** rows) ** bands;
}

/**
 * The bands of `count` places that find a pair at the threshold itself with a chance of at least `recall`, with as many rows
 * (as few needless candidates) as that allows; one row a band where nothing does.
 */
export function planBands(
  count: number,
  { threshold, recall = 0.99 }: { threshold: number; recall?: number },
): Bands {
  for (let rows = count; rows > 1; rows--) {
    const plan = { rows, bands: Math.floor(count / rows) };
    if (foundChance(threshold, plan) >= recall) return plan;
  }
  return { rows: 1, bands: count };
}

/** Buckets of signatures by band. */
export class LshIndex {
  #buckets: Map<number, number[]>[];

  constructor(private readonly plan: Bands) {
    this.#buckets = Array.from({ length: plan.bands }, () => new Map());
  }

  /** The numbers that were added before and share a band with `signature`, ascending. */
  candidates(signature: Uint32Array): number[] {
    const found = new Set<number>();
    this.#keys(signature).forEach((key, band) => this.#buckets[band].get(key)?.forEach((i) => found.add(i)));
    return [...found].sort((a, b) => a - b);
  }

  /** Adds `signature` under the number `i`. */
  add(signature: Uint32Array, i: number): void {
    this.#keys(signature).forEach((key, band) => {
      const bucket = this.#buckets[band].get(key);
      if (bucket) bucket.push(i);
      else this.#buckets[band].set(key, [i]);
    });
  }

  #keys(signature: Uint32Array): number[] {
    const { bands, rows } = this.plan;
    return Array.from({ length: bands }, (_, band) => hashRun(signature, band * rows, rows));
  }
}
