// Pass: the rotation of halves, (a cos − b sin, b cos + a sin), becomes one RotaryEmbedding of onnxruntime.
import { type Graph, type Node, producers, valueOf } from "../graph.ts";
import { sizeOf } from "../params.ts";
import { maker } from "./match.ts";

/** The graph with rotations of [B, heads, T, 2n] by angles [B, 1, T, n] fused. */
export function fuseRotary(graph: Graph): Graph {
  const made = producers(graph);
  const out: Graph = {
    ...graph,
    values: new Map(graph.values),
    constants: new Map(graph.constants),
    nodes: [],
  };
  const caches = new Map<string, string>();
  for (const node of graph.nodes) {
    const match = matched(graph, node, made);
    if (!match) {
      out.nodes.push(node);
      continue;
    }
    const { x, cos, sin } = match, [B, , T, n] = valueOf(graph, cos).shape;
    out.nodes.push({
      op: "RotaryEmbedding",
      domain: "com.microsoft",
      inputs: [
        x,
        positions(out, B, T),
        table(out, caches, cos, [B * T, n]),
        table(out, caches, sin, [B * T, n]),
      ],
      outputs: node.outputs,
      attrs: { interleaved: 0 },
    });
  }
  return out;
}

/** Row numbers [B, T] of the tables: one row a token. */
function positions(graph: Graph, B: number, T: number): string {
  const name = `rotary_rows_${B}x${T}`;
  if (!graph.values.has(name)) {
    graph.values.set(name, { name, shape: [B, T], dtype: "int64" });
    graph.constants.set(name, BigInt64Array.from({ length: B * T }, (_, i) => BigInt(i)));
  }
  return name;
}

/** `angles` [B, 1, T, n] as a table [B·T, n]; one reshape for all rotations by them. */
function table(graph: Graph, caches: Map<string, string>, angles: string, shape: number[]): string {
  const known = caches.get(angles);
  if (known) return known;
  const name = `${angles}_table`, to = `${angles}_table_shape`;
  graph.values.set(to, { name: to, shape: [2], dtype: "int64" });
  graph.constants.set(to, BigInt64Array.from(shape, BigInt));
  graph.values.set(name, { name, shape, dtype: "float32" });
  graph.nodes.push({
    op: "Reshape",
    domain: "",
    inputs: [angles, to],
    outputs: [name],
    attrs: { allowzero: 1 },
  });
  caches.set(angles, name);
  return name;
}

function matched(graph: Graph, node: Node, made: Map<string, Node>) {
  if (node.op !== "Concat" || node.inputs.length !== 2) return;
  const shape = valueOf(graph, node.outputs[0]).shape;
  if (shape.length !== 4 || node.attrs.axis !== 3) return;
  const first = maker(made, node.inputs[0], "Sub"), second = maker(made, node.inputs[1], "Add");
  const products = [...first?.inputs ?? [], ...second?.inputs ?? []].map((i) => maker(made, i, "Mul"));
  if (products.length !== 4 || products.some((p) => !p)) return;
  const [[a, cos], [b, sin], [b2, cos2], [a2, sin2]] = products.map((p) => p!.inputs);
  if (a !== a2 || b !== b2 || cos !== cos2 || sin !== sin2) return;
  const split = maker(made, a, "Split");
  if (!split || split.outputs[0] !== a || split.outputs[1] !== b || split.attrs.axis !== 3) return;
  const [B, , T, size] = shape, angles = [B, 1, T, size / 2];
  const fits = (name: string) => String(valueOf(graph, name).shape) === String(angles);
  const x = split.inputs[0], whole = sizeOf(valueOf(graph, x).shape) === sizeOf(shape);
  return whole && fits(cos) && fits(sin) ? { x, cos, sin } : undefined;
}
