// Greedy generation by full forward passes at one length: simple and exact, without a key/value cache.
import * as tf from "@tensorflow/tfjs";
import { i32, jit, type JitOptions, type Program, specsOf, type TensorData } from "../jit/mod.ts";
import { InputError } from "../run/errors.ts";
import type { Adapter, Base } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { headName, hiddenStates, type TokenRows } from "./llama.ts";
import { type LoraConfig, loraLinear, NO_LORA } from "./lora.ts";
import { roundUp } from "./rows.ts";

/** The logits [K] at position `batch.at` [1] of one row of tokens. */
function nextTokenProgram(config: LlamaConfig, lora: LoraConfig): Program {
  return ({ params, batch, weights }) => {
    const linear = loraLinear(weights, params ?? {}, lora);
    const hidden = hiddenStates(config, weights, batch as unknown as TokenRows, linear);
    const x = tf.gather(hidden, batch.at as tf.Tensor1D) as tf.Tensor2D;
    const head = weights[headName(config)] as tf.Tensor2D;
    return { logits: tf.reshape(tf.matMul(x, head, false, true), [config.vocabSize]) };
  };
}

/** How to generate. */
export interface GenerateOptions extends JitOptions {
  adapter?: Adapter;
  /** At most this many new tokens. */
  maxNew: number;
  /** Ids that end the text; the one met is the last id returned. */
  stop: number[];
  /** Called with each new id. */
  onToken?: (id: number) => void;
}

/**
 * The most likely continuation of each prompt, token by token (ties: the lower id). All prompts share one compiled
 * program. Throws InputError where a prompt and its new tokens exceed the model's context.
 */
export async function generate(
  base: Base,
  prompts: ArrayLike<number>[],
  options: GenerateOptions,
): Promise<number[][]> {
  const { adapter, maxNew, stop, onToken, ...jitOptions } = options;
  const limit = base.config.maxPositions;
  let longest = 0;
  for (const prompt of prompts) longest = Math.max(longest, prompt.length + maxNew);
  if (longest > limit) {
    throw new InputError(
      `Cannot generate ${maxNew} tokens: with the prompt they are ${longest}, the model's context is ${limit}`,
    );
  }
  const T = Math.min(limit, roundUp(longest, 32));
  const ids = i32([1, T]), at = i32([1]);
  const batch = {
    ids,
    positions: i32([1, T], Int32Array.from({ length: T }, (_, i) => i)),
    segments: i32([1, T]),
    at,
  };
  const params = adapter?.params ?? {};
  const program = nextTokenProgram(base.config, adapter?.lora ?? NO_LORA);
  const next = await jit(program, { params: specsOf(params), batch: specsOf(batch) }, {
    ...jitOptions,
    weights: base.weights,
  });
  const results: number[][] = [];
  try {
    for (const prompt of prompts) {
      ids.data.fill(0);
      ids.data.set(prompt);
      const made: number[] = [];
      while (made.length < maxNew && !stop.includes(made.at(-1)!)) {
        const end = prompt.length + made.length;
        at.data[0] = end - 1;
        const { logits } = await next({ params, batch }) as { logits: TensorData };
        const id = argMax(logits.data);
        made.push(id);
        if (end < T) ids.data[end] = id;
        onToken?.(id);
      }
      results.push(made);
    }
  } finally {
    await next.close();
  }
  return results;
}

function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  if (Number.isNaN(values[best])) {
    throw new Error("Cannot generate: the model gives NaN; check model and adapter");
  }
  return best;
}
