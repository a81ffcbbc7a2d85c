// CPython's random.Random to the bit, as far as benchmarks use it: few-shot draws, and which answer a judge sees first.
// The project's own random numbers are lib/run/seed.ts.
import { createHash } from "node:crypto";

const N = 624, M = 397;

/**
 * random.Random(seed) of CPython 3.11: MT19937 (Matsumoto and Nishimura 1998), seeded as Modules/_randommodule.c and
 * Lib/random.py do it. Methods are those of the same names there and advance the same state.
 */
export class PythonRandom {
  #state = new Uint32Array(N);
  #at = N;

  /**
   * A whole number's magnitude, or a text: then the big-endian number of its UTF-8 followed by that one's SHA-512.
   * Throws RangeError for a fraction, a number beyond 2^53 (give a bigint), and a text with half a surrogate pair.
   */
  constructor(seed: number | bigint | string) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new RangeError(`Cannot seed with ${seed}: give a whole number below 2^53, a bigint or a text`);
    }
    if (typeof seed === "string") {
      if (!seed.isWellFormed()) {
        throw new RangeError(
          `Cannot seed with ${JSON.stringify(seed)}: it is no valid Unicode; mend the text`,
        );
      }
      const utf8 = new TextEncoder().encode(seed);
      seed = BigInt("0x" + hexOf(utf8) + createHash("sha512").update(utf8).digest("hex"));
    }
    this.#initByArray(words(BigInt(seed)));
  }

  /** init_genrand(19650218), then init_by_array(key). */
  #initByArray(key: number[]): void {
    const s = this.#state;
    s[0] = 19650218;
    for (let i = 1; i < N; i++) s[i] = Math.imul(1812433253, s[i - 1] ^ (s[i - 1] >>> 30)) + i;
    let i = 1, j = 0;
    const next = () => {
      if (++i >= N) {
        s[0] = s[N - 1];
        i = 1;
      }
    };
    for (let k = Math.max(N, key.length); k > 0; k--) {
      s[i] = (s[i] ^ Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), 1664525)) + key[j] + j;
      next();
      j = (j + 1) % key.length;
    }
    for (let k = N - 1; k > 0; k--) {
      s[i] = (s[i] ^ Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), 1566083941)) - i;
      next();
    }
    s[0] = 0x80000000;
  }

  /** The next N words. */
  #twist(): void {
    const s = this.#state;
    for (let k = 0; k < N; k++) {
      const y = (s[k] & 0x80000000) | (s[(k + 1) % N] & 0x7fffffff);
      s[k] = s[(k + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }

  #u32(): number {
    if (this.#at === N) this.#twist();
    let y = this.#state[this.#at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A number of `k` random bits. Throws RangeError unless k is from 0 to 53. */
  getrandbits(k: number): number {
    if (!Number.isInteger(k) || k < 0 || k > 53) {
      throw new RangeError(`Cannot draw ${k} bits: give a number from 0 to 53`);
    }
    if (k === 0) return 0;
    if (k <= 32) return this.#u32() >>> (32 - k);
    const low = this.#u32(); // the lower word comes first
    return low + (this.#u32() >>> (64 - k)) * 2 ** 32;
  }

  /** A number in [0, 1) with 53 random bits. */
  random(): number {
    const a = this.#u32() >>> 5, b = this.#u32() >>> 6;
    return (a * 67108864 + b) / 9007199254740992;
  }

  /** A whole number in [0, n): CPython's _randbelow, which draws bit_length(n) bits until they fit. */
  randbelow(n: number): number {
    if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`Cannot draw below ${n}: give 1 or more`);
    const bits = n.toString(2).length;
    let r = this.getrandbits(bits);
    while (r >= n) r = this.getrandbits(bits);
    return r;
  }

  /** `k` of the items without repetition, in the order they were drawn. Throws RangeError where there are fewer. */
  sample<T>(items: readonly T[], k: number): T[] {
    return this.sampleIndices(items.length, k).map((i) => items[i]);
  }

  /** sample(range(n), k): from a shrinking pool where that is smaller than a set of k, else redrawing what was drawn before. */
  sampleIndices(n: number, k: number): number[] {
    if (!Number.isInteger(k) || k < 0 || k > n) {
      throw new RangeError(`Cannot draw ${k} of ${n}: give a number from 0 to ${n}`);
    }
    const setSize = 21 + (k > 5 ? 4 ** Math.ceil(Math.log(k * 3) / Math.log(4)) : 0);
    if (n > setSize) {
      const drawn = new Set<number>();
      while (drawn.size < k) drawn.add(this.randbelow(n)); // a Set keeps the order and passes over what it has
      return [...drawn];
    }
    const pool = Array.from({ length: n }, (_, i) => i);
    return Array.from({ length: k }, (_, i) => {
      const j = this.randbelow(n - i), one = pool[j];
      pool[j] = pool[n - i - 1];
      return one;
    });
  }

  /** One draw of choices(items), without weights. */
  choices<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("Cannot choose from nothing: give at least one item");
    return items[Math.floor(this.random() * items.length)];
  }

  /** Shuffles the items in place (Fisher and Yates, from the end). */
  shuffle(items: unknown[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.randbelow(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
  }
}

/** The 32-bit words of |n|, the lowest first; at least one. */
function words(n: bigint): number[] {
  const key: number[] = [];
  for (let left = n < 0n ? -n : n; left > 0n; left >>= 32n) key.push(Number(left & 0xffffffffn));
  return key.length ? key : [0];
}

const hexOf = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
