// The per-sample smoothed cross-entropy, fused with the output projection in closed form: no [tokens, vocabulary] target
// and no autodiff through the logits. Written in plain tf.js; equal to torch's label_smoothing with ε = s·K/(K−1).
import * as tf from "@tensorflow/tfjs";
import { byRows, rowSoftmax } from "../model/softmax.ts";

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
 * Only `x` has a gradient; the head is frozen. Rows are taken some at a time, and what the gradient needs of their
 * logits, softmax(z)·head, is made at once, so that the logits of all rows never exist together.
 *
 * A function as `smoothing` makes s of the rows' own nll; no gradient runs through it.
 */
export function smoothedCrossEntropy(
  x: tf.Tensor2D,
  head: tf.Tensor2D,
  targets: tf.Tensor1D,
  smoothing: tf.Tensor1D | ((nll: tf.Tensor1D) => tf.Tensor1D),
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
    const { logsumexp, expected } = byRows(rows, K, (part) => {
      const logits = tf.matMul(part, head, false, true) as tf.Tensor2D; // [rows, K]
      const { raw, total, logsumexp } = rowSoftmax(logits);
      return { logsumexp, expected: tf.div(tf.matMul(raw, head), tf.reshape(total, [-1, 1])) }; // softmax(z)·head
    });
    const headY = tf.gather(head, targets); // [R, D]
    const columnSum = tf.matMul(tf.ones([1, K]), head) as tf.Tensor2D; // [1, D]
    const zy = tf.sum(tf.mul(rows, headY), -1);
    const zSum = tf.reshape(tf.matMul(rows, columnSum, false, true), [R]);
    nll = tf.keep(tf.sub(logsumexp, zy)) as tf.Tensor1D;
    const s = typeof smoothing === "function" ? smoothing(nll) : smoothing;
    const { u, c } = mixture(s);
    const value = tf.sub(logsumexp, tf.add(tf.mul(c, zy), tf.mul(u, zSum)));
    (save as tf.GradSaveFunc)([expected, headY, columnSum, s]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [expected, headY, columnSum, s] = saved; // [R, D], [R, D], [1, D], [R]
      const { u, c } = mixture(s);
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
