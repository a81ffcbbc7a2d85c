// Opens an endpoint with its ledger, limits and budget.
import { InputError } from "../run/errors.ts";
import { type Asked, type Asking, askToTheEnd } from "./asker.ts";
import { batch } from "./batch.ts";
import { Budget } from "./budget.ts";
import { Client } from "./client.ts";
import { costOf, mostTokens, priceFor, sumUp } from "./cost.ts";
import { resolveEndpoint } from "./endpoint.ts";
import { ChatFailure } from "./failure.ts";
import { askFingerprint } from "./fingerprint.ts";
import { CONCURRENCY, Gate } from "./gate.ts";
import { Ledger } from "./ledger.ts";
import { answerOf, type Entry } from "./ledger_line.ts";
import { checkOptions, patienceOf } from "./options.ts";
import { keyOf, type Question, questionOf } from "./question.ts";
import type { Reply } from "./reply.ts";
import { Shared } from "./shared.ts";
import { type Counter, counterOf, promptTokens } from "./tokens.ts";
import type {
  BatchOptions,
  Chat,
  ChatAnswer,
  ChatOptions,
  ChatOutcome,
  ChatRequest,
  ChatTask,
  CostEstimate,
  Endpoint,
  Price,
} from "./types.ts";

/**
 * Opens `endpoint`. Throws InputError for a missing key, a base URL or option that makes no sense, a budget without a
 * price, and a ledger that another process holds; ChatFailure where the endpoint must be asked for its weights'
 * fingerprint and cannot be reached.
 */
export async function openChat(endpoint: Endpoint, options: ChatOptions = {}): Promise<Chat> {
  checkOptions(options);
  const resolved = resolveEndpoint(endpoint), { baseUrl, model } = resolved, { seed = 0 } = options;
  const known = await priceFor(model, options);
  if (options.budget !== undefined && !known) {
    throw new InputError(
      `Cannot keep to a budget: the price of ${model} is unknown; give its input and output in USD per million tokens`,
    );
  }
  const client = new Client(resolved), gate = new Gate(options), patience = patienceOf(options);
  const fingerprint = endpoint.fingerprint === undefined
    ? await askFingerprint(client, resolved, { patience, seed })
    : endpoint.fingerprint ?? undefined;
  const ledger = options.ledger === undefined
    ? undefined
    : await Ledger.open(options.ledger, { wait: options.waitForLedger });
  const budget = new Budget(options.budget ?? Infinity, ledger?.cost ?? 0);
  return new OpenChat(
    { baseUrl: endpoint.keyedAs ?? baseUrl, model, ...(fingerprint === undefined ? {} : { fingerprint }) },
    { client, gate, budget, patience, seed, onRetry: options.onRetry },
    options,
    known,
    ledger,
  );
}

/** What openChat() gives; see Chat. */
export class OpenChat implements Chat {
  readonly concurrency: number;
  readonly #shared = new Shared<ChatAnswer>();
  #counter?: Promise<Counter>;
  #answered = false;
  #unreachable = 0;
  #denied = 0;

  constructor(
    readonly endpoint: Chat["endpoint"],
    readonly asking: Asking,
    private readonly options: ChatOptions,
    readonly known: { price: Price; priceSource: string } | undefined,
    readonly ledger: Ledger | undefined,
  ) {
    this.concurrency = options.concurrency ?? CONCURRENCY;
  }

  // async, so that what is wrong with a request rejects
  // deno-lint-ignore require-await
  async complete(
    request: ChatRequest,
    { repeat = 0, signal }: { repeat?: number; signal?: AbortSignal } = {},
  ): Promise<ChatAnswer> {
    const question = questionOf(this.endpoint, request, repeat), key = keyOf(question);
    const entry = this.ledger?.get(key);
    if (entry) return answerOf(entry, true);
    return this.#shared.get(key, signal, (signal) => this.#ask(key, question, request, signal));
  }

  batch<T>(tasks: Iterable<ChatTask<T>>, options: BatchOptions = {}): AsyncGenerator<ChatOutcome<T>> {
    return batch(this, tasks, options);
  }

  async estimate(tasks: Iterable<{ request: ChatRequest; repeat?: number }>): Promise<CostEstimate> {
    const fresh = new Map<string, ChatRequest>(), known = new Set<string>();
    for (const { request, repeat } of tasks) {
      const key = this.key(request, repeat);
      if (this.ledger?.has(key)) known.add(key);
      else fresh.set(key, request);
    }
    return sumUp(fresh.values(), await this.counter(), this.known, known.size);
  }

  key(request: ChatRequest, repeat = 0): string {
    return keyOf(questionOf(this.endpoint, request, repeat));
  }

  spent(): number {
    return this.asking.budget.spent;
  }

  async close(): Promise<void> {
    await this.#shared.settled();
    await this.ledger?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The counter of tokens, loaded when first needed. */
  counter(): Promise<Counter> {
    const { countTokens: count } = this.options;
    return this.#counter ??= count
      ? Promise.resolve({ count, approximate: false })
      : counterOf(this.endpoint.model);
  }

  /** USD that a request may cost at most; 0 where there is no budget. Throws InputError where it has no maxTokens then. */
  async most(request: ChatRequest): Promise<number> {
    if (this.options.budget === undefined) return 0;
    const prompt = promptTokens(request, (await this.counter()).count);
    return costOf({ prompt, completion: mostTokens(request) }, this.known!.price);
  }

  /** USD of an answer to `messages`, by the endpoint's count of tokens or, without one, by ours; undefined without a price. */
  async costOf(
    { usage, text }: Reply,
    { messages }: Pick<Question, "messages">,
  ): Promise<number | undefined> {
    if (!this.known) return undefined;
    if (usage.prompt > 0) return costOf(usage, this.known.price);
    const { count } = await this.counter();
    return costOf({ prompt: promptTokens({ messages }, count), completion: count(text) }, this.known.price);
  }

  async #ask(
    key: string,
    question: Question,
    request: ChatRequest,
    signal: AbortSignal,
  ): Promise<ChatAnswer> {
    this.ledger?.check();
    const asked: Asked = {
      key,
      question,
      tokens: this.asking.gate.countsTokens
        ? promptTokens(request, (await this.counter()).count) + (request.maxTokens ?? 0)
        : 0,
      most: await this.most(request),
      costOf: (reply) => this.costOf(reply, question),
      signal,
    };
    const { reply, cost } = await askToTheEnd(asked, this.asking).catch((error) => {
      throw error instanceof ChatFailure ? this.#weigh(error) : error;
    });
    this.#answered = true;
    this.#unreachable = 0;
    const entry: Entry = { key, time: new Date().toISOString(), question, answer: reply, cost };
    await this.ledger?.append(entry);
    return answerOf(entry, false);
  }

  /** Says whether a failure is everybody's: an account that may do nothing, an endpoint that is not there. */
  #weigh(failure: ChatFailure): ChatFailure {
    const { kind, charged } = failure, answered = this.#answered || this.ledger?.size;
    if (kind === "denied" && !answered && ++this.#denied >= this.concurrency) failure.fatal = true;
    if (kind !== "connection" || charged) this.#unreachable = 0;
    else if (++this.#unreachable >= this.concurrency) failure.fatal = true;
    return failure;
  }
}
