// Named random streams from one seed: a value is a pure function of (seed, name, counter), with no state anywhere.
// Not cryptography, and not for drawing billions of values: those are made inside the compiled graph.
import { createHash } from "node:crypto";

/** Random values by counter: the same counter always gives the same value, in any order of asking. */
export interface Stream {
  /** A whole number in [0, 2³²). */
  u32(counter: number): number;
  /** A number in [0, 1) with 53 random bits. */
  uniform(counter: number): number;
  /** A draw of the standard normal distribution (Box and Muller 1958). */
  normal(counter: number): number;
  /** A permutation of 0 … n − 1 (Fisher and Yates; counters 0 … n − 2). */
  shuffle(n: number): number[];
  /** `n` whole numbers in [0, below), at the counters from `from` on. */
  ints(n: number, below: number, from?: number): number[];
}

/** The stream called `name` of `seed`. Throws RangeError unless the seed is a whole number from 0 to 2⁵³ − 1. */
export function stream(seed: number, ...name: (string | number)[]): Stream {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot seed a stream with ${seed}: give a whole number from 0 to 2^53 - 1`);
  }
  const digest = createHash("sha256").update(JSON.stringify([seed, ...name])).digest();
  const key: [number, number] = [digest.readUInt32LE(0), digest.readUInt32LE(4)];
  const block = (counter: number) => threefry2x32([counter >>> 0, Math.floor(counter / 2 ** 32)], key);
  const u32 = (counter: number) => block(counter)[0];
  const uniform = (counter: number) => {
    const [a, b] = block(counter);
    return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
  };
  const normal = (counter: number) => {
    const [a, b] = block(counter);
    return Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32)) * Math.cos(2 * Math.PI * b / 2 ** 32);
  };
  const ints = (n: number, below: number, from = 0) =>
    Array.from({ length: n }, (_, i) => Math.floor(uniform(from + i) * below));
  const shuffle = (n: number) => {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(uniform(n - 1 - i) * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  };
  return { u32, uniform, normal, shuffle, ints };
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];

/** Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
export function threefry2x32(counter: [number, number], key: [number, number]): [number, number] {
  const keys = [key[0], key[1], 0x1bd11bda ^ key[0] ^ key[1]];
  let x = (counter[0] + keys[0]) | 0;
  let y = (counter[1] + keys[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8];
    x = (x + y) | 0;
    y = ((y << r) | (y >>> (32 - r))) ^ x;
    if (round % 4 === 3) {
      const turn = (round + 1) / 4;
      x = (x + keys[turn % 3]) | 0;
      y = (y + keys[(turn + 1) % 3] + turn) | 0;
    }
  }
  return [x >>> 0, y >>> 0];
}
