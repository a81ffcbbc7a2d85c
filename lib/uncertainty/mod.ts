// Per-sample uncertainty and the label smoothing that follows from it: ratings from a judge, scores from the model itself,
// their agreement, and the maps to smoothing.
export { BudgetReached, ChatFailure, type FailureKind, openChat } from "../chat/mod.ts";
export type * from "../chat/types.ts";
export type { Example, Scores, Turn } from "../data/example.ts";
export type { JitOptions } from "../jit/mod.ts";
export type { Base, Model, Score, Sequence } from "../model/mod.ts";
export * from "./agreement.ts";
export * from "./bands.ts";
export * from "./clip.ts";
export * from "./elicit.ts";
export * from "./elicit_stage.ts";
export * from "./entropy.ts";
export * from "./expected_rating.ts";
export * from "./judge_prompt.ts";
export * from "./map.ts";
export * from "./parse_rating.ts";
export * from "./ratings_file.ts";
export * from "./rouge_l.ts";
export * from "./scores.ts";
export * from "./scores_file.ts";
export * from "./smoothing_file.ts";
export * from "./spread.ts";
