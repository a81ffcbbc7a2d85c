// What `reproduce` runs: sizes and settings by name. `quick` proves that everything works; `smollm2` is what the README reports.
import { defaultLora } from "../model/lora.ts";
import type { TrainSettings } from "../train/loop.ts";
import { InputError } from "../run/errors.ts";

/** The methods compared: plain fine-tuning, label smoothing, uncertainty-aware learning. */
export const METHODS = [
  { name: "SFT", smoothing: "none" },
  { name: "LS", smoothing: "constant" },
  { name: "UAL", smoothing: "truncated-linear" },
] as const;

/** One preset. */
export interface Preset {
  name: string;
  /** The first so many training and held-out dialogues of the bundled set. */
  trainCount: number;
  heldoutCount: number;
  /** Longest dialogue in tokens. */
  context: number;
  /** Mean smoothing of LS and UAL, and the largest of a sample. */
  mean: number;
  ceiling: number;
  settings: Omit<TrainSettings, "steps"> & { steps?: number; epochs?: number };
  /** Longest generated answer in tokens. */
  maxNew: number;
  /** The first so many held-out dialogues are rated and scored by the model itself, with so many drawn answers each. */
  judgedCount: number;
  samples: number;
}

/** The paper's settings (appendix D) but for batch, epochs and context, which fit a small data set on two cores. */
const settings: Preset["settings"] = {
  lora: defaultLora,
  batch: 8,
  lr: 3e-4,
  warmup: 4,
  schedule: "constant",
  weightDecay: 0.01,
  clip: 0,
  seed: 0,
  shuffle: true,
  maxRows: 4,
  threads: 2,
};

const presets: Record<string, Preset> = {
  quick: {
    name: "quick",
    trainCount: 16,
    heldoutCount: 8,
    context: 192,
    mean: 0.1,
    ceiling: 0.99,
    settings: { ...settings, batch: 4, steps: 4, warmup: 1 },
    maxNew: 24,
    judgedCount: 8,
    samples: 3,
  },
  smollm2: {
    name: "smollm2",
    trainCount: Infinity,
    heldoutCount: Infinity,
    context: 256,
    mean: 0.1,
    ceiling: 0.99,
    settings: { ...settings, epochs: 1 },
    maxNew: 64,
    judgedCount: Infinity,
    samples: 5,
  },
};

/** The preset called `name`; default: the environment's UAL_PRESET, else smollm2. Throws InputError for an unknown one. */
export function preset(name: string = Deno.env.get("UAL_PRESET") ?? "smollm2"): Preset {
  if (!Object.hasOwn(presets, name)) {
    throw new InputError(
      `Cannot use preset ${name}: there is none; choose from ${Object.keys(presets).join(", ")}`,
    );
  }
  return presets[name];
}
