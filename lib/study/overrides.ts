// What a notebook's parameters may change of a preset: checked, and in folders of their own, so that nothing is mixed up.
import { InputError } from "../run/errors.ts";
import { sha256Hex } from "../run/files.ts";
import { sortedJson } from "../run/manifest.ts";
import type { Preset, TaskPlan } from "./presets.ts";

/** Values in place of a preset's; 0 and an empty list leave the preset's own. */
export interface Overrides {
  /** Mean smoothing of LS and UAL, and the largest of a sample. */
  mean?: number;
  ceiling?: number;
  /** Passes over the training data; the presets' number of steps no longer counts then. */
  epochs?: number;
  lr?: number;
  /** Of training; 0 is the presets' own. */
  seed?: number;
  /** Held-out dialogues that the model itself rates and scores. */
  judgedCount?: number;
  /** The first so many items of each benchmark. */
  limit?: number;
  /** Mean smoothings of the ablation. */
  means?: number[];
}

interface Rule {
  /** What is right, in words. */
  wanted: string;
  right: (value: number) => boolean;
  apply: (p: Preset, value: never) => Preset;
}

const share = { wanted: "above 0 and below 1", right: (v: number) => v > 0 && v < 1 };
const whole = { wanted: "a whole number above 0", right: (v: number) => Number.isSafeInteger(v) && v > 0 };
const limited = (plans: TaskPlan[], limit: number) => plans.map((plan) => ({ ...plan, limit }));

const RULES: Record<keyof Overrides, Rule> = {
  mean: { ...share, apply: (p, mean) => ({ ...p, mean }) },
  ceiling: { ...share, apply: (p, ceiling) => ({ ...p, ceiling }) },
  epochs: {
    ...whole,
    apply: (p, epochs) => ({ ...p, settings: { ...p.settings, epochs, steps: undefined } }),
  },
  lr: {
    wanted: "a number above 0",
    right: (v) => v > 0 && Number.isFinite(v),
    apply: (p, lr) => ({ ...p, settings: { ...p.settings, lr } }),
  },
  seed: { ...whole, apply: (p, seed) => ({ ...p, settings: { ...p.settings, seed } }) },
  judgedCount: { ...whole, apply: (p, judgedCount) => ({ ...p, judgedCount }) },
  limit: {
    ...whole,
    apply: (p, limit: number) => {
      const { tasks, released } = p.evaluation;
      return {
        ...p,
        evaluation: { ...p.evaluation, tasks: limited(tasks, limit), released: limited(released, limit) },
      };
    },
  },
  means: { ...share, apply: (p, means) => ({ ...p, ablation: { ...p.ablation, means } }) },
};

/**
 * The preset with the values that differ from its own. It is then called "quick+1a2b3c4d", by a hash of them, and so are its folders of
 * runs and figures. Throws InputError for a name that is none and a value out of range.
 */
export function withOverrides(p: Preset, overrides: Overrides): Preset {
  let changed = p;
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(overrides)) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof Overrides] : undefined;
    if (!rule) {
      throw new InputError(
        `Cannot set ${name} of a preset: there is no such value; set ${Object.keys(RULES).join(", ")}`,
      );
    }
    if (value === undefined || value === 0 || (Array.isArray(value) && value.length === 0)) continue;
    const wrong = [value].flat().find((one) => !rule.right(one as number));
    if (wrong !== undefined) {
      throw new InputError(`Cannot set ${name} to ${wrong}: it must be ${rule.wanted}`);
    }
    const next = rule.apply(changed, value as never);
    if (sortedJson(plain(next)) === sortedJson(plain(changed))) continue;
    changed = next;
    kept[name] = value;
  }
  if (changed === p) return p;
  return { ...changed, name: `${p.name}+${sha256Hex(sortedJson(kept)).slice(0, 8)}` };
}

/** A preset as JSON can hold it: Infinity stands for "all". */
const plain = (p: Preset): unknown =>
  JSON.parse(JSON.stringify(p, (_, value) => value === Infinity ? "all" : value));
