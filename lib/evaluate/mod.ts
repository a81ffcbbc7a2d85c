// Measures of a model: perplexity, calibration, what training did to each sample.
export * from "./calibration.ts";
export * from "./claim.ts";
export * from "./compare.ts";
export * from "./dynamics.ts";
export * from "./judge/mod.ts";
export { type HarnessExportOptions, type HarnessRun, writeHarnessResults } from "./harness_export.ts";
export * from "./paper_tables.ts";
export * from "./perplexity.ts";
export * from "./score_table.ts";
export { measureText, percentText, pointsText, pText } from "./score_text.ts";
export * from "./summary.ts";
export type { Score } from "../model/score.ts";
export type { ModelComparison, ScoreLevel, TaskScore, Verdict } from "./task_score.ts";
