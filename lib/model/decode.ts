// One step of generation with a key/value cache, in plain tf.js: the next C tokens of each row against what came before.
// C = 1 continues many texts by a token; a larger C reads a prompt in pieces. The cache's arrays: kv_cache.ts.
import * as tf from "@tensorflow/tfjs";
import {
  type Compiled,
  f32,
  i32,
  jit,
  type JitOptions,
  type Program,
  specsOf,
  type TensorMap,
} from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { cacheSpecs } from "./kv_cache.ts";
import { decoder, hasWindow, headName } from "./llama.ts";
import { type LoraConfig, loraLinear, NO_LORA } from "./lora.ts";

/** What is forbidden to attend gets this added to its score. */
export const FORBIDDEN = -1e9;

/** The shape of a step: rows, new tokens a row, cached positions a row. */
export interface StepShape {
  rows: number;
  tokens: number;
  capacity: number;
}

/**
 * The program of a step. Batch: `ids`, `positions` [rows, C] int32, `at` [rows] int32 (the index in [0, rows·C) of each
 * row's token whose successor is asked for), `mask` [rows, 1, C, capacity + C] (0 or FORBIDDEN, over the cache and then
 * the new tokens), `window` the same for layers with a sliding window, where the model has any. Gives `logits` [rows, vocabulary] and the new `entries` [2·layers, rows, kvHeads, C, headSize].
 */
export function decodeProgram(config: LlamaConfig, lora: LoraConfig): Program {
  return ({ params, batch, cache, weights }) => {
    const entries: tf.Tensor[] = [];
    const mix = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, layer: number) => {
      entries.push(k, v);
      const mask = hasWindow(config, layer) ? batch.window : batch.mask;
      return attendCached(q, k, v, { k: cache[`k${layer}`], v: cache[`v${layer}`] }, mask);
    };
    const { ids, positions } = batch;
    const hidden = decoder(config, weights, { ids, positions }, loraLinear(weights, params ?? {}, lora), mix);
    const [rows, C] = ids.shape, { layers, kvHeads, headSize } = config;
    const last = C === 1 ? hidden : tf.gather(hidden, batch.at as tf.Tensor1D) as tf.Tensor2D;
    const head = weights[headName(config)] as tf.Tensor2D;
    return {
      logits: tf.matMul(last, head, false, true),
      entries: tf.reshape(tf.concat(entries, 0), [2 * layers, rows, kvHeads, C, headSize]),
    };
  };
}

/**
 * softmax(q [past | k]ᵀ / √headSize + mask) [past v | v] without joining the arrays: `q` [B, heads, C, hd], `k`, `v`
 * [B, kvHeads, C, hd], the past [B, kvHeads, T, hd], `mask` [B, 1, C, T + C]. Returns [B, heads, C, hd].
 */
function attendCached(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, past: TensorMap, mask: tf.Tensor): tf.Tensor {
  const [B, heads, C, hd] = q.shape, [, kvHeads, T] = past.k.shape;
  const grouped = [B, kvHeads, heads / kvHeads * C];
  const rows = tf.mul(tf.reshape(q, [...grouped, hd]), 1 / Math.sqrt(hd));
  const scores = tf.concat([tf.matMul(rows, past.k, false, true), tf.matMul(rows, k, false, true)], -1);
  const weights = tf.softmax(tf.add(tf.reshape(scores, [B, heads, C, T + C]), mask));
  const [old, own] = tf.split(tf.reshape(weights, [...grouped, T + C]), [T, C], -1);
  return tf.reshape(tf.add(tf.matMul(old, past.v), tf.matMul(own, v)), [B, heads, C, hd]);
}

/** The step compiled for a shape. */
export function compileStep(
  base: Base,
  { rows, tokens, capacity }: StepShape,
  { adapter, ...options }: JitOptions & { adapter?: Adapter } = {},
): Promise<Compiled> {
  const ids = i32([rows, tokens]), mask = f32([rows, 1, tokens, capacity + tokens]);
  const windows = base.config.slidingWindow ? { window: mask } : undefined;
  const specs = {
    params: specsOf(adapter?.params ?? {}),
    batch: specsOf({ ids, positions: ids, at: i32([rows]), mask, ...windows }),
    cache: cacheSpecs(base.config, rows, capacity),
  };
  return jit(decodeProgram(base.config, adapter?.lora ?? NO_LORA), specs, {
    ...options,
    weights: base.weights,
  });
}
