// The only file that touches onnxruntime-node: sessions from ONNX bytes, plain arrays in and out.
import * as ort from "onnxruntime-node";
import { basename, dirname } from "node:path";
import { InputError } from "../run/errors.ts";
import type { Graph } from "./graph.ts";
import { valueOf } from "./graph.ts";
import type { Extent } from "./onnx.ts";
import type { TensorData } from "./params.ts";
import { sizeOf } from "./params.ts";
import { coresAreFree } from "./spinning.ts";

/** How a session runs. */
export interface SessionOptions {
  /** Threads inside an operator. Results are bit-identical from run to run for one thread count. Default: all cores. */
  threads?: number;
  /** The safetensors file that the graph's weights point into; memory-mapped by onnxruntime. */
  weightsFile?: string;
  /** Write onnxruntime's profile (Chrome trace JSON) to files with this prefix; `close` ends and returns it. */
  profilePrefix?: string;
  /** Further onnxruntime session entries without their "session." prefix, such as { disable_prepacking: "1" }. */
  config?: Record<string, string>;
}

/** A compiled graph, ready to run. */
export interface Session {
  run(feeds: Record<string, TensorData>): Promise<Record<string, TensorData>>;
  /** Frees the session; returns the profile's path where one was asked for. */
  close(): Promise<void>;
}

/** onnxruntime's version, as part of the cache's key. */
export function runtimeVersion(): string {
  return ort.env.versions.node ?? ort.env.versions.common;
}

/** Loads `model` (ONNX bytes of `graph`) on the CPU. */
export async function createSession(
  model: Uint8Array,
  graph: Graph,
  options: SessionOptions = {},
): Promise<Session> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: options.threads ?? navigator.hardwareConcurrency,
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    // A pattern is one block for all values beside the arena that the first run has filled: half as much memory again.
    enableMemPattern: false,
    logSeverityLevel: 3,
    ...(options.profilePrefix ? { enableProfiling: true, profileFilePrefix: options.profilePrefix } : {}),
    extra: {
      session: sessionEntries(options),
      // Equal calls are merged by a pass of ours; what recomputation repeats on purpose must stay.
      optimization: { disable_specified_optimizers: "CommonSubexpressionElimination" },
    },
  });
  let closed = false;
  const outputs = graph.outputs.map((o) => ({ name: o.name, ...pick(graph, o.value) }));
  return {
    async run(feeds) {
      const unknown = Object.keys(feeds).filter((name) => !graph.inputs.includes(name));
      if (unknown.length) {
        throw new TypeError(`Cannot feed ${unknown.join(", ")}: the program has no such input`);
      }
      const tensors: Record<string, ort.Tensor> = {};
      for (const name of graph.inputs) tensors[name] = toOrt(name, feeds[name], pick(graph, name));
      const results = await session.run(tensors);
      return Object.fromEntries(outputs.map((o) => [o.name, fromOrt(results[o.name], o)]));
    },
    async close() {
      if (closed) return;
      closed = true;
      if (options.profilePrefix) session.endProfiling();
      await session.release();
    },
  };
}

const pick = (graph: Graph, name: string) => {
  const { shape, dtype } = valueOf(graph, name);
  return { shape, dtype };
};

/** onnxruntime refuses weights outside the graph's folder and links that leave it: name the real folder. */
function sessionEntries(options: SessionOptions): Record<string, string> {
  const entries = {
    "intra_op.allow_spinning": coresAreFree() ? "1" : "0",
    dynamic_block_base: "4", // finer blocks: a thread that was held up delays the others less
    ...options.config,
  };
  if (!options.weightsFile) return entries;
  return {
    model_external_initializers_file_folder_path: dirname(Deno.realPathSync(options.weightsFile)),
    ...entries,
  };
}

/** How a graph names its weights: files by their names inside the folder that `createSession` gives, links resolved. */
export function placed(
  { path, tensors }: { path: string; tensors: Record<string, Extent> },
): { name: string; extents: Record<string, Extent> } {
  const real = Deno.realPathSync(path), folder = dirname(real), names = new Map<string, string>();
  const nameOf = (file: string): string => {
    const known = names.get(file);
    if (known) return known;
    const target = Deno.realPathSync(file);
    if (dirname(target) !== folder) {
      throw new InputError(
        `Cannot read weights from ${target} beside ${real}: their folders differ; put the files into one`,
      );
    }
    names.set(file, basename(target));
    return basename(target);
  };
  const extents = Object.entries(tensors).map(([name, { begin, end, file }]) =>
    [name, { begin, end, ...(file ? { file: nameOf(file) } : {}) }] as const
  );
  return { name: basename(real), extents: Object.fromEntries(extents) };
}

function toOrt(
  name: string,
  data: TensorData | undefined,
  want: { shape: number[]; dtype: string },
): ort.Tensor {
  if (!data) {
    throw new TypeError(
      `Cannot run the program: input ${name} is missing; feed ${want.dtype}[${want.shape}]`,
    );
  }
  const fits = data.dtype === want.dtype && String(data.shape) === String(want.shape);
  if (!fits || data.data.length !== sizeOf(want.shape)) {
    throw new TypeError(
      `Cannot feed ${name}: got ${data.dtype}[${data.shape}] with ${data.data.length} values, ` +
        `the program was compiled for ${want.dtype}[${want.shape}]; compile it again for the new shape`,
    );
  }
  return new ort.Tensor(data.dtype, data.data, data.shape);
}

function fromOrt(tensor: ort.Tensor, want: { shape: number[]; dtype: string }): TensorData {
  if (want.dtype === "float32") {
    return { dtype: "float32", shape: want.shape, data: tensor.data as Float32Array };
  }
  const data = tensor.data instanceof Int32Array ? tensor.data : Int32Array.from(tensor.data as Uint8Array);
  return { dtype: "int32", shape: want.shape, data };
}
