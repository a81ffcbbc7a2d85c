// The paper's tables 2 to 5 as data, their misprints, and what keeps our numbers from being compared with them.

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

const llama = "Llama-2-7B", mistral = "Mistral-7B", mistralDeita = "Deita-7B (Mistral)" as const;

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

/** A row of table 5: a model's mean silhouettes before and after training. */
export interface PaperSilhouette {
  model: "LIMA-7B" | "Deita-7B (Mistral)";
  base: "Llama-2-7B" | "Mistral-7B";
  /** By method, −1 to 1. */
  silhouettes: Record<"base" | "SFT" | "UAL", number>;
}

/** Table 5: silhouettes of token pairs in the plane of a PCA. */
export const PAPER_TABLE_5: readonly PaperSilhouette[] = [
  { model: "LIMA-7B", base: llama, silhouettes: { base: 0.354, SFT: 0.406, UAL: 0.446 } },
  { model: mistralDeita, base: mistral, silhouettes: { base: 0.053, SFT: 0.061, UAL: 0.084 } },
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
  "The paper's silhouettes (tables 4 and 5) are of 100 pairs of tokens that its code chose by the ratio of UAL's silhouette to " +
  "label smoothing's; ours are of random pairs, unless they are called chosen.",
  "The paper gives no intervals. What can be compared is the sign of a method's gain over SFT, within our own interval.",
];

/** The mean of a row's four scores, in percent. */
export function paperAverage({ scores }: PaperModel): number {
  const all = Object.values(scores);
  return all.reduce((sum, score) => sum + score, 0) / all.length;
}
