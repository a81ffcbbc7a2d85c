// Pass: drops nodes, constants and weights that no output depends on. Inputs stay, so that the call does not change.
import type { Graph } from "../graph.ts";

/** The graph without what no output needs. A node stays if any of its outputs is read. */
export function deadCode(graph: Graph): Graph {
  const live = new Set(graph.outputs.map((o) => o.value));
  const nodes = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((o) => live.has(o))) continue;
    node.inputs.forEach((i) => live.add(i));
    nodes.push(node);
  }
  nodes.reverse();
  const weights = graph.weights.filter((w) => live.has(w));
  const constants = new Map([...graph.constants].filter(([name]) => live.has(name)));
  const named = new Set([
    ...graph.inputs,
    ...weights,
    ...constants.keys(),
    ...nodes.flatMap((n) => n.outputs),
  ]);
  const values = new Map([...graph.values].filter(([name]) => named.has(name)));
  return { ...graph, values, weights, constants, nodes };
}
