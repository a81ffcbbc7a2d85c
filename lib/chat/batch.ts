// Many questions through OpenAI's Batch API: submitted once, looked after until they end, collected into the ledger. What
// is under way is written beside the ledger, so that a second start goes on with it.
import { InputError } from "../run/errors.ts";
import { sleep } from "./asker.ts";
import { type Batch, BatchApi, requestLine } from "./batch_api.ts";
import {
  type Pending,
  pendingFolder,
  readPending,
  removePending,
  writeId,
  writePending,
} from "./batch_files.ts";
import { costOf, readPrices } from "./cost.ts";
import { BudgetReached, ChatFailure } from "./failure.ts";
import type { Ledger } from "./ledger.ts";
import { answerOf } from "./ledger_line.ts";
import type { OpenChat } from "./open_chat.ts";
import { keyOf, type Question, questionOf } from "./question.ts";
import { promptTokens } from "./tokens.ts";
import type { BatchOptions, ChatOutcome, ChatTask } from "./types.ts";

/** States of a batch that has ended. */
const ENDED = ["completed", "failed", "expired", "cancelled"];

/** A batch under way, and USD that it may cost at most. */
type UnderWay = Required<Pending> & { most: number };

/** What the steps share. */
interface Work {
  chat: OpenChat;
  ledger: Ledger;
  api: BatchApi;
  /** What a call by batch costs, as a share of its price. */
  share: number;
  options: BatchOptions;
}

/**
 * Answers `tasks` by batches: what the ledger has comes at once, what is in a batch of an earlier start is waited for, the
 * rest is submitted. Each task has one outcome. Throws what completeAll() throws; BudgetReached only after what could be
 * submitted was collected.
 */
export async function* batch<T>(
  chat: OpenChat,
  tasks: Iterable<ChatTask<T>>,
  options: BatchOptions,
): AsyncGenerator<ChatOutcome<T>> {
  const { ledger } = chat;
  if (!ledger) {
    throw new InputError(
      "Cannot ask by batch without a ledger: what is under way is kept beside it; give one",
    );
  }
  const tags = new Map<string, T[]>(), fresh = new Map<string, Question>();
  for (const { tag, request, repeat } of tasks) {
    const question = questionOf(chat.endpoint, request, repeat),
      key = keyOf(question),
      entry = ledger.get(key);
    if (entry) yield { tag, answer: answerOf(entry, true) };
    else if (fresh.has(key)) tags.get(key)!.push(tag);
    else fresh.set(key, question), tags.set(key, [tag]);
  }
  const api = new BatchApi(chat.asking, chat.endpoint.baseUrl, options.signal);
  const work = { chat, ledger, api, share: (await readPrices()).batch, options };
  const pending = await resumed(work);
  for (const { questions } of pending) for (const key of questions.keys()) fresh.delete(key);
  const stopped = await submitted(work, fresh, pending);
  for await (const { key, outcome } of collected(work, pending)) {
    for (const tag of tags.get(key) ?? []) yield { tag, ...outcome };
  }
  if (stopped) throw stopped;
}

/** The batches of earlier starts; one of which no id is known is looked for, and submitted if it is not there. */
async function resumed(work: Work): Promise<UnderWay[]> {
  const { chat, ledger } = work, found: UnderWay[] = [];
  for (const one of await readPending(ledger.path, chat.endpoint)) {
    const most = await mostOf(work, one.questions.values());
    const id = one.id ?? await submit(work, one, true);
    chat.asking.budget.hold(most);
    found.push({ ...one, id, most });
  }
  return found;
}

/** Submits `fresh` in batches that are not too large and fit the budget, onto `pending`. Returns why it stopped early. */
async function submitted(
  work: Work,
  fresh: Map<string, Question>,
  pending: UnderWay[],
): Promise<BudgetReached | undefined> {
  const { chat, ledger } = work, { budget } = chat.asking;
  let stopped: BudgetReached | undefined;
  for (const questions of await portions(work, fresh, (why) => stopped = why)) {
    const mark = crypto.randomUUID().replaceAll("-", ""), most = await mostOf(work, questions.values());
    await writePending(ledger.path, { mark, questions });
    const one = { mark, questions }, id = await submit(work, one, false);
    budget.hold(most);
    pending.push({ ...one, id, most });
  }
  return stopped;
}

/** Submits a batch and writes its id down; one that the endpoint will not take is forgotten. */
async function submit({ api, ledger }: Work, one: Pending, unsure: boolean): Promise<string> {
  try {
    const id = await api.submit(one, unsure);
    await writeId(ledger.path, { ...one, id });
    return id;
  } catch (error) {
    if (error instanceof ChatFailure && !error.retry) await removePending(ledger.path, one);
    throw error;
  }
}

/** Cuts `fresh` by number, bytes and budget. */
async function portions(
  work: Work,
  fresh: Map<string, Question>,
  stop: (why: BudgetReached) => void,
): Promise<Map<string, Question>[]> {
  const { size = 50_000, bytes = 100e6 } = work.options, { budget } = work.chat.asking;
  const portions: Map<string, Question>[] = [];
  let filled = Infinity, promised = 0;
  for (const [key, question] of fresh) {
    const most = await mostOf(work, [question]);
    if (promised + most > budget.left) {
      stop(
        new BudgetReached(
          budget.limit,
          budget.spent,
          budget.limit - budget.left - budget.spent + promised,
          most,
        ),
      );
      break;
    }
    promised += most;
    const length = new TextEncoder().encode(requestLine(key, question)).length;
    if (filled + length > bytes || portions.at(-1)!.size >= size) portions.push(new Map()), filled = 0;
    portions.at(-1)!.set(key, question);
    filled += length;
  }
  return portions;
}

/** USD that questions may cost at most by batch; 0 where there is no budget. */
async function mostOf({ chat, share }: Work, questions: Iterable<Question>): Promise<number> {
  if (chat.asking.budget.limit === Infinity) return 0;
  const { count } = await chat.counter();
  let usd = 0;
  for (const { messages, parameters: { max_tokens } } of questions) {
    if (max_tokens === undefined) {
      throw new InputError("Cannot keep to a budget: a request has no limit of tokens; set maxTokens");
    }
    usd += costOf({ prompt: promptTokens({ messages }, count), completion: max_tokens }, chat.known!.price) *
      share;
  }
  return usd;
}

/** Looks at the batches until all have ended, and yields what became of each question. */
async function* collected(work: Work, pending: UnderWay[]) {
  const { poll = 30, onStatus, signal } = work.options;
  while (pending.length) {
    for (const one of [...pending]) {
      const state = await look(work, one), counts = state.request_counts;
      onStatus?.({
        id: one.id,
        state: state.status,
        total: counts?.total || one.questions.size,
        completed: counts?.completed ?? 0,
        failed: counts?.failed ?? 0,
      });
      if (!ENDED.includes(state.status)) continue;
      pending.splice(pending.indexOf(one), 1);
      yield* await collect(work, one, state);
    }
    if (pending.length) await sleep(poll * 1000, signal);
  }
}

/** Where a batch stands. Throws InputError where the endpoint does not know it, which would be so at every start. */
async function look({ api, chat, ledger }: Work, { id }: UnderWay): Promise<Batch> {
  try {
    return await api.look(id);
  } catch (error) {
    if (!(error instanceof ChatFailure && error.kind === "missing")) throw error;
    throw new InputError(
      `Cannot go on with the batch ${id}: ${chat.endpoint.baseUrl} does not know it; remove ${
        pendingFolder(ledger.path)
      } to ask its questions anew`,
    );
  }
}

/** One ended batch into the ledger, all its answers in one go; then it is forgotten. */
async function collect({ chat, ledger, api, share }: Work, one: UnderWay, state: Batch) {
  const outcomes = new Map<string, Omit<ChatOutcome<never>, "tag">>(), writing: Promise<void>[] = [];
  let spent = 0;
  for await (const { key, reply, failure } of api.results(state)) {
    const question = one.questions.get(key);
    if (!question || outcomes.get(key)?.answer) continue; // not ours, or twice
    if (!reply) {
      outcomes.set(key, { failure });
      continue;
    }
    const full = await chat.costOf(reply, question), cost = full === undefined ? undefined : full * share;
    const entry = { key, time: new Date().toISOString(), question, answer: reply, cost, batch: one.id };
    if (!ledger.has(key)) writing.push(ledger.append(entry)), spent += cost ?? 0;
    outcomes.set(key, { answer: answerOf(entry, false) });
  }
  await Promise.all(writing);
  await removePending(ledger.path, one);
  chat.asking.budget.settle(one.most, spent);
  return [...one.questions.keys()].map((key) => ({
    key,
    outcome: outcomes.get(key) ?? { failure: missing(one.id, state) },
  }));
}

/** Why a question of an ended batch has no answer. */
function missing(id: string, { status, errors }: Batch): ChatFailure {
  const told = errors?.data?.[0]?.message, why = told ? ` (${told.slice(0, 300)})` : "";
  const state = status === "completed" ? "ended without this answer" : status;
  return new ChatFailure("batch", `The batch ${id} ${state}${why}; the same command asks again`);
}
