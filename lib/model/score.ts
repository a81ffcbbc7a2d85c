// Log-likelihood scoring: each target's negative log-likelihood, the model's confidence and its prediction.
import * as tf from "@tensorflow/tfjs";
import { jit, type JitOptions, type Program, specsOf, type TensorData } from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { headName, hiddenStates, type TokenRows } from "./llama.ts";
import { type LoraConfig, loraLinear, NO_LORA } from "./lora.ts";
import { rowSoftmax } from "./softmax.ts";
import { type Layout, planLayout, type Sequence, targetCount, toBatches } from "./rows.ts";

/** What the model says of one sequence's targets, in their order. */
export interface Score {
  id: string;
  /** −log p of each target, in nats. */
  nll: Float64Array;
  /** The largest probability at each target's position. */
  confidence: Float32Array;
  /** The token with that probability. */
  predicted: Int32Array;
  /** The targets. */
  targets: Int32Array;
}

/** `nll`, `confidence`, `predicted` [R] of `batch` (see Batch.arrays); `params` is the adapter, possibly empty. */
export function scoringProgram(config: LlamaConfig, lora: LoraConfig): Program {
  return ({ params, batch, weights }) => {
    const hidden = hiddenStates(
      config,
      weights,
      batch as unknown as TokenRows,
      loraLinear(weights, params ?? {}, lora),
    );
    const x = tf.gather(hidden, batch.rows as tf.Tensor1D);
    const head = weights[headName(config)] as tf.Tensor2D;
    const logits = tf.matMul(x, head, false, true); // [R, K]
    const { logsumexp, confidence } = rowSoftmax(logits as tf.Tensor2D);
    const zy = tf.sum(tf.mul(x, tf.gather(head, batch.targets as tf.Tensor1D)), -1);
    return { nll: tf.sub(logsumexp, zy), confidence, predicted: tf.argMax(logits, -1) };
  };
}

/** Compiles the scorer for one layout; call it with many adapters of one configuration. */
export async function compileScorer(base: Base, layout: Layout, adapter?: Adapter, options: JitOptions = {}) {
  const { B, T, R } = layout, int = "int32" as const;
  const batch = {
    ids: { shape: [B, T], dtype: int },
    positions: { shape: [B, T], dtype: int },
    segments: { shape: [B, T], dtype: int },
    rows: { shape: [R], dtype: int },
    targets: { shape: [R], dtype: int },
  };
  const program = scoringProgram(base.config, adapter?.lora ?? NO_LORA);
  return await jit(program, { params: specsOf(adapter?.params ?? {}), batch }, {
    ...options,
    weights: base.weights,
  });
}

/** Scores every sequence under the base model with `adapter`; results in the order given. */
export async function score(
  base: Base,
  sequences: Sequence[],
  options: JitOptions & {
    adapter?: Adapter;
    maxRows?: number;
    onBatch?: (done: number, total: number) => void;
  } = {},
): Promise<Score[]> {
  const { adapter, maxRows = 4, onBatch, ...jitOptions } = options;
  if (sequences.length === 0) return [];
  const layout = planLayout([sequences], maxRows);
  const scorer = await compileScorer(base, layout, adapter, jitOptions);
  const scores = sequences.map((s) => emptyScore(s));
  const filled = new Int32Array(sequences.length);
  const batches = toBatches(sequences, layout);
  for (const [done, batch] of batches.entries()) {
    const out = await scorer({ params: adapter?.params ?? {}, batch: batch.arrays }) as Record<
      string,
      TensorData
    >;
    batch.owner.forEach((s, r) => {
      if (s < 0) return;
      const i = filled[s]++;
      scores[s].nll[i] = out.nll.data[r];
      scores[s].confidence[i] = out.confidence.data[r];
      scores[s].predicted[i] = out.predicted.data[r];
      scores[s].targets[i] = batch.arrays.targets.data[r];
    });
    onBatch?.(done + 1, batches.length);
  }
  await scorer.close();
  return scores;
}

function emptyScore(sequence: Sequence): Score {
  const n = targetCount(sequence);
  return {
    id: sequence.id,
    nll: new Float64Array(n),
    confidence: new Float32Array(n),
    predicted: new Int32Array(n),
    targets: new Int32Array(n),
  };
}
