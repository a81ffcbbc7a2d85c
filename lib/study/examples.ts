// Worked examples for the notebooks: a loss by hand, what of a dialogue is learnt, texts side by side. Small and slow on
// purpose; what training runs is lib/train.
import * as tf from "@tensorflow/tfjs";
import type { Example } from "../data/mod.ts";
import { f32, i32, type Params, runEager, type TensorData, valueAndGrads } from "../jit/mod.ts";
import {
  type EncodeOptions,
  initLora,
  type LoraConfig,
  loraModules,
  type Model,
  type Sequence,
  targetCount,
  toSequences,
} from "../model/mod.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { type Bundle, escapeHtml } from "../show/mod.ts";
import type { Answer } from "./stages.ts";
import { smoothedCrossEntropy } from "../train/loss.ts";
import type { Mapping } from "../uncertainty/mod.ts";

/** The target distribution over `classes`: 1 − s on class `y`, s/(K − 1) on every other. */
export function smoothedTarget(classes: number, y: number, s: number): number[] {
  return Array.from({ length: classes }, (_, j) => j === y ? 1 - s : s / (classes - 1));
}

/** Softmax of logits. */
export function softmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits), raised = logits.map((z) => Math.exp(z - top));
  const total = raised.reduce((a, b) => a + b, 0);
  return raised.map((e) => e / total);
}

/** The smoothed cross-entropy as it is defined: −Σ_j q_j · log p_j, in nats. */
export function lossByDefinition(logits: readonly number[], y: number, s: number): number {
  const q = smoothedTarget(logits.length, y, s), p = softmax(logits);
  return -q.reduce((sum, qj, j) => sum + qj * Math.log(p[j]), 0);
}

/**
 * The loss that training minimises, run eagerly on tf.js's cpu backend for one position: its closed form, the plain negative
 * log-likelihood, and the gradient in the logits, which is p − q. The projection is the identity, so logits are the input.
 */
export async function lossByTraining(
  logits: readonly number[],
  y: number,
  s: number,
): Promise<{ loss: number; nll: number; gradient: number[] }> {
  const K = logits.length;
  const head = f32([K, K], Array.from({ length: K * K }, (_, i) => i % (K + 1) === 0 ? 1 : 0));
  const program = valueAndGrads(({ params, data }) => {
    const [x, head] = [params.x, data.head] as tf.Tensor2D[];
    const [targets, smoothing] = [data.y, data.s] as tf.Tensor1D[];
    const { loss, nll } = smoothedCrossEntropy(x, head, targets, smoothing);
    return { value: loss.sum().asScalar(), nll };
  });
  const args = { params: { x: f32([1, K], logits) }, data: { head, y: i32([1], [y]), s: f32([1], [s]) } };
  const out = await quietly(() => runEager(program, args));
  const first = (tensor: unknown) => (tensor as TensorData).data[0];
  return {
    loss: first(out.value),
    nll: first(out.nll),
    gradient: Array.from((out.grads as Params).x.data),
  };
}

/** tf.js advertises its native addon at the first use of the cpu backend: not in a notebook. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const before = tf.env().getBool("PROD");
  tf.env().set("PROD", true);
  try {
    return await work();
  } finally {
    tf.env().set("PROD", before);
  }
}

/** How much there is to learn from in some sets of dialogues: one row a set. */
export function setSizes(
  model: Model,
  sets: Record<string, readonly Example[]>,
  options: EncodeOptions,
): Record<string, string | number>[] {
  return Object.entries(sets).map(([set, examples]) => {
    const { sequences, truncated } = toSequences(model, examples, options);
    const sum = (count: (one: Sequence) => number) => sequences.reduce((all, one) => all + count(one), 0);
    const tokens = sum(({ ids }) => ids.length);
    const dialogues = sequences.length, cut = truncated.length;
    return { set, dialogues, tokens, "answer tokens": sum(targetCount), "cut at the context": cut };
  });
}

/** The numbers of an adapter beside its model's. */
export function adapterSize(model: Model, lora: LoraConfig): Record<string, number> {
  const adapter = Object.values(initLora(model.config, lora, 0));
  const trainable = adapter.reduce((sum, { data }) => sum + data.length, 0);
  const weights = [...model.weights.tensors.values()];
  const all = weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return {
    "adapted projections": loraModules(model.config, lora).length,
    "trained numbers": trainable,
    "numbers in the model": all,
    "share in %": 100 * trainable / all,
  };
}

/** The arithmetic mean; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0) / values.length;
}

/** The samples of a mapping as rows, in their order. */
export function mappedRows(
  examples: readonly Example[],
  { smoothing }: Mapping,
): { id: string; uncertainty: number; smoothing: number }[] {
  return examples.map(({ id, uncertainty }, i) => ({
    id,
    uncertainty: uncertainty ?? NaN,
    smoothing: smoothing[i],
  }));
}

/** The error that `work` throws, as text; says so where it throws none. */
export function errorOf(work: () => unknown): string {
  try {
    work();
    return "no error";
  } catch (error) {
    return `${error instanceof Error ? error.name : "Error"}: ${messageOf(error)}`;
  }
}

/** The dialogues with these ids. Throws InputError for one that is not there. */
export function pick(examples: readonly Example[], ...ids: string[]): Example[] {
  return ids.map((id) => {
    const found = examples.find((e) => e.id === id);
    if (found) return found;
    const some = examples.slice(0, 3).map((e) => e.id).join(", ");
    throw new InputError(
      `Cannot pick dialogue ${id}: it is not among the ${examples.length} given; they are ${some} …`,
    );
  });
}

/** Dialogues beside each other, with what they were rated and why. */
export function dialogues(examples: readonly Example[]): Bundle {
  const heads = examples.map((e) => `${e.category ?? e.id}, rated ${e.uncertainty}`);
  const text = (e: Example) => e.turns.map(({ role, content }) => `${role}: ${content}`).join("\n\n");
  return textGrid(heads, [
    ["dialogue", ...examples.map(text)],
    ["why this rating", ...examples.map((e) => e.reason ?? "")],
  ]);
}

/** What each model answered, a row a model, beside the data's own answer in the last row. */
export function answerGrid(asked: readonly Example[], answers: readonly Answer[]): Bundle {
  const rated = ({ uncertainty }: Example) => uncertainty === undefined ? "" : `rated ${uncertainty}: `;
  const heads = asked.map((e) => rated(e) + e.turns.at(-2)!.content);
  const methods = [...new Set(answers.map(({ method }) => method))];
  const text = (method: string, id: string) => {
    const found = answers.find((a) => a.method === method && a.id === id);
    return found ? found.text + (found.finished ? "" : " …") : "";
  };
  return textGrid(heads, [
    ...methods.map((method) => [method, ...asked.map(({ id }) => text(method, id))]),
    ["the data's answer", ...asked.map((e) => e.turns.at(-1)!.content)],
  ]);
}

const CELL = "text-align:left;vertical-align:top;white-space:pre-wrap;min-width:6em;max-width:27em";

/** Long texts as a table: lines kept, columns of equal width. Each row starts with its label. */
function textGrid(heads: string[], rows: string[][]): Bundle {
  const cells = (tag: "td" | "th", texts: string[], scope = "") =>
    texts.map((text) => `<${tag}${scope} style="${CELL}">${escapeHtml(text)}</${tag}>`).join("");
  const body = rows.map(([label, ...texts]) =>
    `<tr>${cells("th", [label], ' scope="row"')}${cells("td", texts)}</tr>`
  );
  const head = cells("td", [""]) + cells("th", heads, ' scope="col"');
  const plain = rows.flatMap(([label, ...texts]) =>
    texts.map((text, i) => `${heads[i]} · ${label}\n${text}`)
  );
  return {
    "text/html": `<table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table>`,
    "text/plain": plain.join("\n\n"),
  };
}

/** A tokenised dialogue as the model reads it; what is learnt is shaded (in plain text: between ⟦ and ⟧). */
export function learntText(model: Model, { ids, supervised }: Sequence): Bundle {
  const parts: { learnt: boolean; ids: number[] }[] = [];
  ids.forEach((id, i) => {
    const learnt = supervised[i] === 1;
    if (parts.at(-1)?.learnt !== learnt) parts.push({ learnt, ids: [] });
    parts.at(-1)!.ids.push(id);
  });
  const texts = parts.map((part) => ({ ...part, text: model.tokenizer.decode(part.ids) }));
  const shade = "background:#cfe3f5;color:#000";
  const html = texts.map(({ learnt, text }) =>
    learnt ? `<span style="${shade}">${escapeHtml(text)}</span>` : escapeHtml(text)
  );
  return {
    "text/html": `<pre style="white-space:pre-wrap">${html.join("")}</pre>`,
    "text/plain": texts.map(({ learnt, text }) => learnt ? `⟦${text}⟧` : text).join(""),
  };
}
