// Statistics over samples: bootstrap intervals, correlation, agreement of raters.
export * from "./bootstrap.ts";
export * from "./correlation.ts";
export * from "./kappa.ts";
