// The command line as data: each verb's flags, and what it may touch. Read by the launcher (tools/ual.ts) before anything
// of the verb is loaded, so it imports nothing. A verb may have two words, "data mix".

/** One flag, `--name VALUE`. */
export interface Flag {
  /** What stands for the value in the help; a flag without it takes none. */
  value?: string;
  help: string;
  default?: string;
  choices?: readonly string[];
  /** May be given several times. */
  many?: boolean;
}

/** A verb: `ual NAME [FILE] [flags]`. */
export interface Verb {
  summary?: string;
  /** The flag that an argument without a flag stands for. */
  positional?: string;
  flags?: Record<string, Flag>;
  /** Loads onnxruntime, a native addon: runs with all permissions. The others run with narrow ones. */
  engine?: boolean;
  /** Downloads into the cache: the network and the cache folder are open to it. */
  downloads?: boolean;
  /** Flags that name an input file or folder. */
  read?: string[];
  /** Flags that name an output file; its folder is opened for writing. */
  write?: string[];
  /** Flags that name an output folder. */
  writeFolder?: string[];
}

const data: Flag = {
  value: "FILE",
  help: 'JSONL: {"messages": […]} or {"prompt", "response"}; optional id, uncertainty',
};
const modelFlags: Record<string, Flag> = {
  model: {
    value: "REF",
    help: "a model's folder, .gguf file, or owner/name[@revision] on the hub; default: SmolLM2-135M-Instruct",
  },
  template: { value: "FILE", help: "a Jinja chat template instead of the model's own" },
  threads: {
    value: "N",
    help: "threads; results are bit-identical for one number of them; default: all cores",
  },
};
const engine: Flag = {
  value: "NAME",
  help: "what computes; tfjs-node needs deno task setup --engine tfjs-node",
  default: "onnxruntime",
  choices: ["onnxruntime", "tfjs-node"],
};
const encoding: Record<string, Flag> = {
  context: { value: "N", help: "longest dialogue in tokens; more is cut", default: "256" },
  supervise: { value: "PART", help: "which tokens count", default: "response", choices: ["response", "all"] },
};
const ledger: Flag = { value: "FILE", help: "a ledger of a judge's answers" };
const adapter: Flag = { value: "DIR", help: "a LoRA adapter in PEFT's format" };

/** All verbs by name. */
export const verbs: Record<string, Verb> = {
  map: {
    summary: "Map uncertainty ratings to label smoothing values",
    positional: "data",
    flags: {
      data,
      method: {
        value: "NAME",
        help: "the mapping",
        default: "truncated-linear",
        choices: ["truncated-linear", "constant", "none"],
      },
      mean: { value: "X", help: "mean smoothing over the samples", default: "0.1" },
      ceiling: { value: "X", help: "largest smoothing of a sample", default: "0.99" },
      out: { value: "FILE", help: "write smoothing.jsonl here: id, uncertainty, smoothing" },
    },
    read: ["data"],
    write: ["out"],
  },
  data: {
    summary: "Check a data file and count what is in it",
    positional: "data",
    flags: { data, "require-uncertainty": { help: "every dialogue must have a rating" } },
    read: ["data"],
  },
  figures: {
    summary: "Draw a run's figures again from its stored tables, as plotly JSON",
    positional: "run",
    flags: {
      run: { value: "DIR", help: "a run's folder with tables/" },
      out: { value: "DIR", help: "the folder for the figures" },
    },
    read: ["run"],
    writeFolder: ["out"],
  },
  "ledger ls": {
    summary: "List the answers in a ledger: key, time, tokens, cost, model",
    positional: "ledger",
    flags: { ledger },
    read: ["ledger"],
  },
  "ledger show": {
    summary: "Print one question and answer of a ledger",
    positional: "ledger",
    flags: { ledger, key: { value: "HEX", help: "the key, or enough of its beginning" } },
    read: ["ledger"],
  },
  "ledger verify": {
    summary: "Hash a ledger's questions and lines anew; fails where one is torn, changed or doubled",
    positional: "ledger",
    flags: { ledger },
    read: ["ledger"],
  },
  train: {
    summary: "Train a LoRA adapter with per-sample label smoothing",
    positional: "data",
    engine: true,
    flags: {
      data,
      out: {
        value: "DIR",
        help: "the run's folder: metrics.jsonl, adapter/, manifest.json; run again to resume",
      },
      ...modelFlags,
      "init-adapter": { ...adapter, help: "start from this adapter; its rank, alpha and targets are kept" },
      smoothing: {
        value: "KIND",
        help:
          "SFT, LS, UAL by the data's ratings, or by the model's own perplexity in training or entropy before it",
        default: "uncertainty",
        choices: ["none", "constant", "uncertainty", "perplexity", "entropy"],
      },
      mean: { value: "X", help: "mean smoothing", default: "0.1" },
      ceiling: { value: "X", help: "largest smoothing of a sample", default: "0.99" },
      "smoothing-file": { value: "FILE", help: "smoothing by id, as map wrote it; replaces --smoothing" },
      ...encoding,
      weighting: {
        value: "UNIT",
        help: "what weighs the same in a step's loss",
        default: "sample",
        choices: ["sample", "token"],
      },
      fidelity: {
        value: "NAME",
        help: "released-code: steps, warm-up, loss and supervision as in the paper's code",
        default: "paper",
        choices: ["paper", "released-code"],
      },
      batch: {
        value: "N",
        help: "samples per optimizer step, accumulated over micro-batches of --max-rows",
        default: "8",
      },
      steps: { value: "N", help: "optimizer steps; default: --epochs passes" },
      epochs: { value: "N", help: "passes over the data", default: "3" },
      lr: { value: "X", help: "peak learning rate", default: "3e-4" },
      warmup: { value: "N", help: "optimizer steps of linear warm-up", default: "0" },
      schedule: {
        value: "NAME",
        help: "after warm-up",
        default: "constant",
        choices: ["constant", "linear", "cosine"],
      },
      "weight-decay": { value: "X", help: "AdamW's decoupled decay", default: "0.01" },
      clip: { value: "X", help: "largest gradient norm; 0: none", default: "0" },
      rank: { value: "N", help: "LoRA rank", default: "8" },
      alpha: { value: "X", help: "LoRA alpha", default: "16" },
      rslora: { help: "scale by alpha/√rank (rsLoRA) instead of alpha/rank" },
      targets: { value: "LIST", help: "projections to adapt", default: "q_proj,v_proj" },
      dropout: { value: "X", help: "dropout on the adapter's input", default: "0.1" },
      shuffle: { value: "BOOL", help: "a new order each epoch", default: "true", choices: ["true", "false"] },
      seed: { value: "N", help: "of all randomness", default: "0" },
      memory: {
        value: "GB",
        help: "hold at most this much of a batch's values, computing some twice: slower, the same result",
      },
      "max-rows": {
        value: "N",
        help:
          "rows of tokens computed at once; fewer take less memory, and change no result but for rounding",
        default: "4",
      },
      engine,
      heldout: { ...data, help: "dialogues to evaluate on: the adapter of the lowest perplexity is kept" },
      "eval-every": { value: "N", help: "steps between evaluations; default: one pass" },
      patience: { value: "N", help: "end after so many evaluations without a better one; default: never" },
      "checkpoint-every": { value: "N", help: "steps between checkpoints", default: "5" },
    },
  },
  stop: {
    summary: "Ask a training run to stop after its current step; the same ual train goes on from there",
    positional: "run",
    flags: { run: { value: "DIR", help: "the run's folder" } },
    writeFolder: ["run"],
  },
  watch: {
    summary: "Follow a training run's metrics until it ends",
    positional: "run",
    flags: {
      run: { value: "DIR", help: "the run's folder" },
      once: { help: "print how far it is and leave" },
    },
    writeFolder: ["run"],
  },
  perplexity: {
    summary: "Negative log-likelihood and perplexity of a data file under a model",
    positional: "data",
    engine: true,
    flags: {
      data,
      adapter,
      ...modelFlags,
      ...encoding,
      engine,
      tokens: { help: "with --json: also each token's id and negative log-likelihood" },
    },
  },
  generate: {
    summary: "Answer prompts: the most likely token each time, or drawn by temperature, top-k and top-p",
    positional: "prompt",
    engine: true,
    flags: {
      prompt: { value: "TEXT", help: "a user's message", many: true },
      data: { ...data, help: "JSONL of dialogues: the turns before the last answer are the prompt" },
      adapter,
      ...modelFlags,
      "max-new": { value: "N", help: "at most this many new tokens", default: "128" },
      temperature: { value: "X", help: "what logits are divided by; 0: most likely token", default: "0" },
      "top-k": { value: "N", help: "draw from the N most likely tokens; 0: no limit", default: "0" },
      "top-p": { value: "X", help: "draw from the fewest tokens that reach this probability", default: "1" },
      seed: { value: "N", help: "seed of the draws", default: "0" },
      stop: { value: "TEXT", help: "end an answer before this text", many: true },
      batch: { value: "N", help: "answers that grow side by side", default: "16" },
      weights: {
        value: "TYPE",
        help: "int8: smaller and faster products, close to float32; prints how often the next token agrees",
        default: "float32",
        choices: ["float32", "int8"],
      },
    },
  },
  fetch: {
    summary: "Download a model from the hub, or bring it up to date; HF_TOKEN opens gated ones",
    positional: "model",
    flags: { model: { value: "NAME", help: "owner/name, or owner/name@revision (branch, tag or commit)" } },
    downloads: true,
  },
  export: {
    summary: "Merge an adapter into its base model and write it for other programs",
    positional: "adapter",
    engine: true,
    flags: {
      adapter,
      out: { value: "PATH", help: "the new folder, or the .gguf file" },
      format: {
        value: "NAME",
        help: "a folder of Hugging Face's layout, or a file for llama.cpp",
        default: "safetensors",
        choices: ["safetensors", "gguf"],
      },
      type: {
        value: "NAME",
        help: "of the stored matrices; default: safetensors as the base, gguf f16",
        choices: ["f32", "f16", "bf16", "q8_0"],
      },
      ...modelFlags,
    },
  },
};

/** `plan` takes what decides a run's cost: the flags of train, but for where it writes. */
const { out: _out, "checkpoint-every": _every, ...planned } = verbs.train.flags!;
verbs.plan = {
  summary: "Estimate memory and time of a training run before it starts",
  positional: "data",
  engine: true,
  flags: planned,
};

/** The verb that arguments start with, of two words or of one, and the arguments after it. */
export function splitVerb(args: string[], table: Record<string, Verb> = verbs): { name: string; rest: string[] } {
  const two = args.slice(0, 2).join(" ");
  const words = args.length > 1 && Object.hasOwn(table, two) ? 2 : 1;
  return { name: args.slice(0, words).join(" "), rest: args.slice(words) };
}
