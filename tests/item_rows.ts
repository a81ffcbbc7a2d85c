// Made-up items' rows and tasks for the tests of scores: nothing but what tables need.
import type { ItemRow, TaskInfo } from "../lib/evaluate/item_row.ts";

/** A model's rows of a task, one a value, which all of `metrics` have. */
export function itemRows(
  model: string,
  task: string,
  values: ArrayLike<number>,
  metrics: string[] = ["acc"],
  more: Partial<ItemRow> = {},
): ItemRow[] {
  return Array.from(values, (value, doc_index) => ({
    model,
    task,
    doc_index,
    question: "?",
    context_sha256: `${task} ${doc_index}`,
    n_context_tokens: 5,
    truncated: 0,
    ...Object.fromEntries(metrics.map((metric) => [metric, value])),
    ...more,
  }));
}

/** A task of the bundled ones, with its metrics. */
export function info(task: string, metrics = ["acc"], more: Partial<TaskInfo> = {}): TaskInfo {
  return { task, metrics, shots: 0, settings: "harness", source: "bundled", ...more };
}
