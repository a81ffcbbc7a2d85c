// The parts of the report page above its items, as HTML with every text escaped.
import type { TaskInfo } from "../item_row.ts";
import { type BesideOptions, besidePaper } from "../paper/beside_paper.ts";
import { NOT_COMPARABLE, PAPER_MISPRINTS } from "../paper/paper_tables.ts";
import { comparisonTable, scoreTable, scoreText, type TextTable } from "../scores/score_table.ts";
import { pointsText } from "../scores/score_text.ts";
import type { ModelComparison, TaskScore } from "../scores/task_score.ts";
import type { PackedItems } from "./item_data.ts";
import { escapeText } from "./item_html.ts";

/** A part of the page. */
export interface Section {
  id: string;
  title: string;
  html: string;
}

/** A drawn figure. */
export interface ReportFigure {
  svg: string;
  alt: string;
  caption?: string;
}

/** A table with its caption, heads of columns and rows. Marks of a verdict get their meaning in words. */
export function tableHtml({ rows, columns, caption }: TextTable): string {
  const heads = columns.map(({ key, label }) => `<th scope="col">${escapeText(label ?? key)}</th>`);
  const lines = rows.map((row) =>
    `<tr>${
      columns.map(({ key }, i) =>
        i === 0
          ? `<th scope="row">${escapeText(row[key] ?? "–")}</th>`
          : `<td>${withMeaning(escapeText(row[key] ?? "–"))}</td>`
      ).join("")
    }</tr>`
  );
  return `<div class="scroll" role="region" aria-label="${
    escapeText(caption.slice(0, 60))
  }" tabindex="0"><table>` +
    `<caption>${escapeText(inWords(caption))}</caption><thead><tr>${heads.join("")}</tr></thead>` +
    `<tbody>\n${lines.join("\n")}\n</tbody></table></div>`;
}

/** Verdicts in words, since not every font has the marks; "≈" with its words for who cannot see it. */
function withMeaning(cell: string): string {
  return inWords(cell).replace(
    /≈$/,
    `<span title="not distinguishable">≈<span class="hidden"> not distinguishable</span></span>`,
  );
}

const inWords = (text: string) => text.replace(/▲( better)?/, "better").replace(/▼( worse)?/, "worse");

/** Models by tasks and groups; every measure of every task behind a click, the released code's among them. */
export function scoreSection(
  scores: readonly TaskScore[],
  comparisons: readonly ModelComparison[],
): Section {
  if (scores.length === 0) return { id: "scores", title: "Scores", html: "<p>No task was scored.</p>" };
  const all = `<details><summary>every measure of every task</summary>${
    tableHtml(measureTable(scores))
  }</details>`;
  return { id: "scores", title: "Scores", html: tableHtml(scoreTable(scores, comparisons)) + all };
}

/** Tasks and measures down, models across. */
function measureTable(scores: readonly TaskScore[]): TextTable {
  const models = [...new Set(scores.map(({ model }) => model))];
  const rows = [...Map.groupBy(scores, ({ task, metric }) => `${task} (${metric})`)].map(([task, own]) => {
    const cells = models.map((model, i) => {
      const score = own.find((one) => one.model === model);
      return [`m${i}`, score ? `${scoreText(score)}, n ${score.n}` : "–"];
    });
    return { task, ...Object.fromEntries(cells) } as Record<string, string>;
  });
  return {
    rows,
    columns: [{ key: "task" }, ...models.map((model, i) => ({ key: `m${i}`, label: model }))],
    caption:
      "Percent ± standard error (95% interval), n items. Measures that begin with released_ are those of the " +
      "paper's released code, which flatter.",
  };
}

/** Paired differences. */
export function comparisonSection(comparisons: readonly ModelComparison[]): Section {
  return { id: "comparisons", title: "Comparisons", html: tableHtml(comparisonTable(comparisons)) };
}

/** A table of the caller's. */
export function tableSection(
  id: string,
  { title, table, note }: { title: string; table: TextTable; note?: string },
): Section {
  return { id, title, html: tableHtml(table) + (note ? `<p class="note">${escapeText(note)}</p>` : "") };
}

/** Figures as images: one's ids are not another's, and a page's style does not reach them. */
export function figureSection(figures: readonly ReportFigure[]): Section {
  const html = figures.map(({ svg, alt, caption }) => {
    const source = new TextEncoder().encode(svg).toBase64();
    return `<figure><img alt="${escapeText(alt)}" src="data:image/svg+xml;base64,${source}">${
      caption ? `<figcaption>${escapeText(caption)}</figcaption>` : ""
    }</figure>`;
  });
  return { id: "figures", title: "Figures", html: html.join("\n") };
}

/** Ours beside the paper's table 2, and what keeps them apart; nothing where no task is of the paper's. */
export function paperSection(scores: readonly TaskScore[], options: BesideOptions): Section | undefined {
  const rows = besidePaper(scores, options);
  if (rows.length === 0) return undefined;
  const points = (value?: number) => value === undefined ? "–" : pointsText(value / 100);
  const table: TextTable = {
    caption: "In percent, ours with its 95% interval; gains over SFT in percentage points.",
    columns: [
      { key: "task" },
      { key: "model" },
      { key: "ours" },
      { key: "gain", label: "our gain" },
      { key: "paper", label: "the paper's" },
      { key: "paperGain", label: "its gain" },
      { key: "paperModel", label: "of" },
    ],
    rows: rows.map((row) => ({
      task: `${row.task} (${row.metric})`,
      model: row.model,
      ours: `${row.ours.toFixed(1)} (${row.low.toFixed(1)} to ${row.high.toFixed(1)})`,
      gain: points(row.gain),
      paper: row.paper?.toFixed(2) ?? "–",
      paperGain: points(row.paperGain),
      paperModel: row.paperModel ?? "–",
    })),
  };
  const notes = [...NOT_COMPARABLE, ...PAPER_MISPRINTS].map((text) => `<li>${escapeText(text)}</li>`);
  return {
    id: "paper",
    title: "Beside the paper's table 2: not comparable",
    html: `${tableHtml(table)}\n<ul>${notes.join("\n")}</ul>`,
  };
}

/** What was found in one set of training data, as summary.json has it. */
export interface ReportContamination {
  /** The data, or the model that was trained on it. */
  training: string;
  /** Words of a run. */
  n: number;
  /** Training examples that were looked at, and those with an overlap. */
  examples: number;
  hit: number;
  tasks: Record<string, { items: number; unchecked: number; hit: number }>;
  seen: readonly { task: string; doc_index: number; example: string; words: string }[];
}

/** Whether training data holds the tasks' texts. */
export function contaminationSection(found: readonly ReportContamination[] = []): Section {
  const none = "<p>Training data was not looked through for the tasks' texts.</p>";
  return {
    id: "decontamination",
    title: "Decontamination",
    html: found.length ? found.map(contaminationHtml).join("\n") : none,
  };
}

function contaminationHtml({ training, n, examples, hit, tasks, seen }: ReportContamination): string {
  const table: TextTable = {
    caption:
      `Items with a run of ${n} words that also stands in the training data (short texts: all of them).`,
    columns: [
      { key: "task" },
      { key: "items" },
      { key: "hit", label: "found" },
      { key: "unchecked", label: "too short to be looked for" },
    ],
    rows: Object.entries(tasks).map(([task, one]) => ({
      task,
      items: String(one.items),
      hit: String(one.hit),
      unchecked: String(one.unchecked),
    })),
  };
  const list = seen.slice(0, 20).map(({ task, doc_index, example, words }) =>
    `<li>${escapeText(`${task} ${doc_index} in ${example}: “${words}”`)}</li>`
  );
  const more = seen.length > list.length ? `<li>and ${seen.length - list.length} more</li>` : "";
  return `<p>${
    escapeText(`${training}: ${hit} of ${examples} training examples share ${n} words with an item.`)
  }</p>${tableHtml(table)}${
    list.length ? `<details><summary>where</summary><ul>${list.join("")}${more}</ul></details>` : ""
  }`;
}

/** Tasks with shots and source, and facts of the run. */
export function settingsSection(tasks: readonly TaskInfo[], facts: Record<string, string>): Section {
  const entries = Object.entries(facts).map(([name, value]) =>
    `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`
  );
  const table: TextTable = {
    caption: "What was asked. Shots: worked examples before the question.",
    columns: [{ key: "task" }, { key: "shots" }, { key: "settings" }, { key: "source" }, { key: "measures" }],
    rows: tasks.map(({ task, shots, settings, source, metrics }) => ({
      task,
      shots: String(shots),
      settings,
      source,
      measures: metrics.join(", "),
    })),
  };
  const list = tableHtml(table);
  return {
    id: "settings",
    title: "Settings",
    html: (entries.length ? `<dl>${entries.join("\n")}</dl>` : "") +
      (tasks.length > 15 ? `<details><summary>${tasks.length} tasks</summary>${list}</details>` : list),
  };
}

/** The filters and the empty list; page_script.ts fills it. */
export function explorerSection({ models, tasks, items }: PackedItems): Section {
  const option = (value: string, text: string) =>
    `<option value="${escapeText(value)}">${escapeText(text)}</option>`;
  const select = (id: string, label: string, options: string[]) =>
    `<label>${label}<select id="ual-${id}">${options.join("")}</select></label>`;
  const groups = [...new Set(tasks.flatMap(({ group }) => group ? [group] : []))];
  const html = `<p class="note">A model is right where the task's first measure is 0.5 or more.</p>
<noscript><p>The items are shown by a script, which does not run here.</p></noscript>
<div role="search" class="filters">
${
    select("task", "task", [
      option("", "all tasks"),
      ...groups.map((group) => option(group, `${group}: all`)),
      ...tasks.map(({ task }) => option(task, task)),
    ])
  }
${
    select("outcome", "outcome", [
      option("", "any"),
      option("right", "right"),
      option("wrong", "wrong"),
      option("differ", "models differ"),
    ])
  }
${select("model", "of", [option("", "every model"), ...models.map((model) => option(model, model))])}
<label>text<input type="search" id="ual-text" autocomplete="off"></label>
</div>
<p id="ual-count" role="status">${items.length} items</p>
<div id="ual-list"></div>
<p class="pages"><button type="button" id="ual-earlier" disabled>earlier</button>
<button type="button" id="ual-later" disabled>later</button></p>`;
  return { id: "items", title: "Items", html };
}
