// Measures of a model: perplexity, calibration, what training did to each sample.
export * from "./calibration.ts";
export * from "./dynamics.ts";
export * from "./judge/mod.ts";
export * from "./paper_tables.ts";
export * from "./perplexity.ts";
export type { Score } from "../model/score.ts";
export type { ModelComparison, ScoreLevel, TaskScore, Verdict } from "./task_score.ts";
