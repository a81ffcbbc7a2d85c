// Per-sample uncertainty and the label smoothing that follows from it.
export * from "./clip.ts";
export * from "./entropy.ts";
export * from "./map.ts";
export * from "./smoothing_file.ts";
