// A figure's table as HTML behind a click, and its link that saves the same table as CSV; both work without scripts.
import { escapeHtml } from "../../show/mod.ts";
import type { TableCell } from "../../evaluate/mod.ts";

type Rows = readonly object[];

/** The rows, complete, behind a click, with a download of the CSV that the page holds. */
export function dataTable(name: string, title: string, rows: Rows, csv: string): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => {
    const cells = columns.map((column, i) => {
      const text = escapeHtml(cellText((row as Record<string, unknown>)[column]));
      return i === 0 ? `<th scope="row">${text}</th>` : `<td>${text}</td>`;
    });
    return `<tr>${cells.join("")}</tr>`;
  });
  const heads = columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`);
  const count = `${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
  return `<details class="data"><summary>The figure's table, ${count}</summary>
${scroll(`Table of ${title}`, heads.join(""), lines.join("\n"))}
</details>
<p class="files">${csvLink(name, csv)}</p>`;
}

/** A link that saves `csv` as NAME.csv. */
export function csvLink(name: string, csv: string): string {
  const bytes = new TextEncoder().encode(csv);
  return `<a download="${name}.csv" href="data:text/csv;charset=utf-8;base64,${bytes.toBase64()}">Save ` +
    `${name}.csv</a>`;
}

/** Cells as a table, rows by columns: "ours" with its interval over the paper's value. */
export function pivotTable(
  title: string,
  cells: readonly TableCell[],
  text: (cell: TableCell) => string,
): string {
  const rows = [...new Set(cells.map(({ row }) => row))],
    columns = [...new Set(cells.map((one) => one.column))];
  const lines = rows.map((row) => {
    const own = columns.map((column) => cells.find((cell) => cell.row === row && cell.column === column));
    const tds = own.map((cell) => `<td>${cell ? text(cell) : "–"}</td>`);
    return `<tr><th scope="row">${escapeHtml(row)}</th>${tds.join("")}</tr>`;
  });
  const heads = ["", ...columns].map((column) =>
    column ? `<th scope="col">${escapeHtml(column)}</th>` : "<td></td>"
  );
  return scroll(title, heads.join(""), lines.join("\n"));
}

/** A table that scrolls sideways where it is too wide, by keyboard too. */
export function scroll(title: string, heads: string, lines: string): string {
  return `<div class="scroll" role="region" aria-label="${escapeHtml(title)}" tabindex="0"><table>
<thead><tr>${heads}</tr></thead>
<tbody>
${lines}
</tbody></table></div>`;
}

/** Four significant digits for a reader; the CSV has all. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value).replace("-", "−");
  return String(Number(value.toPrecision(4))).replace("-", "−");
}
