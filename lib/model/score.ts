// Log-likelihood scoring: each target's negative log-likelihood, the model's confidence and its prediction, and where asked
// for the entropy of all it could have said. Long and short sequences run in programs of their own where that pays.
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
import { type RowSoftmax, rowSoftmax } from "./softmax.ts";
import {
  type Batch,
  type Layout,
  planBuckets,
  planLayout,
  type Sequence,
  targetCount,
  toBatches,
} from "./rows.ts";

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
  /** −Σ p·log p over the vocabulary at each target's position, in nats; only where it was asked for. */
  entropy?: Float32Array;
}

/** What a scorer measures besides the likelihood. */
export interface Measures {
  /** Also the predictive entropy; it reads the logits two more times. Default false. */
  entropy?: boolean;
}

/** `nll`, `confidence`, `predicted` [R] of `batch` (see Batch.arrays); `params` is the adapter, possibly empty. */
export function scoringProgram(config: LlamaConfig, lora: LoraConfig, measures: Measures = {}): Program {
  return ({ params, batch, weights }) => {
    const hidden = hiddenStates(
      config,
      weights,
      batch as unknown as TokenRows,
      loraLinear(weights, params ?? {}, lora),
    );
    const x = tf.gather(hidden, batch.rows as tf.Tensor1D);
    const head = weights[headName(config)] as tf.Tensor2D;
    const logits = tf.matMul(x, head, false, true) as tf.Tensor2D; // [R, K]
    const softmax = rowSoftmax(logits);
    const zy = tf.sum(tf.mul(x, tf.gather(head, batch.targets as tf.Tensor1D)), -1);
    return {
      nll: tf.sub(softmax.logsumexp, zy),
      confidence: softmax.confidence,
      predicted: tf.argMax(logits, -1),
      ...(measures.entropy ? { entropy: rowEntropy(logits, softmax) } : {}),
    };
  };
}

/**
 * The entropy of softmax(logits), [R]. With d = z − max z ≤ 0 it is log total − Σ raw·d / total: two terms that are never
 * negative, so nothing cancels; the sum over the classes is a matrix product, as in rowSoftmax().
 */
function rowEntropy(logits: tf.Tensor2D, { raw, total }: RowSoftmax): tf.Tensor1D {
  const [R, K] = logits.shape;
  const depth = tf.sub(logits, tf.max(logits, -1, true));
  const sum = tf.reshape(tf.matMul(tf.mul(raw, depth) as tf.Tensor2D, tf.ones([K, 1])), [R]);
  return tf.sub(tf.log(total), tf.div(sum, total)) as tf.Tensor1D;
}

/** Compiles the scorer for one layout; call it with many adapters of one configuration. */
export async function compileScorer(
  base: Base,
  layout: Layout,
  adapter?: Adapter,
  options: JitOptions & Measures = {},
): Promise<Compiled> {
  const { B, T, R } = layout, int = "int32" as const;
  const { entropy, ...jitOptions } = options;
  const batch = {
    ids: { shape: [B, T], dtype: int },
    positions: { shape: [B, T], dtype: int },
    segments: { shape: [B, T], dtype: int },
    rows: { shape: [R], dtype: int },
    targets: { shape: [R], dtype: int },
  };
  const program = scoringProgram(base.config, adapter?.lora ?? NO_LORA, { entropy });
  return await jit(program, { params: specsOf(adapter?.params ?? {}), batch }, {
    ...jitOptions,
    weights: base.weights,
  });
}

/** A compiled scorer of some sequences. */
export interface Scorer {
  /** Scores all of them, in the order given, under the adapter `params`; without it under one of zeros. */
  score(params?: Params, onBatch?: () => void | Promise<void>): Promise<Score[]>;
  close(): Promise<void>;
}

/** Compiles one program that scores `sequences` under any adapter shaped as `like`, to be used many times. */
export async function openScorer(
  base: Base,
  sequences: Sequence[],
  options: JitOptions & Measures & { like?: Adapter; maxRows?: number } = {},
): Promise<Scorer> {
  const { like, maxRows = 4, ...rest } = options;
  const layout = planLayout([sequences], maxRows), batches = toBatches(sequences, layout);
  const zero = mapParams(like?.params ?? {}, ({ shape }) => f32(shape));
  const compiled = await compileScorer(base, layout, like, rest);
  return {
    score: (params = zero, onBatch = () => {}) => scoreBatches(compiled, sequences, batches, params, onBatch),
    close: () => compiled.close(),
  };
}

/** How to score. */
export interface ScoreOptions extends JitOptions, Measures {
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
 * Scores every sequence under each adapter of `adapters` (undefined: the base model alone), with the same compiled
 * programs for all, one for each bucket of lengths (planBuckets()) and one at a time: beside others, the base model runs
 * with an adapter of zeros. Results by the adapter's name, in the order given.
 * Throws RangeError for adapters of different rank, scale or projections.
 */
export async function scoreMany(
  base: Base,
  sequences: Sequence[],
  adapters: Record<string, Adapter | undefined>,
  options: ScoreOptions = {},
): Promise<Record<string, Score[]>> {
  const { maxRows = 4, onBatch, ...rest } = options;
  const names = Object.keys(adapters), like = sameShape(adapters);
  const results: Record<string, Score[]> = Object.fromEntries(names.map((name) => [name, []]));
  if (sequences.length === 0) return results;
  const buckets = planBuckets(sequences, maxRows, { passes: names.length });
  const parts = buckets.map((bucket) => bucket.map((i) => sequences[i]));
  const batches = (part: Sequence[]) => toBatches(part, planLayout([part], maxRows)).length;
  const total = names.length * parts.reduce((sum, part) => sum + batches(part), 0);
  let done = 0;
  for (const [b, part] of parts.entries()) {
    const scorer = await openScorer(base, part, { ...rest, like, maxRows });
    try {
      for (const name of names) {
        const scores = await scorer.score(adapters[name]?.params, () => onBatch?.(++done, total));
        scores.forEach((score, i) => results[name][buckets[b][i]] = score);
      }
    } finally {
      await scorer.close();
    }
  }
  return results;
}

/** What a program depends on in an adapter. */
const shapeOf = ({ lora: { r, alpha, targets, rslora = false } }: Adapter) =>
  JSON.stringify([r, alpha, targets.toSorted(), ...(rslora ? ["rslora"] : [])]);

/** `adapters` in lists that fit one program each; the base model is in the first. */
export function byShape(
  adapters: Record<string, Adapter | undefined>,
): Record<string, Adapter | undefined>[] {
  const entries = Object.entries(adapters), shapes = new Set(entries.flatMap(([, a]) => a ? shapeOf(a) : []));
  if (shapes.size < 2) return [adapters];
  return [...shapes].map((shape, i) =>
    Object.fromEntries(entries.filter(([, a]) => a ? shapeOf(a) === shape : i === 0))
  );
}

/** One of `adapters`, after a check that they fit one program; undefined where there is none. */
export function sameShape(adapters: Record<string, Adapter | undefined>): Adapter | undefined {
  const given = Object.entries(adapters).filter((entry): entry is [string, Adapter] =>
    entry[1] !== undefined
  );
  for (const [name, adapter] of given) {
    const [first, other] = given[0];
    if (shapeOf(adapter) === shapeOf(other)) continue;
    throw new RangeError(
      `Cannot score adapters ${first} and ${name} together: rank, alpha and projections are ${
        shapeOf(other)
      } and ${shapeOf(adapter)}; score them apart`,
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
  onBatch: () => void | Promise<void>,
): Promise<Score[]> {
  const scores = sequences.map(emptyScore);
  const filled = new Int32Array(sequences.length);
  for (const { arrays, owner } of batches) {
    const out = await scorer({ params, batch: arrays }) as Record<string, TensorData>;
    owner.forEach((s, r) => {
      if (s < 0) return;
      const i = filled[s]++;
      scores[s].nll[i] = out.nll.data[r];
      scores[s].confidence[i] = out.confidence.data[r];
      scores[s].predicted[i] = out.predicted.data[r];
      scores[s].targets[i] = arrays.targets.data[r];
      if (out.entropy) {
        (scores[s].entropy ??= new Float32Array(scores[s].nll.length))[i] = out.entropy.data[r];
      }
    });
    await onBatch();
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
