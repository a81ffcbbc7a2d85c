// Executed notebooks → a folder of static pages that works from file://, with all that the pages share.
// Shared are style, formulas' fonts, plotly.js and the search.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { followTheme } from "../../lib/plot/display.ts";
import { writeFileAtomic } from "../../lib/run/files.ts";
import { formulaStyle } from "../math.ts";
import { indexHtml, pageHtml } from "./layout.ts";
import { type Page, readPages } from "./pages.ts";

const resolve = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));

/**
 * Writes the book of the notebooks at `paths`, in that order, into the folder `out`. `note` is a sentence for the index page. Throws InputError
 * where a notebook cannot be read, has no title, or links to a place that the book does not have.
 */
export async function writeBook(paths: readonly string[], out: string, { note = "" } = {}): Promise<Page[]> {
  const pages = await readPages(paths);
  for (const page of pages) await writeFileAtomic(join(out, `${page.name}.html`), pageHtml(pages, page));
  await writeFileAtomic(join(out, "index.html"), indexHtml(pages, note));
  for (const name of ["book.css", "book.js"]) {
    await writeFileAtomic(join(out, name), await Deno.readTextFile(join(import.meta.dirname!, name)));
  }
  await writeFileAtomic(join(out, "katex.css"), formulaStyle());
  await writeFileAtomic(join(out, "plotly.js"), await plotlyScript());
  await writeFileAtomic(join(out, "search.js"), await searchScript(pages));
  return pages;
}

/** plotly.js, and the promise of it that figures of a notebook wait for. */
async function plotlyScript(): Promise<string> {
  const source = await Deno.readTextFile(resolve("plotly.js-cartesian-dist-min"));
  return `${source}\nwindow.ualPlotly = Promise.resolve(window.Plotly);\n${followTheme}`;
}

/** MiniSearch, and the sections that it indexes in the reader's page. */
async function searchScript(pages: readonly Page[]): Promise<string> {
  const library = join(dirname(resolve("minisearch")), "../umd/index.js");
  const sections = pages.flatMap((page) => page.sections).map((section, id) => ({ id, ...section }));
  return `${await Deno.readTextFile(library)}\nwindow.ualSections = ${JSON.stringify(sections)};\n`;
}
