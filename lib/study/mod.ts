// The study that the notebooks and `reproduce` run: presets, stages, worked examples, what the results say.
export * from "./elicitation.ts";
export * from "./examples.ts";
export { trainingRows } from "./live.ts";
export * from "./presets.ts";
export * from "./results.ts";
export * from "./stages.ts";
