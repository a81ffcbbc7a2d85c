// The study that the notebooks and `reproduce` run: presets, stages, worked examples, what the results say.
export * from "./ablation.ts";
export * from "./ablation_results.ts";
export * from "./benchmark_results.ts";
export * from "./benchmarks.ts";
export * from "./elicitation.ts";
export * from "./examples.ts";
export * from "./exercises.ts";
export * from "./folders.ts";
export * from "./judging.ts";
export { trainingRows } from "./live.ts";
export * from "./own_data.ts";
export * from "./presets.ts";
export * from "./results.ts";
export * from "./shown_item.ts";
export * from "./stages.ts";
export * from "./study_models.ts";
export * from "./training.ts";
export * from "./training_set.ts";
