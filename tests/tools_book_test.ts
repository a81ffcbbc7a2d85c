// tools/book without a browser: Markdown as pages have it, checked links, outputs, what the search is given.
import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { highlighted } from "../tools/book/highlight.ts";
import { markdownHtml, markdownText, textOf } from "../tools/book/markdown.ts";
import { readPages } from "../tools/book/pages.ts";
import { writeBook } from "../tools/book/write_book.ts";
import { type Cell, notebookText, type Output } from "../tools/notebook_file.ts";
import { inFolder } from "./folder.ts";

const html = (markdown: string, folder = ".") =>
  markdownHtml(markdown, { folder, ids: new Set(), link: (href) => href });

const cell = (source: string, more: Partial<Cell> = {}): Cell => ({
  cell_type: "markdown",
  id: crypto.randomUUID(),
  source,
  metadata: {},
  outputs: [],
  execution_count: null,
  ...more,
});

const shown = (data: Record<string, unknown>): Output => ({
  output_type: "display_data",
  data,
  metadata: {},
});

async function written(folder: string, notebooks: Record<string, Cell[]>): Promise<string[]> {
  const paths: string[] = [];
  for (const [name, cells] of Object.entries(notebooks)) {
    paths.push(join(folder, `${name}.ipynb`));
    await Deno.writeTextFile(paths.at(-1)!, notebookText({ cells }));
  }
  return paths;
}

Deno.test("markdownHtml() gives headings JupyterLab's ids, without doubles, and formulas to KaTeX", () => {
  const { html: page, headings } = html(
    "# A title\n\n## Loss of $s_1$\n\ntext $a_1*b$\n\n## Loss of $s_1$\n",
  );
  deepEqual(headings, [
    { level: 1, text: "A title", id: "A-title" },
    { level: 2, text: "Loss of s_1", id: "Loss-of-s_1" },
    { level: 2, text: "Loss of s_1", id: "Loss-of-s_1-2" },
  ]);
  equal(page.match(/class="katex"/g)!.length, 3);
  equal(markdownText("## Loss of $s_1$\n\n**a** & `b<c>`"), "Loss of s_1 a & b<c>");
  equal(textOf("<p>a<b>b</b></p><script>if (1 < 2) x()</script><p>&lt;i&gt; &#955;</p>"), "ab <i> λ");
});

Deno.test("markdownHtml() gives tables scopes, and none to a corner without text", () => {
  const { html: page } = html("| | a |\n|---|--:|\n| x | 1 |\n");
  match(page, /<td><\/td>\s*<th scope="col" style="text-align:right">a<\/th>/);
  match(page, /<td>x<\/td>\s*<td style="text-align:right">1<\/td>/);
});

Deno.test("markdownHtml() puts images inside the page and refuses what it cannot", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(join(folder, "dot.png"), new Uint8Array([1, 2, 3]));
    match(html("![a dot](dot.png)", folder).html, /<img alt="a dot" src="data:image\/png;base64,AQID">/);
    throws(() => html("![x](https://example.org/x.png)"), /Cannot put image https.*loaded from elsewhere/);
    throws(() => html("![x](gone.png)", folder), /there is no such file; keep it/);
    throws(() => html("![x](x.tiff)", folder), InputError);
  }));

Deno.test("highlighted() marks code and keeps its text", () => {
  const code = 'const a: number = 1; // <b>\nawait show("x");';
  const page = highlighted(code);
  match(page, /<span class="tok-keyword">const<\/span>/);
  match(page, /<span class="tok-comment">\/\/ &lt;b&gt;<\/span>\n/);
  equal(
    page.replace(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"'),
    code,
  );
});

Deno.test("readPages() turns links between notebooks into links between pages", () =>
  inFolder(async (folder) => {
    const text =
      "see [two](two.ipynb#The-end), [here](#One), [a file](../data/x.md), [web](https://example.org/)";
    const paths = await written(folder, {
      one: [cell(`# One\n\n${text}`)],
      two: [cell("# Two\n\n## The end")],
    });
    const [one] = await readPages(paths);
    match(one.html, /<a href="two.html#The-end">two<\/a>/);
    match(one.html, /<a href="#One">here<\/a>/);
    match(one.html, /, a file, <a href="https:\/\/example.org\/">web<\/a>/);
  }));

Deno.test("readPages() names a dead link, and a notebook without a title", () =>
  inFolder(async (folder) => {
    const fails = async (source: string, reason: RegExp) =>
      rejects(
        readPages(await written(folder, { one: [cell(source)], two: [cell("# Two")] })),
        (error: Error) => {
          match(error.message, reason);
          return error instanceof InputError;
        },
      );
    await fails(
      "# One\n\n[x](three.ipynb)",
      /^Cannot follow the link three.ipynb of one.ipynb: .* correct it$/,
    );
    await fails(
      "# One\n\n[x](two.ipynb#End)",
      /^Cannot follow the link two.ipynb#End of one.ipynb: two.ipynb has no such/,
    );
    await fails("no title", /^Cannot make a page of one.ipynb: it has no title/);
  }));

Deno.test("readPages() shows the richest kind of an output, folds solutions and shares plotly.js", () =>
  inFolder(async (folder) => {
    const outputs = [
      shown({ "text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1" }),
      shown({ "text/html": "<div></div>", "text/plain": "" }),
      shown({ "text/plain": "a < b" }),
      shown({
        "text/html": "<script>window.ualPlotly = 1; big</script>",
        "text/plain": "Figures are drawn.",
      }),
      { output_type: "error", ename: "Error", evalue: "\x1b[31mno\x1b[0m", traceback: [] } as Output,
    ];
    const code = cell("const a = 1;", { cell_type: "code", outputs, metadata: { tags: ["solution"] } });
    const [{ html: page, sections }] = await readPages(await written(folder, { one: [cell("# One"), code] }));
    match(page, /<details class="solution"><summary>Solution<\/summary>\n<pre class="source">/);
    match(page, /<div class="output"><div class="scroll"><table>/);
    match(page, /<pre>a &lt; b<\/pre>/);
    match(page, /<small>Figures are drawn\.<\/small>/);
    match(page, /<pre class="error">Error: no<\/pre>/);
    equal(page.match(/class="output"/g)!.length, 4, "an empty output is left out");
    match(sections[0].text, /const a = 1; 1 a < b Figures are drawn\. no/);
  }));

Deno.test("writeBook() cuts the search's sections at headings and repeats byte for byte", () =>
  inFolder(async (folder) => {
    const learn = "# One\n\nWhat you will learn:\n\n- a *thing*;\n- more.\n\n## First\n\nalpha";
    const paths = await written(folder, { "00_one": [cell(learn), cell("beta\n\n## Second\n\ngamma")] });
    const out = join(folder, "book"), files = () => [...Deno.readDirSync(out)].map(({ name }) => name).sort();
    const [page] = await writeBook(paths, out, { note: "A note." });
    deepEqual(page.learn, ["a <em>thing</em>;", "more."]);
    deepEqual(page.sections.map(({ href, heading, text }) => [href, heading, text]), [
      ["00_one.html", "One", "What you will learn: a thing; more."],
      ["00_one.html#First", "First", "alpha beta"],
      ["00_one.html#Second", "Second", "gamma"],
    ]);
    const first = files().map((name) => Deno.readTextFileSync(join(out, name)));
    deepEqual(files(), [
      "00_one.html",
      "book.css",
      "book.js",
      "index.html",
      "katex.css",
      "plotly.js",
      "search.js",
    ]);
    match(
      first[3],
      /<li>a <em>thing<\/em>;<\/li>[\s\S]*A note\.|A note\.[\s\S]*<li>a <em>thing<\/em>;<\/li>/,
    );
    await writeBook(paths, out, { note: "A note." });
    deepEqual(files().map((name) => Deno.readTextFileSync(join(out, name))), first);
  }));
