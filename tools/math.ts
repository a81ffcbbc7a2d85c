// TeX formulas in Markdown → HTML drawn by KaTeX with its fonts inside the page: exported pages then need no network.
// In JupyterLab formulas stay TeX, which it draws itself.
import { dirname, join } from "node:path";
import katex from "katex";

/** Code to leave alone (group 1), display formulas (2), inline formulas (3). */
const pattern =
  /(```[\s\S]*?```|`[^`\n]*`)|\$\$([\s\S]+?)\$\$|(?<![\\$])\$(?!\s)((?:[^$\n]|\n(?!\s*\n))+?)(?<![\s\\])\$/g;

const drawn = (tex: string, displayMode: boolean) => katex.renderToString(tex, { displayMode });

/** Markdown with its formulas as HTML, drawn by KaTeX or by `draw`. Throws KaTeX's ParseError for wrong TeX. */
export function withFormulas(
  markdown: string,
  draw: (tex: string, display: boolean) => string = drawn,
): string {
  return markdown.replace(pattern, (whole, code, display, inline) => {
    if (code) return whole;
    const html = draw((display ?? inline).trim(), display !== undefined);
    const plain = html.replace(/\s*\n\s*/g, " ");
    return plain.replace(/[*_`\\[\]~]/g, (c) => `&#${c.charCodeAt(0)};`); // what Markdown would read
  });
}

/** KaTeX's style sheet with its fonts inside. */
export function formulaStyle(): string {
  const folder = dirname(new URL(import.meta.resolve("katex")).pathname);
  const css = Deno.readTextFileSync(join(folder, "katex.min.css"));
  const font = (path: string) => new Uint8Array(Deno.readFileSync(join(folder, path))).toBase64();
  return css.replace(/src:url\(([^)]+\.woff2)\)[^;}]*/g, (_, path) => {
    return `src:url(data:font/woff2;base64,${font(path)}) format("woff2")`;
  });
}
