// The compiler's front: tf.js program → Compiled, on onnxruntime or, not compiled at all, on another engine (eager.ts).
import * as tf from "@tensorflow/tfjs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheDir, writeFileAtomic } from "../run/files.ts";
import { openEager } from "./eager.ts";
import { type Graph, printGraph } from "./graph.ts";
import { flatten, mapValues, nest } from "./groups.ts";
import { type Extent, toOnnx } from "./onnx.ts";
import type { Params, TensorData } from "./params.ts";
import { defaultPasses, type Pass, runPasses } from "./passes/mod.ts";
import { recompute } from "./passes/recompute.ts";
import { rules } from "./rules.ts";
import { createSession, placed, runtimeVersion, type SessionOptions } from "./runtime.ts";
import { type Program, type Spec, type TensorMap, trace, type WeightSpec } from "./trace.ts";

/** Part of the cache's key: raise it when rules, passes or the ONNX writer change what they make. */
export const COMPILER_VERSION = 3;

/** The safetensors file (or files, beside each other) that a program's weights are read from; never copied into JavaScript. */
export interface WeightsFile {
  /** A safetensors file, or any file in the folder of several; links are followed. */
  path: string;
  /** Names the files' content, such as their SHA-256. */
  hash: string;
  /** Absolute byte offsets of every tensor, and its file where it is not `path`. */
  tensors: Record<string, WeightSpec & Extent>;
}

/** Groups of named arrays, as a program takes them. */
export type Args = Record<string, Params>;
/** What a program returns: arrays and groups of arrays. */
export type Results = Record<string, TensorData | Params>;

/** A program compiled for fixed shapes. */
export interface Compiled {
  /** Runs it. Throws TypeError where an input is missing or does not fit in shape or type. */
  (args: Args): Promise<Results>;
  /** The optimised graph. */
  graph: Graph;
  /** Seconds spent tracing and rewriting, and loading into onnxruntime; size of the ONNX bytes; found in the cache? */
  stats: { traceSeconds: number; sessionSeconds: number; bytes: number; cached: boolean };
  /** Frees the session; further calls fail. */
  close(): Promise<void>;
}

/** What runs a program: onnxruntime its compiled graph, tfjs-node (TensorFlow's C library) each operation as it comes. */
export type Engine = "onnxruntime" | "tfjs-node";

/** How to compile. */
export interface JitOptions extends SessionOptions {
  /** Default: onnxruntime. tfjs-node is set up by `deno task setup --engine tfjs-node`; see openEager(). */
  engine?: Engine;
  /** The file behind the program's group `weights`. */
  weights?: WeightsFile;
  /** Default: all of them. */
  passes?: Record<string, Pass>;
  /** Bytes of intermediate values held at once, reached by computing some of them twice (passes/recompute.ts). */
  memoryTarget?: number;
  /** The folder of compiled graphs, or false for none. Default: `cacheDir()/graphs`. */
  cache?: string | false;
  /** Only "cpu" so far. */
  device?: "cpu";
}

/** The optimised graph of `program`: what jit() compiles, without loading it. */
export function traceGraph(
  program: Program,
  specs: Record<string, Record<string, Spec>>,
  { weights, passes = defaultPasses, memoryTarget }: JitOptions = {},
): Graph {
  const traced = trace(program, specs, { rules, weights: weights?.tensors });
  return runPasses(traced, memoryTarget ? { ...passes, recompute: recompute(memoryTarget) } : passes);
}

/**
 * Compiles `program` for inputs of the shapes in `specs` (argument group → name → shape and type). Inside the program
 * the weights file appears as the group `weights`, float32 whatever its stored type.
 */
export async function jit(
  program: Program,
  specs: Record<string, Record<string, Spec>>,
  options: JitOptions = {},
): Promise<Compiled> {
  const { engine = "onnxruntime", weights } = options;
  if (engine === "tfjs-node") return await openEager(program, specs, options);
  if (engine !== "onnxruntime") {
    throw new RangeError(`Cannot use engine ${engine}: choose from onnxruntime, tfjs-node`);
  }
  const start = performance.now();
  const graph = traceGraph(program, specs, options);
  const { bytes, cached } = await onnxBytes(graph, options);
  const tracedAt = performance.now();
  const sessionOptions = { ...options, weightsFile: weights?.path };
  const session = await createSession(bytes, graph, sessionOptions).catch((error) => {
    if (!cached) throw error; // a damaged cache file is no reason to fail
    return createSession(makeOnnx(graph, weights), graph, sessionOptions);
  });
  const stats = {
    traceSeconds: (tracedAt - start) / 1000,
    sessionSeconds: (performance.now() - tracedAt) / 1000,
    bytes: bytes.length,
    cached,
  };
  const run = async (args: Args) => nest(await session.run(flatten(args)));
  return Object.assign(run, { graph, stats, close: () => session.close() });
}

/** The graph as ONNX, from the cache where the same graph over the same weights was written before. */
async function onnxBytes(graph: Graph, options: JitOptions): Promise<{ bytes: Uint8Array; cached: boolean }> {
  const { weights, cache = join(cacheDir(), "graphs") } = options;
  if (cache === false) return { bytes: makeOnnx(graph, weights), cached: false };
  const places = weights && placed(weights);
  const offsets = graph.weights.map((w) => [w, places?.extents[w]]);
  const text = JSON.stringify([
    printGraph(graph),
    weights && [places?.name, weights.hash, offsets],
    COMPILER_VERSION,
    runtimeVersion(),
  ]);
  const path = join(cache, createHash("sha256").update(text).digest("hex") + ".onnx");
  try {
    return { bytes: await Deno.readFile(path), cached: true };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const bytes = makeOnnx(graph, weights);
  // The cache saves time and nothing else: a full disk or a read-only folder does not stop the program.
  await Deno.mkdir(cache, { recursive: true }).then(() => writeFileAtomic(path, bytes)).catch(() => {});
  return { bytes, cached: false };
}

function makeOnnx(graph: Graph, weights: WeightsFile | undefined): Uint8Array {
  if (!weights) return toOnnx(graph);
  const { name, extents } = placed(weights);
  return toOnnx(graph, name, extents);
}

/**
 * Turns a scalar function of the program's arguments into a program that also gives its gradients with respect to
 * every tensor of the group `wrt`. `f` may return further tensors beside `value`; they are passed on unchanged.
 */
export function valueAndGrads(
  f: (args: Record<string, TensorMap>) => { value: tf.Scalar } & TensorMap,
  wrt = "params",
): Program {
  return (args) => {
    const names = Object.keys(args[wrt]);
    let extra: TensorMap = {};
    const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
      const { value, ...rest } = f({
        ...args,
        [wrt]: Object.fromEntries(names.map((n, i) => [n, tensors[i]])),
      });
      extra = Object.fromEntries(Object.entries(rest).map(([k, t]) => [k, tf.keep(t)]));
      return value;
    })(names.map((n) => args[wrt][n]));
    for (const [name, t] of Object.entries(extra)) { // back from keep() into the caller's tidy
      extra[name] = t.clone();
      t.dispose();
    }
    return { value, ...extra, grads: Object.fromEntries(names.map((n, i) => [n, grads[i]])) };
  };
}

/** The shapes of named arrays, to compile a program for them. */
export function specsOf(params: Params): Record<string, Spec> {
  return mapValues(params, ({ shape, dtype }) => ({ shape, dtype }));
}
