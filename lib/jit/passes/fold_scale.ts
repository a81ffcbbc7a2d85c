// Pass: a product that is only scaled by a constant takes the constant as its factor alpha.
import { type Attr, type Graph, type Node, producers, useCounts } from "../graph.ts";
import { maker, scalarOf } from "./match.ts";

/** The graph with Mul(FusedMatMul(a, b), constant) as one FusedMatMul with alpha. */
export function foldScale(graph: Graph): Graph {
  const made = producers(graph), uses = useCounts(graph);
  const nodes: Node[] = [], dropped = new Set<Node>();
  for (const node of graph.nodes) {
    const folded = scaledProduct(graph, node, made, uses);
    nodes.push(folded?.node ?? node);
    if (!folded) continue;
    dropped.add(folded.product);
    made.set(node.outputs[0], folded.node);
  }
  return { ...graph, nodes: nodes.filter((node) => !dropped.has(node)) };
}

function scaledProduct(graph: Graph, node: Node, made: Map<string, Node>, uses: Map<string, number>) {
  if (node.op !== "Mul") return;
  for (const [x, factor] of [node.inputs, node.inputs.toReversed()]) {
    const product = maker(made, x, "FusedMatMul"), alpha = scalarOf(graph, factor);
    if (!product || alpha === undefined || uses.get(x) !== 1) continue;
    const attrs: Record<string, Attr> = { ...product.attrs, alpha: { float: alpha * alphaOf(product) } };
    return { product, node: { ...product, attrs, outputs: node.outputs } };
  }
}

function alphaOf({ attrs: { alpha } }: Node): number {
  return typeof alpha === "object" && "float" in alpha ? alpha.float : 1;
}
