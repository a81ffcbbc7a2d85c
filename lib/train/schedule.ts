// Learning rate by optimizer step: linear warm-up, then constant, linear or cosine decay to zero.
import { InputError } from "../run/errors.ts";

/** The shapes a schedule may have after warm-up. */
export const SCHEDULES = ["constant", "linear", "cosine"] as const;
/** One of SCHEDULES. */
export type Schedule = typeof SCHEDULES[number];

/**
 * The learning rate of optimizer step `step` (1 … total). During the first `warmup` steps it rises as step/warmup, so
 * that the first step already learns and step `warmup` has the full rate; transformers' schedules (v5) start one step
 * lower, at zero.
 */
export function learningRate(
  step: number,
  total: number,
  options: { lr: number; warmup: number; schedule: Schedule },
): number {
  const { lr, warmup, schedule } = options;
  if (step <= warmup) return lr * step / warmup;
  const progress = (step - warmup - 1) / Math.max(1, total - warmup);
  switch (schedule) {
    case "constant":
      return lr;
    case "linear":
      return lr * (1 - progress);
    case "cosine":
      return lr * 0.5 * (1 + Math.cos(Math.PI * progress));
    default:
      throw new InputError(`Cannot follow schedule ${schedule}: choose from ${SCHEDULES.join(", ")}`);
  }
}
