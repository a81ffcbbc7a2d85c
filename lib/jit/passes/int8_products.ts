// Pass: a product with a weight that the weights file also has in 8 bits becomes onnxruntime's product with that one.
// What writes such files: lib/model/int8.ts.
import { type Graph, type Node, valueOf } from "../graph.ts";

/** Values that share a scale, along a row. */
export const INT8_BLOCK = 32;

/** The names under which a file holds the weight `name` in 8 bits: values + 128 [out, blocks, 32] and scales [out · blocks]. */
export const int8Names = (name: string) => ({ values: `${name}.int8`, scales: `${name}.int8_scales` });

/** The graph with x W^T as MatMulNBits, x rounded to 8 bits block by block too (accuracy_level 4). */
export function int8Products(graph: Graph): Graph {
  const weights = new Set(graph.weights);
  const nodes = graph.nodes.map((node): Node => {
    const [x, w] = node.inputs;
    if (node.op !== "FusedMatMul" || !weights.has(int8Names(w).values)) return node;
    const { shape: [N, K] } = valueOf(graph, w), { transA, transB } = node.attrs;
    if (transA || !transB) throw new Error(`internal: ${w} is stored in 8 bits for x W^T only`);
    const { values, scales } = int8Names(w);
    const attrs = { K, N, bits: 8, block_size: INT8_BLOCK, accuracy_level: 4 };
    return { ...node, op: "MatMulNBits", inputs: [x, values, scales], attrs };
  });
  return { ...graph, nodes };
}
