// A few items in a notebook's output, to be opened one by one without scripts.
import { type Bundle, show } from "../../show/mod.ts";
import type { ItemRow, TaskInfo } from "../item_row.ts";
import { filterItems, type ItemFilter, packItems, rightText, viewOf } from "./item_data.ts";
import { escapeText, itemHtml, type ItemView, numberText } from "./item_html.ts";

/** What itemExplorer() can be told: which items, and how many of them. */
export interface ItemExplorerOptions extends ItemFilter {
  /** Items at most; default 5. */
  count?: number;
}

/** Shows the first items that fit, closed; await it. Outside a notebook they are printed. */
export async function itemExplorer(
  rows: readonly ItemRow[],
  tasks: readonly TaskInfo[],
  options: ItemExplorerOptions = {},
): Promise<void> {
  await show(itemsBundle(rows, tasks, options));
}

/** The same as a MIME bundle: HTML of details and summary, and plain text. */
export function itemsBundle(
  rows: readonly ItemRow[],
  tasks: readonly TaskInfo[],
  { count = 5, ...filter }: ItemExplorerOptions = {},
): Bundle {
  const packed = packItems(rows, tasks), found = filterItems(packed, filter);
  const views = found.slice(0, count).map((item) => viewOf(packed, item));
  const head = `${views.length} of ${found.length} items that fit, of ${packed.items.length}`;
  return {
    "text/html": `<div>${views.map(detailsOf).join("\n")}<small>${head}</small></div>`,
    "text/plain": [...views.map(textOf), head].join("\n\n"),
  };
}

function headOf(view: ItemView): string {
  const { task, doc, question } = view;
  const line = question.trim().replace(/\s+/g, " ");
  return `${task} ${doc}: ${line.length > 120 ? line.slice(0, 120) + "…" : line} (${rightText(view)})`;
}

function detailsOf(view: ItemView): string {
  return `<details><summary>${escapeText(headOf(view))}</summary>${itemHtml(view)}</details>`;
}

function textOf(view: ItemView): string {
  const choices = (view.choices ?? []).map((choice, i) => {
    const right = view.labels ? view.labels[i] === 1 : view.gold === i;
    const logps = view.answers.map((one) => `${one.model} ${numberText(one.loglikelihoods?.[i])}`);
    return `  ${choice}${right ? " (right)" : ""}: ${logps.join(", ")}`;
  });
  const texts = view.answers.filter((one) => one.generated !== undefined).map((one) =>
    `  ${one.model}: ${one.generated!.trim().replace(/\s+/g, " ")}`
  );
  return [headOf(view), ...choices, ...texts].join("\n");
}
