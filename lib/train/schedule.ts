// Learning rate by optimizer step: linear warm-up, then constant, linear or cosine decay to zero; and the released code's.
import { InputError } from "../run/errors.ts";
import type { Fidelity } from "./settings.ts";

/** The shapes a schedule may have after warm-up. */
export const SCHEDULES = ["constant", "linear", "cosine"] as const;
/** One of SCHEDULES. */
export type Schedule = typeof SCHEDULES[number];

/**
 * The learning rate of optimizer step `step` (1 … total). During the first `warmup` steps it rises as step/warmup, so
 * that the first step already learns and step `warmup` has the full rate; transformers' schedules (v5) start one step
 * lower, at zero.
 *
 * With "released-code" it is lr · min(step − 1, warmup) / warmup, where `warmup` counts micro-iterations (spec, row 1;
 * finetune/lora_train.py:131-135): the first step has rate 0, and a run ends long before the warm-up does.
 */
export function learningRate(
  step: number,
  total: number,
  options: { lr: number; warmup: number; schedule: Schedule; fidelity?: Fidelity },
): number {
  const { lr, warmup, schedule, fidelity } = options;
  if (fidelity === "released-code") return lr * Math.min(step - 1, warmup) / warmup;
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

/**
 * The released code's warm-up: a tenth of all micro-iterations of one sample each. Throws InputError for fewer than ten
 * of them, where it divides by zero.
 */
export function releasedWarmup(iterations: number): number {
  const warmup = Math.floor(0.1 * iterations);
  if (warmup > 0) return warmup;
  throw new InputError(
    `Cannot train as the released code does: a tenth of ${iterations} samples seen is no warm-up at all (it divides ` +
      "by zero there); train on at least 10, counted over all passes",
  );
}
