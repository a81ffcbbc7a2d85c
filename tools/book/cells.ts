// A notebook's cells as HTML: text, code and stored outputs. Nothing is executed here; outputs' own scripts stay (figures).
import { escapeHtml } from "../../lib/show/mod.ts";
import type { Cell, Data, Output } from "../notebook_file.ts";
import { highlighted } from "./highlight.ts";
import { type Heading, markdownHtml, markdownText, type PageContext, textOf } from "./markdown.ts";

/** One cell as HTML, its headings, and its words for the search. */
export interface CellHtml {
  html: string;
  headings: Heading[];
  text: string;
}

/** Longest text of an output that the search knows. */
const SEARCHED = 4000;

/** A cell. Solutions are folded away; empty outputs, as of a button that is gone, are left out. */
export function cellHtml(cell: Cell, context: PageContext): CellHtml {
  if (cell.cell_type === "raw") return { html: "", headings: [], text: "" };
  const tags = (cell.metadata.tags ?? []) as string[];
  const { html, headings, text } = cell.cell_type === "markdown"
    ? { ...markdownHtml(cell.source, context), text: markdownText(cell.source) }
    : codeHtml(cell, tags, context);
  const body = tags.includes("solution")
    ? `<details class="solution"><summary>Solution</summary>\n${html}</details>`
    : html;
  return { html: `<div class="cell ${cell.cell_type}">\n${scrolling(body)}</div>\n`, headings, text };
}

function codeHtml(cell: Cell, tags: string[], context: PageContext): CellHtml {
  const what = tags.includes("injected-parameters")
    ? "Parameters of this run"
    : tags.includes("parameters")
    ? "Parameters"
    : undefined;
  const label = what ? `<p class="label">${what}</p>\n` : "";
  const code = cell.source.trim()
    ? `${label}<pre class="source"><code>${highlighted(cell.source)}</code></pre>\n`
    : "";
  const outputs = cell.outputs.map((output) => outputHtml(output, context)).filter((html) => html);
  const html = code + outputs.map((one) => `<div class="output">${one}</div>\n`).join("");
  const text = [cell.source, ...cell.outputs.map((one) => outputText(one).slice(0, SEARCHED))].join(" ");
  return { html, headings: [], text: text.replace(/\s+/g, " ") };
}

/** The richest kind of the output that a page can show; "" for one without content. */
function outputHtml(output: Output, context: PageContext): string {
  if (output.output_type === "stream") return `<pre>${escapeHtml(output.text)}</pre>`;
  if (output.output_type === "error") {
    const lines = [`${output.ename}: ${output.evalue}`, ...output.traceback].join("\n");
    return `<pre class="error">${escapeHtml(withoutColours(lines))}</pre>`;
  }
  const { data } = output;
  const html = data["text/html"], markdown = data["text/markdown"], svg = data["image/svg+xml"];
  const plain = String(data["text/plain"] ?? "");
  if (typeof html === "string") {
    if (isLoader(html)) return `<small>${escapeHtml(plain)}</small>`;
    return /<(?:script|img|svg|table|pre|button|progress)\b/.test(html) || textOf(html) ? html : "";
  }
  if (typeof markdown === "string") return markdownHtml(markdown, context).html;
  if (typeof svg === "string") return `<div role="img" aria-label="${escapeHtml(plain)}">${svg}</div>`;
  return imageHtml(data, plain) ?? (plain ? `<pre>${escapeHtml(plain)}</pre>` : "");
}

function imageHtml(data: Data, plain: string): string | undefined {
  const type = ["image/png", "image/jpeg"].find((one) => typeof data[one] === "string");
  if (!type) return undefined;
  const bytes = String(data[type]).replace(/\s/g, "");
  return `<img alt="${escapeHtml(plain)}" src="data:${type};base64,${bytes}">`;
}

/** The output of showPlotly(): every page of the book takes plotly.js from one file instead. */
function isLoader(html: string): boolean {
  return html.startsWith("<script>") && html.includes("window.ualPlotly = ");
}

function outputText(output: Output): string {
  if (output.output_type === "stream") return output.text;
  return output.output_type === "error"
    ? withoutColours(output.evalue)
    : String(output.data["text/plain"] ?? "");
}

/** Tables wider than the page scroll in a box of their own. */
function scrolling(html: string): string {
  return html.replace(/<table\b[\s\S]*?<\/table>/g, (table) => `<div class="scroll">${table}</div>`);
}

function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[\d;]*m/g, "");
}
