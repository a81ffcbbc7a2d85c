// The compiler's front: tf.js program → Compiled. Also the same call run eagerly, which is every test's oracle.
import * as tf from "@tensorflow/tfjs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheDir, writeFileAtomic } from "../run/files.ts";
import { type Graph, printGraph } from "./graph.ts";
import { type Extent, toOnnx } from "./onnx.ts";
import type { Params, TensorData } from "./params.ts";
import { defaultPasses, type Pass, runPasses } from "./passes/mod.ts";
import { rules } from "./rules.ts";
import { createSession, runtimeVersion, type SessionOptions, weightsName } from "./runtime.ts";
import { type Program, type Spec, type TensorMap, trace, type WeightSpec } from "./trace.ts";

/** Part of the cache's key: raise it when rules, passes or the ONNX writer change what they make. */
export const COMPILER_VERSION = 2;

/** A safetensors file that a program's weights are read from; never copied into JavaScript. */
export interface WeightsFile {
  /** A safetensors file; links are followed. */
  path: string;
  /** Names a file's content, such as its SHA-256. */
  hash: string;
  /** Absolute byte offsets of every tensor. */
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

/** How to compile. */
export interface JitOptions extends SessionOptions {
  /** The file behind the program's group `weights`. */
  weights?: WeightsFile;
  /** Default: all of them. */
  passes?: Record<string, Pass>;
  /** The folder of compiled graphs, or false for none. Default: `cacheDir()/graphs`. */
  cache?: string | false;
  /** Only "cpu" so far. */
  device?: "cpu";
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
  const { weights, passes = defaultPasses } = options;
  const start = performance.now();
  const traced = trace(program, specs, { rules, weights: weights?.tensors });
  const graph = runPasses(traced, passes);
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
  const offsets = graph.weights.map((w) => [w, weights?.tensors[w].begin, weights?.tensors[w].end]);
  const text = JSON.stringify([
    printGraph(graph),
    weights && [weightsName(weights.path), weights.hash, offsets],
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
  return toOnnx(graph, weights && weightsName(weights.path), weights?.tensors);
}

/** `{group: {name}}` as the graph's inputs are called. */
function flatten(args: Args): Record<string, TensorData> {
  const flat: Record<string, TensorData> = {};
  for (const [group, params] of Object.entries(args)) {
    for (const [name, data] of Object.entries(params)) flat[`${group}/${name}`] = data;
  }
  return flat;
}

/** `group/name` back into groups, at the first slash. */
function nest(flat: Record<string, TensorData>): Results {
  const out: Results = {};
  for (const [full, data] of Object.entries(flat)) {
    const cut = full.indexOf("/");
    if (cut < 0) out[full] = data;
    else ((out[full.slice(0, cut)] ??= {}) as Params)[full.slice(cut + 1)] = data;
  }
  return out;
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

/** The same program on a tf.js backend, uncompiled: slow, and the oracle. Weights come as a group of arrays. */
export async function runEager(program: Program, args: Args, backend = "cpu"): Promise<Results> {
  await tf.setBackend(backend);
  const results = tf.tidy(() => {
    const tensors = Object.fromEntries(
      Object.entries(args).map((
        [group, params],
      ) => [group, mapValues(params, (d) => tf.tensor(d.data, d.shape, d.dtype))]),
    );
    const out = program(tensors);
    return mapValues(out, (t) => t instanceof tf.Tensor ? read(t) : mapValues(t, read)) as never;
  });
  return results;
}

/** The shapes of named arrays, to compile a program for them. */
export function specsOf(params: Params): Record<string, Spec> {
  return mapValues(params, ({ shape, dtype }) => ({ shape, dtype }));
}

function read(t: tf.Tensor): TensorData {
  if (t.dtype === "float32") {
    return { dtype: "float32", shape: t.shape, data: t.dataSync<"float32">().slice() };
  }
  return { dtype: "int32", shape: t.shape, data: Int32Array.from(t.dataSync()) };
}

function mapValues<A, B>(record: Record<string, A>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([k, v]) => [k, f(v)]));
}
