// Graph → ONNX bytes. Weights become external initialisers: name, offset and length inside a safetensors file.
import onnxProto from "onnx-proto";
import { type Attr, type DType, type Graph, type Node, type Value, valueOf } from "./graph.ts";

// The generated module is CommonJS: its namespace hangs below the default export.
// deno-lint-ignore no-explicit-any
const { onnx } = onnxProto as any;

/** ONNX's number of each element type. */
// deno-fmt-ignore
export const ELEMENT: Record<DType, number> = {
  float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16,
};
const EXTERNAL = 1;

/** Where a weight lies inside the file: absolute byte offsets. */
export interface Extent {
  /** The first byte. */
  begin: number;
  /** One past the last. */
  end: number;
  /** The file, where the weights lie in several. */
  file?: string;
}

/** The largest graph we hand over, in bytes; anything bigger means weights were folded in. */
export const MAX_GRAPH_BYTES = 5_000_000;

/**
 * The graph as an ONNX model (opset 18). `file` is the weights' file name, relative to the folder that the session
 * names; `extents` has an entry for every weight of the graph.
 */
export function toOnnx(graph: Graph, file = "", extents: Record<string, Extent> = {}): Uint8Array {
  const initializer = [
    ...[...graph.constants].map(([name, data]) => ({
      ...tensorOf(valueOf(graph, name)),
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    })),
    ...graph.weights.map((name) => externalTensor(valueOf(graph, name), file, extents[name])),
  ];
  const node = graph.nodes.flatMap((n, i) => [
    nodeProto(`${n.op}_${i}`, n),
    ...graph.outputs.filter((o) => n.outputs.includes(o.value)).map(outputProto),
  ]);
  const made = new Set(graph.nodes.flatMap((n) => n.outputs));
  node.push(...graph.outputs.filter((o) => !made.has(o.value)).map(outputProto));
  const model = onnx.ModelProto.create({
    irVersion: 9,
    producerName: "ual-jit",
    opsetImport: [{ domain: "", version: 18 }, { domain: "com.microsoft", version: 1 }],
    graph: {
      name: "program",
      node,
      initializer,
      input: graph.inputs.map((name) => valueInfo(name, valueOf(graph, name))),
      output: graph.outputs.map((o) => valueInfo(o.name, valueOf(graph, o.value))),
    },
  });
  const bytes: Uint8Array = onnx.ModelProto.encode(model).finish();
  if (bytes.length > MAX_GRAPH_BYTES) {
    throw new RangeError(
      `Cannot compile a graph of ${bytes.length} bytes: the limit is ${MAX_GRAPH_BYTES}; ` +
        `pass large arrays in as inputs or weights instead of constants`,
    );
  }
  return bytes;
}

function nodeProto(name: string, n: Node) {
  const attributes = Object.entries(n.attrs).map(([name, value]) => attribute(name, value));
  return { name, opType: n.op, domain: n.domain, input: n.inputs, output: n.outputs, attribute: attributes };
}

/**
 * An output carries its own name through an Identity, so that one value may be put out twice or be an input. It stands
 * beside the value's call: onnxruntime starts from the last result listed (liveness.ts), which should not be a loss.
 */
function outputProto({ name, value }: Graph["outputs"][number]) {
  return nodeProto(`out_${name}`, {
    op: "Identity",
    domain: "",
    inputs: [value],
    outputs: [name],
    attrs: {},
  });
}

const tensorOf = (v: Value) => ({ name: v.name, dims: v.shape, dataType: ELEMENT[v.dtype] });

function externalTensor(v: Value, file: string, extent: Extent | undefined) {
  if (!extent) throw new RangeError(`Cannot place weight ${v.name}: the weights file has no such tensor`);
  const entries = { location: extent.file ?? file, offset: extent.begin, length: extent.end - extent.begin };
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
  return { ...tensorOf(v), dataLocation: EXTERNAL, externalData };
}

function valueInfo(name: string, v: Value) {
  const shape = { dim: v.shape.map((n) => ({ dimValue: n })) };
  return { name, type: { tensorType: { elemType: ELEMENT[v.dtype], shape } } };
}

function attribute(name: string, value: Attr) {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { name, type: 7, ints: value };
  return { name, type: 1, f: value.float };
}
