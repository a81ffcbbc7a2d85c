// The training step as one tf.js program: forward, smoothed loss, gradients of the adapter. Compiled by step.ts.
import * as tf from "@tensorflow/tfjs";
import { type Program, type TensorMap, valueAndGrads } from "../jit/mod.ts";
import type { LlamaConfig } from "../model/config.ts";
import { headName, hiddenStates, type TokenRows } from "../model/llama.ts";
import { type LoraConfig, loraLinear } from "../model/lora.ts";
import { counterDropout } from "./dropout.ts";
import { smoothedCrossEntropy } from "./loss.ts";
import { type PerplexityShape, perplexitySmoothing } from "./perplexity_smoothing.ts";

/**
 * Arguments: `params` (the adapter, PEFT's names); `batch` with ids, positions, segments [B, T], rows, targets [R]
 * int32, smoothing, weight [R]; with dropout also `batch.keys` [B·T, KEY_SIZE] and the group `dropout` (module keys).
 * Results: `value` = Σ weight · loss, `grads` of the adapter, and per target `loss` and `nll` [R].
 *
 * With `perplexity` the smoothing is made of the samples' own likelihood (perplexitySmoothing()): instead of
 * `batch.smoothing` come its inputs, and `smoothing` [R] is a further result.
 */
export function trainingProgram(
  config: LlamaConfig,
  lora: LoraConfig,
  perplexity?: PerplexityShape,
): Program {
  return valueAndGrads(({ params, batch, weights, dropout }: Record<string, TensorMap>) => {
    const drop = dropout && counterDropout(lora.dropout, batch.keys as tf.Tensor2D, dropout);
    const linear = loraLinear(weights, params, lora, drop);
    const hidden = hiddenStates(config, weights, batch as unknown as TokenRows, linear);
    const x = tf.gather(hidden, batch.rows as tf.Tensor1D);
    const head = weights[headName(config)] as tf.Tensor2D;
    const smoothing = perplexity
      ? (nll: tf.Tensor1D) => perplexitySmoothing(nll, batch, perplexity)
      : batch.smoothing as tf.Tensor1D;
    const { loss, nll } = smoothedCrossEntropy(x, head, batch.targets as tf.Tensor1D, smoothing);
    const used: TensorMap = typeof smoothing === "function" ? { smoothing: smoothing(nll) } : {};
    return { value: tf.sum(tf.mul(loss, batch.weight)).asScalar(), loss, nll, ...used };
  });
}
