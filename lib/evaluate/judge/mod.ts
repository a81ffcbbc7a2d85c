// Judging answers: pairs as AlpacaEval does, single answers as MT-bench does, by any judge.
export { type PairPrompt, parsePairPrompt, readPairPrompt } from "./alpaca_prompt.ts";
export * from "./annotators.ts";
export * from "./case_study.ts";
export * from "./generate_answers.ts";
export * from "./grade.ts";
export * from "./grade_stage.ts";
export * from "./judge_files.ts";
export * from "./judge_pairs.ts";
export * from "./judge_stage.ts";
export * from "./judge_summary.ts";
export * from "./length_controlled.ts";
export * from "./length_tables.ts";
export * from "./model_outputs.ts";
export * from "./prompt_set.ts";
export * from "./win_rate.ts";
