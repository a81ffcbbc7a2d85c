// Our scores beside the paper's table 2: each method's value of the same benchmark, and both gains over SFT.
import type { TaskScore } from "../scores/task_score.ts";
import { PAPER_TABLE_2, PAPER_TABLE_3, PAPER_TABLE_4, paperAverage, type PaperTask } from "./paper_tables.ts";

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
