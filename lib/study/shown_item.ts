// One item of a benchmark as the model meets it: the prompt, where a choice's tokens begin, its scores.
import type { ItemRow } from "../evaluate/item_row.ts";
import type { ChoiceItem, OpenTask } from "../evaluate/mod.ts";
import { PairEncoder } from "../evaluate/harness/pair_encoder.ts";
import type { Model, Tokenizer } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { type Bundle, escapeHtml } from "../show/mod.ts";

/** An item that is weighed by its choices. Throws InputError for a task or a place that has none. */
export function choiceItem(tasks: readonly OpenTask[], name: string, place = 0): ChoiceItem {
  const item = tasks.find(({ task }) => task.name === name)?.items[place];
  if (item?.kind === "choice") return item;
  const known = tasks.filter(({ items }) => items[0].kind === "choice").map(({ task }) => task.name);
  throw new InputError(
    `Cannot show item ${place} of ${name}: there is none with choices; take one of ${known.join(", ")}`,
  );
}

/** The prompt of an item as it is, each choice shaded after it (in plain text: between ⟦ and ⟧). */
export function promptText({ contexts, continuations }: ChoiceItem): Bundle {
  const shade = "background:#cfe3f5;color:#000";
  const html = continuations.map((text, i) => {
    const context = contexts.length > 1 || i === 0 ? escapeHtml(contexts[i] ?? contexts[0]) : "";
    return `${context}<span style="${shade}">${escapeHtml(text)}</span>`;
  });
  const plain = continuations.map((text, i) =>
    `${contexts.length > 1 || i === 0 ? contexts[i] ?? contexts[0] : ""}⟦${text}⟧`
  );
  return {
    "text/html": `<pre style="white-space:pre-wrap">${html.join("\n")}</pre>`,
    "text/plain": plain.join("\n"),
  };
}

/**
 * One row a choice: the last tokens of the context, ‖, the choice's own tokens, "·" between two; with a row of scores its
 * log-likelihood in nats, that per code point, and which is right. `tail` tokens of the context are shown.
 */
export function boundaryRows(
  { tokenizer }: Pick<Model, "tokenizer">,
  { contexts, continuations, choices, gold }: ChoiceItem,
  { row, tail = 3 }: { row?: ItemRow; tail?: number } = {},
): Record<string, string | number>[] {
  const encoder = new PairEncoder(tokenizer);
  return continuations.map((text, i) => {
    const { context, continuation } = encoder.pair(contexts[i] ?? contexts[0], text);
    const score = row?.loglikelihoods?.[i], length = [...choices[i]].length;
    return {
      "context ‖ choice": `… ${tokens(tokenizer, context.slice(-tail))} ‖ ${tokens(tokenizer, continuation)}`,
      tokens: continuation.length,
      ...(score === undefined
        ? {}
        : { "log-likelihood": score, "code points": length, "per code point": score / length }),
      right: i === gold ? "✓" : "",
    };
  });
}

/** Each token's text, with what cannot be seen made visible. */
const tokens = (tokenizer: Tokenizer, ids: readonly number[]) =>
  ids.map((id) => tokenizer.decode([id]).replaceAll("\n", "⏎").replaceAll(" ", "␣")).join("·");

/** The rows of one item, by model. */
export function rowsOfItem(
  rows: readonly ItemRow[],
  task: string,
  docIndex: number,
): Record<string, ItemRow> {
  const own = rows.filter((row) => row.task === task && row.doc_index === docIndex);
  return Object.fromEntries(own.map((row) => [row.model, row]));
}
