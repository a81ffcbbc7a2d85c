// The page's section on the paper: its tables 2 to 5 beside ours, all that they print, and why the two do not compare.
import {
  NOT_COMPARABLE,
  PAPER_MISPRINTS,
  type PaperTable,
  printedTable,
  type TableCell,
} from "../../evaluate/mod.ts";
import { escapeHtml } from "../../show/mod.ts";
import { pivotTable } from "./data_table.ts";

/** What stands before the tables: why ours and the paper's are no measurements of one thing, and its misprints. */
export function paperNotes(): string {
  const list = (notes: readonly string[]) =>
    `<ul>${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("\n")}</ul>`;
  return `<h3>Not comparable</h3>\n${list(NOT_COMPARABLE)}\n<h3>Misprints in the paper</h3>\n${
    list(PAPER_MISPRINTS)
  }`;
}

/** Ours over the paper's in each cell, and behind a click the whole table as the paper prints it. */
export function besideTable(number: 2 | 3 | 4 | 5, { rows, options }: PaperTable): string {
  const { digits = 1, paper, unit } = options;
  const units = typeof unit === "string"
    ? unit
    : Object.entries(unit).map(([name, of]) => `${name} ${of}`).join(", ");
  const fixed = (value: number, column: string) =>
    value.toFixed(typeof digits === "number" ? digits : digits[column] ?? 1).replace("-", "−");
  const text = (cell: TableCell) => {
    const { column, ours, low, high } = cell;
    const range = low === undefined || high === undefined
      ? ""
      : ` <span class="soft">(${fixed(low, column)} to ${fixed(high, column)})</span>`;
    const own = ours === undefined ? "" : `<b>${fixed(ours, column)}</b>${range}`;
    const note = cell.note ? ` <span class="soft">(${escapeHtml(cell.note)})</span>` : "";
    const theirs = cell.paper === undefined ? "" : `paper ${printed(cell.paper)}${note}`;
    return [own, theirs].filter((part) => part).join("<br>") || "–";
  };
  const title = `Table ${number}: ours in bold with 95% intervals, the paper's (${paper}) below; ${units}`;
  return `<p class="soft">${escapeHtml(title)}.</p>\n${pivotTable(title, rows, text)}\n${
    printedDetails(number)
  }`;
}

/** The paper's table in full. */
export function printedDetails(number: 2 | 3 | 4 | 5): string {
  const title = `Table ${number} as the paper prints it`;
  const table = pivotTable(title, printedTable(number), ({ paper }) => printed(paper!));
  return `<details><summary>${title}</summary>\n${table}\n</details>`;
}

const printed = (value: number) => value < 1 ? value.toFixed(3) : value.toFixed(2);
