// What `reproduce` runs: sizes and settings by name. `quick` proves that everything works; `smollm2` is what the README reports;
// `full` takes hours: all data, seeds, the well-known benchmarks where a mirror of them is there.
import type { Settings } from "../evaluate/mod.ts";
import { defaultLora } from "../model/lora.ts";
import type { TrainSettings } from "../train/loop.ts";
import { InputError } from "../run/errors.ts";
import { type Overrides, withOverrides } from "./overrides.ts";

/** The methods compared: plain fine-tuning, label smoothing, uncertainty-aware learning by ratings and by perplexity. */
export const METHODS = [
  { name: "SFT", smoothing: "none" },
  { name: "LS", smoothing: "constant" },
  { name: "UAL", smoothing: "truncated-linear" },
  { name: "PPL-UAL", smoothing: "perplexity" },
] as const;

/** A method's name. */
export type MethodName = typeof METHODS[number]["name"];

/** Some benchmarks, and how they are asked. */
export interface TaskPlan {
  names: string[];
  /** Default: those of the settings. */
  shots?: number;
  settings?: Settings;
  /** The first so many items of each task; all where missing. */
  limit?: number;
  /** Of tasks in which the model writes: new tokens at most, where fewer than the task's own. */
  maxNew?: number;
  /** Read from the local mirror where there is one; else from the bundled sets. */
  mirror?: boolean;
}

/** Sizes of the notebook 04_evaluate. */
export interface EvaluationSizes {
  tasks: TaskPlan[];
  /** The benchmarks as the released code asks them, for beside the honest ones. */
  released: TaskPlan[];
  /** Tasks whose plain mean is "average", as in the paper's table 2. */
  average: string[];
}

/** Sizes of the notebook 05_cluster. */
export interface ClusterSizes {
  /** Texts whose answers give the features: held-out dialogues, and training dialogues that were not trained on. */
  heldout: number;
  unused: number;
  /** Random pairs of tokens, and how often each of their tokens must occur. */
  pairs: number;
  minCount: number;
  /** At most so many features of each token of a pair: the first ones. */
  maxPoints: number;
  /** The sweep over layers: transformers' numbers (0: embeddings), and how many of the pairs. */
  layers: number[];
  layerPairs: number;
}

/** Sizes of the notebook 06_ablate. */
export interface AblationSizes {
  /** Short runs: the first so many training dialogues, and how often they are passed over. */
  trainCount: number;
  epochs: number;
  /** Mean smoothings, of which methods, and the seeds of each. */
  means: number[];
  methods: ("LS" | "UAL")[];
  seeds: number[];
  /** What short runs and checkpoints are asked. */
  tasks: TaskPlan[];
  /** What the models of mixed data are asked: mathematics. */
  math: TaskPlan[];
  /** Whose answers are compared in pairs: a source of prompts (readPromptSet()), and the first so many of it. */
  prompts: { source: string; count: number; mirror?: string };
  /** Longest answer to a prompt, in tokens. */
  maxNew: number;
}

/** One preset. */
export interface Preset {
  /** Names its folders. */
  name: string;
  /** Names the folder of the methods' training runs, where not `name`. */
  trained?: string;
  /** The first so many training and held-out dialogues of the bundled set. */
  trainCount: number;
  heldoutCount: number;
  /** Longest dialogue in tokens. */
  context: number;
  /** Mean smoothing of LS and UAL, and the largest of a sample. */
  mean: number;
  ceiling: number;
  settings: Omit<TrainSettings, "steps"> & { steps?: number; epochs?: number };
  /** Steps between the adapters that the methods' runs keep, for scores along training. */
  keepEvery: number;
  /** Longest generated answer in tokens. */
  maxNew: number;
  /** The first so many held-out dialogues are rated and scored by the model itself, with so many drawn answers each. */
  judgedCount: number;
  samples: number;
  evaluation: EvaluationSizes;
  cluster: ClusterSizes;
  ablation: AblationSizes;
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

/** The paper's four benchmarks. */
const PAPERS = ["arc_challenge", "hellaswag", "mmlu", "truthfulqa_mc2"];

const presets: Record<string, Preset> = {
  quick: {
    name: "quick",
    trainCount: 16,
    heldoutCount: 8,
    context: 192,
    mean: 0.1,
    ceiling: 0.99,
    settings: { ...settings, batch: 2, steps: 2, warmup: 1 },
    keepEvery: 2,
    maxNew: 16,
    judgedCount: 4,
    samples: 2,
    evaluation: {
      tasks: [
        { names: ["arc_challenge", "hellaswag", "truthfulqa_mc2"], limit: 4 },
        { names: ["gsm8k"], limit: 2, shots: 0, maxNew: 12 },
      ],
      released: [{ names: ["released_arc_challenge"], limit: 4 }],
      average: ["arc_challenge", "hellaswag", "truthfulqa_mc2"],
    },
    cluster: { heldout: 8, unused: 0, pairs: 6, minCount: 6, maxPoints: 20, layers: [0], layerPairs: 2 },
    ablation: {
      trainCount: 4,
      epochs: 1,
      means: [0.3],
      methods: ["UAL"],
      seeds: [0],
      tasks: [{ names: ["arc_challenge"], limit: 4 }],
      math: [{ names: ["gsm8k"], limit: 2, shots: 0, maxNew: 12 }, {
        names: ["metamath"],
        limit: 2,
        maxNew: 16,
      }],
      prompts: { source: "open", count: 2 },
      maxNew: 8,
    },
  },
  smollm2: {
    name: "smollm2",
    trainCount: 96,
    heldoutCount: 48,
    context: 256,
    mean: 0.1,
    ceiling: 0.99,
    settings: { ...settings, epochs: 1 },
    keepEvery: 4,
    maxNew: 64,
    judgedCount: 16,
    samples: 4,
    evaluation: {
      tasks: [
        { names: ["arc_challenge", "arc_easy", "hellaswag"], limit: 50 },
        { names: ["mmlu"], shots: 5 },
        { names: ["truthfulqa_mc1", "truthfulqa_mc2", "winogrande", "piqa"], limit: 50 },
        { names: ["gsm8k"], limit: 8, maxNew: 96 },
      ],
      released: [
        { names: ["released_arc_challenge", "released_hellaswag", "released_truthfulqa"], limit: 40 },
        { names: ["released_mmlu"], limit: 7 },
      ],
      average: PAPERS,
    },
    cluster: {
      heldout: Infinity,
      unused: 16,
      pairs: 100,
      minCount: 20,
      maxPoints: 40,
      layers: [0, 10, 20, 25],
      layerPairs: 20,
    },
    ablation: {
      trainCount: 48,
      epochs: 1,
      means: [0.1, 0.5],
      methods: ["UAL"],
      seeds: [0],
      tasks: [{ names: ["arc_easy", "hellaswag"], limit: 50 }],
      math: [{ names: ["gsm8k"], limit: 8, maxNew: 96 }, { names: ["metamath"], limit: 8, maxNew: 96 }],
      prompts: { source: "open", count: 8 },
      maxNew: 64,
    },
  },
  full: {
    name: "full",
    trainCount: Infinity,
    heldoutCount: Infinity,
    context: 512,
    mean: 0.1,
    ceiling: 0.99,
    settings: { ...settings, epochs: 3 },
    keepEvery: 24,
    maxNew: 256,
    judgedCount: Infinity,
    samples: 10,
    evaluation: {
      tasks: [
        { names: ["arc_challenge", "hellaswag"], limit: 1000, mirror: true },
        { names: ["mmlu"], shots: 5, limit: 40, mirror: true },
        { names: ["truthfulqa_mc1", "truthfulqa_mc2"], mirror: true },
        { names: ["arc_easy", "winogrande", "piqa"] },
        { names: ["gsm8k"], limit: 200, mirror: true },
        { names: ["metamath"] },
      ],
      released: [{ names: ["released"], limit: 200 }],
      average: PAPERS,
    },
    cluster: {
      heldout: Infinity,
      unused: 160,
      pairs: 100,
      minCount: 20,
      maxPoints: 400,
      layers: [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30],
      layerPairs: 100,
    },
    ablation: {
      trainCount: 128,
      epochs: 2,
      means: [0.05, 0.1, 0.2, 0.3, 0.4, 0.5],
      methods: ["LS", "UAL"],
      seeds: [0, 1, 2],
      tasks: [{ names: ["arc_challenge", "hellaswag", "truthfulqa_mc2"], limit: 400, mirror: true }, {
        names: ["arc_easy", "piqa"],
      }],
      math: [{ names: ["gsm8k"], limit: 200, mirror: true }, { names: ["metamath"] }],
      prompts: { source: "open", count: 300, mirror: "lima" },
      maxNew: 256,
    },
  },
};

/**
 * The preset called `name`, with what a notebook's parameters change (see withOverrides()). Throws InputError for an unknown name and
 * for values out of range.
 */
export function preset(name: string = "smollm2", overrides: Overrides = {}): Preset {
  if (!Object.hasOwn(presets, name)) {
    throw new InputError(
      `Cannot use preset ${name}: there is none; choose from ${Object.keys(presets).join(", ")}`,
    );
  }
  return withOverrides(presets[name], overrides);
}

/** The preset without what only the notebooks on benchmarks, clusters and ablations use. */
export function trainingSizes(p: Preset): Omit<Preset, "trained" | "evaluation" | "cluster" | "ablation"> {
  const { trained: _trained, evaluation: _evaluation, cluster: _cluster, ablation: _ablation, ...sizes } = p;
  return sizes;
}
