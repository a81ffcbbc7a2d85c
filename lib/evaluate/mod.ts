// Evaluation: benchmarks as items, scores and their comparison, judges, perplexity, calibration, training dynamics.
export * from "./calibration.ts";
export * from "./claim.ts";
export * from "./compare.ts";
export * from "./dynamics.ts";
export * from "./judge/mod.ts";
export { type HarnessExportOptions, type HarnessRun, writeHarnessResults } from "./harness_export.ts";
export * from "./open_tasks.ts";
export * from "./paper_tables.ts";
export * from "./perplexity.ts";
export { PythonRandom } from "./python_random.ts";
export * from "./score_table.ts";
export { measureText, percentText, pointsText, pText } from "./score_text.ts";
export * from "./summary.ts";
export type { TaskSource } from "./task_files.ts";
export { GROUPS, taskNames, TASKS, tasksNamed } from "./tasks/mod.ts";
export type { Score } from "../model/score.ts";
export type { ModelComparison, ScoreLevel, TaskScore, Verdict } from "./task_score.ts";
export type * from "./task.ts";
