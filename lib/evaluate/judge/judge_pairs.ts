// Pairs of answers judged: shown in one order or both, preferences read strictly, failures never guessed at.
// The transport (limits, retries, ledger, budget) is lib/chat; the folder of a run is judge_stage.ts.
import {
  type BatchOptions,
  type Chat,
  type ChatAnswer,
  type ChatFailure,
  type ChatTask,
  completeAll,
  type CostEstimate,
} from "../../chat/mod.ts";
import { InputError } from "../../run/errors.ts";
import { PythonRandom } from "../harness/python_random.ts";
import { hasMarks } from "./alpaca_prompt.ts";
import type { Annotator } from "./annotators.ts";
import type { Pair } from "./model_outputs.ts";

/** How pairs are shown: in one order, drawn as alpaca_eval does; or in both, the preference being the mean. */
export type ShownOrder = "random" | "both";

/** How to judge. */
export interface JudgePairsOptions {
  annotator: Annotator;
  /** Default "random". */
  order?: ShownOrder;
  /** Of the drawn order; default 0, as alpaca_eval's. */
  seed?: number;
  /** Ends the calls under way too. */
  signal?: AbortSignal;
  /** Starts no further call and lets those under way come to their end, which is kept. */
  stopping?: AbortSignal;
  /** Ask through OpenAI's Batch API: half the price, within a day. */
  batch?: BatchOptions;
  /** Told of each pair as it is judged. */
  onAnnotation?: (annotation: Annotation, done: number, total: number) => void | Promise<void>;
}

/** One time that a pair was shown. */
export interface Showing {
  /** Whether the model's answer came first. */
  switched: boolean;
  /** 1 to 2, 1 for the reference's answer, whatever the order was; null where the judge gave none. */
  preference: number | null;
  /** Why there is none. */
  failed?: string;
  /** The answer as alpaca_eval stores it. */
  raw?: unknown;
  /** USD, where there is a price. */
  price?: number;
  /** Whether it came from the ledger. */
  cached?: boolean;
  /** The ledger's key. */
  key: string;
}

/** A pair with a judge's preference. */
export interface Annotation extends Pair {
  annotator: string;
  /** The judge's model. */
  judge: string;
  /** 1: the first (the reference's) is better, 2: the second, 1.5: a draw; null: none, see `failed`. */
  preference: number | null;
  failed?: string;
  /** One, or two in both orders; none where the answers are identical. */
  showings: Showing[];
}

/** Where an endpoint refuses so many questions and has answered none, it will refuse them all. */
const HOPELESS = 10;

/**
 * A preference for each pair, in their order. Identical answers are a draw without a call. In both orders a pair has a
 * preference only where both came. The same call again takes what the chat's ledger has and asks the rest.
 * Throws InputError for no pairs and where the endpoint refuses everything; what would end every call: a fatal
 * ChatFailure, BudgetReached, a signal's reason.
 */
export async function judgePairs(
  pairs: readonly Pair[],
  chat: Chat,
  options: JudgePairsOptions,
): Promise<Annotation[]> {
  const { annotator, onAnnotation, order = "random" } = options, shown = order === "both" ? 2 : 1;
  const showings: Showing[][] = pairs.map(() => []), annotations: Annotation[] = new Array(pairs.length);
  let done = 0;
  const finish = async (at: number) => {
    annotations[at] = annotationOf(pairs[at], showings[at], {
      annotator: annotator.name,
      judge: chat.endpoint.model,
    });
    await onAnnotation?.(annotations[at], ++done, pairs.length);
  };
  const tasks = questions(pairs, options), hope = hopeful();
  for (const [at, pair] of pairs.entries()) if (pair.output_1 === pair.output_2) await finish(at);
  for await (const { tag: { at, switched }, answer, failure } of outcomes(chat, tasks, options)) {
    hope(failure);
    const key = chat.key({
      messages: annotator.prompt.messages(asShown(pairs[at], switched)),
      ...annotator.parameters,
    });
    showings[at].push(showing(answer ?? failure!, { annotator, switched, key }));
    if (showings[at].length === shown) await finish(at);
  }
  return annotations;
}

/** What judgePairs() would cost at most, before the first call. */
export async function judgeCost(
  pairs: readonly Pair[],
  chat: Chat,
  options: JudgePairsOptions,
): Promise<CostEstimate> {
  return await chat.estimate(questions(pairs, options));
}

/** Whether alpaca_eval shows the model's answer first: random.Random("is_switched_outputs" + instruction + seed). */
export function isSwitched(instruction: string, seed = 0): boolean {
  return new PythonRandom(`is_switched_outputs${instruction}${seed}`).random() >= 0.5;
}

/** How many pairs hold marks of chat templates, which are shown with a space in them (alpaca_eval would cut the prompt there). */
export const withMarks = (pairs: readonly Pair[]): number =>
  pairs.filter((pair) => [pair.instruction, pair.output_1, pair.output_2].some(hasMarks)).length;

interface Tag {
  /** The pair's place. */
  at: number;
  switched: boolean;
}

const asShown = ({ instruction, output_1, output_2 }: Pair, switched: boolean) =>
  switched ? { instruction, output_1: output_2, output_2: output_1 } : { instruction, output_1, output_2 };

/** The questions, made one at a time as they are asked. */
function questions(
  pairs: readonly Pair[],
  { annotator, order = "random", seed = 0, stopping }: JudgePairsOptions,
): Iterable<ChatTask<Tag>> {
  if (pairs.length === 0) throw new InputError("Cannot judge 0 pairs: give at least one");
  return {
    *[Symbol.iterator]() {
      for (const [at, pair] of pairs.entries()) {
        if (pair.output_1 === pair.output_2) continue;
        const orders = order === "both" ? [false, true] : [isSwitched(pair.instruction, seed)];
        for (const switched of orders) {
          stopping?.throwIfAborted();
          const messages = annotator.prompt.messages(asShown(pair, switched));
          yield { tag: { at, switched }, request: { messages, ...annotator.parameters } };
        }
      }
    },
  };
}

function outcomes(
  chat: Chat,
  tasks: Iterable<ChatTask<Tag>>,
  { batch, signal, stopping }: JudgePairsOptions,
) {
  if (!batch) return completeAll(chat, tasks, { signal });
  const signals = [batch.signal, signal, stopping].filter((s) => s !== undefined);
  return chat.batch(tasks, { ...batch, signal: AbortSignal.any(signals) });
}

function showing(
  came: ChatAnswer | ChatFailure,
  { annotator, switched, key }: { annotator: Annotator; switched: boolean; key: string },
): Showing {
  if (came instanceof Error) return { switched, preference: null, failed: came.message, key };
  const read = annotator.read(came), raw = annotator.raw(came);
  const rest = { raw, ...(came.cost === undefined ? {} : { price: came.cost }), cached: came.cached, key };
  if ("flaw" in read) {
    const start = JSON.stringify(came.text.trim().slice(0, 80).replace(/[\ud800-\udbff]$/, ""));
    return { switched, preference: null, failed: `unusable (${read.flaw}): ${start}`, ...rest };
  }
  return { switched, preference: switched ? 3 - read.preference : read.preference, ...rest };
}

function annotationOf(pair: Pair, all: Showing[], by: { annotator: string; judge: string }): Annotation {
  const showings = all.toSorted((a, b) => Number(a.switched) - Number(b.switched));
  const failed = showings.find(({ failed }) => failed !== undefined)?.failed;
  const same = showings.length === 0;
  const preference = same
    ? 1.5
    : failed === undefined
    ? showings.reduce((sum, { preference }) => sum + preference!, 0) / showings.length
    : null;
  return { ...pair, ...by, preference, ...(failed === undefined ? {} : { failed }), showings };
}

/** Watches for an endpoint that refuses everything. */
function hopeful(): (failure: ChatFailure | undefined) => void {
  let refusals = 0, hope = false;
  return (failure) => {
    if (failure?.kind !== "refused") hope = true;
    if (hope || ++refusals < HOPELESS) return;
    throw new InputError(
      `Cannot judge: the endpoint refused each of the first ${refusals} questions (${
        failure!.message
      }); where it takes ` +
        "no log-probabilities, use the annotator alpaca_eval_gpt4",
    );
  };
}
