// Scores with their errors from items' rows: each model on each task, on groups of tasks, on averages of these.
import {
  averageError,
  averageFreedom,
  clusteredMean,
  clusteredShareInterval,
  type Mean,
  meanInterval,
  meanWithError,
  pooledError,
  wilsonInterval,
} from "../../stats/mod.ts";
import type { ItemRow, TaskInfo } from "../item_row.ts";
import {
  averagedUnits,
  clustersOf,
  type ItemTable,
  itemTable,
  measured,
  type ScoredUnit,
  tableMetric,
  unitItems,
  unitsOf,
} from "./item_table.ts";
import type { TaskScore } from "./task_score.ts";

/** What summarise() can be told. */
export interface SummaryOptions {
  /** Tasks and groups whose plain mean is to be a row "average", as leaderboards have it; they must not share items. */
  average?: string[];
  /** The measure of a task or group in the average, where not its first. */
  metrics?: Record<string, string>;
}

/**
 * One row a model, task and measure; before a group's first task one row for the whole group and one for each subgroup, over
 * all items together (each task weighs by its size, as lm-evaluation-harness has mmlu); last the average, if asked for.
 *
 * `stderr` is the harness's: s/√n of a task, pooled over a group's tasks (which leaves out how far the tasks lie apart).
 * `stderrClustered` is robust to items that err alike (clusteredMean()): by the items' cluster within a task, by task within a
 * group. The interval is by the clustered error where there is one: a statement about items, and subjects, of this kind and
 * not only about these. Intervals of shares are Wilson's; others Student's, kept within 0 and 1 where all values are.
 *
 * A single item has the stderr NaN; all right or all wrong have 0, as in the harness, but an interval of some width. A model
 * without rows of a task has no row of it; no rows give no scores. Throws InputError for a row that lacks a measure, a task
 * that is not in `tasks`, an item that stands twice, and what cannot be averaged.
 */
export function summarise(
  rows: readonly ItemRow[],
  tasks: readonly TaskInfo[],
  options: SummaryOptions = {},
): TaskScore[] {
  const table = itemTable(rows, tasks), units = unitsOf(tasks);
  const averaged = options.average ? averagedUnits(units, options.average) : undefined;
  return [...table.keys()].flatMap((model) => [
    ...units.flatMap((unit) => unit.metrics.flatMap((metric) => unitScore(table, model, unit, metric) ?? [])),
    ...averaged ? averageScore(table, model, averaged, options.metrics) : [],
  ]);
}

/** A model's score; undefined where it was not asked. */
function unitScore(
  table: ItemTable,
  model: string,
  unit: ScoredUnit,
  metric: string,
): TaskScore | undefined {
  const items = unitItems(table, model, unit);
  if (items.length === 0) return undefined;
  const { plain, clustered, interval: [low, high] } = estimateOf(items, metric),
    { task, level, group } = unit;
  return {
    model,
    task,
    level,
    ...(group && { group }),
    metric,
    value: plain.value,
    stderr: plain.stderr,
    ...(clustered && { stderrClustered: clustered.stderr, clusters: clustered.clusters }),
    low,
    high,
    n: plain.n,
    ...(level !== "task" && { tasks: new Set(items.map((row) => row.task)).size }),
  };
}

/** The mean of a measure, by the harness's error and by the clustered one, and its interval. */
function estimateOf(items: ItemRow[], metric: string): {
  plain: Mean;
  clustered?: Mean;
  interval: [number, number];
} {
  const values = measured(items, metric), clusters = clustersOf(items);
  const plain = { ...meanWithError(values), ...pooledParts(items, metric) };
  const clustered = clusters && clusteredMean(values, clusters);
  if (values.every((value) => value === 0 || value === 1)) {
    const interval = clustered ? clusteredShareInterval(clustered) : wilsonInterval(plain.value, plain.n);
    return { plain, clustered, interval };
  }
  const interval = meanInterval(clustered ?? plain);
  const within = values.every((value) => value >= 0 && value <= 1);
  return { plain, clustered, interval: within ? kept(interval) : interval };
}

/** The pooled error of several tasks, and how many degrees of freedom it has. */
function pooledParts(items: ItemRow[], metric: string): Partial<Mean> {
  const parts = [...Map.groupBy(items, (row) => row.task).values()];
  if (parts.length < 2) return {};
  const stderrs = parts.map((own) => meanWithError(measured(own, metric)).stderr);
  return { stderr: pooledError(stderrs, parts.map((own) => own.length)), df: items.length - parts.length };
}

const kept = ([low, high]: [number, number]): [number, number] => [Math.max(0, low), Math.min(1, high)];

/** The plain mean of several units' scores; none where the model was not asked all of them. */
function averageScore(
  table: ItemTable,
  model: string,
  units: ScoredUnit[],
  chosen?: Record<string, string>,
): TaskScore[] {
  if (units.some((unit) => unitItems(table, model, unit).length === 0)) return [];
  const metrics = units.map((unit) => tableMetric(unit, chosen));
  const found = units.map((unit, i) => estimateOf(unitItems(table, model, unit), metrics[i]));
  const used = found.map(({ plain, clustered }) => clustered ?? plain), errors = used.map((m) => m.stderr);
  const value = found.reduce((sum, { plain }) => sum + plain.value, 0) / found.length;
  const stderr = averageError(errors), df = averageFreedom(errors, used.map((m) => m.df));
  const [low, high] = stderr > 0 ? kept(meanInterval({ value, stderr, df })) : combinedInterval(found);
  return [{
    model,
    task: "average",
    level: "average",
    metric: new Set(metrics).size === 1 ? metrics[0] : "mixed",
    value,
    stderr: averageError(found.map(({ plain }) => plain.stderr)),
    ...(found.some(({ clustered }) => clustered) && { stderrClustered: stderr }),
    low,
    high,
    n: found.reduce((sum, { plain }) => sum + plain.n, 0),
    tasks: units.length,
  }];
}

/**
 * The interval of the plain mean of estimates without any spread (all right, all wrong), from the intervals that these have all the
 * same: value ∓ √Σ(value − end)²/k (Zou and Donner 2008, "MOVER").
 */
function combinedInterval(found: ReturnType<typeof estimateOf>[]): [number, number] {
  const value = found.reduce((sum, { plain }) => sum + plain.value, 0) / found.length;
  const [below, above] = [0, 1].map((end) =>
    Math.hypot(...found.map(({ plain, interval }) => plain.value - interval[end])) / found.length
  );
  return [value - below, value + above];
}
