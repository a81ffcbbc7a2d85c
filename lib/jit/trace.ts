// Records a TensorFlow.js program as a Graph: a KernelBackend that computes nothing and notes every kernel call.
// What each kernel becomes stands in rules.ts; tf.js's own gradients run through the same kernels.
import * as tf from "@tensorflow/tfjs";
import { type Attr, type ConstData, type DType, emptyGraph, exactText, type Graph } from "./graph.ts";
import { sizeOf } from "./params.ts";

/** The shape and type of an input. */
export interface Spec {
  /** Sizes of the axes. */
  shape: number[];
  /** Type of the elements. */
  dtype: "float32" | "int32";
}
/** The shape and stored type of a weight. */
export interface WeightSpec {
  /** Sizes of the axes. */
  shape: number[];
  /** Type of the elements in the file. */
  dtype: "float32" | "float16" | "bfloat16" | "uint8";
}

/** Named tensors of the program's arguments or results. */
export type TensorMap = Record<string, tf.Tensor>;
/** A program: argument groups (such as params, batch, weights) in, named tensors or groups of them out. */
export type Program = (args: Record<string, TensorMap>) => Record<string, tf.Tensor | TensorMap>;

/** A tensor as a kernel sees it. */
export type Info = { dataId: object; shape: number[]; dtype: tf.DataType };

const BACKEND = "onnx-trace";
const UNREADABLE =
  "Cannot read a tensor's values while tracing: they exist only when the compiled program runs; " +
  "keep the computation in tf.js operations, or pass the value in as an input";

/** Collects the graph of one trace. Rules call `emit` and `shapeConst`. */
export class Recorder {
  readonly graph: Graph = emptyGraph();
  #next = 0;
  #names = new WeakMap<object, string>();
  #small = new Map<string, string>();

  /** The graph's value behind a tensor. */
  nameOf(tensor: { dataId: object }): string {
    const name = this.#names.get(tensor.dataId);
    if (name === undefined) {
      throw new TypeError(
        "Cannot use a tensor from outside the program: pass it in as an input, or make it inside",
      );
    }
    return name;
  }

  /** A tensor that stands for the value `name`. */
  bind(name: string, shape: number[], dtype: tf.DataType): Info {
    const dataId = {};
    this.#names.set(dataId, name);
    return { dataId, shape, dtype };
  }

  /** Adds a value that is fed, read from the weights file, or made by a node. */
  declare(name: string, shape: number[], dtype: DType): string {
    this.graph.values.set(name, { name, shape: [...shape], dtype });
    return name;
  }

  /** Adds a node with one output and returns that output's name. */
  emit(
    op: string,
    inputs: string[],
    shape: number[],
    dtype: DType,
    attrs: Record<string, Attr> = {},
    domain = "",
  ) {
    return this.emitMany(op, inputs, [{ shape, dtype }], attrs, domain)[0];
  }

  /** Adds a node with several outputs. */
  emitMany(
    op: string,
    inputs: string[],
    outs: { shape: number[]; dtype: DType }[],
    attrs: Record<string, Attr> = {},
    domain = "",
  ): string[] {
    const outputs = outs.map((o) => this.declare(`v${this.#next++}`, o.shape, o.dtype));
    this.graph.nodes.push({ op, domain, inputs, outputs, attrs });
    return outputs;
  }

  /** Adds a constant; equal small ones are shared. */
  constant(data: ConstData, shape: number[], dtype: DType): string {
    const key = data.length <= 64
      ? `${dtype}[${shape}]${Array.from(data as ArrayLike<number>, exactText)}`
      : undefined;
    const known = key && this.#small.get(key);
    if (known) return known;
    const name = this.declare(`c${this.#next++}`, shape, dtype);
    this.graph.constants.set(name, data);
    if (key) this.#small.set(key, name);
    return name;
  }

  /** Integers as ONNX wants its shape arguments: a list of int64. */
  shapeConst(values: readonly number[]): string {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length], "int64");
  }

  /** A constant from values that tf.js hands over. */
  fromValues(values: ArrayLike<number>, shape: number[], dtype: tf.DataType): string {
    const n = sizeOf(shape);
    if (n > 64 && dtype !== "string" && isUniform(values)) { // spread out when the program runs, to keep the graph small
      const scalar = this.fromValues([values[0]], [], dtype);
      return this.emit("Expand", [scalar, this.shapeConst(shape)], shape, dtype as DType);
    }
    if (dtype === "float32") return this.constant(Float32Array.from(values).slice(0, n), shape, "float32");
    if (dtype === "int32") return this.constant(Int32Array.from(values).slice(0, n), shape, "int32");
    if (dtype === "bool") return this.constant(Uint8Array.from(values).slice(0, n), shape, "bool");
    throw new TypeError(`Cannot trace a ${dtype} tensor: only float32, int32 and bool are compiled`);
  }

  keep(dataId: object, name: string): void {
    this.#names.set(dataId, name);
  }
}

function isUniform(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], values[0])) return false;
  return true;
}

let current: Recorder | undefined;

/** The recorder of the trace under way; rules run only then. */
export function recorder(): Recorder {
  if (!current) throw new Error("internal: a traced tensor was used outside its trace");
  return current;
}

class TraceBackend extends tf.KernelBackend {
  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    recorder().keep(dataId, recorder().fromValues(values as ArrayLike<number>, shape, dtype));
    return dataId;
  }
  override readSync(): never {
    throw new TypeError(UNREADABLE);
  }
  override read(): never {
    throw new TypeError(UNREADABLE);
  }
  override refCount = () => 1;
  override incRef() {}
  override disposeData = () => true;
  override numDataIds = () => 0;
  override floatPrecision = () => 32 as const;
  override epsilon = () => 1e-7;
  override timerAvailable = () => false;
}

/** What a rule gets: tensors by the kernel's own input names, and its attributes. */
export type Rule = (
  inputs: Record<string, Info> & Info[],
  // deno-lint-ignore no-explicit-any
  attrs: any,
) => Info | Info[];

let registered = false;

/** Makes the tracing backend known to tf.js, with an error for every kernel that has no rule. */
function register(rules: Record<string, Rule>): void {
  if (registered) return;
  registered = true;
  tf.registerBackend(BACKEND, () => new TraceBackend(), 0);
  const known = tf.getKernelsForBackend("cpu").map((k) => k.kernelName);
  for (const kernelName of new Set([...known, ...Object.keys(rules)])) {
    const rule = rules[kernelName];
    const kernelFunc: tf.KernelFunc = rule
      ? ({ inputs, attrs }) => rule(inputs as never, attrs ?? {}) as tf.TensorInfo
      : () => {
        throw new TypeError(
          `Cannot compile kernel ${kernelName}: lib/jit/rules.ts has no rule for it; write the program without it or add a rule`,
        );
      };
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
}

/** The tf.js backend in use before the call is in use again after it, whatever `body` does. */
export function onBackend<T>(name: string, body: () => T): T {
  const before = tf.getBackend() ?? "cpu"; // none yet where nothing has run
  const engine = tf.engine();
  // The registration above is synchronous, so the switch has happened when setBackend returns its promise.
  void engine.setBackend(name);
  try {
    return body();
  } finally {
    void engine.setBackend(before);
  }
}

/** Reading a weight that the file does not have is an error that names it. */
export function strict(group: string, tensors: TensorMap): TensorMap {
  return new Proxy(tensors, {
    get(target, key) {
      if (typeof key !== "string" || key in target) return target[key as string];
      throw new RangeError(
        `Cannot find ${key} among ${group}: it has ${Object.keys(target).length} tensors, such as ` +
          `${Object.keys(target).slice(0, 3).join(", ")}; check that the file fits the model`,
      );
    },
  });
}

/**
 * Runs `program` once on symbolic tensors and returns its graph, unoptimised.
 * Inputs are called `group/name`, weights by their own name, outputs `name` or `group/name`.
 * Throws TypeError for a kernel without a rule and for values read while tracing.
 */
export function trace(
  program: Program,
  inputs: Record<string, Record<string, Spec>>,
  options: { rules: Record<string, Rule>; weights?: Record<string, WeightSpec> },
): Graph {
  if (current) throw new Error("Cannot trace inside a trace: compile the inner program first");
  register(options.rules);
  const rec = new Recorder();
  current = rec;
  const random = Math.random;
  Math.random = () => {
    throw new TypeError(
      "Cannot draw random numbers while tracing: they would be the same in every run; pass them in as inputs",
    );
  };
  try {
    return onBackend(BACKEND, () => tf.tidy(() => record(rec, program, inputs, options.weights) as never));
  } finally {
    Math.random = random;
    current = undefined;
  }
}

function record(
  rec: Recorder,
  program: Program,
  inputs: Record<string, Record<string, Spec>>,
  weights: Record<string, WeightSpec> | undefined,
): Graph {
  const tensor = (info: Info) => tf.engine().makeTensorFromTensorInfo(info as unknown as tf.TensorInfo);
  const args: Record<string, TensorMap> = {};
  for (const [group, specs] of Object.entries(inputs)) {
    const tensors: TensorMap = {};
    for (const [name, { shape, dtype }] of Object.entries(specs)) {
      const full = rec.declare(`${group}/${name}`, shape, dtype);
      rec.graph.inputs.push(full);
      tensors[name] = tensor(rec.bind(full, shape, dtype));
    }
    args[group] = strict(group, tensors);
  }
  if (weights) {
    const tensors: TensorMap = {};
    for (const [name, { shape, dtype }] of Object.entries(weights)) {
      rec.declare(name, shape, dtype);
      rec.graph.weights.push(name);
      const value = dtype === "float32" ? name : rec.emit("Cast", [name], shape, "float32", { to: 1 });
      tensors[name] = tensor(rec.bind(value, shape, "float32"));
    }
    args.weights = strict("the weights", tensors);
  }
  for (const [name, out] of Object.entries(program(args))) {
    const tensors = out instanceof tf.Tensor ? { [name]: out } : prefixed(name, out);
    for (const [full, t] of Object.entries(tensors)) {
      if (!(t instanceof tf.Tensor)) {
        throw new TypeError(`Cannot compile the program: its result ${full} is no tensor`);
      }
      if (rec.graph.values.has(full)) {
        throw new TypeError(`Cannot name a result ${full}: an input or weight is called so`);
      }
      rec.graph.outputs.push({ name: full, value: rec.nameOf(t) });
    }
  }
  if (rec.graph.outputs.length === 0) {
    throw new TypeError("Cannot compile the program: it returns no tensors");
  }
  return rec.graph;
}

function prefixed(group: string, tensors: TensorMap): TensorMap {
  return Object.fromEntries(Object.entries(tensors ?? {}).map(([name, t]) => [`${group}/${name}`, t]));
}
