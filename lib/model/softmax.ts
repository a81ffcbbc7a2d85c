// Softmax over a vocabulary: float32 sums that hold, and few rows at a time. Shared by the training loss and by scoring.
import * as tf from "@tensorflow/tfjs";

/** Softmax results over the last axis of logits [R, K]. */
export interface RowSoftmax {
  /** exp(z − max z), [R, K]: probabilities up to the factor `total`; divide what is made from them, not all of them. */
  raw: tf.Tensor2D;
  /** What `raw` sums to, [R]: between 1 and K. */
  total: tf.Tensor1D;
  /** log Σ exp(logits), [R]. */
  logsumexp: tf.Tensor1D;
  /** The largest probability, [R]: 1 / total. */
  confidence: tf.Tensor1D;
}

/**
 * Softmax whose sum is a matrix product, which adds in blocks: onnxruntime's own adds the exponentials of a row one
 * after the other, and over 49,152 classes is off by up to 2e-5, which would show in every loss.
 */
export function rowSoftmax(logits: tf.Tensor2D): RowSoftmax {
  const [R, K] = logits.shape;
  const most = tf.max(logits, -1, true); // [R, 1]
  const raw = tf.exp(tf.sub(logits, most)) as tf.Tensor2D;
  const total = tf.reshape(tf.matMul(raw, tf.ones([K, 1])), [R]) as tf.Tensor1D;
  const logsumexp = tf.add(tf.reshape(most, [R]), tf.log(total)) as tf.Tensor1D;
  return { raw, total, logsumexp, confidence: tf.reciprocal(total) };
}

/** Logits held at once, about: 64 MB of them. */
const LOGITS = 2 ** 24;

/**
 * `f` over parts of the rows `x` [R, D], so that only a part's logits over `K` classes exist at a time; the parts'
 * results, by name, each [rows, …], are put together again.
 */
export function byRows<T extends Record<string, tf.Tensor>>(
  x: tf.Tensor2D,
  K: number,
  f: (part: tf.Tensor2D, begin: number) => T,
): T {
  const R = x.shape[0], count = Math.min(R, Math.ceil(R / Math.max(64, Math.floor(LOGITS / K))));
  if (count <= 1) return f(x, 0);
  const ends = Array.from({ length: count }, (_, i) => Math.round((i + 1) * R / count));
  const parts = ends.map((end, i) => {
    const begin = i ? ends[i - 1] : 0;
    return f(tf.slice(x, [begin, 0], [end - begin, -1]), begin);
  });
  return Object.fromEntries(Object.keys(parts[0]).map((k) => [k, tf.concat(parts.map((p) => p[k]), 0)])) as T;
}
