// When values live and how much memory that takes: the order in which onnxruntime runs a graph, and the bytes held at
// each call. Pure functions over a Graph; nothing is run here.
import { type DType, type Graph, type Node, producers, valueOf } from "./graph.ts";
import { sizeOf } from "./params.ts";

// deno-fmt-ignore
const BYTES: Record<DType, number> = {
  float32: 4, int32: 4, bool: 1, int64: 8, float16: 2, bfloat16: 2, uint8: 1,
};

/** The bytes of a value's elements. */
export function bytesOf(graph: Graph, name: string): number {
  const { shape, dtype } = valueOf(graph, name);
  return sizeOf(shape) * BYTES[dtype];
}

/**
 * The calls in the order in which onnxruntime runs them on one stream: depth first from the results, the last call
 * first (Graph::ReverseDFSFrom with NodeCompare, onnxruntime 1.30). A call runs when it is first needed, so one that
 * is listed early but needed late runs late.
 */
export function executionOrder(graph: Graph): Node[] {
  const made = producers(graph), index = new Map(graph.nodes.map((node, i) => [node, i]));
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  const results = new Set(graph.outputs.map((o) => o.value));
  const isResult = (node: Node) =>
    node.outputs.some((o) => results.has(o)) || !node.outputs.some((o) => read.has(o));
  const stack = graph.nodes.filter(isResult).map((node) => ({ node, leave: false }));
  const seen = new Set<Node>(), order: Node[] = [];
  for (let entry = stack.pop(); entry; entry = stack.pop()) {
    const { node, leave } = entry;
    if (leave) order.push(node);
    if (leave || seen.has(node)) continue;
    seen.add(node);
    stack.push({ node, leave: true });
    const sources = new Set(node.inputs.map((i) => made.get(i)).filter((n) => n !== undefined));
    const sorted = [...sources].sort((a, b) => index.get(a)! - index.get(b)!);
    for (const source of sorted) if (!seen.has(source)) stack.push({ node: source, leave: false });
  }
  return order;
}

/** Where each value is made and last read, as positions in an order of calls; results of the graph live to its end. */
export interface Liveness {
  order: Node[];
  first: Map<string, number>;
  last: Map<string, number>;
  /** Bytes of intermediate values held while each call runs: inputs, weights and constants are not counted. */
  held: Float64Array;
  /** The most of them. */
  peak: number;
}

/** The liveness of a graph's intermediate values. A reshaped value is the same memory as its source. */
export function liveness(graph: Graph): Liveness {
  const order = executionOrder(graph), end = order.length;
  const root = new Map<string, string>();
  const rootOf = (name: string) => root.get(name) ?? name;
  const first = new Map<string, number>(), last = new Map<string, number>();
  order.forEach((node, i) => {
    for (const input of node.inputs) if (first.has(rootOf(input))) last.set(rootOf(input), i);
    if (node.op === "Reshape" && first.has(rootOf(node.inputs[0]))) {
      root.set(node.outputs[0], rootOf(node.inputs[0]));
      return;
    }
    for (const out of node.outputs) {
      first.set(out, i);
      last.set(out, i);
    }
  });
  for (const { value } of graph.outputs) if (first.has(rootOf(value))) last.set(rootOf(value), end);
  const change = new Float64Array(end + 2);
  for (const [name, from] of first) {
    const bytes = bytesOf(graph, name);
    change[from] += bytes;
    change[last.get(name)! + 1] -= bytes;
  }
  const held = new Float64Array(end);
  for (let i = 0, sum = 0; i < end; i++) held[i] = sum += change[i];
  return { order, first, last, held, peak: held.reduce((a, b) => Math.max(a, b), 0) };
}
