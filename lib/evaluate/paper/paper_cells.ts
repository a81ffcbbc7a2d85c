// The paper's tables 2 to 5 cell by cell with our numbers beside them: what lib/plot's figures `table2` to `table5` take.
import type { TaskScore } from "../scores/task_score.ts";
import { besidePaper, methodNamed } from "./beside_paper.ts";
import {
  PAPER_TABLE_2,
  PAPER_TABLE_3,
  PAPER_TABLE_4,
  PAPER_TABLE_5,
  paperAverage,
  type PaperMix,
  type PaperModel,
} from "./paper_tables.ts";

/** One cell: ours with its 95% interval, the paper's as printed. Absent: not measured. */
export interface TableCell {
  row: string;
  column: string;
  ours?: number;
  low?: number;
  high?: number;
  paper?: number;
  note?: string;
}

/** A table's cells and what its figure must be told. `unit` and `digits` may differ by column. */
export interface PaperTable {
  rows: TableCell[];
  options: {
    title: string;
    unit: string | Record<string, string>;
    /** Which of the paper's models its numbers are of. */
    paper: string;
    digits?: number | Record<string, number>;
  };
}

/** A value with its 95% interval. */
interface Interval {
  value: number;
  low?: number | null;
  high?: number | null;
}

/** A mean silhouette of one of our models, as pairSummary() of lib/cluster has it. */
export interface MeanSilhouette extends Interval {
  model: string;
}

/** What one of our models on mixed data scored: shares from 0 to 1, the base model's row with data "base" and method "". */
export interface MixScore {
  data: string;
  method: string;
  /** The mean of the written tasks. */
  math: Interval;
  gsm8k?: Interval;
  metamath?: Interval;
  /** Of preferences over the base model's answers; the base model has none. */
  winRate?: Interval | null;
}

const BENCHMARKS = {
  arc_challenge: "ARC-Challenge",
  hellaswag: "HellaSwag",
  mmlu: "MMLU",
  truthfulqa: "TruthfulQA",
  average: "average",
} as const;

const METHODS = ["base", "SFT", "LS", "UAL", "PPL-UAL"];

/**
 * Table 2: our scores on the paper's four benchmarks and their average in percent, beside those of one of its data sets. TruthfulQA's
 * mc2 is taken where both are there. Models that stand for none of the paper's methods are left out.
 */
export function table2Cells(
  scores: readonly TaskScore[],
  { paper = "LIMA-7B" }: { paper?: "LIMA-7B" | "Deita-7B" | "Deita-7B (Mistral)" } = {},
): PaperTable {
  const beside = besidePaper(scores, { paper });
  const mc2 = beside.some(({ task }) => task === "truthfulqa_mc2");
  const rows = beside.filter(({ task }) => !(mc2 && task === "truthfulqa_mc1")).flatMap((one) => {
    const name = one.task.startsWith("truthfulqa") ? "truthfulqa" : one.task;
    if (!one.method) return [];
    return [{
      row: one.method,
      column: BENCHMARKS[name as keyof typeof BENCHMARKS],
      ...ours({ value: one.ours, low: one.low, high: one.high }),
      ...(one.paper === undefined ? {} : { paper: round(one.paper) }),
    }];
  });
  return {
    rows: inOrder(rows, METHODS, Object.values(BENCHMARKS)),
    options: { title: "Table 2: benchmarks", unit: "%", paper },
  };
}

const MIX_COLUMNS = ["MetaMath", "GSM8K", "mathematics", "preference"];

/** Table 3: mathematics and preference of models on mixed data in percent; single tasks where ours have them. */
export function table3Cells(mixes: readonly MixScore[]): PaperTable {
  const rows = mixes.flatMap((mix) => {
    const theirs = PAPER_TABLE_3.find(({ data, method }) => data === mix.data && method === mix.method);
    const row = mixRow(mix);
    const cell = (column: string, own: Interval | null | undefined, paper?: number | null): TableCell[] =>
      own || (paper ?? null) !== null
        ? [{ row, column, ...(own ? ours(own, 100) : {}), ...(paper ? { paper } : {}) }]
        : [];
    return [
      ...(mix.metamath ? cell("MetaMath", mix.metamath, theirs?.metamath) : []),
      ...(mix.gsm8k ? cell("GSM8K", mix.gsm8k, theirs?.gsm8k) : []),
      ...cell("mathematics", mix.math, theirs?.math),
      ...cell("preference", mix.winRate, theirs?.winRate),
    ];
  });
  const order = PAPER_TABLE_3.map(mixRow);
  return {
    rows: inOrder(rows, order, MIX_COLUMNS),
    options: { title: "Table 3: mixed data", unit: "%", paper: "Mistral-7B" },
  };
}

const mixRow = ({ data, method }: { data: string; method: string }) => method ? `${data}, ${method}` : data;

/** Table 4: silhouettes of token pairs in the plane of a PCA, and the benchmarks' average in percent. */
export function table4Cells(
  silhouettes: readonly MeanSilhouette[],
  scores: readonly TaskScore[] = [],
): PaperTable {
  const averages = scores.filter(({ level }) => level === "average");
  const rows = PAPER_TABLE_4.flatMap(({ method, silhouette, average }): TableCell[] => {
    const own = silhouettes.find(({ model }) => methodNamed(model) === method);
    const score = averages.find(({ model }) => methodNamed(model) === method);
    return [
      { row: method, column: "silhouette", ...(own ? ours(own) : {}), paper: silhouette },
      {
        row: method,
        column: "average",
        ...(score ? ours(score, 100) : {}),
        paper: average,
        ...(method === "UAL" ? { note: `table 2's four scores give ${round(limaAverage("UAL"))}` } : {}),
      },
    ];
  });
  return {
    rows,
    options: {
      title: "Table 4: silhouettes and benchmarks",
      unit: { silhouette: "−1 to 1", average: "%" },
      digits: { silhouette: 3, average: 1 },
      paper: "LIMA-7B",
    },
  };
}

/** Table 5: silhouettes before and after training, of our model and of the paper's two: a column each. */
export function table5Cells(silhouettes: readonly MeanSilhouette[], name = "our model"): PaperTable {
  const rows = (["base", "SFT", "UAL"] as const).flatMap((method): TableCell[] => {
    const own = silhouettes.find(({ model }) => methodNamed(model) === method);
    return [
      ...(own ? [{ row: method, column: name, ...ours(own) }] : []),
      ...PAPER_TABLE_5.map(({ model, silhouettes }) => ({
        row: method,
        column: model,
        paper: silhouettes[method],
      })),
    ];
  });
  return {
    rows,
    options: {
      title: "Table 5: silhouettes before and after training",
      unit: "−1 to 1",
      digits: 3,
      paper: "LIMA-7B and Deita-7B (Mistral)",
    },
  };
}

/** The paper's table of a number from 2 to 5 in full, as printed: the cells of all of its models. */
export function printedTable(number: 2 | 3 | 4 | 5): { row: string; column: string; paper: number }[] {
  if (number === 2) return PAPER_TABLE_2.flatMap(printedScores);
  if (number === 3) return PAPER_TABLE_3.flatMap(printedMix);
  if (number === 4) {
    return PAPER_TABLE_4.flatMap(({ method, silhouette, average }) => [
      { row: method, column: "silhouette", paper: silhouette },
      { row: method, column: "average", paper: average },
    ]);
  }
  return PAPER_TABLE_5.flatMap(({ model, silhouettes }) =>
    Object.entries(silhouettes).map(([method, paper]) => ({ row: model, column: method, paper }))
  );
}

function printedScores(model: PaperModel) {
  const row = model.method === "base" ? model.model : `${model.model}, ${model.method}`;
  const average = model.printedAverage ?? round(paperAverage(model));
  return Object.entries({ ...model.scores, average }).map(([task, paper]) => ({
    row,
    column: BENCHMARKS[task as keyof typeof BENCHMARKS],
    paper,
  }));
}

function printedMix({ data, method, metamath, gsm8k, math, winRate }: PaperMix) {
  const row = mixRow({ data, method });
  return [
    { row, column: "MetaMath", paper: metamath },
    { row, column: "GSM8K", paper: gsm8k },
    { row, column: "mathematics", paper: math },
    ...(winRate === null ? [] : [{ row, column: "preference", paper: winRate }]),
  ];
}

const limaAverage = (method: string): number =>
  paperAverage(PAPER_TABLE_2.find((row) => row.model === "LIMA-7B" && row.method === method)!);

/** Two digits, as the paper prints. */
const round = (value: number) => Math.round(value * 100 + 1e-6) / 100;

function ours({ value, low, high }: Interval, times = 1): { ours: number; low?: number; high?: number } {
  const known = Number.isFinite(low ?? NaN) && Number.isFinite(high ?? NaN);
  return { ours: times * value, ...(known ? { low: times * low!, high: times * high! } : {}) };
}

/** Rows, then columns, in the given orders. */
function inOrder(cells: TableCell[], rows: readonly string[], columns: readonly string[]): TableCell[] {
  const place = (all: readonly string[], name: string) => all.includes(name) ? all.indexOf(name) : all.length;
  return cells.toSorted((a, b) =>
    place(rows, a.row) - place(rows, b.row) || place(columns, a.column) - place(columns, b.column)
  );
}
