// Pass: one node for equal calls on equal inputs. Every operator of the graphs is a pure function, so this is safe.
import { type Graph, renamed } from "../graph.ts";

/** The graph with repeated calls replaced by the first of them. */
export function commonSubexpressions(graph: Graph): Graph {
  const to = new Map<string, string>();
  const seen = new Map<string, string[]>();
  const nodes = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((i) => to.get(i) ?? i);
    const key = JSON.stringify([node.op, node.domain, inputs, node.attrs, node.outputs.length]);
    const first = seen.get(key);
    if (first) node.outputs.forEach((o, i) => to.set(o, first[i]));
    else {
      seen.set(key, node.outputs);
      nodes.push(node);
    }
  }
  return renamed({ ...graph, nodes }, to);
}
