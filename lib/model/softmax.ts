// Softmax over a vocabulary with float32 sums that hold: shared by the training loss and by scoring.
import * as tf from "@tensorflow/tfjs";

/** Softmax results over the last axis of logits [R, K]. */
export interface RowSoftmax {
  /** Probabilities up to the factor `total`, [R, K]: divide what is made from them, not all of them. */
  raw: tf.Tensor2D;
  /** What `raw` sums to, [R]: 1 up to the engine's rounding. */
  total: tf.Tensor1D;
  /** log Σ exp(logits), [R]. */
  logsumexp: tf.Tensor1D;
  /** The largest probability, [R]. */
  confidence: tf.Tensor1D;
}

/**
 * Softmax with a checked sum. onnxruntime adds the exponentials of a row one after the other: over 49,152 classes the
 * sum is off by up to 2e-5, which would show in every loss. A matrix product adds in blocks and puts it right.
 * logsumexp is max(z) − log(max p), which cannot underflow, as the largest probability is at least 1/K.
 */
export function rowSoftmax(logits: tf.Tensor2D): RowSoftmax {
  const [R, K] = logits.shape;
  const raw = tf.softmax(logits);
  const total = tf.reshape(tf.matMul(raw, tf.ones([K, 1])), [R]) as tf.Tensor1D;
  const confidence = tf.div(tf.max(raw, -1), total) as tf.Tensor1D;
  return { raw, total, confidence, logsumexp: tf.sub(tf.max(logits, -1), tf.log(confidence)) };
}
