// Executed notebooks → HTML files that need no network and nothing beside them, by nbconvert from .venv.
// deno run -A tools/export_html.ts FOLDER NOTEBOOK…
import { basename, join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { resolveUser, writeFileAtomic } from "../lib/run/files.ts";
import { run } from "./command.ts";
import { runMain } from "./main.ts";
import { formulaStyle, withFormulas } from "./math.ts";
import { type Notebook, notebookText, readNotebook } from "./notebook_file.ts";
import { root } from "./setup.ts";

/** Writes an HTML file for each notebook into `folder`. Throws InputError with nbconvert's reason where it fails. */
export async function exportHtml(notebooks: string[], folder: string): Promise<void> {
  const temporary = await Deno.makeTempDir();
  try {
    const copies: string[] = [];
    for (const path of notebooks) {
      const notebook = await readNotebook(path);
      convertFormulas(notebook);
      copies.push(join(temporary, basename(path)));
      await Deno.writeTextFile(copies.at(-1)!, notebookText(notebook));
    }
    const args = ["-m", "nbconvert", "--log-level=ERROR", "--to=html", ...copies];
    const env = { JUPYTER_NO_CONFIG: "1" };
    await run(join(root, ".venv/bin/python"), args, { cwd: root, env, what: "export notebooks to HTML" });
    for (const copy of copies) {
      const html = basename(copy).replace(/\.ipynb$/, ".html");
      const page = withoutRemoteScripts(await Deno.readTextFile(join(temporary, html)));
      const style = page.includes('class="katex"') ? `<style>${formulaStyle()}</style>` : "";
      await writeFileAtomic(join(folder, html), page.replace("</head>", () => `${style}</head>`));
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

/** Draws the formulas of Markdown cells and outputs. */
function convertFormulas(notebook: Notebook) {
  for (const cell of notebook.cells) {
    if (cell.cell_type === "markdown") cell.source = withFormulas(cell.source);
    for (const output of cell.outputs) {
      const data = "data" in output ? output.data : {};
      if (data["text/markdown"]) data["text/markdown"] = withFormulas(String(data["text/markdown"]));
    }
  }
}

/** nbconvert's page without what it would load from elsewhere: require.js, MathJax and its settings, Mermaid. */
export function withoutRemoteScripts(html: string): string {
  const script = /<script\b([^>]*)>((?:(?!<\/script>)[\s\S])*)<\/script>/g;
  return html.replace(script, (whole, attributes, body) => {
    const remote = /src="https?:/.test(attributes) || /x-mathjax-config/.test(attributes) ||
      /^\s*import\s[^\n]*["']https?:/m.test(body);
    return remote ? "" : whole;
  });
}

async function main(): Promise<number> {
  const [folder, ...notebooks] = Deno.args.map(resolveUser);
  if (!notebooks.length) {
    throw new InputError("Cannot export: give a folder and notebooks: export_html.ts FOLDER NOTEBOOK…");
  }
  await exportHtml(notebooks, folder);
  return 0;
}

if (import.meta.main) await runMain(main);
