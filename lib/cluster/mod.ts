// How tokens cluster in feature space: features of any model and adapter, pairs of tokens, silhouettes, comparisons of models.
export * from "./chosen_pairs.ts";
export * from "./cluster.ts";
export * from "./compare_pairs.ts";
export * from "./feature_files.ts";
export * from "./features.ts";
export * from "./kept_features.ts";
export * from "./pair_pictures.ts";
export * from "./pairs.ts";
export * from "./pca.ts";
export * from "./plane.ts";
export * from "./score_pairs.ts";
export * from "./separation.ts";
export * from "./silhouette.ts";
