// Measures of a model: perplexity, calibration, what training did to each sample.
export * from "./calibration.ts";
export * from "./dynamics.ts";
export * from "./perplexity.ts";
export type { Score } from "../model/score.ts";
export type { Level, ModelComparison, ScoreRow, Verdict } from "./score_row.ts";
