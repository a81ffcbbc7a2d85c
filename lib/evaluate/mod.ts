// Measures of a model: perplexity, calibration.
export * from "./calibration.ts";
export * from "./perplexity.ts";
