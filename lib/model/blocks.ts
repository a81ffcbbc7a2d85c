// The blocks of a transformer layer in plain tf.js, gradients written out where tf.js's own would take more passes over
// memory: normalisation, gated activation, rotary embedding, attention. No weights of linear layers here (llama.ts).
import * as tf from "@tensorflow/tfjs";

/** w · x / sqrt(mean(x²) + eps) over the last axis, `x` [N, D], `w` [D]. Only `x` has a gradient. */
export function rmsNorm(x: tf.Tensor2D, w: tf.Tensor, eps: number): tf.Tensor2D {
  const op = tf.customGrad((x, save) => {
    const t = x as tf.Tensor2D;
    const r = tf.rsqrt(tf.add(tf.mean(tf.square(t), -1, true), eps)); // [N, 1]
    (save as tf.GradSaveFunc)([t, r, w]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [x, r, w] = saved;
      const g = tf.mul(dy, w);
      // dx = r·g − x·r³·mean(x·g)
      const along = tf.mul(tf.mean(tf.mul(x, g), -1, true), tf.mul(tf.square(r), r));
      return tf.sub(tf.mul(g, r), tf.mul(x, along));
    };
    return { value: tf.mul(tf.mul(t, r), w), gradFunc };
  });
  return op(x) as tf.Tensor2D;
}

/**
 * h = silu(g) · u. With σ = sigmoid(g) the gradients are ∂u = dy·silu(g) and
 * ∂g = dy·u·σ·(1 + g·(1 − σ)) = dy·(h + σ·(u − h)). onnxruntime makes the second factor before it goes on with the
 * forward pass (lib/jit/liveness.ts), so that two arrays a layer are kept, not four.
 */
export function swiGlu(g: tf.Tensor2D, u: tf.Tensor2D): tf.Tensor2D {
  const op = tf.customGrad((g, u, save) => {
    const gate = g as tf.Tensor2D, up = u as tf.Tensor2D;
    const s = tf.sigmoid(gate), silu = tf.mul(gate, s), h = tf.mul(silu, up);
    (save as tf.GradSaveFunc)([up, s, silu, h]);
    const gradFunc = (dy: tf.Tensor, [u, s, silu, h]: tf.Tensor[]) => {
      const slope = tf.add(h, tf.mul(s, tf.sub(u, h)));
      return [tf.mul(dy, slope), tf.mul(dy, silu)];
    };
    return { value: h, gradFunc };
  });
  return op(g, u) as tf.Tensor2D;
}

/** Cosines and sines of the rotary angles, [B, 1, T, headSize/2] each. */
export interface Rotary {
  cos: tf.Tensor;
  sin: tf.Tensor;
}

/**
 * Rotary embedding over halves, as Hugging Face's Llama does it: (a, b) → (a cos − b sin, b cos + a sin) on the last
 * axis of `x` [B, heads, T, headSize]. Its gradient is the rotation back.
 */
export function rotate(x: tf.Tensor, { cos, sin }: Rotary): tf.Tensor {
  const turn = (x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor) => {
    const [a, b] = tf.split(x, 2, -1);
    return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1);
  };
  const op = tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([cos, sin]);
    const gradFunc = (dy: tf.Tensor, [cos, sin]: tf.Tensor[]) => turn(dy, cos, tf.neg(sin));
    return { value: turn(x as tf.Tensor, cos, sin), gradFunc };
  });
  return op(x);
}

/** Query rows that are worth a block of their own: what lies right of the diagonal is skipped block by block. */
const BLOCK = 128;

/**
 * Causal attention softmax(q kᵀ / √headSize + mask) v with grouped queries: `q` [B, heads, T, hd], `k` and `v`
 * [B, kvHeads, P + T, hd], the first P of them before all queries, `mask` [B, 1, T, P + T], which forbids what follows a
 * token. Returns [B, heads, T, hd]. Queries are cut into blocks; a block sees the keys up to its own end, which spares up
 * to half of the products.
 */
export function causalAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  const [B, heads, T, hd] = q.shape, kvHeads = k.shape[1] as number, P = k.shape[2] as number - T;
  const blocks = Math.min(4, Math.max(1, Math.floor(T / BLOCK)));
  const ends = Array.from({ length: blocks }, (_, i) => Math.round((i + 1) * T / blocks));
  const parts = ends.map((end, i) => {
    const begin = i ? ends[i - 1] : 0, rows = end - begin;
    const queries = tf.slice(q, [0, 0, begin, 0], [B, heads, rows, hd]);
    const upTo = (x: tf.Tensor) => tf.slice(x, [0, 0, 0, 0], [B, kvHeads, P + end, hd]);
    return attend(queries, upTo(k), upTo(v), tf.slice(mask, [0, 0, begin, 0], [B, 1, rows, P + end]));
  });
  return parts.length === 1 ? parts[0] : tf.concat(parts, 2);
}

/**
 * softmax(q kᵀ / √headSize + mask) v: `q` [B, heads, Tq, hd], `k`, `v` [B, kvHeads, Tk, hd], `mask` [B, 1, Tq, Tk].
 * Each key/value head serves heads / kvHeads query heads, folded into the row axis. With P the weights and O the
 * result, ∂scores = P∘(∂P − rowsum(∂O∘O)): the row sum is taken over the head, not over the keys.
 */
export function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  const [B, heads, Tq, hd] = q.shape, [, kvHeads, Tk] = k.shape, scale = 1 / Math.sqrt(hd);
  const grouped = [B, kvHeads, heads / kvHeads * Tq];
  const op = tf.customGrad((q, k, v, save) => {
    const rows = tf.reshape(q as tf.Tensor, [...grouped, hd]);
    const scores = tf.mul(tf.matMul(rows, k as tf.Tensor, false, true), scale);
    const masked = tf.add(tf.reshape(scores, [B, heads, Tq, Tk]), mask);
    const weights = tf.reshape(tf.softmax(masked), [...grouped, Tk]);
    const out = tf.matMul(weights, v as tf.Tensor); // [B, kv, G·Tq, hd]
    (save as tf.GradSaveFunc)([rows, k as tf.Tensor, v as tf.Tensor, weights, out]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [q, k, v, weights, out] = saved;
      const dOut = tf.reshape(dy, out.shape);
      const dWeights = tf.matMul(dOut, v, false, true);
      const dScores = tf.mul(weights, tf.sub(dWeights, tf.sum(tf.mul(dOut, out), -1, true)));
      const dq = tf.mul(tf.matMul(dScores, k), scale);
      const dk = tf.mul(tf.matMul(dScores, q, true, false), scale);
      return [tf.reshape(dq, [B, heads, Tq, hd]), dk, tf.matMul(weights, dOut, true, false)];
    };
    return { value: tf.reshape(out, [B, heads, Tq, hd]), gradFunc };
  });
  return op(q, k, v);
}
