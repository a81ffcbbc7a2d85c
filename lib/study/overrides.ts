// What a notebook's parameters may change of a preset: checked, and in folders of their own, so that nothing is mixed up.
import { InputError } from "../run/errors.ts";
import { sha256Hex } from "../run/files.ts";
import { sortedJson } from "../run/manifest.ts";
import type { Preset, TaskPlan } from "./presets.ts";

/** Values in place of a preset's. 0 leaves the preset's own where a count or the seed is meant, as an empty list does. */
export interface Overrides {
  /** Mean smoothing of LS and UAL, and the largest of a sample; the mean is below it. */
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
  /** Whether 0 stands for the preset's own. */
  zero?: true;
  /** Whether it changes what the methods' training runs learn. */
  trains?: true;
  apply: (p: Preset, value: never) => Preset;
}

const share = { wanted: "above 0 and below 1", right: (v: number) => v > 0 && v < 1 };
const whole = {
  wanted: "a whole number above 0",
  right: (v: number) => Number.isSafeInteger(v) && v > 0,
  zero: true,
} as const;
const limited = (plans: TaskPlan[], limit: number) => plans.map((plan) => ({ ...plan, limit }));

const RULES: Record<keyof Overrides, Rule> = {
  mean: { ...share, trains: true, apply: (p, mean) => ({ ...p, mean }) },
  ceiling: { ...share, trains: true, apply: (p, ceiling) => ({ ...p, ceiling }) },
  epochs: {
    ...whole,
    trains: true,
    apply: (p, epochs) => {
      const { steps: _steps, ...settings } = p.settings;
      return { ...p, settings: { ...settings, epochs } };
    },
  },
  lr: {
    wanted: "a number above 0",
    right: (v) => v > 0 && Number.isFinite(v),
    trains: true,
    apply: (p, lr) => ({ ...p, settings: { ...p.settings, lr } }),
  },
  seed: { ...whole, trains: true, apply: (p, seed) => ({ ...p, settings: { ...p.settings, seed } }) },
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
 * runs and figures. The methods' training runs are shared by all who train alike: their folder is named by the values that training
 * depends on. Throws InputError for a name that is none and a value out of range.
 */
export function withOverrides(p: Preset, overrides: Overrides): Preset {
  let changed = p;
  const kept: Record<string, unknown> = {}, training: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(overrides)) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof Overrides] : undefined;
    if (!rule) {
      throw new InputError(
        `Cannot set ${name} of a preset: there is no such value; set ${Object.keys(RULES).join(", ")}`,
      );
    }
    if (value === undefined || (value === 0 && rule.zero) || (Array.isArray(value) && value.length === 0)) {
      continue;
    }
    const wrong = [value].flat().find((one) => !rule.right(one as number));
    if (wrong !== undefined) {
      throw new InputError(`Cannot set ${name} to ${wrong}: it must be ${rule.wanted}`);
    }
    const next = rule.apply(changed, value as never);
    if (sortedJson(plain(next)) === sortedJson(plain(changed))) continue;
    changed = next;
    kept[name] = value;
    if (rule.trains) training[name] = value;
  }
  if (changed === p) return p;
  if (changed.mean >= changed.ceiling) {
    throw new InputError(
      `Cannot set mean to ${changed.mean}: it must be below the ceiling, which is ${changed.ceiling}`,
    );
  }
  return { ...changed, name: folderName(p, kept), trained: folderName(p, training) };
}

const folderName = ({ name }: Preset, values: Record<string, unknown>): string =>
  Object.keys(values).length ? `${name}+${sha256Hex(sortedJson(values)).slice(0, 8)}` : name;

/** A preset as JSON can hold it: Infinity stands for "all". */
const plain = (p: Preset): unknown =>
  JSON.parse(JSON.stringify(p, (_, value) => value === Infinity ? "all" : value));
