// The model's hidden states at the positions that predict something, after the final norm and between layers, batch by batch.
import * as tf from "@tensorflow/tfjs";
import {
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
import { hiddenStates, type TokenRows } from "./llama.ts";
import { type LoraConfig, loraLinear, NO_LORA } from "./lora.ts";
import { type Batch, type Layout, planBuckets, planLayout, type Sequence, toBatches } from "./rows.ts";
import { byShape, sameShape } from "./score.ts";

/**
 * Where a hidden state is taken: "final" after the last norm, what the output projection reads (the last of transformers'
 * `hidden_states`); a number is their index of the others: 0 the embeddings, l the output of the l-th layer, before the last norm.
 */
export type Layer = "final" | number;

/** Hidden states of consecutive targets of one sequence. */
export interface HiddenRows {
  /** Name of the adapter. */
  name: string;
  layer: Layer;
  /** The sequence's index, and the index of the first of these targets within it. */
  sequence: number;
  from: number;
  /** [targets, hidden], row-major; a view that is only good until the next. */
  data: Float32Array;
}

/** How hidden states are computed. */
export interface HiddenOptions extends JitOptions {
  /** Default: the final one. */
  layers?: readonly Layer[];
  /** Rows of a batch at most: memory against speed. Default 4. */
  maxRows?: number;
  onBatch?: (done: number, total: number) => void | Promise<void>;
}

/**
 * Gives `onRows` the hidden states at the position before each supervised token of `sequences`, under each adapter (undefined:
 * the base model alone), each row once, sequences in any order. Adapters of equal rank, scale and projections share compiled
 * programs. Throws RangeError for a layer that the model does not have.
 */
export async function eachHiddenState(
  base: Base,
  sequences: Sequence[],
  adapters: Record<string, Adapter | undefined>,
  onRows: (rows: HiddenRows) => void,
  options: HiddenOptions = {},
): Promise<void> {
  const { layers = ["final"], maxRows = 4, onBatch, ...rest } = options;
  layers.forEach((layer) => checkLayer(base.config, layer));
  const plans = byShape(adapters).flatMap((group) => {
    const passes = Object.keys(group).length;
    return planBuckets(sequences, maxRows, { passes }).map((indices): Part => {
      const part = indices.map((i) => sequences[i]), layout = planLayout([part], maxRows);
      return { group, indices, layout, batches: toBatches(part, layout) };
    });
  });
  const total = plans.reduce((n, { group, batches }) => n + Object.keys(group).length * batches.length, 0);
  let done = 0;
  for (const plan of plans) {
    await using program = await compileHidden(base, plan.layout, layers, { ...rest, group: plan.group });
    for (const name of Object.keys(plan.group)) {
      const seen = new Int32Array(plan.indices.length);
      for (const batch of plan.batches) {
        const states = await program.run(name, batch);
        for (const { index, at, count } of runsOf(batch)) {
          const from = seen[index], sequence = plan.indices[index], D = base.config.hiddenSize;
          for (const [layer, all] of states) {
            onRows({ name, layer, sequence, from, data: all.subarray(at * D, (at + count) * D) });
          }
          seen[index] += count;
        }
        await onBatch?.(++done, total);
      }
    }
  }
}

/** Sequences that run in one program, and the adapters that do. */
interface Part {
  group: Record<string, Adapter | undefined>;
  indices: number[];
  layout: Layout;
  batches: Batch[];
}

/** Throws RangeError unless the model has the layer. */
export function checkLayer({ layers }: LlamaConfig, layer: Layer): void {
  if (layer === "final" || (Number.isInteger(layer) && layer >= 0 && layer <= layers)) return;
  throw new RangeError(
    `Cannot take hidden states of layer ${layer}: the model has 0 (the embeddings) to ${layers}, and "final"`,
  );
}

/** The stretches of a batch's rows that belong to one sequence: `count` rows from `at` on. */
function runsOf({ owner }: Batch): { index: number; at: number; count: number }[] {
  const runs: { index: number; at: number; count: number }[] = [];
  owner.forEach((index, at) => {
    if (index < 0) return;
    const last = runs.at(-1);
    if (last?.index === index && last.at + last.count === at) last.count++;
    else runs.push({ index, at, count: 1 });
  });
  return runs;
}

const outputOf = (layer: Layer) => `layer_${layer}`;

/** The hidden states [R, hidden] of each layer at `batch.rows`. */
function hiddenProgram(config: LlamaConfig, lora: LoraConfig, layers: readonly Layer[]): Program {
  return ({ params, batch, weights }) => {
    const taken: Record<string, tf.Tensor> = {};
    const take = (layer: Layer, x: tf.Tensor2D) => {
      if (layers.includes(layer)) taken[outputOf(layer)] = tf.gather(x, batch.rows as tf.Tensor1D);
    };
    const linear = loraLinear(weights, params ?? {}, lora), rows = batch as unknown as TokenRows;
    take("final", hiddenStates(config, weights, rows, linear, take));
    return taken;
  };
}

async function compileHidden(
  base: Base,
  { B, T, R }: Layout,
  layers: readonly Layer[],
  { group, ...options }: JitOptions & Pick<Part, "group">,
) {
  const like = sameShape(group), int = "int32" as const, tokens = { shape: [B, T], dtype: int };
  const batch = { ids: tokens, positions: tokens, segments: tokens, rows: { shape: [R], dtype: int } };
  const program = hiddenProgram(base.config, like?.lora ?? NO_LORA, layers),
    specs = specsOf(like?.params ?? {});
  const run = await jit(program, { params: specs, batch }, { ...options, weights: base.weights });
  const zero: Params = Object.fromEntries(
    Object.entries(specs).map(([name, { shape }]) => [name, f32(shape)]),
  );
  return {
    run: async (name: string, { arrays: { ids, positions, segments, rows } }: Batch) => {
      const params = group[name]?.params ?? zero; // beside others the base model has an adapter of zeros
      const out = await run({ params, batch: { ids, positions, segments, rows } }) as Record<
        string,
        TensorData
      >;
      return layers.map((layer) => [layer, out[outputOf(layer)].data as Float32Array] as const);
    },
    [Symbol.asyncDispose]: () => run.close(),
  };
}
