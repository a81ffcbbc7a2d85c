// Whether training data has seen the tasks: items that share a run of 13 words with it (lib/curate), by task, and the rows
// without them.
import { type Contamination, findOverlaps } from "../curate/decontaminate.ts";
import type { Example } from "../data/mod.ts";
import type { ItemRow } from "./item_row.ts";
import type { Item, OpenTask } from "./task.ts";

/** An item that training data shares words with. */
export interface SeenItem {
  task: string;
  docIndex: number;
  /** The training example, and the words that both have. */
  example: string;
  words: string;
}

/** What was found in one set of training data. */
export interface TaskContamination {
  /** Words of a run. */
  n: number;
  /** Training examples that were looked at, and those with an overlap. */
  examples: number;
  hit: number;
  /** By task: its items, those too short to be looked for, and those seen. */
  tasks: Contamination["benchmarks"];
  seen: SeenItem[];
}

/** Looks for the tasks' items (questions, choices, worked answers) in training examples. */
export async function taskContamination(
  examples: Iterable<Example> | AsyncIterable<Example>,
  tasks: readonly OpenTask[],
): Promise<TaskContamination> {
  const items = tasks.flatMap(({ task, items }) =>
    items.map((item) => ({ benchmark: task.name, id: String(item.docIndex), texts: textsOf(item) }))
  );
  const { n, examples: count, hit, benchmarks, overlaps } = await findOverlaps(examples, items);
  const seen = overlaps.map(({ benchmark, item, id, words }) => ({
    task: benchmark,
    docIndex: Number(item),
    example: id,
    words,
  }));
  return { n, examples: count, hit, tasks: benchmarks, seen };
}

function textsOf(item: Item): string[] {
  return item.kind === "choice" ? [item.question, ...item.choices] : [item.question, item.target];
}

/** The rows of items that were not seen. */
export function unseenRows(rows: readonly ItemRow[], seen: readonly SeenItem[]): ItemRow[] {
  const known = new Set(seen.map(({ task, docIndex }) => `${task}\n${docIndex}`));
  return rows.filter(({ task, doc_index }) => !known.has(`${task}\n${doc_index}`));
}
