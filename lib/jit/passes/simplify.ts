// Pass: removes calls that change nothing and folds chains of reshapes, which tf.js's wrappers leave behind.
import { type Graph, type Node, producers, renamed, valueOf } from "../graph.ts";

/**
 * The graph without no-op reshapes, transposes and casts, `x · 1`, `x + 0`, and reshapes of reshapes. A transpose that
 * moves axes of size one only is a reshape: nothing is copied.
 */
export function simplify(input: Graph): Graph {
  const graph = { ...input, values: new Map(input.values), constants: new Map(input.constants) };
  const to = new Map<string, string>();
  const made = producers(graph);
  const nodes: Node[] = [];
  for (const original of input.nodes) {
    const node = { ...reshaped(graph, original), inputs: original.inputs.map((i) => to.get(i) ?? i) };
    if (node.op !== original.op) node.inputs.push(shapeOf(graph, node.outputs[0]));
    const same = unchanged(graph, node);
    if (same !== undefined) {
      to.set(node.outputs[0], to.get(same) ?? same);
      continue;
    }
    const inner = node.op === "Reshape" ? made.get(node.inputs[0]) : undefined;
    if (inner?.op === "Reshape") node.inputs = [inner.inputs[0], node.inputs[1]];
    made.set(node.outputs[0], node);
    nodes.push(node);
  }
  return renamed({ ...graph, nodes }, to);
}

/** A transpose as a reshape where the axes longer than one keep their order; anything else as it is. */
function reshaped(graph: Graph, node: Node): Node {
  if (node.op !== "Transpose") return node;
  const { shape } = valueOf(graph, node.inputs[0]);
  const long = (node.attrs.perm as number[]).filter((axis) => shape[axis] !== 1);
  if (long.some((axis, i) => i > 0 && axis < long[i - 1])) return node;
  return { ...node, op: "Reshape", attrs: { allowzero: 1 } };
}

/** A constant with the shape of `name`. */
function shapeOf(graph: Graph, name: string): string {
  const { shape } = valueOf(graph, name), constant = `${name}_shape`;
  graph.values.set(constant, { name: constant, shape: [shape.length], dtype: "int64" });
  graph.constants.set(constant, BigInt64Array.from(shape, BigInt));
  return constant;
}

/** The input that `node` hands on as it is, if it does. */
function unchanged(graph: Graph, node: Node): string | undefined {
  const [x, y] = node.inputs;
  const out = valueOf(graph, node.outputs[0]);
  const sameType = (name: string) => {
    const v = valueOf(graph, name);
    return v.dtype === out.dtype && v.shape.length === out.shape.length &&
      v.shape.every((n, i) => n === out.shape[i]);
  };
  switch (node.op) {
    case "Reshape":
    case "Cast":
    case "Expand":
      return sameType(x) ? x : undefined;
    case "Transpose":
      return (node.attrs.perm as number[]).every((p, i) => p === i) ? x : undefined;
    case "Mul":
      if (isFilledWith(graph, y, 1) && sameType(x)) return x;
      return isFilledWith(graph, x, 1) && sameType(y) ? y : undefined;
    case "Div":
      return isFilledWith(graph, y, 1) && sameType(x) ? x : undefined;
    case "Add":
      if (isFilledWith(graph, y, 0) && sameType(x)) return x;
      return isFilledWith(graph, x, 0) && sameType(y) ? y : undefined;
  }
}

function isFilledWith(graph: Graph, name: string, value: number): boolean {
  const data = graph.constants.get(name);
  if (!data || data.length > 64) return false;
  return Array.from(data as ArrayLike<number | bigint>).every((x) => Number(x) === value);
}
