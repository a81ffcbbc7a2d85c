// The frame of the book's pages: header with search, contents, previous and next; and the index page.
import { escapeHtml } from "../../lib/show/mod.ts";
import type { Page } from "./pages.ts";

const TITLE = "Uncertainty-aware learning, in notebooks";

/** The whole HTML of a notebook's page. */
export function pageHtml(pages: readonly Page[], page: Page): string {
  const at = pages.indexOf(page);
  return frame(
    pages,
    `${page.title} · ${TITLE}`,
    `<article>\n${page.html}</article>\n${neighbours(pages[at - 1], pages[at + 1])}`,
    page,
  );
}

/** The first page: what the book is, and each notebook with what it teaches and its headings. `note` says what was executed. */
export function indexHtml(pages: readonly Page[], note: string): string {
  const parts = pages.map((page) => {
    const learn = page.learn.length
      ? `<p>What you will learn:</p>\n<ul>\n${
        page.learn.map((item) => `<li>${item}</li>`).join("\n")
      }\n</ul>\n`
      : "";
    const places = page.headings.length
      ? `<details><summary>Sections<span class="hidden"> of ${escapeHtml(page.title)}</span></summary>\n${
        headingList(page)
      }</details>\n`
      : "";
    return `<section>\n<h2><a href="${page.name}.html">${numberOf(page)}${
      escapeHtml(page.title)
    }</a></h2>\n${learn}${places}</section>\n`;
  });
  return frame(
    pages,
    TITLE,
    `<article>
<h1>${TITLE}</h1>
<p>Some requests have one right answer, others have many. <em>Uncertainty-aware learning</em> fine-tunes a language model with
label smoothing that differs per sample: more for dialogues whose answer is open, less for those with one right answer. These
notebooks go from raw dialogues to the paper's figures, one idea a cell; every number and figure in them was computed by the
code above it.</p>
<p>${escapeHtml(note)}</p>
${parts.join("")}</article>
`,
  );
}

function frame(pages: readonly Page[], title: string, body: string, current?: Page): string {
  const styles = ["book.css", "katex.css"].map((name) => `<link rel="stylesheet" href="${name}">`).join("\n");
  const scripts = ["plotly.js", "search.js", "book.js"].map((name) =>
    `<script defer src="${name}"></script>`
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
${styles}
<script>document.documentElement.className = "js";</script>
${scripts.join("\n")}
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header>
<a class="home" href="index.html">${TITLE}</a>
<button type="button" class="menu" aria-expanded="false" aria-controls="contents">Contents</button>
<form role="search" aria-label="Search the book">
<input type="search" id="search" aria-label="Search the book" placeholder="Search (press /)" autocomplete="off" spellcheck="false">
<div id="found" hidden><p role="status"></p><ol></ol></div>
</form>
</header>
<div class="columns">
<nav id="contents" aria-label="Contents">
${contents(pages, current)}</nav>
<main id="main" tabindex="-1">
${body}</main>
</div>
</body>
</html>
`;
}

/** All notebooks with their headings; those of the current one are unfolded. */
function contents(pages: readonly Page[], current?: Page): string {
  const items = pages.map((page) => {
    const here = page === current;
    const link = `<a href="${page.name}.html"${here ? ' aria-current="page"' : ""}>${numberOf(page)}${
      escapeHtml(page.title)
    }</a>`;
    const hidden = `<span class="hidden">Sections of ${escapeHtml(page.title)}</span>`;
    const places = page.headings.length
      ? `\n<details${here ? " open" : ""}><summary>${hidden}</summary>\n${headingList(page, here)}</details>`
      : "";
    return `<li>${link}${places}</li>`;
  });
  return `<ul>\n${items.join("\n")}\n</ul>\n`;
}

function headingList(page: Page, here = false): string {
  const items = page.headings.map(({ text, id, level }) => {
    const href = `${here ? "" : `${page.name}.html`}#${encodeURIComponent(id)}`;
    return `<li class="level${level}"><a href="${href}">${escapeHtml(text)}</a></li>`;
  });
  return `<ul>\n${items.join("\n")}\n</ul>\n`;
}

/** "03 " from 03_train. */
function numberOf(page: Page): string {
  const number = /^\d+/.exec(page.name)?.[0];
  return number ? `<span class="number">${number}</span> ` : "";
}

function neighbours(before?: Page, after?: Page): string {
  const link = (page: Page | undefined, rel: string, label: string) =>
    page
      ? `<a rel="${rel}" href="${page.name}.html"><small>${label}</small> ${escapeHtml(page.title)}</a>\n`
      : "";
  return `<nav class="neighbours" aria-label="Previous and next notebook">
${link(before, "prev", "Previous")}${link(after, "next", "Next")}</nav>
`;
}
