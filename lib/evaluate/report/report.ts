// The evaluation's report as one page that needs nothing but itself.
import { gzipSync } from "node:zlib";
import { writeFileAtomic } from "../../run/files.ts";
import { htmlPage } from "../../show/mod.ts";
import type { ItemRow, TaskInfo } from "../item_row.ts";
import type { BesideOptions } from "../paper/beside_paper.ts";
import type { TextTable } from "../scores/score_table.ts";
import type { ModelComparison, TaskScore } from "../scores/task_score.ts";
import { packItems } from "./item_data.ts";
import { escapeText } from "./item_html.ts";
import { pageScript } from "./page_script.ts";
import { PAGE_STYLE } from "./page_style.ts";
import {
  comparisonSection,
  contaminationSection,
  explorerSection,
  figureSection,
  paperSection,
  type ReportContamination,
  type ReportFigure,
  scoreSection,
  type Section,
  settingsSection,
  tableSection,
} from "./sections.ts";

/** What a report is made of. Only rows, scores and tasks are needed. */
export interface ReportInput {
  title?: string;
  rows: readonly ItemRow[];
  /** As summarise() makes them. */
  scores: readonly TaskScore[];
  /** As compareModels() makes them. */
  comparisons?: readonly ModelComparison[];
  tasks: readonly TaskInfo[];
  /** What a reader needs to know of the run, by name: model, data, limit, versions. */
  facts?: Record<string, string>;
  /** Sentences that stand first: verdicts on claims, warnings. */
  remarks?: readonly string[];
  /** What was found of the tasks in training data; the page says so where it was not looked for. */
  contamination?: readonly ReportContamination[];
  /** Figures as SVG (openRenderer().svg() of lib/plot). */
  figures?: readonly ReportFigure[];
  /** Further tables, of judged pairs and the like. */
  tables?: readonly { title: string; table: TextTable; note?: string }[];
  /** Whose numbers of the paper stand beside ours; false leaves them out. */
  paper?: BesideOptions | false;
}

/** Writes the page. Throws InputError where the place cannot be written. */
export async function writeReport(path: string, input: ReportInput): Promise<void> {
  await writeFileAtomic(path, reportPage(input));
}

/** The page as text: the same input gives the same bytes. */
export function reportPage(input: ReportInput): string {
  const { title = "Evaluation", remarks = [] } = input, packed = packItems(input.rows, input.tasks);
  const sections = sectionsOf(input, packed).filter((section) => section !== undefined);
  const items = gzipSync(JSON.stringify(packed), { level: 9 }).toString("base64");
  const links = sections.map(({ id, title }) => `<a href="#${id}">${escapeText(title)}</a>`).join("\n");
  const body = `<header>
<h1>${escapeText(title)}</h1>
${remarks.map((text) => `<p>${escapeText(text)}</p>`).join("\n")}
<nav aria-label="Sections">${links}</nav>
</header>
<main>
${sections.map(sectionHtml).join("\n")}
</main>`;
  return htmlPage({ title, style: PAGE_STYLE, body, data: { "ual-items": items }, script: pageScript() });
}

function sectionsOf(input: ReportInput, packed: ReturnType<typeof packItems>): (Section | undefined)[] {
  const { scores, comparisons = [], tasks, facts = {}, contamination, figures = [], tables = [] } = input;
  return [
    scoreSection(scores, comparisons),
    comparisons.length ? comparisonSection(comparisons) : undefined,
    ...tables.map((one, i) => tableSection(`table-${i + 1}`, one)),
    figures.length ? figureSection(figures) : undefined,
    input.paper === false ? undefined : paperSection(scores, input.paper ?? {}),
    contaminationSection(contamination),
    settingsSection(tasks, facts),
    explorerSection(packed),
  ];
}

function sectionHtml({ id, title, html }: Section): string {
  return `<section id="${id}" aria-labelledby="${id}-head">\n<h2 id="${id}-head">${
    escapeText(title)
  }</h2>\n${html}\n</section>`;
}
