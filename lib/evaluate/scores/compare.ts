// Paired differences of models on the same items, with tests that are corrected over the table.
import { InputError } from "../../run/errors.ts";
import {
  averageError,
  averageFreedom,
  clusteredMean,
  detectableMean,
  detectableShare,
  holm,
  mcnemar,
  type Mean,
  meanInterval,
  meanWithError,
  pairedBootstrap,
  studentTwoSided,
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
import type { ModelComparison, Verdict } from "./task_score.ts";

/** What compareModels() can be told. */
export interface CompareOptions {
  /** The measure of a task or group, where not its first. */
  metrics?: Record<string, string>;
  /** Models to compare, [what with, what]; by default all pairs, the one that comes up first being compared with. */
  pairs?: [string, string][];
  /** Which rows make the table: tasks without group and whole groups (default), subgroups, or every task by itself. */
  level?: "group" | "subgroup" | "task";
  /** Tasks and groups whose plain mean is compared too, as in summarise(). */
  average?: string[];
  /** Compare answers to the same documents though they were asked in other words or with other shots. */
  anyContext?: boolean;
  /** Of the bootstrap's draws; 0. */
  seed?: number;
}

/** One comparison before the correction, with its differences as summarise() has scores. */
type Uncorrected = Omit<ModelComparison, "pHolm" | "verdict"> & { df: number };

/**
 * Every pair of models on every row of the table, item by item: difference = b − a. Holm's correction is over all that is
 * returned, and a verdict other than "not distinguishable" needs a corrected p below 0.05.
 *
 * Where a measure is 0 or 1 and items are independent, p is McNemar's exact test. Otherwise it is Student's t of the paired
 * difference: over clusters where items err alike (in groups: over tasks, n − 1 clusters' degrees of freedom), so that few
 * subjects cannot show much. The uncertainty is that of the items; another seed of training is another model.
 *
 * No rows give no comparisons. Throws InputError where two models were not scored on the same items, or not asked the same,
 * and as summarise() does.
 */
export function compareModels(
  rows: readonly ItemRow[],
  tasks: readonly TaskInfo[],
  options: CompareOptions = {},
): ModelComparison[] {
  const table = itemTable(rows, tasks), all = unitsOf(tasks), pairs = pairsOf([...table.keys()], options);
  const units = all.filter((unit) =>
    inTable(unit, options.level ?? "group") &&
    [...table.keys()].some((model) => unitItems(table, model, unit).length > 0)
  );
  const found = units.flatMap((unit) => unitComparisons(table, pairs, unit, options));
  if (options.average) {
    const parts = averagedUnits(all, options.average);
    found.push(...pairs.map((pair) => averageComparison(table, pair, parts, options)));
  }
  const corrected = holm(found.map(({ p }) => p));
  return found.map(({ df: _, ...one }, i) => {
    return { ...one, pHolm: corrected[i], verdict: verdictOf(one.difference, corrected[i]) };
  });
}

function inTable({ level, group }: ScoredUnit, wanted: "group" | "subgroup" | "task"): boolean {
  return level === wanted || (level === "task" && wanted !== "task" && group === undefined);
}

function verdictOf(difference: number, p: number): Verdict {
  if (!(p < 0.05)) return "not distinguishable";
  return difference > 0 ? "better" : "worse";
}

function pairsOf(models: string[], { pairs }: CompareOptions): [string, string][] {
  const unknown = pairs?.flat().find((model) => !models.includes(model));
  if (unknown !== undefined) {
    throw new InputError(`Cannot compare ${unknown}: there are scores of ${models.join(", ") || "no model"}`);
  }
  return pairs ?? models.flatMap((a, i) => models.slice(i + 1).map((b): [string, string] => [a, b]));
}

/** All pairs on one row of the table; bootstraps of one unit are on the same draws. */
function unitComparisons(
  table: ItemTable,
  pairs: [string, string][],
  unit: ScoredUnit,
  options: CompareOptions,
): Uncorrected[] {
  const columns = pairs.map((pair) => pairColumns(table, pair, unit, options));
  const found = columns.map((column, i) => comparisonOf(column, pairs[i], unit));
  const plain = found.flatMap((one, i) => one.clusters === undefined ? [i] : []);
  const drawn = pairedBootstrap(plain.map((i) => columns[i].differences), { seed: options.seed });
  plain.forEach((i, k) => {
    const { low, high, p } = drawn[k];
    found[i] = { ...found[i], low, high, pBootstrap: p };
  });
  return found;
}

/** The same measure of the same items under two models. */
interface PairColumns {
  metric: string;
  a: Float64Array;
  b: Float64Array;
  /** b − a. */
  differences: Float64Array;
  clusters?: string[];
}

function pairColumns(
  table: ItemTable,
  [first, second]: [string, string],
  unit: ScoredUnit,
  { metrics, anyContext }: CompareOptions,
): PairColumns {
  const itemsA = unitItems(table, first, unit), itemsB = unitItems(table, second, unit);
  checkSame(itemsA, itemsB, { a: first, b: second, task: unit.task, anyContext });
  const metric = tableMetric(unit, metrics), a = measured(itemsA, metric), b = measured(itemsB, metric);
  return { metric, a, b, differences: b.map((value, i) => value - a[i]), clusters: clustersOf(itemsA) };
}

/** Throws InputError unless both columns are of the same items, asked the same. */
function checkSame(
  itemsA: ItemRow[],
  itemsB: ItemRow[],
  { a, b, task, anyContext }: { a: string; b: string; task: string; anyContext?: boolean },
): void {
  const name = (row?: ItemRow) => row && `${row.task} ${row.doc_index}`;
  const apart = Array.from({ length: Math.max(itemsA.length, itemsB.length) }, (_, i) => i)
    .find((i) => name(itemsA[i]) !== name(itemsB[i]));
  if (apart !== undefined) {
    throw new InputError(
      `Cannot compare ${b} with ${a} on ${task}: they were scored on ${itemsB.length} and ${itemsA.length} items, ` +
        `and not the same (${name(itemsB[apart]) ?? "none"} against ${name(itemsA[apart]) ?? "none"}); ` +
        "score both on the same items, or name pairs that were",
    );
  }
  const other = itemsA.find((row, i) => row.context_sha256 !== itemsB[i].context_sha256);
  if (other && !anyContext) {
    throw new InputError(
      `Cannot compare ${b} with ${a} on ${task}: item ${other.doc_index} was asked with another context; ` +
        "score both with the same settings, or allow any context",
    );
  }
}

/** A comparison with Student's interval; the bootstrap's takes its place where items are independent. */
function comparisonOf(columns: PairColumns, [a, b]: [string, string], unit: ScoredUnit): Uncorrected {
  const { metric, differences, clusters } = columns, { task, level, group } = unit;
  const paired = clusters ? clusteredMean(differences, clusters) : meanWithError(differences);
  const [low, high] = meanInterval(paired);
  return {
    task,
    level,
    ...(group && { group }),
    metric,
    a,
    b,
    n: paired.n,
    ...(clusters && { clusters: paired.clusters }),
    valueA: meanWithError(columns.a).value,
    valueB: meanWithError(columns.b).value,
    difference: paired.value,
    stderr: paired.stderr,
    low,
    high,
    ...tested(columns, paired),
    df: paired.df,
  };
}

/** Which test, its p, the discordant items of hits, and what could have been found. */
function tested(
  { a, b, differences, clusters }: PairColumns,
  paired: Mean,
): Pick<Uncorrected, "test" | "p" | "onlyA" | "onlyB" | "minimumDetectable"> {
  const hits = [a, b].every((column) => column.every((value) => value === 0 || value === 1));
  const onlyA = differences.filter((d) => d < 0).length, onlyB = differences.filter((d) => d > 0).length;
  const counts = hits ? { onlyA, onlyB } : {};
  if (hits && !clusters) {
    const minimumDetectable = detectableShare(onlyA + onlyB, paired.n);
    return { test: "mcnemar", p: mcnemar(onlyA, onlyB).p, ...counts, minimumDetectable };
  }
  const minimumDetectable = detectableMean(paired.stderr, paired.df);
  return { test: "t", p: pairedP(paired), ...counts, minimumDetectable };
}

/**
 * Two-sided p of a paired difference. Without any spread (but for rounding) t says nothing: then it is that of the sign test
 * over what the error is taken over, all of one sign.
 */
function pairedP({ value, stderr, df }: Pick<Mean, "value" | "stderr" | "df">): number {
  if (!(stderr <= 1e-12 * Math.abs(value))) return studentTwoSided(value / stderr, df);
  if (value === 0) return 1;
  return Number.isFinite(df) ? mcnemar(df + 1, 0).p : NaN;
}

/** The difference of the plain means of several units' scores, from the paired difference on each. */
function averageComparison(
  table: ItemTable,
  pair: [string, string],
  units: ScoredUnit[],
  options: CompareOptions,
): Uncorrected {
  const parts = units.map((unit) => comparisonOf(pairColumns(table, pair, unit, options), pair, unit));
  const mean = (of: (one: Uncorrected) => number) =>
    parts.reduce((sum, one) => sum + of(one), 0) / parts.length;
  const errors = parts.map((one) => one.stderr);
  const paired = {
    value: mean((one) => one.difference),
    stderr: averageError(errors),
    df: averageFreedom(errors, parts.map((one) => one.df)),
  };
  const [low, high] = meanInterval(paired), metrics = new Set(parts.map((one) => one.metric));
  return {
    task: "average",
    level: "average",
    metric: metrics.size === 1 ? parts[0].metric : "mixed",
    a: pair[0],
    b: pair[1],
    n: parts.reduce((sum, one) => sum + one.n, 0),
    valueA: mean((one) => one.valueA),
    valueB: mean((one) => one.valueB),
    difference: paired.value,
    stderr: paired.stderr,
    low,
    high,
    test: "t",
    p: pairedP(paired),
    // Errors and what they let be found are in proportion; a part without discordant items still hides some.
    minimumDetectable: averageError(parts.map((one) => one.minimumDetectable)),
    df: paired.df,
  };
}
