// The paper's tables 2, 3 and 4 as data, our scores beside them, and what keeps the two from being compared.
import type { TaskScore } from "./scores/task_score.ts";

/** The paper's four benchmarks, by the names of our tasks. */
export type PaperTask = "arc_challenge" | "hellaswag" | "mmlu" | "truthfulqa";

/** A row of table 2: accuracies in percent, as printed. */
export interface PaperModel {
  /** As the paper names it; "(Mistral)" where the base is Mistral-7B. */
  model: string;
  base: "Llama-2-7B" | "Mistral-7B";
  /** What it was trained on; none for the base models. */
  data?: "LIMA" | "Deita" | "Alpaca" | "ShareGPT";
  /** "base" for what was not aligned by the authors' code. */
  method: "base" | "SFT" | "PPL-UAL" | "UAL";
  scores: Record<PaperTask, number>;
  /** Where the printed average is not the mean of the four. */
  printedAverage?: number;
}

const scores = (arc_challenge: number, hellaswag: number, mmlu: number, truthfulqa: number) => ({
  arc_challenge,
  hellaswag,
  mmlu,
  truthfulqa,
});

const llama = "Llama-2-7B", mistral = "Mistral-7B", mistralDeita = "Deita-7B (Mistral)";

/** Table 2: ARC-c, HellaSwag, MMLU, TruthfulQA. */
export const PAPER_TABLE_2: readonly PaperModel[] = [
  {
    model: llama,
    base: llama,
    method: "base",
    scores: scores(63.21, 75.12, 60.61, 53.37),
    printedAverage: 60.08,
  },
  {
    model: "Vicuna-7B-v1.5",
    base: llama,
    data: "ShareGPT",
    method: "base",
    scores: scores(71.23, 89.32, 67.4, 52.43),
  },
  {
    model: "Alpaca-2-7B",
    base: llama,
    data: "Alpaca",
    method: "base",
    scores: scores(64.54, 87.04, 63.68, 46.26),
  },
  { model: "LIMA-7B", base: llama, data: "LIMA", method: "SFT", scores: scores(55.51, 79.61, 60.42, 64.01) },
  { model: "LIMA-7B", base: llama, data: "LIMA", method: "UAL", scores: scores(58.89, 79.87, 65.7, 66.16) },
  { model: "Deita-7B", base: llama, data: "Deita", method: "SFT", scores: scores(67.22, 74.24, 64.4, 57.77) },
  {
    model: "Deita-7B",
    base: llama,
    data: "Deita",
    method: "PPL-UAL",
    scores: scores(66.88, 75.01, 63.81, 60.18),
  },
  {
    model: "Deita-7B",
    base: llama,
    data: "Deita",
    method: "UAL",
    scores: scores(69.55, 76.77, 67.64, 64.06),
  },
  { model: mistral, base: mistral, method: "base", scores: scores(77.25, 75.63, 68.97, 33.78) },
  {
    model: mistralDeita,
    base: mistral,
    data: "Deita",
    method: "SFT",
    scores: scores(71.57, 71.73, 62.11, 38.88),
  },
  {
    model: mistralDeita,
    base: mistral,
    data: "Deita",
    method: "PPL-UAL",
    scores: scores(78.92, 76.86, 66.08, 33.29),
  },
  {
    model: mistralDeita,
    base: mistral,
    data: "Deita",
    method: "UAL",
    scores: scores(78.26, 78.93, 66.16, 36.23),
  },
];

/** A row of table 3, all of Mistral-7B: in percent. */
export interface PaperMix {
  data: "base" | "high" | "low" | "mixed";
  method: "" | "SFT" | "UAL";
  metamath: number;
  gsm8k: number;
  /** The mean of the two, as printed. */
  math: number;
  /** AlpacaEval's win rate; the base model was not judged. */
  winRate: number | null;
}

/** Table 3: the mixed scenario. */
export const PAPER_TABLE_3: readonly PaperMix[] = [
  { data: "base", method: "", metamath: 34.17, gsm8k: 24.63, math: 29.4, winRate: null },
  { data: "high", method: "SFT", metamath: 40.67, gsm8k: 35.86, math: 38.27, winRate: 68.81 },
  { data: "low", method: "SFT", metamath: 45.63, gsm8k: 47.38, math: 46.51, winRate: 37.05 },
  { data: "mixed", method: "SFT", metamath: 42.33, gsm8k: 43.06, math: 42.7, winRate: 55.08 },
  { data: "mixed", method: "UAL", metamath: 44.66, gsm8k: 44.35, math: 44.51, winRate: 65.7 },
];

/** A row of table 4, all of Llama-2-7B on LIMA. */
export interface PaperAblation {
  method: "SFT" | "LS" | "UAL";
  /** Mean silhouette of 100 token pairs, −1 to 1. */
  silhouette: number;
  /** Mean of the four benchmarks, in percent, as printed. */
  average: number;
}

/** Table 4: the ablation. */
export const PAPER_TABLE_4: readonly PaperAblation[] = [
  { method: "SFT", silhouette: 0.406, average: 64.89 },
  { method: "LS", silhouette: 0.427, average: 64.25 },
  { method: "UAL", silhouette: 0.446, average: 69.16 },
];

/** What does not agree within the paper. */
export const PAPER_MISPRINTS: readonly string[] = [
  "Table 2 prints 60.08 as the average of Llama-2-7B; its four scores give 63.08.",
  "Table 4 prints 69.16 as the average of UAL on LIMA; table 2's four scores of that model give 67.66.",
];

/** Why the paper's numbers and ours are no measurements of one thing. */
export const NOT_COMPARABLE: readonly string[] = [
  "The paper's models have 7 billion parameters, trained on a GPU with other data; ours may have 135 million.",
  "The paper's table 2 comes from sampling: a hit if any of four sampled first tokens is the right letter (guessing gives 68%); " +
  "ours is the accuracy of log-likelihoods, as the harness defines it. The released code's measures stand under their own names.",
  "The paper's code asks for letters on validation splits and without the harness's shots; for TruthfulQA the right letter is always A.",
  "The paper's math accuracy (table 3) counts an answer that contains the right number anywhere; ours extracts the answer first.",
  "The paper's win rates (table 3) were given by GPT-4 over 805 prompts; a small local judge is another, weaker one.",
  "The paper gives no intervals. What can be compared is the sign of a method's gain over SFT, within our own interval.",
];

/** The mean of a row's four scores, in percent. */
export function paperAverage({ scores }: PaperModel): number {
  const all = Object.values(scores);
  return all.reduce((sum, score) => sum + score, 0) / all.length;
}

/** One of our scores with the paper's beside it, in percent. */
export interface BesideRow {
  task: string;
  metric: string;
  /** Our model, and the paper's method it stands for. */
  model: string;
  method?: string;
  ours: number;
  low: number;
  high: number;
  n: number;
  /** Ours less our SFT's, in percentage points; absent without one. */
  gain?: number;
  paper?: number;
  /** The paper's gain over its SFT. */
  paperGain?: number;
  paperModel?: string;
}

/** What besidePaper() can be told. */
export interface BesideOptions {
  /** Whose rows of table 2. */
  paper?: "LIMA-7B" | "Deita-7B" | "Deita-7B (Mistral)";
  /** The metric of each task; the first that the scores hold where missing. */
  metrics?: Record<string, string>;
  /** The paper's method of one of our models. */
  methodOf?: (model: string) => string | undefined;
}

/**
 * Our scores on the paper's four benchmarks and their average, each with table 2's value of the same method and both gains over SFT.
 * To be shown with NOT_COMPARABLE.
 */
export function besidePaper(
  all: readonly TaskScore[],
  { paper = "LIMA-7B", metrics = {}, methodOf = methodNamed }: BesideOptions = {},
): BesideRow[] {
  const ours = [...Map.groupBy(all.filter((row) => columnOf(row.task) !== undefined), (row) => row.task)];
  const shown = ours.flatMap(([task, own]) =>
    own.filter((row) => row.metric === (metrics[task] ?? own[0].metric))
  );
  return shown.map((row) => {
    const method = methodOf(row.model);
    const sft = shown.find((one) =>
      one.task === row.task && one.metric === row.metric && methodOf(one.model) === "SFT"
    );
    const theirs = paperScore(paper, method, row.task), theirSft = paperScore(paper, "SFT", row.task);
    return {
      task: row.task,
      metric: row.metric,
      model: row.model,
      ...(method && { method }),
      ours: 100 * row.value,
      low: 100 * row.low,
      high: 100 * row.high,
      n: row.n,
      ...(sft && method !== "SFT" && { gain: 100 * (row.value - sft.value) }),
      ...(theirs && { paper: theirs.value, paperModel: theirs.model }),
      ...(theirs && theirSft && method !== "SFT" && { paperGain: theirs.value - theirSft.value }),
    };
  });
}

/** Table 3 as rows of the figure of the mixed scenario: shares from 0 to 1. */
export function paperMixRows(
  panel = "in the paper",
): { data: string; method: string; math: number; winRate: number | null; panel: string }[] {
  return PAPER_TABLE_3.map(({ data, method, math, winRate }) => ({
    data,
    method,
    math: math / 100,
    winRate: winRate === null ? null : winRate / 100,
    panel,
  }));
}

/** The paper's method that a model's name tells: "base", "SFT", "LS", "UAL", "PPL-UAL". */
export function methodNamed(model: string): string | undefined {
  const words = model.toLowerCase().split(/[^a-z]+/);
  if (words.includes("ual")) {
    return words.includes("ppl") ? "PPL-UAL" : words.includes("entropy") ? undefined : "UAL";
  }
  if (model.toLowerCase() === "base") return "base";
  return words.includes("sft") ? "SFT" : words.includes("ls") ? "LS" : undefined;
}

function columnOf(task: string): PaperTask | "average" | undefined {
  if (/^truthfulqa_mc[12]$/.test(task)) return "truthfulqa";
  return ["arc_challenge", "hellaswag", "mmlu", "average"].includes(task) ? task as PaperTask : undefined;
}

function paperScore(
  paper: string,
  method: string | undefined,
  task: string,
): { model: string; value: number } | undefined {
  const own = PAPER_TABLE_2.filter((row) => row.model === paper);
  const row = method === "base"
    ? PAPER_TABLE_2.find((one) => one.model === own[0].base)
    : own.find((one) => one.method === method);
  const column = columnOf(task);
  if (column === "average" && method === "LS" && paper === "LIMA-7B") {
    return { model: "LIMA-7B, LS (table 4)", value: PAPER_TABLE_4[1].average };
  }
  if (!row || !column) return undefined;
  const name = row.method === "base" ? row.model : `${row.model}, ${row.method}`;
  return { model: name, value: column === "average" ? paperAverage(row) : row.scores[column] };
}
