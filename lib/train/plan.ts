// Which samples each optimizer step takes, and how many steps there are. Not what a step computes (step.ts).
import { type Sequence, targetCount } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { stream } from "../run/seed.ts";
import type { Fidelity, TrainSettings } from "./settings.ts";

/**
 * The optimizer steps of `epochs` passes over `count` samples. Ours end each pass with a step that may be short; the
 * released code drops what does not fill a last step: ⌊10 · 1030 / 64⌋ = 160 on LIMA.
 */
export function stepCount(
  count: number,
  { batch, epochs, fidelity = "paper" }: { batch: number; epochs: number; fidelity?: Fidelity },
): number {
  if (fidelity === "paper") return epochs * Math.ceil(count / batch);
  const steps = Math.floor(epochs * count / batch);
  if (steps > 0) return steps;
  throw new InputError(
    `Cannot train as the released code does: ${epochs} passes over ${count} samples do not fill one step of ${batch}; ` +
      "give more epochs or a smaller batch",
  );
}

/**
 * Which samples each step takes: whole passes over the data, each in its own order; a pass's last step may be short.
 * The released code draws every sample anew with replacement (get_batch in finetune/lora_train.py), or, without
 * shuffling, we run through the file again and again; its steps are always full.
 */
export function stepPlan(
  count: number,
  settings: Pick<TrainSettings, "batch" | "steps" | "seed" | "shuffle" | "fidelity">,
): number[][] {
  const { batch, steps, seed, shuffle, fidelity } = settings;
  if (fidelity === "released-code") {
    const draws = stream(seed, "draws");
    return Array.from(
      { length: steps },
      (_, s) =>
        shuffle
          ? draws.ints(batch, count, s * batch)
          : Array.from({ length: batch }, (_, i) => (s * batch + i) % count),
    );
  }
  const plan: number[][] = [];
  for (let epoch = 0; plan.length < steps; epoch++) {
    const order = shuffle
      ? stream(seed, "order", epoch).shuffle(count)
      : Array.from({ length: count }, (_, i) => i);
    for (let i = 0; i < count && plan.length < steps; i += batch) plan.push(order.slice(i, i + batch));
  }
  return plan;
}

/** Throws where samples cannot be trained on: none at all, an id twice, or one without targets. */
export function checkSequences(sequences: Sequence[]): void {
  if (sequences.length === 0) throw new InputError("Cannot train: there are no examples; give at least one");
  const ids = new Set(sequences.map((s) => s.id));
  if (ids.size !== sequences.length) throw new RangeError("Cannot train: two sequences have the same id");
  const empty = sequences.filter((s) => targetCount(s) === 0).map((s) => s.id);
  if (empty.length) {
    throw new RangeError(
      `Cannot train on ${empty.join(", ")}: nothing of them is supervised; leave them out`,
    );
  }
}
