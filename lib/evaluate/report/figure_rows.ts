// Scores and comparisons as the plain rows that lib/plot's figures `scores` and `differences` take.
import type { ItemRow } from "../item_row.ts";
import { RELEASED } from "../grading/released_code.ts";
import type { ModelComparison, TaskScore } from "../scores/task_score.ts";

/**
 * Scores of tasks without group, of groups and of averages, of each task's first measure or the one named; with `rows`, what
 * guessing among an item's choices scores.
 */
export function scorePoints(
  scores: readonly TaskScore[],
  { rows = [], metrics = {} }: { rows?: readonly ItemRow[]; metrics?: Record<string, string> } = {},
): BenchmarkPoint[] {
  const shown = scores.filter(({ level, group }) => level !== "subgroup" && !(level === "task" && group));
  return [...Map.groupBy(shown, ({ task }) => task)].flatMap(([task, own]) => {
    const metric = metrics[task] ?? own[0].metric;
    const chance = chanceOf(rows.filter((row) => row.task === task || row.group === task), metric);
    return own.filter((one) => one.metric === metric).map(({ model, value, low, high, n }) => ({
      model,
      task,
      metric,
      score: value,
      low: finite(low),
      high: finite(high),
      n,
      ...(chance === undefined ? {} : { chance }),
    }));
  });
}

/** A row of lib/plot's figure `scores`. */
export interface BenchmarkPoint {
  model: string;
  task: string;
  metric: string;
  score: number;
  low: number | null;
  high: number | null;
  n: number;
  chance?: number;
}

/** The mean over items of what guessing scores; undefined for measures that are no choice among an item's choices. */
export function chanceOf(rows: readonly ItemRow[], metric: string): number | undefined {
  const tries = metric === RELEASED.bestOf4 ? 4 : ["acc", "acc_norm", "acc_bytes"].includes(metric) ? 1 : 0;
  const counts = rows.flatMap(({ choices }) => choices ? [choices.length] : []);
  if (tries === 0 || counts.length === 0) return undefined;
  return counts.reduce((sum, count) => sum + 1 - (1 - 1 / count) ** tries, 0) / counts.length;
}

/** A row of lib/plot's figure `differences`. */
export interface DifferencePoint {
  task: string;
  metric: string;
  a: string;
  b: string;
  difference: number;
  low: number | null;
  high: number | null;
  p: number | null;
  distinguishable: boolean;
  n: number;
}

/** Comparisons of what the score table shows, each b − a of ModelComparison. */
export function differenceRows(comparisons: readonly ModelComparison[]): DifferencePoint[] {
  return comparisons.map((one) => ({
    task: one.task,
    metric: one.metric,
    a: one.b,
    b: one.a,
    difference: one.difference,
    low: finite(one.low),
    high: finite(one.high),
    p: finite(one.pHolm),
    distinguishable: one.verdict !== "not distinguishable",
    n: one.n,
  }));
}

const finite = (value: number) => Number.isFinite(value) ? value : null;
