// Measures of a model: perplexity, calibration.
export * from "./calibration.ts";
export * from "./perplexity.ts";
export type { Score } from "../model/score.ts";
