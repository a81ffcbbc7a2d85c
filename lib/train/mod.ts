// Training: the smoothed loss, AdamW, the loop, checkpoints, held-out evaluation.
export * from "./adamw.ts";
export { paramsHash } from "./checkpoint.ts";
export { keptFolder, keptSteps } from "./kept_adapters.ts";
export * from "./loop.ts";
export { readMetrics } from "./metrics.ts";
export * from "./plan.ts";
export * from "./schedule.ts";
export * from "./settings.ts";
export * from "./stage.ts";
export type { Evaluation } from "./heldout.ts";
