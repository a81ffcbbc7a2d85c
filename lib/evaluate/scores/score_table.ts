// Scores and comparisons as rows of text for lib/show's tables, and as CSV.
import type { Column } from "../../show/mod.ts";
import { InputError } from "../../run/errors.ts";
import { measureText, percentText, pointsText, pText } from "./score_text.ts";
import type { ModelComparison, TaskScore } from "./task_score.ts";

/** Rows of text with their columns in order, for table(rows, { columns, caption }) of lib/show. */
export interface TextTable {
  rows: Record<string, string>[];
  columns: Column[];
  /** What the numbers are. */
  caption: string;
}

/** What scoreTable() can be told. */
export interface ScoreTableOptions {
  /** The measure of a task or group, where not its first. */
  metrics?: Record<string, string>;
  /** Tasks within groups too, not only the groups; subgroups as well. */
  members?: boolean;
}

/**
 * One row a model, one column a task or group: "52.1 ± 1.3 (49.6 to 54.7)", in percent: score, standard error, 95% interval;
 * the error is the clustered one where there is one, as in the interval. Where `comparisons` hold the model against the first
 * model of the table, ▲ marks a better and ▼ a worse score and ≈ one that is not distinguishable. "–" where there is none.
 */
export function scoreTable(
  scores: readonly TaskScore[],
  comparisons: readonly ModelComparison[] = [],
  { metrics = {}, members = false }: ScoreTableOptions = {},
): TextTable {
  const shown = scores.filter(({ level, group }) =>
    members || level === "average" || level === "group" || (level === "task" && !group)
  );
  const models = distinct(scores.map(({ model }) => model));
  const heads = [...Map.groupBy(shown, ({ task }) => task)].map(([task, own]) => {
    return { task, metric: shownMetric(task, own, metrics[task]) };
  });
  const rows = models.map((model) => {
    const cells = heads.map(({ task, metric }) => {
      const score = shown.find((one) => one.model === model && one.task === task && one.metric === metric);
      const marks = comparisons.find((c) =>
        c.task === task && c.metric === metric && c.a === models[0] && c.b === model
      );
      return [task, score ? scoreText(score) + (marks ? ` ${MARKS[marks.verdict]}` : "") : "–"];
    });
    return { model, ...Object.fromEntries(cells) } as Record<string, string>;
  });
  const columns = heads.map(({ task, metric }) => ({ key: task, label: `${task} (${metric})` }));
  return {
    rows,
    columns: [{ key: "model" }, ...columns],
    caption: captionOf(
      distinct(heads.map(({ metric }) => metric)),
      comparisons.length ? models[0] : undefined,
    ),
  };
}

const MARKS = { better: "▲", worse: "▼", "not distinguishable": "≈" };

function shownMetric(task: string, own: readonly TaskScore[], chosen = own[0].metric): string {
  if (own.some(({ metric }) => metric === chosen)) return chosen;
  const known = distinct(own.map(({ metric }) => metric));
  throw new InputError(`Cannot show ${chosen} of ${task}: it has ${known.join(", ")}; choose one of these`);
}

/** "52.1 ± 1.3 (49.6 to 54.7)", in percent: score ± standard error (95% interval). */
export function scoreText({ value, stderr, stderrClustered, low, high }: TaskScore): string {
  const error = stderrClustered ?? stderr;
  return `${percentText(value)} ± ${percentText(error)} (${percentText(low)} to ${percentText(high)})`;
}

function captionOf(metrics: string[], first: string | undefined): string {
  const meanings = metrics.flatMap((metric) => {
    const text = measureText(metric);
    return text ? [`${metric}: ${text}`] : [];
  });
  return [
    "Percent ± standard error (95% interval), clustered where items share a passage or subject.",
    ...(first
      ? [`▲ better, ▼ worse than ${first}, ≈ not distinguishable (p < 0.05 after Holm's correction).`]
      : []),
    ...(meanings.length ? [meanings.join("; ") + "."] : []),
  ].join(" ");
}

/** One row a comparison: difference in percentage points with its interval, p, discordant items, what could be found, verdict. */
export function comparisonTable(comparisons: readonly ModelComparison[]): TextTable {
  const rows = comparisons.map((c) => ({
    task: `${c.task} (${c.metric})`,
    comparison: `${c.b} − ${c.a}`,
    difference: `${pointsText(c.difference)} (${pointsText(c.low)} to ${pointsText(c.high)})`,
    p: pText(c.p).replace("= ", ""),
    pHolm: pText(c.pHolm).replace("= ", ""),
    discordant: c.onlyB === undefined ? "–" : `${c.onlyB} / ${c.onlyA}`,
    n: c.clusters === undefined ? `${c.n}` : `${c.n} in ${c.clusters}`,
    detectable: percentText(c.minimumDetectable),
    verdict: c.verdict === "not distinguishable" ? c.verdict : `${c.b} ${c.verdict}`,
  }));
  const columns = [
    { key: "task" },
    { key: "comparison" },
    { key: "difference", label: "difference, points (95% interval)" },
    { key: "p" },
    { key: "pHolm", label: "p (Holm)" },
    { key: "discordant", label: "only the first right / only the second" },
    { key: "n", label: "items (clusters)" },
    { key: "detectable", label: "detectable, points" },
    { key: "verdict" },
  ];
  const caption =
    `Paired on the same items; verdicts by p after Holm's correction over ${comparisons.length} ` +
    "comparisons; detectable: found in 4 of 5 runs at this n (α 0.05).";
  return { rows, columns, caption };
}

const distinct = <T>(values: T[]): T[] => [...new Set(values)];
