// Items' rows of all models packed for the report page, filtered and read again, there and here.
// The page carries the source of filterItems() and viewOf(), which use nothing from outside.
import type { ItemRow, TaskInfo } from "../item_row.ts";
import type { ItemView } from "./item_html.ts";

/** An item: task's index, row in the source file, question, choices, gold (−1: none), labels, target, id; 0 for what is not there. */
export type PackedItem = [
  number,
  number,
  string,
  string[] | 0,
  number,
  number[] | 0,
  string | 0,
  string | 0,
];

/** An answer: log-likelihoods, measures, generated text, extracted answers, tokens cut off; 0 for what is not there. */
export type PackedAnswer = [number[] | 0, (number | null)[], string | 0, string[] | 0, number];

/** All items of a report. */
export interface PackedItems {
  models: string[];
  tasks: { task: string; group?: string; metrics: string[]; extracted: string[] }[];
  items: PackedItem[];
  /** By model, then by item; null where the model was not asked. */
  answers: (PackedAnswer | null)[][];
}

/** Which items to show; empty texts mean all. */
export interface ItemFilter {
  /** A task's or a group's name. */
  task?: string;
  /** Whose right and wrong. All models where empty. */
  model?: string;
  outcome?: "" | "right" | "wrong" | "differ";
  /** In the question, choices, answers and ids; upper and lower case alike. */
  text?: string;
}

/** The functions of a page's script, in source. */
export const ITEM_DATA_SOURCE = (): string =>
  [filterItems, outcomeFits, textFits, itemText, viewOf, rightText].map(String).join("\n");

const KNOWN = new Set([
  "model",
  "task",
  "id",
  "group",
  "cluster",
  "question",
  "context_sha256",
  "generated",
  "target",
]);

/** Packs the rows of tasks in the order of `tasks` and documents; models in the order in which they come up. */
export function packItems(rows: readonly ItemRow[], tasks: readonly TaskInfo[]): PackedItems {
  const models = [...new Set(rows.map((row) => row.model))];
  const byTask = Map.groupBy(rows, (row) => row.task);
  const packed: PackedItems = { models, tasks: [], items: [], answers: models.map(() => []) };
  for (const { task, group, metrics } of tasks) {
    const own = byTask.get(task);
    if (!own) continue;
    const extracted = extractedNames(own[0], metrics);
    packed.tasks.push({ task, ...(group && { group }), metrics, extracted });
    const byDoc = [...Map.groupBy(own, (row) => row.doc_index)].sort(([a], [b]) => a - b);
    for (const [, [...answers]] of byDoc) {
      packed.items.push(packItem(answers[0], packed.tasks.length - 1));
      models.forEach((model, m) => {
        const row = answers.find((one) => one.model === model);
        packed.answers[m].push(row ? packAnswer(row, metrics, extracted) : null);
      });
    }
  }
  return packed;
}

/** Names of the extracted answers: the row's texts beyond the fields that every row may have. */
function extractedNames(row: ItemRow, metrics: string[]): string[] {
  return Object.entries(row).filter(([name, value]) =>
    typeof value === "string" && !KNOWN.has(name) && !metrics.includes(name)
  ).map(([name]) => name);
}

function packItem(
  { doc_index, question, choices, gold, labels, target, id }: ItemRow,
  task: number,
): PackedItem {
  return [task, doc_index, question, choices ?? 0, gold ?? -1, labels ?? 0, target ?? 0, id ?? 0];
}

function packAnswer(row: ItemRow, metrics: string[], extracted: string[]): PackedAnswer {
  return [
    row.loglikelihoods?.map((value) => Number(value.toFixed(3))) ?? 0,
    metrics.map((name) => typeof row[name] === "number" ? Number((row[name] as number).toFixed(4)) : null),
    row.generated ?? 0,
    extracted.length ? extracted.map((name) => String(row[name] ?? "")) : 0,
    row.truncated,
  ];
}

/** Indices of the items that fit, in order. */
export function filterItems(packed: PackedItems, filter: ItemFilter): number[] {
  const { task = "", model = "", outcome = "", text = "" } = filter, wanted = text.trim().toLowerCase();
  const tasks = packed.tasks.map((one) => !task || one.task === task || one.group === task);
  const models = packed.models.map((_, m) => m).filter((m) => !model || packed.models[m] === model);
  const found: number[] = [];
  for (let i = 0; i < packed.items.length; i++) {
    if (!tasks[packed.items[i][0]]) continue;
    if (outcome && !outcomeFits(packed, i, models, outcome)) continue;
    if (wanted && !textFits(packed, i, wanted)) continue;
    found.push(i);
  }
  return found;
}

/** right and wrong: every asked model of `models` is; differ: some of all models are right and some wrong. */
export function outcomeFits(packed: PackedItems, item: number, models: number[], outcome: string): boolean {
  const of = outcome === "differ" ? packed.models.map((_, m) => m) : models;
  const hits = of.map((m) => packed.answers[m][item]).filter((answer) => answer !== null)
    .map((answer) => (answer[1][0] ?? 0) >= 0.5);
  if (outcome === "differ") return hits.includes(true) && hits.includes(false);
  return hits.length > 0 && hits.every((hit) => hit === (outcome === "right"));
}

/** Whether a text of the item holds `wanted`, which is in lower case. */
export function textFits(packed: PackedItems, item: number, wanted: string): boolean {
  if (itemText(packed.items[item]).includes(wanted)) return true;
  return packed.answers.some((own) => {
    const answer = own[item];
    return answer !== null && answer[2] !== 0 && answer[2].toLowerCase().includes(wanted);
  });
}

/** All that an item itself says, in lower case. */
export function itemText([, , question, choices, , , target, id]: PackedItem): string {
  return [question, ...(choices || []), target || "", id || ""].join("\n").toLowerCase();
}

/** An item with its answers, of the models that were asked. */
export function viewOf(packed: PackedItems, item: number): ItemView {
  const [t, doc, question, choices, gold, labels, target, id] = packed.items[item];
  const { task, metrics, extracted } = packed.tasks[t];
  const answers = packed.models.flatMap((model, m) => {
    const answer = packed.answers[m][item];
    if (!answer) return [];
    const [loglikelihoods, measures, generated, found, truncated] = answer;
    return [{
      model,
      loglikelihoods: loglikelihoods || undefined,
      measures: metrics.map((name, i): [string, number | null] => [name, measures[i]]),
      generated: generated === 0 ? undefined : generated,
      extracted: found ? extracted.map((name, i): [string, string] => [name, found[i]]) : undefined,
      truncated,
    }];
  });
  return {
    task,
    doc,
    id: id || undefined,
    question,
    choices: choices || undefined,
    gold: gold < 0 ? undefined : gold,
    labels: labels || undefined,
    target: target === 0 ? undefined : target,
    metric: metrics[0],
    answers,
  };
}

/** Which models are right: "right: SFT, UAL", "none right", "all right". */
export function rightText({ answers }: ItemView): string {
  const right = answers.filter((one) => (one.measures[0]?.[1] ?? 0) >= 0.5).map(({ model }) => model);
  if (right.length === 0) return "none right";
  return right.length === answers.length && right.length > 1 ? "all right" : `right: ${right.join(", ")}`;
}
