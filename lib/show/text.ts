// Text and tables as MIME bundles for show(): HTML or Markdown, each with its plain text. Charts are lib/plot's.
import type { Bundle } from "./show.ts";

/** Markdown text. */
export function markdown(text: string): Bundle {
  return { "text/markdown": text, "text/plain": text };
}

/** One column of a table. */
export interface Column {
  /** The field of each row. */
  key: string;
  /** The heading; the key where missing. */
  label?: string;
  /** Digits after the point of its numbers; without it whole numbers stay whole and others get four significant digits. */
  digits?: number;
}

/** What table() can be told. */
export interface TableOptions {
  /** Which fields, in which order; all fields of the first row where missing. */
  columns?: (string | Column)[];
  /** Stands above the table. */
  caption?: string;
}

/** Rows as an HTML table with numbers to the right, and as aligned plain text. */
export function table(given: readonly object[], options: TableOptions = {}): Bundle {
  const rows = given as readonly Record<string, unknown>[];
  const columns = (options.columns ?? Object.keys(rows[0] ?? {})).map((c) =>
    typeof c === "string" ? { key: c } : c
  );
  const heads = columns.map((c) => c.label ?? c.key);
  const cells = rows.map((row) => columns.map((c) => cellText(row[c.key], c.digits)));
  const numeric = columns.map((c) => rows.length > 0 && rows.every((r) => isNumeric(r[c.key])));
  return {
    "text/html": tableHtml(heads, cells, numeric, options.caption),
    "text/plain": tablePlain(heads, cells, numeric, options.caption),
  };
}

function isNumeric(value: unknown): boolean {
  return typeof value === "number" || value == null;
}

function cellText(value: unknown, digits?: number): string {
  if (value == null) return "–";
  if (typeof value !== "number") return String(value);
  if (digits !== undefined) return value.toFixed(digits).replace(/^-(?=[0.]*$)/, ""); // no "-0.00"
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function tableHtml(heads: string[], cells: string[][], numeric: boolean[], caption?: string): string {
  const row = (texts: string[], cell: (text: string, align: string) => string) =>
    `<tr>${
      texts.map((t, i) => cell(escapeHtml(t), `text-align:${numeric[i] ? "right" : "left"}`)).join("")
    }</tr>`;
  const title = caption ? `<caption>${escapeHtml(caption)}</caption>` : "";
  const head = row(heads, (text, style) => `<th scope="col" style="${style}">${text}</th>`);
  const body = cells.map((texts) => row(texts, (text, style) => `<td style="${style}">${text}</td>`)).join(
    "\n",
  );
  return `<table>${title}<thead>${head}</thead><tbody>\n${body}\n</tbody></table>`;
}

function tablePlain(heads: string[], cells: string[][], numeric: boolean[], caption?: string): string {
  const widths = heads.map((h, i) => Math.max(h.length, ...cells.map((row) => row[i].length)));
  const line = (texts: string[]) =>
    texts.map((t, i) => numeric[i] ? t.padStart(widths[i]) : t.padEnd(widths[i])).join("  ").trimEnd();
  const lines = [line(heads), widths.map((w) => "-".repeat(w)).join("  "), ...cells.map(line)];
  return [...(caption ? [caption] : []), ...lines].join("\n");
}

/** Text made safe inside HTML, in attributes too. */
export function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (c) => names[c]);
}
