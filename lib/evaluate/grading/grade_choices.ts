// What tasks of choices share: an item with one context for all choices, and its grading as the harness does it.
import { codePoints } from "../harness/python_text.ts";
import type { ChoiceAnswer, ChoiceItem, GenerationAnswer, Grade, Item, ItemBody } from "../task.ts";

/** An item whose choices follow one context, each after a space. */
export function choiceItem(
  context: string,
  choices: string[],
  gold: number,
  about: { question: string } & Pick<ChoiceItem, "id" | "cluster" | "labels">,
): ItemBody {
  const continuations = choices.map((choice) => ` ${choice}`);
  return { kind: "choice", ...about, contexts: [context], choices, continuations, gold };
}

/** numpy's argmax: the first of the largest, or the first NaN. Throws RangeError for an empty list. */
export function argmax(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the argmax of nothing: give at least one value");
  let best = 0;
  for (let i = 0; i < values.length && !Number.isNaN(values[best]); i++) {
    if (values[i] > values[best] || Number.isNaN(values[i])) best = i;
  }
  return best;
}

/** A choice item with its answer. Throws TypeError for another kind. */
export function asChoices(
  item: Item,
  answer: ChoiceAnswer | GenerationAnswer,
): { item: ChoiceItem; loglikelihoods: number[] } {
  if (item.kind === "choice" && "loglikelihoods" in answer) {
    return { item, loglikelihoods: answer.loglikelihoods };
  }
  throw new TypeError("internal: only a choice item with log-likelihoods can be graded here");
}

/**
 * acc: whether the likeliest choice is the gold one; acc_norm: the same with each log-likelihood divided by its choice's
 * length in code points, without the space in front (lm-evaluation-harness, api/task.py, process_results).
 */
export function gradeChoices(
  item: Item,
  answer: ChoiceAnswer | GenerationAnswer,
  metrics: readonly ("acc" | "acc_norm")[],
): Grade {
  const { item: { choices, gold }, loglikelihoods } = asChoices(item, answer);
  const values = {
    acc: () => loglikelihoods,
    acc_norm: () => loglikelihoods.map((ll, i) => ll / codePoints(choices[i])),
  };
  return {
    metrics: Object.fromEntries(metrics.map((name) => [name, Number(argmax(values[name]()) === gold)])),
  };
}
