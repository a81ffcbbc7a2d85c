// Training: the smoothed loss, AdamW, the loop, checkpoints.
export * from "./adamw.ts";
export * from "./loop.ts";
export * from "./schedule.ts";
export * from "./stage.ts";
