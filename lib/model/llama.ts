// The Llama forward pass in plain tf.js: embeddings to the hidden state after the final norm. Runs eagerly on any tf.js
// backend and compiles through jit. The output projection stays with the callers, which need only some rows of it.
import * as tf from "@tensorflow/tfjs";
import type { TensorMap } from "../jit/mod.ts";
import { causalAttention, rmsNorm, type Rotary, rotate, swiGlu } from "./blocks.ts";
import type { LlamaConfig } from "./config.ts";

/** A linear layer as the forward pass calls it: `x` [N, in] times the weight called `name` [out, in], adapters included. */
export type Linear = (x: tf.Tensor2D, name: string) => tf.Tensor2D;

/** Token rows that may hold several examples each: positions restart and attention stays inside a segment. */
export interface TokenRows {
  /** [B, T] int32. */
  ids: tf.Tensor;
  /** [B, T] int32: the position within its example. */
  positions: tf.Tensor;
  /** [B, T] int32: equal within an example. */
  segments: tf.Tensor;
}

/** The token embedding's name; with tied embeddings also the output projection's. */
export const EMBEDDING = "model.embed_tokens.weight";

/** The name of the output projection's weight, [vocabulary, hidden]. */
export function headName(config: LlamaConfig): string {
  return config.tieEmbeddings ? EMBEDDING : "lm_head.weight";
}

/** x W^T with the plain weight. */
export function plainLinear(weights: TensorMap): Linear {
  return (x, name) => tf.matMul(x, weights[name] as tf.Tensor2D, false, true);
}

/** Is told of the residual stream [B·T, hidden] as it goes: 0 the embeddings, l the output of the l-th layer. */
export type OnLayer = (layer: number, x: tf.Tensor2D) => void;

/** The hidden state after the final norm, [B·T, hidden]: what the output projection reads. */
export function hiddenStates(
  config: LlamaConfig,
  weights: TensorMap,
  rows: TokenRows,
  linear: Linear = plainLinear(weights),
  onLayer?: OnLayer,
): tf.Tensor2D {
  const mask = attentionMask(rows.segments);
  const windowed = config.slidingWindow ? attentionMask(rows.segments, config.slidingWindow) : mask;
  return decoder(
    config,
    weights,
    rows,
    linear,
    (q, k, v, layer) => causalAttention(q, k, v, hasWindow(config, layer) ? windowed : mask),
    onLayer,
  );
}

/** Whether a layer's attention sees only a sliding window. */
export function hasWindow({ slidingWindow, windowFrom = 0 }: LlamaConfig, layer: number): boolean {
  return slidingWindow !== undefined && layer >= windowFrom;
}

/**
 * How positions see each other: queries [B, heads, T, hd] and the same positions' rotated keys and values
 * [B, kvHeads, T, hd] of one layer to the mixed values [B, heads, T, hd].
 */
export type Mix = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, layer: number) => tf.Tensor;

/** The decoder's layers and final norm over tokens `ids` at `positions` [B, T]; `mix` is its attention. */
export function decoder(
  config: LlamaConfig,
  weights: TensorMap,
  { ids, positions }: Pick<TokenRows, "ids" | "positions">,
  linear: Linear,
  mix: Mix,
  onLayer: OnLayer = () => {},
): tf.Tensor2D {
  const [B, T] = ids.shape;
  const rope = rotary(config, positions);
  let x = tf.gather(weights[EMBEDDING], tf.reshape(ids, [B * T]) as tf.Tensor1D) as tf.Tensor2D; // [N, D]
  onLayer(0, x);
  for (let layer = 0; layer < config.layers; layer++) {
    const at = (name: string) => `model.layers.${layer}.${name}`;
    const h = rmsNorm(x, weights[at("input_layernorm.weight")], config.rmsNormEps);
    const project = (y: tf.Tensor2D, name: string) => {
      const out = linear(y, at(`self_attn.${name}.weight`));
      return config.biases?.includes(name)
        ? tf.add(out, weights[at(`self_attn.${name}.bias`)]) as tf.Tensor2D
        : out;
    };
    x = tf.add(x, attention(config, [B, T], h, project, rope, (q, k, v) => mix(q, k, v, layer)));
    const h2 = rmsNorm(x, weights[at("post_attention_layernorm.weight")], config.rmsNormEps);
    const gated = swiGlu(linear(h2, at("mlp.gate_proj.weight")), linear(h2, at("mlp.up_proj.weight")));
    x = tf.add(x, linear(gated, at("mlp.down_proj.weight")));
    onLayer(layer + 1, x);
  }
  return rmsNorm(x, weights["model.norm.weight"], config.rmsNormEps);
}

/** Grouped-query attention: each key/value head serves heads / kvHeads query heads. */
function attention(
  { heads, kvHeads, headSize }: LlamaConfig,
  [B, T]: number[],
  h: tf.Tensor2D,
  linear: Linear,
  rope: Rotary,
  mix: (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) => tf.Tensor,
): tf.Tensor2D {
  const split = (x: tf.Tensor, n: number) => tf.transpose(tf.reshape(x, [B, T, n, headSize]), [0, 2, 1, 3]);
  const q = rotate(split(linear(h, "q_proj"), heads), rope); // [B, heads, T, hd]
  const k = rotate(split(linear(h, "k_proj"), kvHeads), rope);
  const v = split(linear(h, "v_proj"), kvHeads);
  const mixed = mix(q, k, v);
  return linear(tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B * T, heads * headSize]), "o_proj");
}

/**
 * 0 where a token may look, −1e9 elsewhere, [B, 1, T, T]: itself and what precedes it in its own segment, of that with
 * `window` the nearest window − 1.
 */
export function attentionMask(segments: tf.Tensor, window?: number): tf.Tensor {
  const [B, T] = segments.shape;
  const same = tf.equal(tf.reshape(segments, [B, 1, T, 1]), tf.reshape(segments, [B, 1, 1, T]));
  const order = tf.range(0, T, 1, "int32");
  const key = tf.reshape(order, [1, 1, 1, T]), query = tf.reshape(order, [1, 1, T, 1]);
  const past = tf.lessEqual(key, query);
  const near = window && window < T ? tf.logicalAnd(past, tf.greater(tf.add(key, window), query)) : past;
  return tf.mul(tf.sub(tf.cast(tf.logicalAnd(same, near), "float32"), 1), 1e9);
}

/** Angles position · frequency, as cosines and sines [B, 1, T, headSize/2]. */
function rotary(config: LlamaConfig, positions: tf.Tensor): Rotary {
  const [B, T] = positions.shape;
  const frequency = Float32Array.from(ropeFrequencies(config));
  const angle = tf.mul(tf.reshape(tf.cast(positions, "float32"), [B, 1, T, 1]), tf.tensor1d(frequency));
  return { cos: tf.cos(angle), sin: tf.sin(angle) };
}

/**
 * theta^(−2i/headSize), i < headSize/2. Scaled: linear divides all by its factor; llama3 divides those whose wave is longer
 * than originalPositions / lowFactor, keeps those shorter than originalPositions / highFactor, and blends between
 * (transformers, modeling_rope_utils.py).
 */
export function ropeFrequencies({ headSize, ropeTheta, ropeScaling }: LlamaConfig): number[] {
  const half = headSize / 2;
  const plain = Array.from({ length: half }, (_, i) => ropeTheta ** (-i / half));
  if (!ropeScaling) return plain;
  if (ropeScaling.type === "linear") return plain.map((f) => f / ropeScaling.factor);
  const { factor, lowFactor, highFactor, originalPositions } = ropeScaling;
  return plain.map((f) => {
    const turns = originalPositions * f / (2 * Math.PI); // full turns within the original context
    const kept = Math.min(1, Math.max(0, (turns - lowFactor) / (highFactor - lowFactor)));
    return kept * f + (1 - kept) * f / factor;
  });
}
