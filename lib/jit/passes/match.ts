// What the fusing passes have in common: looking at the node behind a value.
import type { Graph, Node } from "../graph.ts";

/** The node that makes `name`, if it is an `op`. */
export function maker(made: Map<string, Node>, name: string, op: string): Node | undefined {
  const node = made.get(name);
  return node?.op === op ? node : undefined;
}

/** The number of a constant of one element; undefined for anything else. */
export function scalarOf(graph: Graph, name: string): number | undefined {
  const data = graph.constants.get(name);
  return data?.length === 1 ? Number(data[0]) : undefined;
}
