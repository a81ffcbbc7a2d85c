// their agreement, and the maps to smoothing.
export * from "./agreement.ts";
export * from "./bands.ts";
export * from "./clip.ts";
export * from "./elicit.ts";
export * from "./entropy.ts";
export * from "./expected_rating.ts";
export * from "./judge_prompt.ts";
export * from "./map.ts";
export * from "./parse_rating.ts";
export * from "./ratings_file.ts";
export * from "./smoothing_file.ts";
