// Figures: pure functions from a table to a plotly figure, shown in notebooks and written to files.
export * from "./agreement.ts";
export * from "./calibration.ts";
export * from "./chromium.ts";
export * from "./correlations.ts";
export * from "./display.ts";
export * from "./export.ts";
export { type Figure } from "./figure.ts";
export * from "./heldout_perplexity.ts";
export * from "./loss_by_tercile.ts";
export * from "./mapping_curve.ts";
export * from "./mapping_methods.ts";
export * from "./ratings_histogram.ts";
export * from "./renderer.ts";
export * from "./training_curves.ts";
export * from "./training_live.ts";
export * from "./tables.ts";
