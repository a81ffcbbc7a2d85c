// Per-sample uncertainty and the label smoothing that follows from it.
export * from "./map.ts";
export * from "./smoothing_file.ts";
