// Pass: a transpose of the last two axes that only feeds matrix products becomes the product's own flag.
import { type Graph, type Node, producers } from "../graph.ts";

/** The graph with such transposes folded into FusedMatMul's transA / transB; dead-code removal drops the rest. */
export function fuseTranspose(graph: Graph): Graph {
  const made = producers(graph);
  const nodes = graph.nodes.map((node) => node.op === "FusedMatMul" ? folded(node, made) : node);
  return { ...graph, nodes };
}

function folded(node: Node, made: Map<string, Node>): Node {
  const inputs = [...node.inputs], attrs = { ...node.attrs };
  for (const [i, flag] of [[0, "transA"], [1, "transB"]] as const) {
    const source = made.get(inputs[i]);
    if (source?.op !== "Transpose" || !swapsLastTwo(source.attrs.perm as number[])) continue;
    inputs[i] = source.inputs[0];
    attrs[flag] = attrs[flag] ? 0 : 1;
  }
  return { ...node, inputs, attrs };
}

function swapsLastTwo(perm: number[]): boolean {
  const r = perm.length;
  return r >= 2 && perm.every((p, i) => p === (i === r - 1 ? r - 2 : i === r - 2 ? r - 1 : i));
}
