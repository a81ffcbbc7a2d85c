// The compiler's passes in the order in which they run. Each is a function Graph → Graph; the graph is checked after each.
import { checkGraph, type Graph } from "../graph.ts";
import { commonSubexpressions } from "./common_subexpressions.ts";
import { deadCode } from "./dead_code.ts";
import { foldScale } from "./fold_scale.ts";
import { fuseNorm } from "./fuse_norm.ts";
import { fuseRotary } from "./fuse_rotary.ts";
import { fuseTranspose } from "./fuse_transpose.ts";
import { int8Products } from "./int8_products.ts";
import { simplify } from "./simplify.ts";

/** A rewrite that keeps every output's value. */
export type Pass = (graph: Graph) => Graph;

/** What the compiler runs by default, by name. */
export const defaultPasses: Record<string, Pass> = {
  simplify,
  int8Products, // before what it replaces the weights by counts as dead
  deadCode,
  commonSubexpressions,
  fuseTranspose,
  foldScale,
  fuseNorm,
  fuseRotary,
  deadCodeAgain: deadCode,
};

/** Runs `passes` in order; throws an internal error naming the pass after which the graph is malformed. */
export function runPasses(graph: Graph, passes: Record<string, Pass> = defaultPasses): Graph {
  checkGraph(graph, "tracing");
  for (const [name, pass] of Object.entries(passes)) {
    graph = pass(graph);
    checkGraph(graph, name);
  }
  return graph;
}

export {
  commonSubexpressions,
  deadCode,
  foldScale,
  fuseNorm,
  fuseRotary,
  fuseTranspose,
  int8Products,
  simplify,
};
