// TypeScript as HTML with its keywords, strings and so on marked, by the parser of JupyterLab's editor.
// The colours are book.css's.
import { classHighlighter, highlightCode } from "@lezer/highlight";
import { parser } from "@lezer/javascript";
import { escapeHtml } from "../../lib/show/mod.ts";

const typescript = parser.configure({ dialect: "ts" });

/** Code as HTML for a `<code>` element. */
export function highlighted(code: string): string {
  let html = "";
  const text = (part: string, classes: string) =>
    html += classes ? `<span class="${classes}">${escapeHtml(part)}</span>` : escapeHtml(part);
  highlightCode(code, typescript.parse(code), classHighlighter, text, () => html += "\n");
  return html;
}
