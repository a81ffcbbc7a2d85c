// What the benchmarks' items say, as rows for tables: settings, scores, claims in words, released measures. Scores, tests and
// verdicts are lib/evaluate's.
import { join } from "node:path";
import type { TaskContamination } from "../evaluate/contamination.ts";
import type { ItemRow } from "../evaluate/item_row.ts";
import {
  type Claim,
  type ClaimVerdict,
  type ModelComparison,
  type OpenTask,
  percentText,
  type ReportInput,
  scoreText,
  summarise,
  type SummaryOptions,
  taskInfo,
  type TaskScore,
  type TextTable,
  verdictInWords,
  writeReport,
} from "../evaluate/mod.ts";
import { RELEASED } from "../evaluate/grading/released_code.ts";
import { type Bundle, table } from "../show/mod.ts";
import { studyFolders } from "./folders.ts";
import type { Preset } from "./presets.ts";
import type { Row } from "./results.ts";

/** One row a task, or a group of tasks: what is asked, and how. */
export function taskTable(tasks: readonly OpenTask[]): Row[] {
  const groups = Map.groupBy(tasks, ({ task }) => task.group ?? task.name);
  return [...groups].map(([name, own]) => {
    const sum = (of: (one: OpenTask) => number) => own.reduce((total, one) => total + of(one), 0);
    const { task, settings, shots, source, items } = own[0], first = items[0];
    const guess = guessed(own, task.metrics[0]);
    return {
      task: own.length > 1 ? `${name} (${own.length} parts)` : name,
      items: sum((one) => one.items.length),
      of: sum((one) => one.total),
      source,
      settings,
      shots,
      measure: task.metrics.join(", "),
      "by guessing": guess === undefined ? "–" : percentText(guess),
      answer: first.kind === "choice" ? "a choice" : `${first.maxNew} tokens at most`,
    };
  });
}

/** The share that blind guessing scores in a measure of some tasks; undefined where there is no such thing. */
function guessed(tasks: readonly OpenTask[], metric: string): number | undefined {
  const guesses = tasks.flatMap(({ items }) => items).map((item) => {
    if (item.kind !== "choice") return undefined;
    if (metric === "mc2") return item.labels!.filter((label) => label === 1).length / item.labels!.length;
    return /^acc(_norm|_bytes)?$/.test(metric) ? 1 / item.choices.length : undefined;
  });
  const known = guesses.filter((guess) => guess !== undefined);
  return known.length && known.length === guesses.length
    ? known.reduce((sum, guess) => sum + guess, 0) / known.length
    : undefined;
}

/** Scores of `rows`, as summarise(). */
export function taskScores(
  rows: readonly ItemRow[],
  tasks: readonly OpenTask[],
  options: SummaryOptions = {},
): TaskScore[] {
  return summarise(rows, tasks.map(taskInfo), options);
}

/** Scores of tasks, groups and averages by the first measure of each. */
function firstScores(scores: readonly TaskScore[]): TaskScore[] {
  const shown = scores.filter(({ level, group }) =>
    level === "average" || level === "group" || (level === "task" && !group)
  );
  return shown.filter(({ task, metric }) => metric === shown.find((one) => one.task === task)!.metric);
}

/** The scores with tasks as rows and models as columns, "52.1 (49.6 to 54.7)": percent and 95% interval, by each task's first measure. */
export function scoresByTask(scores: readonly TaskScore[]): Row[] {
  return [...Map.groupBy(firstScores(scores), ({ task }) => task)].map(([task, own]) => ({
    task,
    measure: own[0].metric,
    items: own[0].n,
    ...Object.fromEntries(own.map(({ model, value, low, high }) => [
      model,
      `${percentText(value)} (${percentText(low)} to ${percentText(high)})`,
    ])),
  }));
}

/** Scores of the tasks, without their average, by model: the rows of the figure that draws them as a radar. */
export function radarRows(
  scores: readonly TaskScore[],
): { method: string; task: string; score: number; low: number; high: number }[] {
  return firstScores(scores).filter(({ level }) => level !== "average").map(
    ({ model, task, value, low, high }) => ({ method: model, task, score: value, low, high }),
  );
}

/** A claim with its verdict. */
export type Judged = { claim: string; verdict: ClaimVerdict; why: string };

/** The verdict on each claim by each comparison of its two models; `tasks` names those that it is about, default the average. */
export function judgedClaims(
  comparisons: readonly ModelComparison[],
  claims: readonly Claim[],
  tasks: readonly string[] = ["average"],
): Judged[] {
  return claims.flatMap((claim) =>
    comparisons.filter(({ a, b, task }) =>
      tasks.includes(task) && [a, b].sort().join("\n") === [claim.better, claim.than].sort().join("\n")
    ).map((comparison) => {
      const { verdict, text } = verdictInWords(comparison, claim);
      return {
        claim: `${claim.better} > ${claim.than}, ${comparison.task}`,
        verdict,
        why: text.replace(/^[^:]*: [^.]*\. /, ""),
      };
    })
  );
}

/** What the released code's measures make of the same items: one row a benchmark and model. */
export function releasedBeside(
  { honest, released }: { honest: readonly TaskScore[]; released: readonly TaskScore[] },
  models: readonly string[],
): Row[] {
  const shown = released.filter(({ level, group }) => level === "group" || !group);
  return [...new Set(shown.map(({ task }) => task))].flatMap((task) =>
    models.map((model) => {
      const find = (scores: readonly TaskScore[], name: string, metrics: readonly string[]) =>
        scores.find((one) => one.model === model && one.task === name && metrics.includes(one.metric));
      const text = (score?: TaskScore) => score ? scoreText(score) : "–";
      const own = task.replace(/^released_/, ""), four = find(released, task, BEST_OF_4);
      return {
        benchmark: own,
        model,
        "log-likelihood (acc)": text(find(honest, own === "truthfulqa" ? "truthfulqa_mc1" : own, ["acc"])),
        "letters, the likeliest": text(find(released, task, ["acc", RELEASED.goldAAccuracy])),
        "letters, best of 4": text(four),
        items: four?.n ?? 0,
      };
    })
  );
}

const BEST_OF_4: readonly string[] = [RELEASED.bestOf4, RELEASED.goldABestOf4];

/** Every measure of the tasks in which a model writes: model by measure. */
export function writtenScores(scores: readonly TaskScore[], task: string): Row[] {
  const own = scores.filter((one) => one.task === task);
  return [...Map.groupBy(own, ({ model }) => model)].map(([model, rows]) => ({
    model,
    ...Object.fromEntries(rows.map((row) => [row.metric, scoreText(row)])),
    items: rows[0].n,
  }));
}

/** A table of lib/evaluate, for show(). */
export const textTable = ({ rows, ...how }: TextTable): Bundle => table(rows, how);

/** Writes the report page of an evaluation beside the run's other files, with its figures; returns its name. */
export async function keepReport(
  p: Preset,
  { tasks, figures, found, ...input }: Omit<ReportInput, "tasks" | "figures" | "contamination"> & {
    tasks: readonly OpenTask[];
    /** What decontaminated() found. */
    found: TaskContamination;
    /** Names of figures that keepFigures() wrote. */
    figures: readonly string[];
  },
): Promise<string> {
  const folders = studyFolders(p);
  const drawn = await Promise.all(figures.map(async (name) => ({
    svg: await Deno.readTextFile(join(folders.figures, `${name}.svg`)),
    alt: name,
  })));
  const seen = found.seen.map(({ docIndex, ...one }) => ({ doc_index: docIndex, ...one }));
  await writeReport(join(folders.run, "report.html"), {
    ...input,
    tasks: tasks.map(taskInfo),
    figures: drawn,
    contamination: [{ training: "bundled dialogues", ...found, seen }],
  });
  return "report.html";
}
