// The start adapter of reference.json, by the same formula as common.py beside it: bit-equal on both sides.
import { f32, type Params } from "../../../lib/jit/mod.ts";
import { type LlamaConfig, type LoraConfig, loraModules, loraName } from "../../../lib/model/mod.ts";

/** `count` numbers in [0, 1) by Tommy Ettinger's mulberry32 (public domain). */
function mulberry32(seed: number, count: number): Float64Array {
  let a = seed;
  return new Float64Array(count).map(() => {
    a = (a + 0x6D2B79F5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  });
}

/** float32((2u − 1) · bound) row by row: A of the n-th module from seed 16n + 1, B from 16n + 2. */
export function startAdapter(
  model: LlamaConfig,
  lora: LoraConfig,
  bounds: { bound_a: number; bound_b: number },
): Params {
  const params: Params = {};
  loraModules(model, lora).forEach(({ weight, inSize, outSize }, n) => {
    const matrix = (seed: number, size: number, bound: number) =>
      Float32Array.from(mulberry32(16 * n + seed, size), (u) => (u * 2 - 1) * bound);
    params[loraName(weight, "A")] = f32([lora.r, inSize], matrix(1, lora.r * inSize, bounds.bound_a));
    params[loraName(weight, "B")] = f32([outSize, lora.r], matrix(2, outSize * lora.r, bounds.bound_b));
  });
  return params;
}
