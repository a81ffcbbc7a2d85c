// Dropout whose mask is a function of (seed, step, sample, token, module, channel), never of a row's place in a batch:
// it survives resume, other micro-batches and packing. The graph computes it from two small inputs.
import * as tf from "@tensorflow/tfjs";
import { f32, type Params, type TensorMap } from "../jit/mod.ts";
import type { Dropout, LoraModule } from "../model/lora.ts";
import { stream } from "../run/seed.ts";

/** A prime; keys lie below it, so that products and their sum of four stay exact in float32 (below 2^22). */
const P = 1021;
/** Length of a key. Inner products of random keys modulo a prime are pairwise independent and uniform (a universal hash). */
const KEY = 4;

/** Key elements in [0, P), by rejection so that each is equally likely. */
function keys(count: number, ...name: [number, ...(string | number)[]]): Float32Array {
  const [seed, ...rest] = name;
  const random = stream(seed, "dropout", ...rest);
  const limit = Math.floor(2 ** 32 / P) * P;
  const out = new Float32Array(count);
  for (let i = 0, counter = 0; i < count; counter++) {
    const x = random.u32(counter);
    if (x < limit) out[i++] = x % P;
  }
  return out;
}

/** The channel keys of every module, `module weight → [KEY + 1, in]`: constant over a run. The last row carries ½. */
export function moduleKeys(modules: LoraModule[], seed: number): Params {
  return Object.fromEntries(modules.map(({ weight, inSize }) => {
    const data = new Float32Array((KEY + 1) * inSize).fill(0.5);
    data.set(keys(KEY * inSize, seed, "module", weight));
    return [weight, f32([KEY + 1, inSize], data)];
  }));
}

/** The keys of one sample's tokens in one step, [tokens, KEY + 1], the last element 1; `draw` counts how often the step took the sample before. */
export function tokenKeys(
  tokens: number,
  seed: number,
  step: number,
  sample: string,
  draw = 0,
): Float32Array {
  const raw = keys(KEY * tokens, seed, "token", step, sample, ...(draw ? [draw] : []));
  const out = new Float32Array((KEY + 1) * tokens).fill(1);
  for (let t = 0; t < tokens; t++) out.set(raw.subarray(t * KEY, (t + 1) * KEY), t * (KEY + 1));
  return out;
}

/** Elements of a token's key, as the batch carries them. */
export const KEY_SIZE = KEY + 1;

/**
 * The dropout of a step from its inputs: `tokens` [N, KEY_SIZE] and the modules' keys. An element is kept where
 * (token key · channel key) mod P < keep, exactly in float32; the rate is rounded to a multiple of 1/P (0.1 → 0.0999).
 */
export function counterDropout(rate: number, tokens: tf.Tensor2D, modules: TensorMap): Dropout {
  const keep = Math.round((1 - rate) * P);
  return (x, weight) => {
    // The half makes the quotient stay clear of integers, so that rounding in the division cannot change the floor.
    const quotient = tf.div(tf.matMul(tokens, modules[weight] as tf.Tensor2D), P); // [N, in]
    const kept = tf.less(tf.sub(quotient, tf.floor(quotient)), keep / P);
    return tf.mul(x, tf.mul(tf.cast(kept, "float32"), P / keep));
  };
}
