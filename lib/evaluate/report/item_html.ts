// One item as HTML, every text escaped: in notebooks, and in the report page, which carries these functions.
// They therefore use nothing from outside but each other.

/** An item with each model's answer to it. */
export interface ItemView {
  task: string;
  /** The row in the source file, from 0. */
  doc: number;
  id?: string;
  question: string;
  choices?: string[];
  gold?: number;
  labels?: number[];
  target?: string;
  /** The measure that decides what is right: the task's first. */
  metric: string;
  answers: AnswerView[];
}

/** One model's answer. */
export interface AnswerView {
  model: string;
  loglikelihoods?: number[];
  /** By name, in the task's order. */
  measures: [string, number | null][];
  generated?: string;
  extracted?: [string, string][];
  /** Tokens cut off in front. */
  truncated: number;
}

/** The functions that itemHtml() needs, in source: for a page's script. */
export const ITEM_HTML_SOURCE = (): string =>
  [
    escapeText,
    numberText,
    hitText,
    choiceScores,
    sharesOf,
    choiceCell,
    choicesHtml,
    generatedHtml,
    measuresHtml,
    itemHtml,
  ].map(String).join("\n");

/** Text made safe inside HTML, in attributes too. */
export function escapeText(text: string): string {
  return String(text).replace(/[&<>"']/g, (c) => "&#" + c.charCodeAt(0) + ";");
}

/** Three decimals at most, with a typographic minus. */
export function numberText(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return String(Math.round(value * 1000) / 1000).replace("-", "−");
}

/** Right is a first measure of 0.5 and more (mc2 is a probability). */
export function hitText(measure: number | null | undefined): string {
  if (measure === null || measure === undefined) return "not known";
  return measure >= 0.5 ? "right" : "wrong";
}

/** What the choice is made by: log-likelihoods, for acc_norm per code point of the choice. */
export function choiceScores(loglikelihoods: number[], choices: string[], metric: string): number[] {
  if (metric !== "acc_norm") return loglikelihoods;
  return loglikelihoods.map((logp, i) => logp / Math.max(1, [...choices[i]].length));
}

/** The softmax of scores. */
export function sharesOf(scores: number[]): number[] {
  const largest = Math.max(...scores), parts = scores.map((score) => Math.exp(score - largest));
  const total = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / total);
}

/** One choice under one model: log-likelihood, share as number and bar, and whether it was picked. */
export function choiceCell(answer: AnswerView, choices: string[], metric: string, choice: number): string {
  if (!answer.loglikelihoods) return "<td>–</td>";
  const scores = choiceScores(answer.loglikelihoods, choices, metric), share = sharesOf(scores)[choice];
  const picked = metric !== "mc2" && scores.indexOf(Math.max(...scores)) === choice;
  const bar = `<span aria-hidden="true" style="display:inline-block;height:0.6em;width:${
    Math.max(1, Math.round(48 * share))
  }px;background:#0072b2;margin:0 0.4em"></span>`;
  return `<td style="text-align:left;white-space:nowrap">${numberText(answer.loglikelihoods[choice])}${bar}${
    (100 * share).toFixed(0)
  }%${picked ? " <b>picked</b>" : ""}</td>`;
}

/** Choices by models. */
export function choicesHtml({ choices = [], gold, labels, metric, answers }: ItemView): string {
  const right = (i: number) => labels ? labels[i] === 1 : i === gold;
  const heads = answers.map((one) =>
    `<th scope="col" style="text-align:left">${escapeText(one.model)}: ${hitText(one.measures[0]?.[1])}</th>`
  );
  const rows = choices.map((text, i) =>
    `<tr><th scope="row" style="text-align:left;font-weight:${right(i) ? "bold" : "normal"}">${
      escapeText(text)
    }${right(i) ? " (right)" : ""}</th>${
      answers.map((answer) => choiceCell(answer, choices, metric, i)).join("")
    }</tr>`
  );
  const of = metric === "acc_norm" ? "log-likelihoods per code point" : "log-likelihoods";
  return `<table><caption style="text-align:left">Log-likelihood of each choice in nats; share: softmax of the ${of}.</caption>` +
    `<thead><tr><th scope="col" style="text-align:left">choice</th>${heads.join("")}</tr></thead><tbody>${
      rows.join("")
    }</tbody></table>`;
}

/** The right answer and each model's text with what was extracted from it. */
export function generatedHtml({ target = "", answers }: ItemView): string {
  const pre = (text: string) =>
    `<pre style="white-space:pre-wrap;text-align:left;margin:0.2em 0 0.6em">${escapeText(text) || " "}</pre>`;
  const parts = answers.map((answer) => {
    const found = (answer.extracted ?? []).map(([name, text]) =>
      `${escapeText(name)}: <code>${escapeText(text)}</code>`
    );
    return `<p style="margin:0.4em 0 0"><b>${escapeText(answer.model)}: ${
      hitText(answer.measures[0]?.[1])
    }</b>; ${found.join(", ")}</p>${pre(answer.generated ?? "")}`;
  });
  return `<p style="margin:0.4em 0 0"><b>right answer</b></p>${pre(target)}${parts.join("")}`;
}

/** All measures of all models, and tokens that were cut off. */
export function measuresHtml({ answers }: ItemView): string {
  const lines = answers.map((answer) => {
    const all = answer.measures.map(([name, value]) => `${escapeText(name)} ${numberText(value)}`);
    const cut = answer.truncated > 0 ? `; ${answer.truncated} tokens cut off in front` : "";
    return `<li>${escapeText(answer.model)}: ${all.join(", ")}${cut}</li>`;
  });
  return `<ul style="margin:0.4em 0">${lines.join("")}</ul>`;
}

/** The whole item, without its heading. */
export function itemHtml(view: ItemView): string {
  const question = `<pre style="white-space:pre-wrap;text-align:left">${escapeText(view.question)}</pre>`;
  const id = view.id ? `<p style="margin:0.4em 0">id <code>${escapeText(view.id)}</code></p>` : "";
  const answers = view.choices ? choicesHtml(view) : generatedHtml(view);
  return question + id + answers + measuresHtml(view);
}
