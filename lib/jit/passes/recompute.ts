// Pass: gradient checkpointing. Values that wait for the backward pass are dropped and made again from others that wait
// anyway, cheapest first, until what is held at once fits a target. Results do not change: the same calls run twice.
import { type Graph, type Node, producers, valueOf } from "../graph.ts";
import { bytesOf, type Liveness, liveness } from "../liveness.ts";
import { sizeOf } from "../params.ts";
import { deadCode } from "./dead_code.ts";
import type { Pass } from "./mod.ts";

/** The graph whose intermediate values take at most `target` bytes at once, or as few as recomputation can reach. */
export function recompute(target: number): Pass {
  return (graph) => {
    let best = graph, state = liveness(graph);
    while (state.peak > target) {
      const next = deadCode(dropSome(best, state, state.peak - target * 0.99));
      const after = liveness(next);
      if (after.peak >= state.peak) break;
      [best, state] = [next, after];
    }
    return best;
  };
}

/** What is known at the peak. */
interface Peak {
  graph: Graph;
  made: Map<string, Node>;
  /** Values made before the peak and read after it. */
  waiting: Set<string>;
  /** Calls that run after the peak. */
  late: Set<Node>;
  /** Calls that are made again so far. */
  again: Set<Node>;
}

/** Drops values that wait at the peak, about `excess` bytes of them. */
function dropSome(graph: Graph, state: Liveness, excess: number): Graph {
  const at = state.held.indexOf(state.peak);
  const waits = (name: string) => state.first.get(name)! < at && state.last.get(name)! > at;
  const waiting = new Set([...state.first.keys()].filter(waits));
  const late = new Set(state.order.slice(at + 1));
  const peak: Peak = { graph, made: producers(graph), waiting, late, again: new Set() };
  const views = viewsOf(peak);
  const open = new Map([...waiting].map((name) => [name, chainOf(peak, name, views)]));
  for (let saved = 0; saved < excess && open.size;) {
    const cheapest = [...open].reduce((a, b) => costOf(peak, b) < costOf(peak, a) ? b : a);
    const [name, chain] = cheapest;
    if (costOf(peak, cheapest) === Infinity) break;
    chain!.forEach((call) => peak.again.add(call));
    waiting.delete(name);
    open.delete(name);
    // Chains that ended at this value now go on through it.
    const through = peak.made.get(name)!;
    for (const [other, calls] of open) {
      if (calls?.some((call) => readsFrom(peak, call, through))) open.set(other, chainOf(peak, other, views));
    }
    saved += bytesOf(graph, name);
  }
  return rebuilt(peak);
}

/** The reshaped views of each value that are read late: they are made again with it. */
function viewsOf({ graph, late }: Peak): Map<string, Node[]> {
  const views = new Map<string, Node[]>();
  const read = new Set([...late].flatMap((node) => node.inputs));
  for (const node of graph.nodes) {
    if (node.op !== "Reshape" || late.has(node) || !read.has(node.outputs[0])) continue;
    views.set(node.inputs[0], [...views.get(node.inputs[0]) ?? [], node]);
  }
  return views;
}

/** A chain of more calls than this is not worth looking at. */
const LONGEST = 64;

/** The calls that make `name` again from what waits and from inputs, weights and constants; undefined if too many. */
function chainOf(peak: Peak, name: string, views: Map<string, Node[]>): Node[] | undefined {
  const chain = new Set<Node>(views.get(name)), stack = [peak.made.get(name)!];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (chain.has(node) || peak.again.has(node)) continue;
    chain.add(node);
    if (chain.size > LONGEST) return;
    for (const input of node.inputs) {
      const source = peak.made.get(input);
      if (source && !peak.waiting.has(input)) stack.push(source);
    }
  }
  return [...chain];
}

const readsFrom = (_: Peak, call: Node, source: Node) => call.inputs.some((i) => source.outputs.includes(i));

/** Estimated work a byte saved; only the order matters. */
function costOf({ graph, again }: Peak, [name, chain]: [string, Node[] | undefined]): number {
  if (!chain) return Infinity;
  const work = chain.reduce((sum, call) => sum + (again.has(call) ? 0 : workOf(graph, call)), 0);
  return work / bytesOf(graph, name);
}

/** The time of a call in units of a multiplication: products count theirs, others what they read and write. */
function workOf(graph: Graph, { op, inputs, outputs, attrs }: Node): number {
  const size = (name: string) => sizeOf(valueOf(graph, name).shape);
  if (op === "Reshape") return 0;
  if (op !== "FusedMatMul") return 8 * [...inputs, ...outputs].reduce((sum, name) => sum + size(name), 0);
  const a = valueOf(graph, inputs[0]).shape;
  return size(outputs[0]) * a.at(attrs.transA ? -2 : -1)!;
}

/**
 * The graph with the calls of `again` repeated for late readers. A repeated call stands as early in the list as its
 * inputs allow: onnxruntime then runs it last among what a reader needs (see executionOrder).
 */
function rebuilt({ graph, late, again }: Peak): Graph {
  const values = new Map(graph.values), to = new Map<string, string>();
  const place = new Map<string, number>(), at: Node[][] = graph.nodes.map(() => []);
  const first: Node[] = [];
  graph.nodes.forEach((node, i) => node.outputs.forEach((o) => place.set(o, i)));
  for (const node of graph.nodes) {
    if (!again.has(node)) continue;
    const inputs = node.inputs.map((i) => to.get(i) ?? i);
    const index = inputs.reduce((most, i) => Math.max(most, place.get(i) ?? -1), -1);
    const outputs = node.outputs.map((name) => {
      const copy = `${name}~`;
      values.set(copy, { ...valueOf(graph, name), name: copy });
      place.set(copy, index);
      to.set(name, copy);
      return copy;
    });
    (index < 0 ? first : at[index]).push({ ...node, inputs, outputs });
  }
  const nodes = graph.nodes.flatMap((node, i) => [
    late.has(node) ? { ...node, inputs: node.inputs.map((x) => to.get(x) ?? x) } : node,
    ...at[i],
  ]);
  return { ...graph, values, nodes: [...first, ...nodes] };
}
