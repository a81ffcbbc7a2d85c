// A text as one vector: the mean of the model's hidden states over the tokens of its answers. For comparing texts with each
// other (cosine); nothing was trained for it.
import * as tf from "@tensorflow/tfjs";
import { f32, jit, type JitOptions, type Program, specsOf, type TensorData } from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { hiddenStates, type TokenRows } from "./llama.ts";
import { type LoraConfig, loraLinear, NO_LORA } from "./lora.ts";
import {
  type Batch,
  type Layout,
  planBuckets,
  planLayout,
  roundUp,
  type Sequence,
  targetCount,
  toBatches,
} from "./rows.ts";

/** How to embed. */
export interface EmbedOptions extends JitOptions {
  adapter?: Adapter;
  /** Rows of a batch at most: memory against speed. Default 4. */
  maxRows?: number;
  onBatch?: (done: number, total: number) => void | Promise<void>;
}

/**
 * The mean over a sequence's supervised tokens of the hidden state after the final norm at those tokens, [hidden] each, in the
 * sequences' order. Throws RangeError where a sequence has no supervised token.
 */
export async function meanHiddenStates(
  base: Base,
  sequences: Sequence[],
  options: EmbedOptions = {},
): Promise<Float32Array[]> {
  const { adapter, maxRows = 4, onBatch, ...rest } = options;
  const empty = sequences.find((sequence) => targetCount(sequence) === 0);
  if (empty) throw new RangeError(`Cannot embed ${empty.id}: it has no supervised token`);
  const means: Float32Array[] = new Array(sequences.length);
  if (sequences.length === 0) return means;
  const buckets = planBuckets(sequences, maxRows).map((bucket) => {
    const part = bucket.map((i) => sequences[i]), layout = planLayout([part], maxRows);
    return { bucket, part, layout, batches: toBatches(part, layout) };
  });
  const total = buckets.reduce((sum, { batches }) => sum + batches.length, 0);
  let done = 0;
  for (const { bucket, part, layout, batches } of buckets) {
    const most = roundUp(batches.reduce((n, { places }) => Math.max(n, places.length), 1), 4);
    await using program = await compileEmbedder(base, layout, most, { ...rest, adapter });
    for (const batch of batches) {
      const { ids, positions, segments } = batch.arrays;
      const inputs = { ids, positions, segments, pool: pooling(part, batch, layout, most) };
      const out = await program.run({ params: adapter?.params ?? {}, batch: inputs }) as Record<
        string,
        TensorData
      >;
      const D = base.config.hiddenSize, data = out.means.data as Float32Array;
      batch.places.forEach(({ index }, s) => means[bucket[index]] = data.slice(s * D, (s + 1) * D));
      await onBatch?.(++done, total);
    }
  }
  return means;
}

/** `means` [S, hidden] of a batch: its `pool` [S, B·T] times the hidden states [B·T, hidden]. */
function embeddingProgram(config: LlamaConfig, lora: LoraConfig): Program {
  return ({ params, batch, weights }) => {
    const linear = loraLinear(weights, params ?? {}, lora);
    const hidden = hiddenStates(config, weights, batch as unknown as TokenRows, linear);
    return { means: tf.matMul(batch.pool as tf.Tensor2D, hidden) };
  };
}

async function compileEmbedder(
  base: Base,
  { B, T }: Layout,
  most: number,
  { adapter, ...options }: JitOptions & { adapter?: Adapter },
) {
  const int = "int32" as const, tokens = { shape: [B, T], dtype: int };
  const batch = {
    ids: tokens,
    positions: tokens,
    segments: tokens,
    pool: { shape: [most, B * T], dtype: "float32" as const },
  };
  const program = embeddingProgram(base.config, adapter?.lora ?? NO_LORA);
  const run = await jit(program, { params: specsOf(adapter?.params ?? {}), batch }, {
    ...options,
    weights: base.weights,
  });
  return { run, [Symbol.asyncDispose]: () => run.close() };
}

/** What weighs each token in the mean of each sequence of a batch: 1 / its number of supervised tokens, else 0. [S, B·T] */
function pooling(sequences: Sequence[], { places }: Batch, { B, T }: Layout, most: number): TensorData {
  const pool = new Float32Array(most * B * T);
  places.forEach(({ index, row, offset }, s) => {
    const { supervised } = sequences[index], share = 1 / targetCount(sequences[index]);
    supervised.forEach((one, i) => {
      if (one) pool[(s * B + row) * T + offset + i] = share;
    });
  });
  return f32([most, B * T], pool);
}

/** 1 − the cosine of the angle between two vectors: 0 for the same direction, 2 for opposite ones; NaN for a zero vector. */
export function cosineDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return 1 - ab / Math.sqrt(aa * bb);
}
