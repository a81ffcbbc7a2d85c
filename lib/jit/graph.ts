// The program as data: ONNX operators over named, statically shaped values. Built by trace.ts, rewritten by passes/,
// written out by onnx.ts. Printing and checking live here; nothing here knows TensorFlow.js or onnxruntime.
import { createHash } from "node:crypto";
import { sizeOf } from "./params.ts";

/** Element types of a graph; float16, bfloat16 and uint8 occur as weights only, int64 as shape arguments. */
export type DType = "float32" | "int32" | "bool" | "int64" | "float16" | "bfloat16" | "uint8";

/** One value: assigned once, of a fixed shape. */
export interface Value {
  /** Unique within the graph. */
  name: string;
  /** Sizes of the axes; [] for a scalar. */
  shape: number[];
  /** Type of the elements. */
  dtype: DType;
}

/** An attribute: an integer, a list of integers, a string, or a float. */
export type Attr = number | number[] | string | { float: number };

/** One operator call. `domain` is "" for ONNX's own operators, "com.microsoft" for onnxruntime's. */
export interface Node {
  /** The operator's ONNX name. */
  op: string;
  /** Where the operator is defined. */
  domain: string;
  /** Names of the values it reads. */
  inputs: string[];
  /** Names of the values it makes. */
  outputs: string[];
  /** Its fixed settings. */
  attrs: Record<string, Attr>;
}

/** The elements of a constant, as they are stored. */
export type ConstData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A whole program. `nodes` are in an order in which every input is defined before its use. */
export interface Graph {
  /** Every value's shape and type, by name. */
  values: Map<string, Value>;
  /** Values fed at each run. */
  inputs: string[];
  /** Values read from the weights file. */
  weights: string[];
  /** Values known when compiling. */
  constants: Map<string, ConstData>;
  /** The calls, in an order to run them in. */
  nodes: Node[];
  /** What a run returns: a name for the caller, and the value. */
  outputs: { name: string; value: string }[];
}

/** A graph without anything in it. */
export function emptyGraph(): Graph {
  return { values: new Map(), inputs: [], weights: [], constants: new Map(), nodes: [], outputs: [] };
}

/** The value called `name`; throws where the graph has none. */
export function valueOf(graph: Graph, name: string): Value {
  const value = graph.values.get(name);
  if (!value) throw new Error(`internal: the graph has no value ${name}`);
  return value;
}

/** Which node makes each value. */
export function producers(graph: Graph): Map<string, Node> {
  const made = new Map<string, Node>();
  for (const node of graph.nodes) for (const out of node.outputs) made.set(out, node);
  return made;
}

/** How often each value is read, by nodes and as an output of the graph. */
export function useCounts(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  const add = (name: string) => uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(add);
  for (const out of graph.outputs) add(out.value);
  return uses;
}

/** The graph with every read of a value replaced as `to` says; nodes are copied, constants shared. */
export function renamed(graph: Graph, to: Map<string, string>): Graph {
  const follow = (name: string): string => {
    for (let next = to.get(name); next !== undefined; next = to.get(name)) name = next;
    return name;
  };
  return {
    ...graph,
    nodes: graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map(follow) })),
    outputs: graph.outputs.map((o) => ({ name: o.name, value: follow(o.value) })),
  };
}

/** One line a value: what snapshot tests and the cache key read. Constants over 8 elements show their hash. */
export function printGraph(graph: Graph): string {
  const typed = (name: string) => {
    const v = valueOf(graph, name);
    return `${name}: ${v.dtype}[${v.shape}]`;
  };
  const lines = graph.inputs.map((n) => `input ${typed(n)}`);
  lines.push(...graph.weights.map((n) => `weight ${typed(n)}`));
  for (const [name, data] of graph.constants) lines.push(`const ${typed(name)} = ${printConst(data)}`);
  for (const node of graph.nodes) {
    const attrs = Object.entries(node.attrs).map(([k, v]) => `${k}=${printAttr(v)}`).join(" ");
    const call = `${node.op}(${node.inputs.join(", ")})`;
    lines.push(`${node.outputs.map(typed).join(", ")} = ${call}${attrs ? ` {${attrs}}` : ""}`);
  }
  lines.push(...graph.outputs.map((o) => `output ${o.name} = ${o.value}`));
  return lines.join("\n") + "\n";
}

function printAttr(attr: Attr): string {
  if (Array.isArray(attr)) return `[${attr}]`;
  return typeof attr === "object" ? exactText(attr.float) : String(attr);
}

/** A number's text; −0 is not 0, and what divides by it differs. */
export function exactText(x: number | bigint): string {
  return Object.is(x, -0) ? "-0" : String(x);
}

function printConst(data: ConstData): string {
  if (data.length <= 8) return `[${Array.from(data as ArrayLike<number | bigint>, exactText)}]`;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return `sha256:${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
}

/**
 * Checks that each value is known and assigned once, defined before its use, and that constants fit their shapes.
 * Throws an internal error that names `after`, the pass to blame.
 */
export function checkGraph(graph: Graph, after: string): void {
  const fault = (what: string) => new Error(`internal: after ${after}: ${what}`);
  const defined = new Set<string>();
  const define = (name: string) => {
    if (!graph.values.has(name)) throw fault(`${name} has no type`);
    if (defined.has(name)) throw fault(`${name} is assigned twice`);
    defined.add(name);
  };
  graph.inputs.forEach(define);
  graph.weights.forEach(define);
  for (const [name, data] of graph.constants) {
    define(name);
    if (data.length !== sizeOf(valueOf(graph, name).shape)) throw fault(`${name} does not fit its shape`);
  }
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input !== "" && !defined.has(input)) throw fault(`${node.op} reads ${input} before it is defined`);
    }
    node.outputs.forEach(define);
  }
  for (const out of graph.outputs) {
    if (!defined.has(out.value)) throw fault(`output ${out.name} reads ${out.value}, which is not defined`);
  }
}
