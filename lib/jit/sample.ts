// A small graph with one call of each kind that a big graph makes, on made-up values of the same shapes: what
// calibrate.ts runs to learn how long each takes. Pure.
import { fixedValues } from "./cost.ts";
import { emptyGraph, type Graph, type Node, type Value, valueOf } from "./graph.ts";
import { ELEMENT } from "./onnx.ts";
import { sizeOf } from "./params.ts";

/** The small graph, and which kind of call each of its nodes is, by the node's name in ONNX. */
export interface Sample {
  graph: Graph;
  signatures: Map<string, string>;
}

/** What decides how long a call takes: operator, settings, types and shapes, and which inputs are fixed. */
export function signatureOf(graph: Graph, node: Node, fixed: Set<string>): string {
  const inputs = node.inputs.map((name) => {
    if (name === "") return "";
    const { dtype, shape } = valueOf(graph, name);
    return `${fixed.has(name) ? "fixed " : ""}${dtype}[${shape}]`;
  });
  return `${node.op}(${inputs.join(", ")}) ${JSON.stringify(node.attrs)}`;
}

/** The calls of one run by signature, the first of each with how often it occurs; calls on fixed values alone are made once. */
export function distinctCalls(graph: Graph): Map<string, { node: Node; count: number }> {
  const fixed = fixedValues(graph);
  const calls = new Map<string, { node: Node; count: number }>();
  for (const node of graph.nodes) {
    if (node.outputs.every((out) => fixed.has(out))) continue;
    const signature = signatureOf(graph, node, fixed);
    calls.set(signature, {
      node: calls.get(signature)?.node ?? node,
      count: (calls.get(signature)?.count ?? 0) + 1,
    });
  }
  return calls;
}

/** The inputs of the small graph: a float and a whole number that all made-up values repeat. */
export const SAMPLE_INPUTS: Record<string, Value> = {
  one: { name: "one", shape: [], dtype: "float32" },
  zero: { name: "zero", shape: [], dtype: "int32" },
};

/** The small graph. Fixed values (weights) stay what they are, so that they are packed as in the real run. */
export function sampleGraph(graph: Graph): Sample {
  const fixed = fixedValues(graph), calls = distinctCalls(graph);
  const small: Graph = { ...emptyGraph(), values: new Map(graph.values), inputs: Object.keys(SAMPLE_INPUTS) };
  for (const value of Object.values(SAMPLE_INPUTS)) small.values.set(value.name, value);
  addFixed(small, graph, fixed, [...calls.values()].map(({ node }) => node));
  const signatures = new Map<string, string>();
  for (const [signature, { node }] of calls) {
    const inputs = node.inputs.map((name, i) =>
      name === "" || fixed.has(name) ? name : spread(small, valueOf(graph, name), i)
    );
    const outputs = node.outputs.map((name) => declare(small, `${name}_sample`, valueOf(graph, name)));
    signatures.set(`${node.op}_${small.nodes.length}`, signature);
    small.nodes.push({ ...node, inputs, outputs });
    putOut(small, outputs[0]);
  }
  return { graph: small, signatures };
}

/** The fixed values that `calls` read, with the nodes that make them. */
function addFixed(small: Graph, graph: Graph, fixed: Set<string>, calls: Node[]): void {
  const needed = new Set(calls.flatMap((node) => node.inputs).filter((name) => fixed.has(name)));
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((out) => needed.has(out))) continue;
    node.inputs.forEach((name) => needed.add(name));
    small.nodes.unshift(node);
  }
  small.weights = graph.weights.filter((name) => needed.has(name));
  small.constants = new Map([...graph.constants].filter(([name]) => needed.has(name)));
}

function declare(small: Graph, name: string, { shape, dtype }: Omit<Value, "name">): string {
  small.values.set(name, { name, shape, dtype });
  return name;
}

function emit(
  small: Graph,
  op: string,
  inputs: string[],
  name: string,
  value: Omit<Value, "name">,
  attrs = {},
) {
  if (!small.values.has(name)) {
    small.nodes.push({ op, domain: "", inputs, outputs: [declare(small, name, value)], attrs });
  }
  return name;
}

function shapeConstant(small: Graph, shape: number[]): string {
  const name = `sample_shape_${shape}`;
  small.constants.set(name, BigInt64Array.from(shape, BigInt));
  return declare(small, name, { shape: [shape.length], dtype: "int64" });
}

/** A made-up value; operands in different places are different memory. */
function spread(small: Graph, { shape, dtype }: Value, place: number): string {
  const float = dtype === "float32" || dtype === "float16" || dtype === "bfloat16";
  const fed = float ? "one" : "zero", name = `sample_${dtype}_${shape}_${place}`;
  const scalar = SAMPLE_INPUTS[fed].dtype === dtype
    ? fed
    : emit(small, "Cast", [fed], `sample_${dtype}`, { shape: [], dtype }, { to: ELEMENT[dtype] });
  if (shape.length === 0) return scalar;
  return emit(small, "Expand", [scalar, shapeConstant(small, shape)], name, { shape, dtype });
}

/** Makes the first element of `value` a result, so that the call is not dropped and little is copied out. */
function putOut(small: Graph, value: string): void {
  const { shape, dtype } = valueOf(small, value), size = [sizeOf(shape)];
  // flat first: onnxruntime moves a transpose behind a slice, but not behind a reshape
  let name = emit(small, "Reshape", [value, shapeConstant(small, size)], `${value}_flat`, {
    shape: size,
    dtype,
  });
  if (size[0] > 1) {
    const [from, to] = [shapeConstant(small, [0]), shapeConstant(small, [1])];
    name = emit(small, "Slice", [name, from, to], `${value}_first`, { shape: [1], dtype });
  }
  if (dtype !== "float32") {
    name = emit(small, "Cast", [name], `${value}_float`, { shape: [1], dtype: "float32" }, { to: 1 });
  }
  small.outputs.push({ name: `result_${small.outputs.length}`, value: name });
}
