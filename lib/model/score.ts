// Log-likelihood scoring: each target's negative log-likelihood, the model's confidence and its prediction.
import * as tf from "@tensorflow/tfjs";
import {
  type Compiled,
  f32,
  jit,
  type JitOptions,
  type Params,
  type Program,
  specsOf,
  type TensorData,
} from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { headName, hiddenStates, type TokenRows } from "./llama.ts";
import { type LoraConfig, loraLinear, NO_LORA } from "./lora.ts";
import { rowSoftmax } from "./softmax.ts";
import { type Batch, type Layout, planLayout, type Sequence, targetCount, toBatches } from "./rows.ts";

/** What the model says of one sequence's targets, in their order. */
export interface Score {
  /** The sequence. */
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
export async function compileScorer(
  base: Base,
  layout: Layout,
  adapter?: Adapter,
  options: JitOptions = {},
): Promise<Compiled> {
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

/** How to score. */
export interface ScoreOptions extends JitOptions {
  /** Rows of a batch at most: memory against speed. Default 4. */
  maxRows?: number;
  onBatch?: (done: number, total: number) => void | Promise<void>;
}

/** Scores every sequence under the base model with `adapter`; results in the order given. */
export async function score(
  base: Base,
  sequences: Sequence[],
  options: ScoreOptions & { adapter?: Adapter } = {},
): Promise<Score[]> {
  const { adapter, ...rest } = options;
  return (await scoreMany(base, sequences, { only: adapter }, rest)).only;
}

/**
 * Scores every sequence under each adapter of `adapters` (undefined: the base model alone), with one compiled program
 * for all: beside others, the base model runs with an adapter of zeros. Results by the adapter's name.
 * Throws RangeError for adapters of different rank, scale or projections.
 */
export async function scoreMany(
  base: Base,
  sequences: Sequence[],
  adapters: Record<string, Adapter | undefined>,
  options: ScoreOptions = {},
): Promise<Record<string, Score[]>> {
  const { maxRows = 4, onBatch, ...jitOptions } = options;
  const names = Object.keys(adapters);
  if (sequences.length === 0) return Object.fromEntries(names.map((name) => [name, []]));
  const like = sameShape(adapters), zero = mapParams(like?.params ?? {}, ({ shape }) => f32(shape));
  const layout = planLayout([sequences], maxRows);
  const batches = toBatches(sequences, layout);
  const scorer = await compileScorer(base, layout, like, jitOptions);
  try {
    const results: Record<string, Score[]> = {};
    for (const [m, name] of names.entries()) {
      const report = (done: number) => onBatch?.(m * batches.length + done, names.length * batches.length);
      results[name] = await scoreBatches(scorer, sequences, batches, adapters[name]?.params ?? zero, report);
    }
    return results;
  } finally {
    await scorer.close();
  }
}

/** One of `adapters`, after a check that they fit one program; undefined where there is none. */
function sameShape(adapters: Record<string, Adapter | undefined>): Adapter | undefined {
  const given = Object.entries(adapters).filter((entry): entry is [string, Adapter] =>
    entry[1] !== undefined
  );
  const shape = ({ lora: { r, alpha, targets } }: Adapter) => JSON.stringify([r, alpha, targets.toSorted()]);
  for (const [name, adapter] of given) {
    const [first, other] = given[0];
    if (shape(adapter) === shape(other)) continue;
    throw new RangeError(
      `Cannot score adapters ${first} and ${name} together: rank, alpha and projections are ${
        shape(other)
      } and ${shape(adapter)}; score them apart`,
    );
  }
  return given[0]?.[1];
}

const mapParams = (params: Params, f: (tensor: TensorData) => TensorData): Params =>
  Object.fromEntries(Object.entries(params).map(([name, tensor]) => [name, f(tensor)]));

async function scoreBatches(
  scorer: Compiled,
  sequences: Sequence[],
  batches: Batch[],
  params: Params,
  report: (done: number) => void | Promise<void>,
): Promise<Score[]> {
  const scores = sequences.map(emptyScore);
  const filled = new Int32Array(sequences.length);
  for (const [done, { arrays, owner }] of batches.entries()) {
    const out = await scorer({ params, batch: arrays }) as Record<string, TensorData>;
    owner.forEach((s, r) => {
      if (s < 0) return;
      const i = filled[s]++;
      scores[s].nll[i] = out.nll.data[r];
      scores[s].confidence[i] = out.confidence.data[r];
      scores[s].predicted[i] = out.predicted.data[r];
      scores[s].targets[i] = arrays.targets.data[r];
    });
    await report(done + 1);
  }
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
