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
  /** Loads onnxruntime, a native addon, or starts a browser: runs with all permissions. The others run with narrow ones. */
  engine?: boolean;
  /** Downloads into the cache: the network and the cache folder are open to it. */
  downloads?: boolean;
  /** Flags that name an input file or folder. */
  read?: string[];
  /** Flags that name a source of dialogues: a file, "hf:…" (opens the network and the cache), "mirror:…" (the mirror). */
  sources?: string[];
  /** Flags that need the local mirror where they are given. */
  mirror?: string[];
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
  template: {
    value: "NAME",
    help: "instead of the model's own chat template: chatml, lima, alpaca, vicuna, or a .jinja file",
  },
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
const use: Flag = {
  value: "NAME",
  help: "the number that the judge printed, or the one it expected by its log-probabilities",
  default: "rating",
  choices: ["rating", "expected"],
};
const adapter: Flag = { value: "DIR", help: "a LoRA adapter in PEFT's format" };

const sourceFlags: Record<string, Flag> = {
  data: {
    value: "SOURCE",
    help: "a file (JSONL, JSON, CSV, parquet; .gz), hf:owner/name[@revision][:split], or mirror:NAME",
  },
  layout: {
    value: "NAME",
    help: "of the rows; default: told by their fields",
    choices: ["ours", "lima", "alpaca", "dolly", "sharegpt", "ultrachat", "deita", "qa"],
  },
  format: {
    value: "NAME",
    help: "of the file; default: told by its name and start",
    choices: ["jsonl", "json", "csv", "tsv", "parquet"],
  },
  "skip-bad": { help: "leave bad rows out and count them, instead of ending at the first" },
  ranges: { help: "read a hub's parquet in pieces as needed, instead of downloading it" },
};
const ratedFlags: Record<string, Flag> = {
  ratings: {
    value: "FILE",
    help: "take the uncertainty from here: ratings.jsonl, as elicit wrote it; what it has not is left out",
  },
  use,
};
const selectedFlags: Record<string, Flag> = {
  out: { value: "FILE", help: "write the dialogues here, JSONL in our layout" },
  report: { value: "FILE", help: "write the report here; default: beside --out, .report.json" },
};

/** Flags of `elicit` that `data score` has not. */
const ELICIT_ALONE = ["data", "out", "prompt", "reasons", "repeats", "top-p", "limit", "batch"];

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
        choices: ["truncated-linear", "rank", "power", "constant", "none"],
      },
      mean: { value: "X", help: "mean smoothing over the samples", default: "0.1" },
      ceiling: { value: "X", help: "largest smoothing of a sample", default: "0.99" },
      power: { value: "P", help: "of --method power: (u / largest u)^P; 1 is the linear map", default: "2" },
      ratings: { value: "FILE", help: "take the uncertainty from here: ratings.jsonl, as elicit wrote it" },
      use,
      "skip-failed": { help: "leave out dialogues whose rating failed, instead of refusing them" },
      scores: { value: "FILE", help: "take the uncertainty from here: scores.jsonl, as score wrote it" },
      score: {
        value: "NAME",
        help: "which of its scores: nll, perplexity, entropy, spread, hidden_spread; default: nll",
      },
      out: { value: "FILE", help: "write smoothing.jsonl here: id, uncertainty, smoothing" },
    },
    read: ["data", "ratings", "scores"],
    write: ["out"],
  },
  elicit: {
    summary: "Rate dialogues by a judge: an OpenAI-compatible endpoint, or a model of ours in this process",
    positional: "data",
    engine: true,
    flags: {
      data,
      out: { value: "DIR", help: "the folder: answers.jsonl (ledger), ratings.jsonl; run again to go on" },
      "base-url": {
        value: "URL",
        help: "of the endpoint, with its version; default: OpenAI's, or OPENAI_BASE_URL",
      },
      "model-name": {
        value: "NAME",
        help: "the judge's name there; without this and --base-url: a model of ours",
      },
      "key-env": { value: "NAME", help: "the environment variable with the key", default: "OPENAI_API_KEY" },
      ...modelFlags,
      prompt: { value: "FILE", help: "a prompt of your own with {{dialogue}} in it; see data/prompts" },
      reasons: { help: "ask for a line of reason too: about 15 times the answer's tokens" },
      repeats: { value: "N", help: "independent answers to each question", default: "1" },
      temperature: { value: "X", help: "none: left to the endpoint", default: "0" },
      "top-p": { value: "X", help: "none: left to the endpoint", default: "0.9" },
      "max-tokens": { value: "N", help: "longest answer; default: 16, with reasons or --prompt 200" },
      "no-logprobs": { help: "do not ask for log-probabilities, which the expected rating comes from" },
      limit: { value: "N", help: "only the first N dialogues" },
      concurrency: { value: "N", help: "calls at once; default: 8, with a model of ours 16" },
      rpm: { value: "N", help: "at most this many requests a minute" },
      tpm: { value: "N", help: "at most this many tokens a minute" },
      timeout: { value: "S", help: "seconds for one try", default: "120" },
      budget: { value: "USD", help: "stop before the answers in the folder could cost more" },
      "price-in": {
        value: "USD",
        help: "per million prompt tokens; default: by the name from data/prices.json",
      },
      "price-out": { value: "USD", help: "per million tokens of answers" },
      batch: { help: "through OpenAI's Batch API: half the price, within a day" },
    },
  },
  agree: {
    summary:
      "How far raters agree with each other, and a judge with itself: Spearman, quadratic kappa, with intervals",
    positional: "ratings",
    flags: { ratings: { value: "FILE", help: "ratings.jsonl of a rater or judge", many: true }, use },
    read: ["ratings"],
  },
  score: {
    summary:
      "Scores of dialogues under a model, and their rank correlations with each other and with ratings",
    positional: "data",
    engine: true,
    flags: {
      data,
      kinds: {
        value: "LIST",
        help: "of perplexity, entropy, spread (of drawn answers, by words), hidden-spread (by hidden states)",
        default: "perplexity,entropy",
      },
      ratings: { value: "FILE", help: "compare with these ratings; default: the data's own" },
      out: { value: "FILE", help: "write scores.jsonl here" },
      ...modelFlags,
      context: encoding.context,
      samples: { value: "N", help: "answers drawn to each request", default: "5" },
      "max-new": { value: "N", help: "longest drawn answer in tokens", default: "48" },
      temperature: { value: "X", help: "of the draws", default: "0.5" },
      seed: { value: "N", help: "of the draws", default: "0" },
      alike: { value: "X", help: "ROUGE-L from which on two answers are alike", default: "0.4" },
    },
    read: ["data", "ratings"],
    write: ["out"],
  },
  data: {
    summary: "Check data and count what is in it, as data inspect",
    positional: "data",
    flags: { ...sourceFlags, "require-uncertainty": { help: "every dialogue must have a rating" } },
    sources: ["data"],
  },
  "data inspect": {
    summary: "Check data and count what is in it",
    positional: "data",
    flags: { ...sourceFlags, "require-uncertainty": { help: "every dialogue must have a rating" } },
    sources: ["data"],
  },
  "data select": {
    summary: "Write data in our layout: all, or what is left after the steps that are asked for",
    positional: "data",
    flags: {
      ...sourceFlags,
      ...selectedFlags,
      ...ratedFlags,
      "least-uncertainty": { value: "X", help: "only dialogues rated at least this" },
      "most-uncertainty": { value: "X", help: "only dialogues rated at most this" },
      dedupe: { help: "without dialogues that repeat an earlier one, nearly or in full" },
      similarity: {
        value: "X",
        help: "of duplicates, at least: Jaccard, of runs of 3 words",
        default: "0.8",
      },
      compare: {
        value: "PART",
        help: "what of a dialogue is compared",
        default: "dialogue",
        choices: ["dialogue", "request", "answer"],
      },
      decontaminate: {
        value: "NAME",
        help:
          "without overlaps with a benchmark: arc, hellaswag, mmlu, truthfulqa, gsm8k, all, or a JSONL file",
        many: true,
      },
      ngram: { value: "N", help: "words of an overlap", default: "13" },
      deita: { value: "N", help: "the best N by complexity × quality, none redundant; needs ual data score" },
      embeddings: { value: "FILE", help: "for --deita: as ual data score wrote it" },
      redundancy: { value: "X", help: "largest cosine similarity of two picked by --deita", default: "0.95" },
    },
    sources: ["data", "decontaminate"],
    mirror: ["decontaminate"],
    read: ["embeddings", "ratings"],
    write: ["out", "report"],
  },
  "data mix": {
    summary: "Mix data in given shares: several sets, or one set's parts by uncertainty",
    positional: "data",
    flags: {
      ...sourceFlags,
      data: { ...sourceFlags.data, many: true },
      ...selectedFlags,
      ...ratedFlags,
      shares: { value: "LIST", help: "what each part weighs; default: all the same" },
      "by-uncertainty": {
        value: "N",
        help: "split the data into N parts of equal size by uncertainty, the lowest first",
      },
      count: { value: "N", help: "dialogues in all; default: as many as the shares allow" },
      seed: { value: "N", help: "of the draws", default: "0" },
    },
    sources: ["data"],
    read: ["ratings"],
    write: ["out", "report"],
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
      "keep-every": { value: "N", help: "keep the adapter after every N steps, as adapters/step-N" },
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
  serve: {
    summary:
      "Offer a model and its adapters to OpenAI clients: chat completions, on this machine alone unless told otherwise",
    engine: true,
    flags: {
      adapter: {
        value: "[NAME=]DIR",
        help: "a LoRA adapter in PEFT's format, offered as MODEL:NAME; default name: the folder's",
        many: true,
      },
      ...modelFlags,
      host: {
        value: "ADDRESS",
        help: "where to listen; any but this machine's own is a risk",
        default: "127.0.0.1",
      },
      port: { value: "N", help: "0: any that is free", default: "8000" },
      batch: { value: "N", help: "answers that grow side by side", default: "16" },
      weights: {
        value: "TYPE",
        help: "int8: less memory, faster for one answer at a time, slower to read prompts",
        default: "float32",
        choices: ["float32", "int8"],
      },
      context: {
        value: "N",
        help: "longest prompt with its answer, in tokens; default: the model's, 2048 at most",
      },
      "max-new": { value: "N", help: "new tokens where a request does not say", default: "512" },
      queue: { value: "N", help: "answers that may wait before requests get 429", default: "256" },
      "prefix-cache": {
        value: "MB",
        help: "memory for prompt beginnings that requests share; 0: read every prompt anew",
        default: "512",
      },
      "api-key-env": { value: "NAME", help: "the environment variable with a key that requests must bear" },
    },
  },
  evaluate: {
    summary: "Score benchmarks under a model and its adapters, item by item as lm-evaluation-harness does",
    positional: "adapter",
    engine: true,
    flags: {
      adapter: {
        value: "DIR",
        help: "LoRA adapters to evaluate, as DIR or NAME=DIR; base is the model without one; default: base",
        many: true,
      },
      tasks: {
        value: "NAMES",
        help:
          "tasks or groups, with commas: all, mmlu, mmlu_stem, heldout …; default: arc_challenge,hellaswag," +
          "mmlu,truthfulqa_mc2",
        many: true,
      },
      limit: { value: "N", help: "the first N items of each task" },
      shots: { value: "N", help: "examples in front of a question; default: the settings'" },
      settings: {
        value: "NAME",
        help: "the harness's defaults, or the Open LLM leaderboard's (25-shot ARC, 5-shot MMLU …)",
        default: "harness",
        choices: ["harness", "openllm"],
      },
      seed: { value: "N", help: "of the draws of shots, as the harness's fewshot seed", default: "1234" },
      split: {
        value: "NAME",
        help:
          "what is scored: each task's own, or validation of those with both, as the paper's released code took it",
        default: "default",
        choices: ["default", "validation"],
      },
      source: {
        value: "NAME",
        help: "where the items come from; default: the mirror where --mirror is given, else bundled",
        choices: ["bundled", "mirror", "hub"],
      },
      mirror: { value: "DIR", help: "a folder with the benchmarks' files" },
      out: {
        value: "DIR",
        help: "write items.jsonl, summary.json and results.jsonl here",
        default: "evaluation",
      },
      train: {
        value: "SOURCE",
        help:
          "training data to look for the tasks' items in, by runs of 13 words; default: what an adapter's run names",
        many: true,
      },
      "no-decontaminate": { help: "do not look for the tasks' items in training data" },
      heldout: { value: "FILE", help: "the dialogues of the task heldout; default: the bundled ones" },
      context: { value: "N", help: "longest dialogue of heldout in tokens; more is cut", default: "1024" },
      batch: { value: "N", help: "texts that are generated side by side", default: "16" },
      "batch-tokens": { value: "N", help: "tokens of a batch of choices, about", default: "1024" },
      harness: { help: "also write the harness's results and samples files, for its tools" },
      engine,
      ...modelFlags,
    },
  },
  cluster: {
    summary:
      "Measure how well a model and its adapters tell tokens apart in feature space, by pairs of tokens",
    positional: "adapter",
    engine: true,
    flags: {
      adapter: {
        value: "DIR",
        help: "LoRA adapters to compare with the base model, as DIR or NAME=DIR",
        many: true,
      },
      data,
      pairs: {
        value: "PAIRS",
        help:
          'pairs of tokens, "a|b,c|d": each side one token, spaces counting; \\| \\, \\n for such signs, #123 for an id',
      },
      "random-pairs": { value: "N", help: "draw so many pairs; default: 100 where no pair is named" },
      "min-count": {
        value: "N",
        help: "features that each token of a drawn pair has at least",
        default: "20",
      },
      "max-points": { value: "N", help: "of each token of a pair the first N features; default: all" },
      layers: {
        value: "LAYERS",
        help:
          "final (after the last norm, before the output matrix) and numbers, 0 the embeddings, with commas",
        default: "final",
      },
      seed: { value: "N", help: "of the drawn pairs and of the intervals", default: "0" },
      out: {
        value: "DIR",
        help: "write silhouettes.jsonl, summary.json and the features (NumPy files) here",
      },
      ...encoding,
      ...modelFlags,
    },
  },
  report: {
    summary:
      "Write a page of what ual evaluate found: tables, figures, the paper's numbers, an explorer of all items",
    positional: "run",
    engine: true,
    flags: {
      run: { value: "DIR", help: "the folder that ual evaluate wrote" },
      out: { value: "FILE", help: "the page; default: report.html in that folder" },
      note: { value: "TEXT", help: "a line about the run, for its settings" },
      "no-figures": { help: "without figures: starts no browser" },
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

/** How a judge is reached is the same for `data score` as for `elicit`. */
const judgeFlags = Object.fromEntries(
  Object.entries(verbs.elicit.flags!).filter(([name]) => !ELICIT_ALONE.includes(name)),
);
verbs["data score"] = {
  summary: "What data select --deita goes by: a judge's scores of each exchange, the model's embeddings",
  positional: "data",
  engine: true,
  flags: {
    ...sourceFlags,
    out: { value: "FILE", help: "write the dialogues with the judge's scores here; a report goes beside it" },
    embeddings: { value: "FILE", help: "write the dialogues' embeddings by --model here" },
    ledger: { ...ledger, help: "keep the judge's answers here; default: beside --out, .answers.jsonl" },
    context: { ...encoding.context, default: "1024" },
    ...judgeFlags,
    "max-tokens": { value: "N", help: "longest answer; a judge that thinks first needs more", default: "8" },
    "no-logprobs": { help: "do not ask for log-probabilities, which expected scores come from" },
  },
  sources: ["data"],
  write: ["out", "embeddings", "ledger"],
};

/** How a judge of answers is reached: as for `elicit`, but for how it is asked. */
const { temperature: _t, "no-logprobs": _l, ...answersJudge } = judgeFlags;
const promptSource: Flag = {
  value: "SOURCE",
  help:
    "open or two_turns (ours), alpaca_eval, lima, mt_bench, vicuna_bench (mirror), or a JSON or JSONL file of " +
    "{instruction}, {prompt} or {turns}",
};
verbs.answer = {
  summary:
    "A model's answers to a set of prompts, as alpaca_eval's model_outputs.json or, all turns, as FastChat's JSONL",
  positional: "prompts",
  engine: true,
  flags: {
    prompts: promptSource,
    out: {
      value: "FILE",
      help: ".json: the answers to first turns; .jsonl: to all turns, for ual grade; run again to go on",
    },
    generator: {
      value: "NAME",
      help: "whose answers they are called; default: the model's or adapter's name",
    },
    adapter,
    ...modelFlags,
    limit: { value: "N", help: "only the first N prompts" },
    "max-new": { value: "N", help: "at most this many new tokens an answer", default: "256" },
    temperature: { value: "X", help: "what logits are divided by; 0: most likely token", default: "0" },
    "top-k": { value: "N", help: "draw from the N most likely tokens; 0: no limit", default: "0" },
    "top-p": { value: "X", help: "draw from the fewest tokens that reach this probability", default: "1" },
    seed: { value: "N", help: "seed of the draws", default: "0" },
    batch: { value: "N", help: "answers that grow side by side", default: "16" },
  },
  read: ["prompts"],
  write: ["out"],
};
verbs.judge = {
  summary: "Which of two models answers better, by a judge: win rates as AlpacaEval has them",
  positional: "outputs",
  engine: true,
  flags: {
    outputs: { value: "FILE", help: "the model's answers, model_outputs.json" },
    reference: { value: "FILE", help: "the answers that they are compared with" },
    out: {
      value: "DIR",
      help:
        "the folder: answers.jsonl (ledger), annotations.json, leaderboard.csv, summary.json; run again to go on",
    },
    annotator: {
      value: "NAME",
      help: "how the judge is asked; default: AlpacaEval 2's, with a model of ours letters",
      choices: ["alpaca_eval_gpt4", "weighted_alpaca_eval_gpt4_turbo", "letters"],
    },
    prompt: {
      value: "FILE",
      help: "a prompt of your own instead of the annotator's; see data/prompts/prefer.md",
    },
    order: {
      value: "NAME",
      help: "which answer is shown first: drawn as alpaca_eval does, or both orders and their mean",
      default: "random",
      choices: ["random", "both"],
    },
    seed: { value: "N", help: "of the drawn order; alpaca_eval's is 0", default: "0" },
    "length-table": {
      value: "FILE",
      help: "the hub's df_gamed.csv or instruction_difficulty.csv, for length control as on the leaderboard",
    },
    limit: { value: "N", help: "only the first N pairs" },
    ...answersJudge,
    temperature: { value: "X", help: "default: the annotator's; none: left to the endpoint" },
    "max-tokens": { value: "N", help: "longest answer; default: the annotator's" },
    batch: verbs.elicit.flags!.batch,
  },
  read: ["outputs", "reference", "prompt", "length-table"],
  writeFolder: ["out"],
};
verbs.grade = {
  summary: "Grades from 1 to 10 of a model's answers, turn by turn, by a judge, as MT-bench has them",
  positional: "answers",
  engine: true,
  flags: {
    answers: { value: "FILE", help: "JSONL as ual answer writes it, or FastChat's model_answer" },
    questions: {
      ...promptSource,
      help: "where FastChat's answers have no turns: two_turns, mt_bench or a JSONL file",
    },
    out: {
      value: "DIR",
      help: "the folder: answers.jsonl (ledger), judgments.jsonl, summary.json; run again to go on",
    },
    prompt: {
      value: "FILE",
      help: "a prompt of your own with {{dialogue}} in it; see data/prompts/grade.md",
    },
    "reference-prompt": {
      value: "FILE",
      help: "the same for questions with a reference answer, with {{reference}} too",
    },
    limit: { value: "N", help: "only the first N questions" },
    ...answersJudge,
    temperature: { value: "X", help: "none: left to the endpoint", default: "0" },
    "max-tokens": { value: "N", help: "longest answer; default: 1024, with a model of ours 8" },
  },
  read: ["answers", "prompt", "reference-prompt"],
  writeFolder: ["out"],
};

/** `plan` takes what decides a run's cost: the flags of train, but for where it writes. */
const { out: _out, "checkpoint-every": _every, "keep-every": _kept, ...planned } = verbs.train.flags!;
verbs.plan = {
  summary: "Estimate memory and time of a training run before it starts",
  positional: "data",
  engine: true,
  flags: planned,
};

/** The verb that arguments start with, of two words or of one, and the arguments after it. */
export function splitVerb(
  args: string[],
  table: Record<string, Verb> = verbs,
): { name: string; rest: string[] } {
  const two = args.slice(0, 2).join(" ");
  const words = args.length > 1 && Object.hasOwn(table, two) ? 2 : 1;
  return { name: args.slice(0, words).join(" "), rest: args.slice(words) };
}
