// The page of a preset's figures: text, every figure live with a still image behind it, its table, the paper's numbers, provenance.
// One file that needs nothing but itself; the same tables give the same bytes.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { PaperTable } from "../../evaluate/mod.ts";
import { drawFigure, type Figure, type Tables, themed } from "../../plot/mod.ts";
import { csvOf, escapeHtml, htmlPage } from "../../show/mod.ts";
import type { Provenance } from "../provenance.ts";
import { dataTable } from "./data_table.ts";
import { type FigureText, PAPER_FIGURES, SECTIONS } from "./figure_texts.ts";
import { findings } from "./findings.ts";
import { introduction } from "./introduction.ts";
import { pageScript } from "./page_script.ts";
import { PAGE_STYLE } from "./page_style.ts";
import { besideTable, paperNotes, printedDetails } from "./paper_section.ts";
import { provenanceHtml } from "./provenance_section.ts";

/** A figure's still images, as the files NAME.svg and NAME.dark.svg hold them. */
export interface Stills {
  light: string;
  dark: string;
}

/** What the page is made of. */
export interface FiguresPageInput {
  preset: string;
  tables: Partial<Tables>;
  /** By figure; one for each table. */
  stills: Record<string, Stills>;
  provenance?: Provenance;
}

interface Part {
  id: string;
  title: string;
  html: string;
  /** Figures of the part, for the contents. */
  inside: { id: string; title: string }[];
}

/** The page as text. Figures whose table is missing are left out. */
export function figuresPage(input: FiguresPageInput): string {
  const parts = partsOf(input), script = pageScript(), plotly = plotlySource();
  const title = `Figures of the preset ${input.preset}`;
  const body = `<a class="skip" href="#main">To the text</a>
<header>
<h1>${escapeHtml(title)}</h1>
${introduction(input.preset, input.provenance)}
${contents(parts)}
</header>
<main id="main" tabindex="-1">
${parts.map(partHtml).join("\n")}
</main>
<footer>Made from the tables beside this page; deno task figures draws it again. Live figures are drawn by plotly.js.</footer>`;
  const data = {
    "ual-figures": packed(JSON.stringify(liveFigures(input.tables))),
    "ual-plotly": packed(plotly),
  };
  return htmlPage({ title, style: PAGE_STYLE, body, data, script, others: [plotly], images: "data: blob:" });
}

function plotlySource(): string {
  return Deno.readTextFileSync(fileURLToPath(import.meta.resolve("plotly.js-cartesian-dist-min")));
}

const packed = (text: string) => gzipSync(text, { level: 9 }).toString("base64");

function liveFigures(tables: Partial<Tables>): Record<string, Record<"light" | "dark", Omit<Figure, "alt">>> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, table]) => {
      const light = drawFigure(name as keyof Tables, table as never), dark = themed(light, "dark");
      const bare = ({ data, layout }: Figure) => ({ data, layout });
      return [name, { light: bare(light), dark: bare(dark) }];
    }),
  );
}

function partsOf(input: FiguresPageInput): Part[] {
  const { tables, provenance } = input, found = findings(tables);
  const plain = (id: string, title: string, html: string): Part => ({ id, title, html, inside: [] });
  const own = SECTIONS.map(({ id, title, text, figures }) => {
    const there = figures.filter(({ name }) => tables[name]);
    const html = there.map((figure) => figureHtml(figure, input)).join("\n");
    return { id, title, html: `<p>${escapeHtml(text)}</p>\n${html}`, inside: there.map(linkOf) };
  }).filter(({ inside }) => inside.length);
  return [
    ...(found.length
      ? [
        plain(
          "findings",
          "What came out",
          `<ul>${found.map((one) => `<li>${escapeHtml(one)}</li>`).join("\n")}</ul>`,
        ),
      ]
      : []),
    ...own,
    paperPart(input),
    plain("provenance", "Provenance", provenanceHtml(provenance)),
  ];
}

function paperPart(input: FiguresPageInput): Part {
  const html = PAPER_FIGURES.map((figure) => {
    const { name, number } = figure, table = input.tables[name] as PaperTable | undefined;
    if (table) return figureHtml(figure, input, besideTable(number, table));
    return `<h3 id="${idOf(name)}">${
      escapeHtml(figure.title)
    }</h3>\n<p>Ours were not measured in this run.</p>\n${printedDetails(number)}`;
  });
  return {
    id: "paper",
    title: "The paper's tables beside ours",
    html: `${paperNotes()}\n${html.join("\n")}`,
    inside: PAPER_FIGURES.map(linkOf),
  };
}

const linkOf = ({ name, title }: FigureText) => ({ id: idOf(name), title });

const idOf = (name: string) => `figure-${name}`;

/** Heading, text, the figure, what it shows in words, its table. `before` stands between text and figure. */
function figureHtml(
  { name, title, text }: FigureText,
  { tables, stills }: FiguresPageInput,
  before = "",
): string {
  const table = tables[name]!, { alt, layout: { width, height } } = drawFigure(name, table as never);
  const label = escapeHtml(alt), size = `width:${width}px;height:${height}px`;
  const { light, dark } = stills[name];
  const still = (kind: string, svg: string) =>
    `<img class="${kind}" alt="${label}" width="${width}" height="${height}" src='${svgAddress(svg)}'>`;
  return `<div class="part">
<h3 id="${idOf(name)}">${escapeHtml(title)}</h3>
<p>${escapeHtml(text)}</p>
${before}
<figure aria-labelledby="${idOf(name)}">
<div class="frame" role="group" aria-label="${escapeHtml(title)}" tabindex="0">
<div class="place" data-name="${name}" role="figure" aria-labelledby="${
    idOf(name)
  }" aria-describedby="${name}-words" style="${size}">
${still("light", light)}
${still("dark", dark)}
</div>
</div>
</figure>
<details class="words"><summary>The figure in words</summary><p id="${name}-words">${label}</p></details>
${dataTable(name, title, table.rows, csvOf(table.rows))}
</div>`;
}

/** An SVG as an image's address, readable as it is: HTML and the address escape what they must. */
export function svgAddress(svg: string): string {
  const text = svg.replaceAll("%", "%25").replaceAll("#", "%23").replaceAll("\n", "%0A");
  return "data:image/svg+xml," + text.replaceAll("&", "&amp;").replaceAll("'", "&#39;");
}

function contents(parts: Part[]): string {
  const link = ({ id, title }: { id: string; title: string }) => `<a href="#${id}">${escapeHtml(title)}</a>`;
  const items = parts.map((part) => {
    const inside = part.inside.map((one) => `<li>${link(one)}</li>`).join("\n");
    return `<li>${link(part)}${inside ? `\n<ul>${inside}</ul>` : ""}</li>`;
  });
  return `<nav aria-label="Contents"><ul>\n${items.join("\n")}\n</ul></nav>`;
}

function partHtml({ id, title, html }: Part): string {
  return `<section aria-labelledby="${id}">\n<h2 id="${id}">${escapeHtml(title)}</h2>\n${html}\n</section>`;
}
