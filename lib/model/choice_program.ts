// The programs that score choices, in plain tf.js: a batch of token trees, with or without a beginning whose keys and values
// were computed before; and the program that computes those.
import * as tf from "@tensorflow/tfjs";
import {
  type Compiled,
  i32,
  jit,
  type JitOptions,
  type Program,
  specsOf,
  type TensorMap,
} from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import { causalAttention } from "./blocks.ts";
import type { ChoiceShape } from "./choice_batch.ts";
import type { LlamaConfig } from "./config.ts";
import { FORBIDDEN } from "./decode.ts";
import { cacheSpecs } from "./kv_cache.ts";
import { attentionMask, decoder, hasWindow, headName } from "./llama.ts";
import { type LoraConfig, loraLinear, NO_LORA } from "./lora.ts";
import { byRows, rowSoftmax } from "./softmax.ts";

/**
 * `ll` [Q], the log-likelihood of each target in nats, and `predicted` [R], the likeliest token after each predicting
 * node, of a batch as fillChoiceBatch() makes it; with P > 0 after a prefix `prefix`: k0, v0 … [1, kvHeads, P, headSize].
 */
export function choiceProgram(config: LlamaConfig, lora: LoraConfig, P: number): Program {
  return ({ params, batch, prefix, weights }) => {
    const mask = treeMask(batch, P);
    const windowed = config.slidingWindow ? treeMask(batch, P, config.slidingWindow) : mask;
    const mix = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, layer: number) => {
      const seen = hasWindow(config, layer) ? windowed : mask;
      const after = (name: string, own: tf.Tensor) =>
        P ? tf.concat([tf.tile(prefix[name], [q.shape[0], 1, 1, 1]), own], 2) : own;
      return causalAttention(q, after(`k${layer}`, k), after(`v${layer}`, v), seen);
    };
    const { ids, positions } = batch;
    const hidden = decoder(config, weights, { ids, positions }, loraLinear(weights, params ?? {}, lora), mix);
    const x = tf.gather(hidden, batch.rows as tf.Tensor1D) as tf.Tensor2D; // [R, D]
    const head = weights[headName(config)] as tf.Tensor2D;
    const { logsumexp, predicted } = byRows(x, head.shape[0], (part) => {
      const logits = tf.matMul(part, head, false, true) as tf.Tensor2D;
      return { logsumexp: rowSoftmax(logits).logsumexp as tf.Tensor, predicted: tf.argMax(logits, -1) };
    });
    const of = batch.of as tf.Tensor1D;
    const zy = tf.sum(tf.mul(tf.gather(x, of), tf.gather(head, batch.targets as tf.Tensor1D)), -1);
    return { ll: tf.sub(zy, tf.gather(logsumexp, of)), predicted };
  };
}

/**
 * 0 where a node may look, FORBIDDEN elsewhere, [B, 1, T, P + T]: the prefix's first `past` positions; itself, the trunk
 * and its own branch before it in its segment. With `window` the nearest window − 1 positions of those.
 */
function treeMask({ positions, segments, branches, past }: TensorMap, P: number, window?: number): tf.Tensor {
  const [B, T] = segments.shape;
  const query = (x: tf.Tensor) => tf.reshape(x, [B, 1, T, 1]),
    key = (x: tf.Tensor) => tf.reshape(x, [B, 1, 1, T]);
  const order = tf.range(0, T, 1, "int32");
  const before = tf.lessEqual(tf.reshape(order, [1, 1, 1, T]), tf.reshape(order, [1, 1, T, 1]));
  const line = tf.logicalOr(tf.equal(key(branches), 0), tf.equal(key(branches), query(branches)));
  let own = tf.logicalAnd(tf.logicalAnd(tf.equal(key(segments), query(segments)), before), line);
  const near = (keys: tf.Tensor) => tf.greater(tf.add(keys, window!), query(positions));
  if (window) own = tf.logicalAnd(own, near(key(positions)));
  const forbid = (allowed: tf.Tensor) => tf.mul(tf.sub(tf.cast(allowed, "float32"), 1), -FORBIDDEN);
  if (P === 0) return forbid(own);
  const index = tf.reshape(tf.range(0, P, 1, "int32"), [1, 1, 1, P]);
  const known = tf.logicalAnd(tf.less(index, past), tf.greaterEqual(query(positions), 0)); // [B, 1, T, P]
  return forbid(tf.concat([window ? tf.logicalAnd(known, near(index)) : known, own], -1));
}

/** The scoring program compiled for a shape. */
export function compileChoices(
  base: Base,
  { B, T, R, Q, P }: ChoiceShape,
  { adapter, ...options }: JitOptions & { adapter?: Adapter } = {},
): Promise<Compiled> {
  const tokens = i32([B, T]);
  const batch = {
    ids: tokens,
    positions: tokens,
    segments: tokens,
    branches: tokens,
    rows: i32([R]),
    of: i32([Q]),
    targets: i32([Q]),
    past: i32([1]),
  };
  return jit(choiceProgram(base.config, adapter?.lora ?? NO_LORA, P), {
    params: specsOf(adapter?.params ?? {}),
    batch: specsOf(batch),
    prefix: P ? cacheSpecs(base.config, 1, P) : {},
  }, { ...options, weights: base.weights });
}

/** `prefix`: keys and values k0, v0 … [1, kvHeads, P, headSize] of P tokens `batch.ids` [1, P] at the positions from 0 on. */
export function compilePrefix(
  base: Base,
  P: number,
  { adapter, ...options }: JitOptions & { adapter?: Adapter } = {},
): Promise<Compiled> {
  const { config } = base;
  const program: Program = ({ params, batch: { ids }, weights }) => {
    const made: TensorMap = {};
    const positions = tf.reshape(tf.range(0, P, 1, "int32"), [1, P]);
    const segments = tf.zerosLike(positions);
    const mask = attentionMask(segments);
    const windowed = config.slidingWindow ? attentionMask(segments, config.slidingWindow) : mask;
    const linear = loraLinear(weights, params ?? {}, adapter?.lora ?? NO_LORA);
    decoder(config, weights, { ids, positions }, linear, (q, k, v, layer) => {
      [made[`k${layer}`], made[`v${layer}`]] = [k, v];
      return causalAttention(q, k, v, hasWindow(config, layer) ? windowed : mask);
    });
    return { prefix: made };
  };
  const specs = { params: specsOf(adapter?.params ?? {}), batch: specsOf({ ids: i32([1, P]) }) };
  return jit(program, specs, { ...options, weights: base.weights });
}
