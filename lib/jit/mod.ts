// The compiler: TensorFlow.js programs, forward and backward, as one onnxruntime graph.
export * from "./jit.ts";
export { loadEngine, runEager } from "./eager.ts";
export * from "./params.ts";
export { printGraph } from "./graph.ts";
export type { Attr, ConstData, DType, Graph, Node, Value } from "./graph.ts";
export type { Extent } from "./onnx.ts";
export type { Program, Spec, TensorMap, WeightSpec } from "./trace.ts";
export { defaultPasses, type Pass } from "./passes/mod.ts";
export type { SessionOptions } from "./runtime.ts";
