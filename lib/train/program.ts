// The training step as one tf.js program: forward, smoothed loss, gradients of the adapter. Compiled by loop.ts.
import * as tf from "@tensorflow/tfjs";
import { type Program, type TensorMap, valueAndGrads } from "../jit/mod.ts";
import type { LlamaConfig } from "../model/config.ts";
import { headName, hiddenStates, type TokenRows } from "../model/llama.ts";
import { type LoraConfig, loraLinear } from "../model/lora.ts";
import { counterDropout } from "./dropout.ts";
import { smoothedCrossEntropy } from "./loss.ts";

/**
 * Arguments: `params` (the adapter, PEFT's names); `batch` with ids, positions, segments [B, T], rows, targets [R]
 * int32, smoothing, weight [R]; with dropout also `batch.keys` [B·T, KEY_SIZE] and the group `dropout` (module keys).
 * Results: `value` = Σ weight · loss, `grads` of the adapter, and per target `loss` and `nll` [R].
 */
export function trainingProgram(config: LlamaConfig, lora: LoraConfig): Program {
  return valueAndGrads(({ params, batch, weights, dropout }: Record<string, TensorMap>) => {
    const drop = dropout && counterDropout(lora.dropout, batch.keys as tf.Tensor2D, dropout);
    const linear = loraLinear(weights, params, lora, drop);
    const hidden = hiddenStates(config, weights, batch as unknown as TokenRows, linear);
    const x = tf.gather(hidden, batch.rows as tf.Tensor1D);
    const head = weights[headName(config)] as tf.Tensor2D;
    const { loss, nll } = smoothedCrossEntropy(
      x,
      head,
      batch.targets as tf.Tensor1D,
      batch.smoothing as tf.Tensor1D,
    );
    return { value: tf.sum(tf.mul(loss, batch.weight)).asScalar(), loss, nll };
  });
}
