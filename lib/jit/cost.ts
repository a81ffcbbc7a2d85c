// What a graph costs, counted and not measured: floating-point operations of its matrix products, bytes of its weights.
// Pure functions over a Graph. Memory of its values: liveness.ts; seconds: calibrate.ts.
import { type Graph, type Node, valueOf } from "./graph.ts";
import { bytesOf } from "./liveness.ts";
import { sizeOf } from "./params.ts";

/** Operators that are matrix products of their first two inputs. */
const PRODUCTS = new Set(["MatMul", "FusedMatMul", "Gemm"]);

/** Multiplications and additions of a matrix product: 2·M·N·K a matrix; 0 for every other operator. */
export function nodeFlops(graph: Graph, node: Node): number {
  if (!PRODUCTS.has(node.op)) return 0;
  const { shape } = valueOf(graph, node.inputs[0]);
  return 2 * sizeOf(valueOf(graph, node.outputs[0]).shape) * (shape.at(node.attrs.transA ? -2 : -1) ?? 1);
}

/** The operations of all matrix products of one run. */
export function flops(graph: Graph): number {
  return graph.nodes.reduce((total, node) => total + nodeFlops(graph, node), 0);
}

/** Values that are the same in every run: weights, constants, and what is computed from those alone. */
export function fixedValues(graph: Graph): Set<string> {
  const fixed = new Set([...graph.weights, ...graph.constants.keys()]);
  for (const { inputs, outputs } of graph.nodes) {
    if (inputs.every((name) => name === "" || fixed.has(name))) outputs.forEach((out) => fixed.add(out));
  }
  return fixed;
}

/**
 * What onnxruntime copies of the weights when a session starts: one on the right of a matrix product is packed for it,
 * once per way of use (as it is, transposed), so frozen weights that go forward and backward are held twice.
 */
export function packedBytes(graph: Graph): number {
  const fixed = fixedValues(graph), uses = new Set<string>();
  for (const { op, inputs: [, right], attrs } of graph.nodes) {
    if (PRODUCTS.has(op) && fixed.has(right)) uses.add(`${attrs.transB ? "t" : "n"} ${right}`);
  }
  return sum([...uses].map((use) => use.slice(2)), graph);
}

/** Bytes of the weights that stay mapped from their file: those that some call reads other than a packed product. */
export function mappedBytes(graph: Graph): number {
  const direct = new Set(
    graph.nodes.flatMap(({ op, inputs }) => inputs.filter((_, i) => !(PRODUCTS.has(op) && i === 1))),
  );
  return sum(graph.weights.filter((name) => direct.has(name)), graph);
}

/** Bytes of all weights that the graph reads from their file. */
export function weightBytes(graph: Graph): number {
  return sum(graph.weights, graph);
}

const sum = (names: string[], graph: Graph) => names.reduce((total, name) => total + bytesOf(graph, name), 0);

/** How often each operator occurs, most frequent first. */
export function nodeCounts(graph: Graph): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
