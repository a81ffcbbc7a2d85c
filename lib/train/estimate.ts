// What a training run will take, before it starts: its graph is traced and counted, and each kind of call in it is timed on
// this machine. Nothing is trained and no file is written.
import { calibrate, type CalibrateOptions, type Calibration, runSeconds } from "../jit/calibrate.ts";
import { flops, mappedBytes, packedBytes, weightBytes } from "../jit/cost.ts";
import { liveness } from "../jit/liveness.ts";
import { type Graph, type JitOptions, type Params, type Spec, specsOf, traceGraph } from "../jit/mod.ts";
import {
  type Base,
  initLora,
  type Layout,
  loraModules,
  packRows,
  planLayout,
  type Sequence,
} from "../model/mod.ts";
import { adamWState, adamWStep, defaultAdamW, gradientNorm } from "./adamw.ts";
import { KEY_SIZE, moduleKeys } from "./dropout.ts";
import { stepPlan } from "./plan.ts";
import type { TrainSettings } from "./settings.ts";
import { trainingProgram } from "./program.ts";

/** An estimate. Memory in bytes, times in seconds. */
export interface TrainEstimate {
  steps: number;
  /** Micro-batches of all steps: runs of the graph. */
  batches: number;
  samples: number;
  tokens: number;
  layout: Layout;
  graph: { calls: number; flops: number };
  memory: MemoryEstimate;
  time: TimeEstimate;
}

/** The most memory held, and where it goes while the graph runs. */
export interface MemoryEstimate {
  total: number;
  /** The process with the library, the model's tokenizer and the traced graph. */
  process: number;
  /** Weights as they are held: packed for matrix products, or mapped from their file. */
  weights: number;
  /** Values of one batch that are alive at once. */
  values: number;
  /** Adapter, gradient and AdamW's moments. */
  adapter: number;
}

/** Where the time goes. */
export interface TimeEstimate {
  total: number;
  /** Opening and encoding, tracing, and loading into onnxruntime. */
  start: number;
  /** The first batch takes so much longer: it touches fresh memory. */
  firstTouch: number;
  /** One run of the graph. */
  batch: number;
  /** AdamW's step on the adapter. */
  update: number;
}

/** The inputs of a training step's program for rows of `layout`, by group. */
export function stepSpecs(
  base: Base,
  { lora, seed }: Pick<TrainSettings, "lora" | "seed">,
  { B, T, R }: Layout,
): Record<string, Record<string, Spec>> {
  const int = (...shape: number[]): Spec => ({ shape, dtype: "int32" });
  const float = (...shape: number[]): Spec => ({ shape, dtype: "float32" });
  const params = specsOf(initLora(base.config, lora, seed));
  const batch = {
    ids: int(B, T),
    positions: int(B, T),
    segments: int(B, T),
    rows: int(R),
    targets: int(R),
    smoothing: float(R),
    weight: float(R),
  };
  if (lora.dropout === 0) return { params, batch };
  const dropout = specsOf(moduleKeys(loraModules(base.config, lora), seed));
  return { params, batch: { ...batch, keys: float(B * T, KEY_SIZE) }, dropout };
}

/** The runs of the graph that each step takes. */
export function stepBatches(
  sequences: Sequence[],
  settings: Pick<TrainSettings, "batch" | "steps" | "seed" | "shuffle">,
  { B, T }: Layout,
): number[] {
  const lengths = sequences.map((s) => s.ids.length);
  return stepPlan(sequences.length, settings).map((step) =>
    Math.ceil(packRows(step.map((i) => lengths[i]), T).length / B)
  );
}

/** The most memory that running `graph` takes in a process that holds `held` bytes, with an adapter of so many numbers. */
export function estimateMemory(graph: Graph, parameters: number, held: number): MemoryEstimate {
  const packed = packedBytes(graph);
  const parts = {
    process: held,
    weights: packed + mappedBytes(graph),
    values: liveness(graph).peak,
    adapter: 4 * parameters * COPIES,
  };
  const running = Object.values(parts).reduce((a, b) => a + b, 0);
  const loading = held + packed + weightBytes(graph); // while it packs, onnxruntime has the whole file mapped
  return { total: Math.max(running, loading), ...parts };
}

/** Start, moving state, the two moments, the gradient as onnxruntime, JavaScript and a sum of batches hold it. */
const COPIES = 7;

/** The time of a run of `batches` runs of `graph` and `steps` updates. */
export function estimateTime(
  graph: Graph,
  counts: { steps: number; batches: number },
  measured: Pick<Calibration, "calls" | "gap"> & { start: number; update: number; touch: number },
): TimeEstimate {
  const { start, update } = measured;
  const batch = runSeconds(graph, measured), firstTouch = measured.touch * liveness(graph).peak;
  return {
    total: start + firstTouch + counts.batches * batch + counts.steps * update,
    start,
    firstTouch,
    batch,
    update,
  };
}

/** How to estimate. */
export interface EstimateOptions {
  /** The adapter to start from; default: a fresh one. */
  init?: Params;
  /** Seconds that opening the model and encoding the data took. */
  openSeconds?: number;
  jit?: JitOptions & Pick<CalibrateOptions, "budget">;
}

/** Estimates train() with these arguments, on this machine as busy as it is now. */
export async function estimateTraining(
  base: Base,
  sequences: Sequence[],
  settings: TrainSettings,
  { init, openSeconds = 0, jit = {} }: EstimateOptions = {},
): Promise<TrainEstimate> {
  const steps = stepPlan(sequences.length, settings).map((step) => step.map((i) => sequences[i]));
  const layout = planLayout(steps, settings.maxRows);
  const begun = performance.now();
  const graph = traceGraph(trainingProgram(base.config, settings.lora), stepSpecs(base, settings, layout), {
    ...jit,
    weights: base.weights,
  });
  const traced = (performance.now() - begun) / 1000;
  const held = Deno.memoryUsage().rss;
  const params = init ?? initLora(base.config, settings.lora, settings.seed);
  const measured = await calibrate(graph, { ...jit, threads: settings.threads, weights: base.weights });
  const session = measured.sessionSeconds * packedBytes(graph) / packedBytes(measured.graph);
  const samples = steps.flat();
  const batches = stepBatches(sequences, settings, layout).reduce((a, b) => a + b, 0);
  return {
    steps: steps.length,
    batches,
    samples: samples.length,
    tokens: samples.reduce((total, s) => total + s.ids.length, 0),
    layout,
    graph: { calls: graph.nodes.length, flops: flops(graph) },
    memory: estimateMemory(graph, Object.values(params).reduce((n, { data }) => n + data.length, 0), held),
    time: estimateTime(graph, { steps: steps.length, batches }, {
      ...measured,
      start: openSeconds + traced + session,
      update: updateSeconds(params),
      touch: touchSeconds(),
    }),
  };
}

/** Seconds of an update of `params`; nothing of them changes. */
function updateSeconds(params: Params): number {
  const copy = (fill?: number): Params =>
    Object.fromEntries(
      Object.entries(params).map(([name, t]) => {
        const data = Float32Array.from(t.data);
        return [name, {
          dtype: "float32",
          shape: t.shape,
          data: fill === undefined ? data : data.fill(fill),
        }];
      }),
    );
  const [own, grads] = [copy(), copy(1e-3)], state = adamWState(own);
  let seconds = 0;
  for (let i = 0; i < 3; i++) { // the last, when the code is compiled
    const start = performance.now();
    gradientNorm(grads);
    adamWStep(own, grads, state, 1e-4, defaultAdamW);
    seconds = (performance.now() - start) / 1000;
  }
  return seconds;
}

/** Seconds that a byte of fresh memory costs at its first use. */
function touchSeconds(): number {
  const bytes = 2 ** 27, array = new Uint8Array(bytes), passes = [];
  for (let i = 0; i < 2; i++) {
    const start = performance.now();
    array.fill(1);
    passes.push((performance.now() - start) / 1000);
  }
  return Math.max(0, passes[0] - passes[1]) / bytes;
}
