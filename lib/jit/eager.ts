// Programs without the compiler: each tf.js operation runs as it is called, on a tf.js backend. Every test's oracle, and
// the engine tfjs-node (TensorFlow's C library behind tf.js): the only file that imports it, and only when it is asked for.
import * as tf from "@tensorflow/tfjs";
import util from "node:util";
import { InputError, messageOf } from "../run/errors.ts";
import { emptyGraph } from "./graph.ts";
import { checkFeeds, flatten, mapValues } from "./groups.ts";
import type { Args, Compiled, JitOptions, Results, WeightsFile } from "./jit.ts";
import type { TensorData } from "./params.ts";
import { onBackend, type Program, type Spec, strict, type TensorMap, type WeightSpec } from "./trace.ts";

/** What tfjs-node calls itself among tf.js's backends. */
const NATIVE = "tensorflow";

/**
 * The same program on a tf.js backend, uncompiled: "cpu" (plain JavaScript, slow, and the oracle) or "tfjs-node".
 * Weights come as a group of arrays. tf.js stays on that backend.
 */
export async function runEager(program: Program, args: Args, backend = "cpu"): Promise<Results> {
  if (backend === "tfjs-node") await loadTfjsNode();
  await tf.setBackend(backend === "tfjs-node" ? NATIVE : backend);
  return compute(program, args);
}

/**
 * What jit() gives for the engine tfjs-node: the program as it stands, run eagerly in float32 with its weights read into
 * memory once. Each call holds this thread until it is done, and every intermediate value until its end: about 9 GB for
 * a step of the 135M model on 4 × 256 tokens. The graph is empty and the compiler's options do nothing.
 *
 * Throws InputError where the engine is not set up, RangeError for another number of threads than the process began with.
 */
export async function openEager(
  program: Program,
  specs: Record<string, Record<string, Spec>>,
  options: JitOptions,
): Promise<Compiled> {
  const start = performance.now();
  await loadTfjsNode(options.threads ?? navigator.hardwareConcurrency);
  const weights = options.weights && onBackend(NATIVE, () => readWeights(options.weights!));
  let closed = false;
  const run = (args: Args) =>
    Promise.try(() => {
      if (closed) throw new Error("Cannot run the program: it is closed");
      checkFeeds(flatten(args), flatten(specs));
      return onBackend(NATIVE, () => compute(program, args, weights));
    });
  const close = () => {
    if (!closed) Object.values(weights ?? {}).forEach((tensor) => tensor.dispose());
    closed = true;
    return Promise.resolve();
  };
  const stats = {
    traceSeconds: 0,
    sessionSeconds: (performance.now() - start) / 1000,
    bytes: 0,
    cached: false,
  };
  return Object.assign(run, { graph: emptyGraph(), stats, close });
}

/** Runs `program` on the current backend; of its tensors only the results are left, as arrays. */
function compute(program: Program, args: Args, weights?: TensorMap): Results {
  return tf.tidy(() => {
    const tensors = mapValues(args, (group) => mapValues(group, (d) => tf.tensor(d.data, d.shape, d.dtype)));
    const groups = mapValues(tensors, (group, name) => strict(name, group));
    const out = program(weights ? { ...groups, weights: strict("the weights", weights) } : groups);
    return mapValues(out, (t) => t instanceof tf.Tensor ? read(t) : mapValues(t, read)) as never;
  });
}

/** Every tensor of the file (or files), float32 whatever its stored type, on the current backend until disposed. */
function readWeights({ path, tensors }: WeightsFile): TensorMap {
  using stack = new DisposableStack();
  const open = new Map<string, Deno.FsFile>();
  return mapValues(tensors, ({ dtype, shape, begin, end, file: own = path }) => {
    const file = open.get(own) ?? stack.use(Deno.openSync(own));
    open.set(own, file);
    const bytes = new Uint8Array(end - begin);
    file.seekSync(begin, Deno.SeekMode.Start);
    for (let done = 0, n; done < bytes.length; done += n) {
      n = file.readSync(bytes.subarray(done)) ?? 0;
      if (n === 0) throw new Error(`Cannot read weights of ${own}: it ends at byte ${begin + done}`);
    }
    return tf.keep(tf.tensor(toFloats(bytes.buffer, dtype), shape, "float32"));
  });
}

function toFloats(buffer: ArrayBuffer, dtype: WeightSpec["dtype"]): Float32Array {
  if (dtype === "uint8") {
    throw new TypeError("Cannot use weights in 8 bits on tfjs-node: take onnxruntime, or float32");
  }
  if (dtype === "float32") return new Float32Array(buffer);
  if (dtype === "float16") return new Float32Array(new Float16Array(buffer));
  const words = Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16); // the upper half of a float32
  return new Float32Array(words.buffer);
}

let loading: Promise<void> | undefined;
let threadsOfProcess: number | undefined;

/** Loads what `engine` needs; nothing for onnxruntime. Throws InputError where it is not set up. */
export async function loadEngine({ engine, threads }: JitOptions): Promise<void> {
  if (engine === "tfjs-node") await loadTfjsNode(threads);
}

/** Makes the backend known to tf.js and leaves tf.js on the one that it was on. TensorFlow's threads start here, once. */
async function loadTfjsNode(threads?: number): Promise<void> {
  threadsOfProcess ??= threads ?? navigator.hardwareConcurrency;
  if (threads !== undefined && threads !== threadsOfProcess) {
    throw new RangeError(
      `Cannot run tfjs-node on ${threads} threads: this process runs it on ${threadsOfProcess}; start another process`,
    );
  }
  await (loading ??= importTfjsNode(threadsOfProcess));
}

async function importTfjsNode(threads: number): Promise<void> {
  const before = tf.getBackend() ?? "cpu";
  Deno.env.set("TF_NUM_INTRAOP_THREADS", String(threads)); // read when the addon is loaded
  if (!Deno.env.has("TF_CPP_MIN_LOG_LEVEL")) Deno.env.set("TF_CPP_MIN_LOG_LEVEL", "3");
  // tfjs-node 4.22 calls two functions that Node 23 and Deno have dropped from util.
  const old = util as unknown as Record<string, unknown>;
  old.isNullOrUndefined ??= (x: unknown) => x === null || x === undefined;
  old.isArray ??= Array.isArray;
  try {
    await import("@tensorflow/tfjs-node");
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const missing = /tfjs_binding\.node\) can not be found/.test(messageOf(error));
    throw new InputError(
      `Cannot use engine tfjs-node: ${missing ? "it is not set up" : messageOf(error).split("\n")[0]}; ` +
        "run: deno task setup --engine tfjs-node",
      { cause: error },
    );
  }
  exactColumns();
  await tf.setBackend(before);
}

/**
 * TensorFlow multiplies with a single column in a few running float32 sums: over a vocabulary of 49,152 they are off by
 * up to 1e-5, which some gradients of the 135M model amplify to 6e-4. As a reduction the same product holds to 2e-7.
 */
function exactColumns(): void {
  const product = tf.getKernel("BatchMatMul", NATIVE)!;
  tf.unregisterKernel("BatchMatMul", NATIVE);
  const kernelFunc: tf.KernelFunc = (call) => {
    const { a, b } = call.inputs as { a: tf.Tensor; b: tf.Tensor };
    const { transposeA, transposeB } = call.attrs as { transposeA: boolean; transposeB: boolean };
    if (b.shape.at(transposeB ? -2 : -1) !== 1) return product.kernelFunc(call);
    const axes = a.shape.map((_, i) => i), [rows, inner] = axes.splice(-2);
    return tf.tidy(() => {
      const row = tf.reshape(b, [...b.shape.slice(0, -2), 1, b.shape.at(transposeB ? -1 : -2)!]);
      return tf.sum(tf.mul(transposeA ? tf.transpose(a, [...axes, inner, rows]) : a, row), -1, true);
    });
  };
  tf.registerKernel({ ...product, kernelFunc });
}

/** A tensor's values as an array of its own. */
function read(t: tf.Tensor): TensorData {
  if (t.dtype === "float32") {
    return { dtype: "float32", shape: t.shape, data: t.dataSync<"float32">().slice() };
  }
  return { dtype: "int32", shape: t.shape, data: Int32Array.from(t.dataSync()) };
}
