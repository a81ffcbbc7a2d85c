// Ratings from a judge: every example asked about, answers parsed strictly, one re-ask, then rated or failed, never guessed.
// The transport (limits, retries, ledger, budget) is lib/chat; the folder of a run is elicit_stage.ts.
import {
  type BatchOptions,
  type Chat,
  type ChatAnswer,
  ChatFailure,
  type ChatRequest,
  type ChatTask,
  type CostEstimate,
  inParallel,
} from "../chat/mod.ts";
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import { expectedRating } from "./expected_rating.ts";
import { bundledPrompt, defused, judgeMessages, type JudgePrompt } from "./judge_prompt.ts";
import { type ParsedAnswer, parseRating } from "./parse_rating.ts";
import { type RatingRow, ratingRow, type RepeatedRating } from "./ratings_file.ts";

/** How a judge is asked. */
export interface QuestionOptions {
  /** Default: the bundled prompt that asks for the number alone. */
  prompt?: JudgePrompt;
  /** Independent answers to each question; default 1. */
  repeats?: number;
  /** Default 0, as in the paper. null leaves it to the endpoint: some models take none. */
  temperature?: number | null;
  /** Default 0.9, as in the paper. null leaves it to the endpoint. */
  topP?: number | null;
  /** The most tokens of an answer. Default: the prompt's. A judge that thinks first needs more. */
  maxTokens?: number;
  /** Ask for log-probabilities, from which the expected rating comes; default true. Some models give none. */
  logprobs?: boolean;
  /** Longer dialogues are not sent but recorded as failed; default 200,000 characters. */
  maxCharacters?: number;
}

/** How to elicit. */
export interface ElicitOptions extends QuestionOptions {
  /** Ends the calls under way too. */
  signal?: AbortSignal;
  /** Starts no further call and lets those under way come to their end, which is kept. */
  stopping?: AbortSignal;
  /** Ask through OpenAI's Batch API: half the price, within a day; the re-asks are a second batch. */
  batch?: BatchOptions;
  /** Told of each example as it is rated or has failed. */
  onRating?: (row: RatingRow, done: number, total: number) => void | Promise<void>;
}

/** Where an answer ends that a prompt has begun: as many as OpenAI's API takes. */
const START_STOPS = [".", ",", ":", "\n"];

/** How many of the likeliest tokens are asked for at each place: the most that OpenAI gives. */
const TOP = 20;

/** Where an endpoint refuses so many questions and has answered none, it will refuse them all. */
const HOPELESS = 10;

/**
 * A row for each example, in their order: rated, or failed with the reason. A malformed answer is asked about once more, with
 * what was wrong with it. The same call again takes what the chat's ledger has and asks the rest.
 * Throws InputError before the first call for examples that cannot be sent (an id twice, half a surrogate pair) and where the
 * endpoint refuses everything; what would end every call: a fatal ChatFailure, BudgetReached, a signal's reason.
 */
export async function elicit(
  examples: readonly Example[],
  chat: Chat,
  options: ElicitOptions = {},
): Promise<RatingRow[]> {
  const { onRating, repeats = 1 } = options, prompt = options.prompt ?? await bundledPrompt();
  const { tasks, refused } = questions(examples, { ...options, prompt });
  const found: RepeatedRating[][] = examples.map(() => []);
  const rows: RatingRow[] = new Array(examples.length);
  let done = 0;
  const finish = async (at: number, repeated: RepeatedRating[]) => {
    rows[at] = ratingRow(examples[at].id, repeated, { judge: chat.endpoint.model, prompt: prompt.hash });
    await onRating?.(rows[at], ++done, examples.length);
  };
  for (const [at, failed] of refused) await finish(at, [{ asked: 0, failed }]);
  const outcomes = options.batch ? inBatches(chat, tasks, options) : inLanes(chat, tasks, options);
  const hope = hopeful();
  for await (const { tag: { at, repeat }, settled } of outcomes) {
    hope(settled);
    found[at][repeat] = settled.rating;
    if (found[at].filter(Boolean).length === repeats) await finish(at, found[at]);
  }
  return rows;
}

/** What elicit() would cost at most, before the first call; re-asks are not counted. */
export async function elicitCost(
  examples: readonly Example[],
  chat: Chat,
  options: QuestionOptions = {},
): Promise<CostEstimate> {
  const prompt = options.prompt ?? await bundledPrompt();
  return await chat.estimate(questions(examples, { ...options, prompt }).tasks);
}

/** One of an example's repeats. */
interface Tag {
  /** The example's place. */
  at: number;
  repeat: number;
}

/** The questions, made one at a time as they are asked, and the places of the examples that are too long with the reason. */
function questions(examples: readonly Example[], options: ElicitOptions & { prompt: JudgePrompt }) {
  const { prompt, repeats = 1, maxCharacters = 200_000, stopping } = options;
  if (!Number.isSafeInteger(repeats) || repeats < 1) {
    throw new InputError(`Cannot ask ${repeats} times about each dialogue: give a whole number from 1 on`);
  }
  checkExamples(examples);
  const refused = new Map<number, string>();
  for (const [at, { turns }] of examples.entries()) {
    const length = turns.reduce((sum, { content }) => sum + content.length, 0);
    if (length <= maxCharacters) continue;
    refused.set(at, `too long for a judge: ${length} characters, the limit is ${maxCharacters}`);
  }
  function* tasks(): Generator<ChatTask<Tag>> {
    for (const [at, { turns }] of examples.entries()) {
      if (refused.has(at)) continue;
      const request = questionOf(judgeMessages(prompt, turns), options);
      stopping?.throwIfAborted();
      for (let repeat = 0; repeat < repeats; repeat++) yield { tag: { at, repeat }, request, repeat };
    }
  }
  return { refused, tasks: { [Symbol.iterator]: tasks } };
}

function questionOf(
  messages: ChatRequest["messages"],
  { prompt, temperature = 0, topP = 0.9, maxTokens, logprobs = true }: QuestionOptions,
): ChatRequest {
  return {
    messages,
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { topP }),
    maxTokens: maxTokens ?? prompt!.maxTokens,
    ...(prompt!.start ? { stop: START_STOPS } : {}),
    ...(logprobs ? { logprobs, topLogprobs: TOP } : {}),
  };
}

/** Throws InputError for no examples, an id twice, an example without turns, and text that is no Unicode. */
function checkExamples(examples: readonly Example[]): void {
  if (examples.length === 0) throw new InputError("Cannot rate 0 dialogues: give at least one");
  const places = new Map<string, number>();
  for (const [at, { id, turns }] of examples.entries()) {
    const fail = (what: string, remedy: string): never => {
      throw new InputError(
        `Cannot rate dialogue ${at + 1} ("${String(id).slice(0, 60)}"): ${what}; ${remedy}`,
      );
    };
    if (typeof id !== "string" || id === "") fail("it has no id", "give each one of its own");
    if (places.has(id)) {
      fail(`its id is that of dialogue ${places.get(id)! + 1} too`, "give each one of its own");
    }
    places.set(id, at);
    if (!Array.isArray(turns) || turns.length === 0) fail("it has no turns", "give at least one");
    for (const { content } of turns) {
      if (typeof content !== "string") fail(`a turn's content is ${content}`, "give a text");
      if (!content.isWellFormed()) fail("it holds half of a surrogate pair", "correct the text");
    }
  }
}

/** What became of one question. */
interface Settled {
  rating: RepeatedRating;
  /** Set where the endpoint would not take it. */
  refusal?: string;
}

/** Asks live, as many at once as the chat's limit keeps busy. */
function inLanes(chat: Chat, tasks: Iterable<ChatTask<Tag>>, { signal }: ElicitOptions) {
  return inParallel(tasks, 2 * chat.concurrency, async ({ tag, request, repeat }) => {
    const ask = (request: ChatRequest) =>
      chat.complete(request, { repeat, signal }).catch((error) => {
        if (error instanceof ChatFailure && !error.fatal) return error;
        throw error;
      });
    const first = await ask(request), again = secondQuestion(request, first);
    return { tag, settled: again ? settle(await ask(again), first as ChatAnswer) : settle(first) };
  });
}

/** Asks in one batch, then about what was malformed in a second. */
async function* inBatches(chat: Chat, tasks: Iterable<ChatTask<Tag>>, { batch, ...ends }: ElicitOptions) {
  const signals = [batch?.signal, ends.signal, ends.stopping].filter((signal) => signal !== undefined);
  const options = { ...batch, signal: AbortSignal.any(signals) };
  const asked: ChatTask<{ tag: Tag; request: ChatRequest; first?: ChatAnswer }>[] = [];
  for (const { tag, request, repeat } of tasks) asked.push({ tag: { tag, request }, request, repeat });
  const again: typeof asked = [];
  for await (const { tag: { tag, request }, answer, failure } of chat.batch(asked, options)) {
    const first = (answer ?? failure)!, second = secondQuestion(request, first);
    if (!second) yield { tag, settled: settle(first) };
    else again.push({ tag: { tag, request, first: answer }, request: second, repeat: tag.repeat });
  }
  if (!again.length) return;
  for await (const { tag: { tag, first }, answer, failure } of chat.batch(again, options)) {
    yield { tag, settled: settle((answer ?? failure)!, first) };
  }
}

/** The rating in an answer, or what is wrong with it. */
function reading(answer: ChatAnswer): ParsedAnswer {
  const { text, finish } = answer;
  if (finish === "content_filter") return { flaw: "the endpoint's filter held it back" };
  if (finish === "length" && /\d$/.test(text)) return { flaw: "it was cut, perhaps within the number" };
  return parseRating(text);
}

/** What to ask after a malformed answer: the same again, with the answer and what was wrong with it. undefined after others. */
function secondQuestion(request: ChatRequest, first: ChatAnswer | ChatFailure): ChatRequest | undefined {
  if (first instanceof ChatFailure) return undefined;
  const found = reading(first);
  if (!("flaw" in found)) return undefined;
  const answer = defused(excerpt(first.text, 300)) || "(no answer)";
  const wanted = "Answer the same question again, in the form asked for and with nothing else; " +
    "one whole number from 0 to 99 is enough.";
  const last = request.messages.at(-1)!, start = last.role === "assistant" ? last : undefined;
  return {
    ...request,
    messages: [
      ...(start ? request.messages.slice(0, -1) : request.messages),
      { role: "assistant", content: (start?.content ?? "") + answer },
      { role: "user", content: `That answer cannot be used: ${found.flaw}. ${wanted}` },
      ...(start ? [start] : []),
    ],
  };
}

/** The outcome of the last answer; `first` is the malformed one before it, if there was one. */
function settle(last: ChatAnswer | ChatFailure, first?: ChatAnswer): Settled {
  const asked = first ? 2 : 1;
  const before = first ? `malformed (${flawOf(first)}), then ` : "";
  if (last instanceof ChatFailure) {
    const refusal = last.kind === "refused" ? last.message : undefined;
    return { rating: { asked, failed: before + last.message }, refusal };
  }
  const found = reading(last);
  if ("flaw" in found) return { rating: { asked, failed: `${before}malformed (${flawOf(last)})` } };
  const { rating, reason } = found;
  return {
    rating: { rating, ...expectedRating(last.logprobs, rating), ...(reason ? { reason } : {}), asked },
  };
}

/** An answer's flaw with its beginning. */
function flawOf(answer: ChatAnswer): string {
  const found = reading(answer) as { flaw: string };
  return `${found.flaw}: ${JSON.stringify(excerpt(answer.text.trim(), 80))}`;
}

/** The first characters of a text; never half a surrogate pair. */
function excerpt(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most).replace(/[\ud800-\udbff]$/, "") + "…";
}

/** Watches for an endpoint that refuses everything. */
function hopeful(): (settled: Settled) => void {
  let refusals = 0, hope = false;
  return ({ refusal }) => {
    if (!refusal) hope = true;
    if (hope || ++refusals < HOPELESS) return;
    throw new InputError(
      `Cannot rate: the endpoint refused each of the first ${refusals} questions (${refusal}); where it takes no ` +
        "log-probabilities, temperature or top_p, leave them out",
    );
  };
}
