// The compiler: TensorFlow.js programs, forward and backward, as one onnxruntime graph.
export * from "./jit.ts";
export * from "./params.ts";
export { printGraph } from "./graph.ts";
export type { Graph } from "./graph.ts";
export type { Program, Spec, TensorMap } from "./trace.ts";
export { defaultPasses } from "./passes/mod.ts";
