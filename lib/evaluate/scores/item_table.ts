// Items' rows by model and task, and what has a score of its own: each task, each group of tasks.
import { InputError } from "../../run/errors.ts";
import type { ItemRow, TaskInfo } from "../item_row.ts";
import type { ScoreLevel } from "./task_score.ts";

/** Rows in the order of documents, by model and task; models in the order in which they come up. */
export type ItemTable = Map<string, Map<string, ItemRow[]>>;

/** What has a score of its own. */
export interface ScoredUnit {
  /** The task's, subgroup's or group's name. */
  task: string;
  level: ScoreLevel;
  group?: string;
  /** Names of the tasks whose items it holds. */
  members: string[];
  /** Measures that all members have, the one for tables first. */
  metrics: string[];
}

/** Throws InputError for a row of a task that `tasks` lacks, and for an item that stands twice under a model. */
export function itemTable(rows: readonly ItemRow[], tasks: readonly TaskInfo[]): ItemTable {
  const known = new Set(tasks.map(({ task }) => task)), table: ItemTable = new Map();
  for (const row of rows) {
    if (!known.has(row.task)) {
      throw new InputError(
        `Cannot summarise ${row.task} of ${row.model}: it is not among the tasks given; add it`,
      );
    }
    const own = table.get(row.model) ?? new Map<string, ItemRow[]>();
    table.set(row.model, own);
    const items = own.get(row.task) ?? [];
    own.set(row.task, items);
    items.push(row);
  }
  for (const own of table.values()) for (const items of own.values()) sortItems(items);
  return table;
}

function sortItems(items: ItemRow[]): void {
  items.sort((a, b) => a.doc_index - b.doc_index);
  items.forEach(({ model, task, doc_index }, i) => {
    if (doc_index !== items[i - 1]?.doc_index) return;
    throw new InputError(
      `Cannot summarise ${task}: item ${doc_index} stands twice under ${model}; give each model a name of its own`,
    );
  });
}

/**
 * The tasks in their order, a group and its subgroups before its first member. Groups need a measure common to all: without
 * one (truthfulqa's mc1 and mc2) the members stand for themselves.
 */
export function unitsOf(tasks: readonly TaskInfo[]): ScoredUnit[] {
  const units: ScoredUnit[] = [], pooled = new Map<string, boolean>();
  for (const { task, group, metrics } of tasks) {
    if (group && !pooled.has(group)) {
      const own = groupUnits(group, tasks.filter((one) => one.group === group));
      pooled.set(group, own.some(({ level }) => level === "group"));
      units.push(...own);
    }
    const within = group && pooled.get(group);
    units.push({ task, level: "task", ...(within && { group }), members: [task], metrics });
  }
  return units;
}

function groupUnits(group: string, members: TaskInfo[]): ScoredUnit[] {
  const pooled = (task: string, level: ScoreLevel, own: TaskInfo[]): ScoredUnit => ({
    task,
    level,
    ...(level === "subgroup" && { group }),
    members: own.map((member) => member.task),
    metrics: own[0].metrics.filter((metric) => own.every(({ metrics }) => metrics.includes(metric))),
  });
  const subgroups = [...Map.groupBy(members.filter((m) => m.subgroup), (m) => m.subgroup!)];
  return [
    pooled(group, "group", members),
    ...subgroups.map(([name, own]) => pooled(`${group}_${name}`, "subgroup", own)),
  ].filter(({ metrics }) => metrics.length > 0);
}

/** A unit's items under a model, members one after the other; none where the model was not asked. */
export function unitItems(table: ItemTable, model: string, unit: ScoredUnit): ItemRow[] {
  return unit.members.flatMap((task) => table.get(model)?.get(task) ?? []);
}

/** One measure of each item. Throws InputError where a row lacks it. */
export function measured(items: readonly ItemRow[], metric: string): Float64Array {
  return Float64Array.from(items, (row) => {
    const value = row[metric];
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw new InputError(
      `Cannot summarise ${metric} of ${row.task}, item ${row.doc_index} under ${row.model}: it is ${value}; ` +
        "grade the item again or leave it out of all models",
    );
  });
}

/**
 * What each item errs alike with: its task, where there are several; otherwise its cluster, an item without one standing
 * alone. Undefined where that tells nothing: all items in one cluster, or each in one of its own.
 */
export function clustersOf(items: readonly ItemRow[]): string[] | undefined {
  const several = items.some(({ task }) => task !== items[0].task);
  const names = items.map((row) => several ? row.task : row.cluster ?? `item ${row.doc_index}`);
  const count = new Set(names).size;
  return count > 1 && count < items.length ? names : undefined;
}

/** The measure of `unit` for tables: what `chosen` names for it, otherwise its first. Throws InputError for one it lacks. */
export function tableMetric(unit: ScoredUnit, chosen: Record<string, string> = {}): string {
  const metric = chosen[unit.task] ?? unit.metrics[0];
  if (unit.metrics.includes(metric)) return metric;
  throw new InputError(
    `Cannot show ${metric} of ${unit.task}: it has ${unit.metrics.join(", ")}; choose one of these`,
  );
}

/** The units to average. Throws InputError for fewer than two, for a name that is none, and for two that share items. */
export function averagedUnits(units: readonly ScoredUnit[], names: readonly string[]): ScoredUnit[] {
  const found = names.map((name) => units.find(({ task }) => task === name)),
    missing = found.indexOf(undefined);
  if (missing >= 0 || names.length < 2) {
    throw new InputError(
      `Cannot average ${names.join(", ") || "nothing"}: ${
        missing >= 0 ? `${names[missing]} has no scores` : "an average is of two or more"
      }; choose among ${units.filter(({ group }) => !group).map(({ task }) => task).join(", ")}`,
    );
  }
  const chosen = found as ScoredUnit[], members = chosen.flatMap((unit) => unit.members);
  const twice = members.find((task, i) => members.indexOf(task) < i);
  if (twice) {
    throw new InputError(`Cannot average ${names.join(", ")}: ${twice} would count twice; leave out one`);
  }
  return chosen;
}
