// PPL-UAL: smoothing from how unlikely a sample is to the model in training, against the samples seen before. The part in
// the graph and what is fed into it; the running mean's place on disk is the checkpoint.
import * as tf from "@tensorflow/tfjs";
import { f32, i32, type Params, type TensorMap } from "../jit/mod.ts";
import type { Batch } from "../model/mod.ts";

/** Smoothing by perplexity: its mean s̄ where a sample is as likely as the samples so far, and the largest of a sample. */
export interface PerplexitySmoothing {
  method: "perplexity";
  mean: number;
  ceiling: number;
}

/** What the graph has to know beforehand: the most samples of a micro-batch, and the largest smoothing. */
export interface PerplexityShape {
  samples: number;
  ceiling: number;
}

/** The nll of all samples trained on in earlier steps, each the mean over its targets in nats. */
export interface RunningNll {
  sum: number;
  samples: number;
}

/**
 * The smoothing of each target, [R]: s_i = clip(s̄ · nll_i / running mean, 0, ceiling) of its sample i, with nll_i the mean
 * of `nll` [R] over the sample's targets (spec: PPL variant; the paper's section on PPL uncertainty). Inputs: `owner` [R]
 * int32, the target's sample, `share` [R], 1 / the sample's targets (0 in padding), `slope` and `offset` [1].
 */
export function perplexitySmoothing(
  nll: tf.Tensor1D,
  { owner, share, slope, offset }: TensorMap,
  { samples, ceiling }: PerplexityShape,
): tf.Tensor1D {
  const owners = owner as tf.Tensor1D;
  const means = tf.unsortedSegmentSum(tf.mul(nll, share), owners, samples); // [samples]
  const s = tf.minimum(tf.maximum(tf.add(tf.mul(means, slope), offset), 0), ceiling);
  return tf.gather(s, owners) as tf.Tensor1D;
}

/**
 * Those inputs for one micro-batch. The running mean is over the samples of earlier steps, so that it depends neither on
 * micro-batches nor on the order within a step; the released code's (UncertaintyAware in finetune/utils.py) takes in the
 * samples up to and with this one. In the first step there is no mean yet: every sample gets s̄, as its first does there.
 */
export function perplexityInputs(
  { owner }: Batch,
  counts: number[],
  { mean }: PerplexitySmoothing,
  { sum, samples }: RunningNll,
): Params {
  const R = owner.length, known = samples > 0 && sum > 0;
  return {
    owner: i32([R], Int32Array.from(owner, (i) => Math.max(i, 0))),
    share: f32([R], Float32Array.from(owner, (i) => i < 0 ? 0 : 1 / counts[i])),
    slope: f32([1], [known ? mean * samples / sum : 0]),
    offset: f32([1], [known ? 0 : mean]),
  };
}
