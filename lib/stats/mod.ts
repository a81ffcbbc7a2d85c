// Statistics over samples: intervals, standard errors, paired tests, correlation, agreement of raters.
export * from "./bootstrap.ts";
export * from "./confidence.ts";
export * from "./correlation.ts";
export * from "./distributions.ts";
export * from "./kappa.ts";
export * from "./paired.ts";
export * from "./standard_error.ts";
export * from "./vertex_bootstrap.ts";
