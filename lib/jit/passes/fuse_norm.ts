// Pass: x · 1/sqrt(mean(x²) + eps) · w over the last axis becomes one SimplifiedLayerNormalization (RMSNorm).
import { type Graph, type Node, producers, valueOf } from "../graph.ts";
import { maker, scalarOf } from "./match.ts";

/** The graph with such chains fused; the inverse root stays available as the second output, for the gradient. */
export function fuseNorm(graph: Graph): Graph {
  const made = producers(graph);
  const fused = new Map<Node, Node>(); // by the chain's Reciprocal, where x and 1/√ are known
  const dropped = new Set<Node>();
  for (const node of graph.nodes) {
    const chain = matched(graph, node, made);
    if (!chain || fused.has(chain.inverse)) continue;
    const { x, w, eps, inverse } = chain;
    fused.set(inverse, {
      op: "SimplifiedLayerNormalization",
      domain: "",
      inputs: [x, w],
      outputs: [node.outputs[0], inverse.outputs[0]],
      attrs: { axis: -1, epsilon: { float: eps }, stash_type: 1 },
    });
    dropped.add(node);
  }
  const nodes = graph.nodes.flatMap((node) => dropped.has(node) ? [] : [fused.get(node) ?? node]);
  return { ...graph, nodes };
}

/** The parts of `node` = Mul(Mul(x, inverse), w) with inverse = Reciprocal(Sqrt(ReduceMean(x·x) + eps)). */
function matched(graph: Graph, node: Node, made: Map<string, Node>) {
  if (node.op !== "Mul") return;
  const [scaled, w] = node.inputs;
  const inner = maker(made, scaled, "Mul"), weight = valueOf(graph, w).shape;
  if (!inner || weight.length !== 1) return;
  const [x, r] = inner.inputs, { shape } = valueOf(graph, x);
  const inverse = maker(made, r, "Reciprocal"), root = inverse && maker(made, inverse.inputs[0], "Sqrt");
  const sum = root && maker(made, root.inputs[0], "Add"),
    mean = sum && maker(made, sum.inputs[0], "ReduceMean");
  const square = mean && maker(made, mean.inputs[0], "Mul");
  const eps = sum && scalarOf(graph, sum.inputs[1]);
  if (!inverse || !square || eps === undefined || !mean.attrs.keepdims) return;
  const axes = graph.constants.get(mean.inputs[1]);
  const last = axes?.length === 1 && Number(axes[0]) === shape.length - 1;
  if (!last || square.inputs.some((i) => i !== x) || weight[0] !== shape.at(-1)) return;
  return { x, w, eps, inverse };
}
