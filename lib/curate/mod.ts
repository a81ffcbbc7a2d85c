// Which data to train on: duplicates, overlaps with benchmarks, DEITA's selection, mixtures by uncertainty.
export * from "./benchmarks.ts";
export * from "./decontaminate.ts";
export * from "./dedupe.ts";
export * from "./deita.ts";
export * from "./embeddings.ts";
export * from "./embeddings_file.ts";
export * from "./judge_scores.ts";
export * from "./minhash.ts";
export * from "./mix.ts";
export * from "./rated.ts";
export * from "./select.ts";
export { jaccard, type ShingleOptions, shinglesOf } from "./words.ts";
