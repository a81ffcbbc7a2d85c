// The per-sample smoothed cross-entropy, fused with the output projection in closed form: no [tokens, vocabulary] target
// and no autodiff through the logits. Written in plain tf.js; equal to torch's label_smoothing with ε = s·K/(K−1).
import * as tf from "@tensorflow/tfjs";
import { rowSoftmax } from "../model/softmax.ts";

/** Per-row results, each [R]. */
export interface RowLosses {
  /** Cross-entropy against the smoothed target, in nats. */
  loss: tf.Tensor1D;
  /** −log p(target), in nats; carries no gradient. */
  nll: tf.Tensor1D;
}

/**
 * The loss of rows `x` [R, D] against `targets` [R] under the projection `head` [K, D] and smoothing `s` [R].
 *
 * The target puts 1 − s on y and s/(K−1) on every other class (the paper's section 2.3; spec: per-sample smoothed
 * cross-entropy). With z = x·headᵀ, u = s/(K−1), c = 1 − s − u:
 *   loss  = logsumexp(z) − c·z_y − u·Σ_j z_j,          Σ_j z_j = x·colsum(head)
 *   ∂x    = softmax(z)·head − c·head_y − u·colsum(head)
 * Only `x` has a gradient; the head is frozen.
 */
export function smoothedCrossEntropy(
  x: tf.Tensor2D,
  head: tf.Tensor2D,
  targets: tf.Tensor1D,
  s: tf.Tensor1D,
): RowLosses {
  const K = head.shape[0], R = x.shape[0];
  const mixture = (s: tf.Tensor) => {
    const u = tf.div(s, K - 1);
    return { u, c: tf.sub(tf.sub(1, s), u) };
  };
  const column = (t: tf.Tensor) => tf.reshape(t, [R, 1]);
  let nll: tf.Tensor1D | undefined;
  const op = tf.customGrad((input, save) => {
    const rows = input as tf.Tensor2D;
    const logits = tf.matMul(rows, head, false, true); // [R, K]
    const { raw, total, logsumexp } = rowSoftmax(logits as tf.Tensor2D);
    const headY = tf.gather(head, targets); // [R, D]
    const columnSum = tf.matMul(tf.ones([1, K]), head) as tf.Tensor2D; // [1, D]
    const zy = tf.sum(tf.mul(rows, headY), -1);
    const zSum = tf.reshape(tf.matMul(rows, columnSum, false, true), [R]);
    nll = tf.keep(tf.sub(logsumexp, zy)) as tf.Tensor1D;
    const { u, c } = mixture(s);
    const value = tf.sub(logsumexp, tf.add(tf.mul(c, zy), tf.mul(u, zSum)));
    (save as tf.GradSaveFunc)([raw, total, headY, columnSum, head, s]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [raw, total, headY, columnSum, head, s] = saved;
      const { u, c } = mixture(s);
      const expected = tf.div(tf.matMul(raw as tf.Tensor2D, head as tf.Tensor2D), column(total)); // [R, D]
      const target = tf.add(tf.mul(column(c), headY), tf.mul(column(u), columnSum));
      return tf.mul(tf.sub(expected, target), column(dy));
    };
    return { value, gradFunc };
  });
  const loss = op(x) as tf.Tensor1D;
  const own = nll!.clone(); // back from keep() into the caller's tidy
  nll!.dispose();
  return { loss, nll: own };
}
