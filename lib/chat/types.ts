// What is asked and what comes back: the words that everything that asks a judge shares. Types alone.
import type { ChatFailure } from "./failure.ts";

/** Where answers come from: any endpoint that speaks OpenAI's chat completions. */
export interface Endpoint {
  /** Up to and with the version, as in https://api.openai.com/v1. Default: OPENAI_BASE_URL, else OpenAI's own. */
  baseUrl?: string;
  /** The model's name there. */
  model: string;
  /** The environment variable that holds the key, which is sent to the endpoint and written nowhere. Default: OPENAI_API_KEY. */
  keyVariable?: string;
  /**
   * The hash of the weights behind a name that can change its weights, such as our own server's. Part of the ledger's
   * keys. Default: what the endpoint's GET /models/{model} offers as `fingerprint`, if anything (OpenAI's own is not
   * asked). null: none, and the endpoint is not asked.
   */
  fingerprint?: string | null;
  /**
   * What stands for the base URL in the ledger's keys where that differs from run to run, such as the port of a server that was
   * started for the run. Default: the base URL.
   */
  keyedAs?: string;
}

/** One message. */
export interface ChatMessage {
  /** Who speaks. */
  role: "system" | "user" | "assistant";
  /** What is said. */
  content: string;
}

/** A question. What is left out is left to the endpoint, and is not part of the ledger's key. */
export interface ChatRequest {
  /** In order; at least one. */
  messages: ChatMessage[];
  /** 0 to 2. */
  temperature?: number;
  /** 0 to 1. */
  topP?: number;
  /** The most new tokens. A budget needs it. */
  maxTokens?: number;
  /** The answer ends before any of these texts. */
  stop?: string[];
  /** Of the endpoint's draws, where it knows such a thing. */
  seed?: number;
  /** Ask for the log-probability of each token of the answer. */
  logprobs?: boolean;
  /** Ask for so many of the likeliest tokens at each place, 0 to 20. Sets logprobs. */
  topLogprobs?: number;
}

/** One token of an answer. */
export interface TokenLogprob {
  /** Its text. */
  token: string;
  /** Natural logarithm. */
  logprob: number;
  /** The likeliest tokens at this place, most likely first; as many as were asked for. */
  top: { token: string; logprob: number }[];
}

/** An answer that came, or that the ledger had. */
export interface ChatAnswer {
  /** What the assistant said; where it refused in OpenAI's own way, the refusal. May be empty. */
  text: string;
  /** stop, length, content_filter, refusal, or what the endpoint said. */
  finish: string;
  /** A token each. Absent where none were asked for, where none came, and where one is not a number (see flaw). */
  logprobs?: TokenLogprob[];
  /** What in the answer could not be used although its text could: "logprobs" where they held NaN or were malformed. */
  flaw?: "logprobs";
  /** Tokens, as the endpoint counts them; 0 where it does not say. */
  usage: { prompt: number; completion: number };
  /** The model as the endpoint names it. */
  model: string;
  /** USD by the price table; absent without a price. Of a cached answer: what it cost when it was asked. */
  cost?: number;
  /** From the ledger: not asked again. */
  cached: boolean;
}

/** A question among many: `tag` comes back with its outcome. */
export interface ChatTask<T> {
  /** Whatever tells the tasks apart. */
  tag: T;
  /** What is asked. */
  request: ChatRequest;
  /** Which of several independent answers to the same question; default 0. */
  repeat?: number;
}

/** What became of one of many: one of answer and failure is there. */
export interface ChatOutcome<T> {
  /** The task's. */
  tag: T;
  /** What came. */
  answer?: ChatAnswer;
  /** Why nothing came. */
  failure?: ChatFailure;
}

/** USD per million tokens. */
export interface Price {
  /** Of the prompt. */
  input: number;
  /** Of the answer. */
  output: number;
}

/** How much at once and how fast. */
export interface Limits {
  /** Calls at once; default 8. */
  concurrency?: number;
  /** Requests a minute; default: no limit. */
  requestsPerMinute?: number;
  /** Prompt and answer tokens a minute; default: no limit. */
  tokensPerMinute?: number;
}

/** What is done where a call fails. Seconds. */
export interface Patience {
  /** For one try, from its start to the last byte of the answer; default 120. */
  timeout?: number;
  /** Tries in all; default 6. */
  tries?: number;
  /** The first back-off is up to this long, each next up to twice the last; default 1. */
  backoff?: number;
  /** The longest back-off; default 60. */
  longestBackoff?: number;
  /** A call fails where the endpoint asks to wait longer than this (Retry-After); default 600. */
  longestWait?: number;
}

/** Settings of openChat(). */
export interface ChatOptions extends Limits, Patience {
  /** The file of answers: JSONL, made where missing. Without it nothing is kept. */
  ledger?: string;
  /** Wait for another process that uses the ledger, instead of failing with its pid. */
  waitForLedger?: boolean;
  /** USD: no call is made that could bring what the ledger's answers cost above this. Needs a price and maxTokens. */
  budget?: number;
  /** Default: by the model's name from data/prices.json. */
  price?: Price;
  /** Tokens of a text, for limits, estimates and budgets. Default: OpenAI's tokenizer of the model, o200k for others. */
  countTokens?: (text: string) => number;
  /** Of the back-offs' jitter; default 0. */
  seed?: number;
  /** Told of every try that failed and is tried again. */
  onRetry?: (retry: Retry) => void;
}

/** A try that failed and is tried again. */
export interface Retry {
  /** Why it failed. */
  failure: ChatFailure;
  /** Which try it was, from 1. */
  attempt: number;
  /** Seconds until the next. */
  wait: number;
}

/** What many calls would cost, before the first. */
export interface CostEstimate {
  /** Calls that would be made; answers that the ledger has are not among them. */
  calls: number;
  /** Answers that the ledger has. */
  cached: number;
  /** As counted before the calls. */
  promptTokens: number;
  /** At most: the sum of maxTokens. */
  completionTokens: number;
  /** USD, at most; absent without a price. */
  usd?: number;
  /** What was reckoned with. */
  price?: Price;
  /** Where the price comes from: "data/prices.json, <date>" or "given". */
  priceSource?: string;
  /** Whether another model's tokenizer counted. */
  approximate: boolean;
}

/** Settings of Chat.batch(). */
export interface BatchOptions {
  /** Seconds between two looks; default 30. */
  poll?: number;
  /** Requests in one batch at most; default 50,000, which is OpenAI's limit. */
  size?: number;
  /** Bytes in one batch at most; default 100 MB (OpenAI's limit is 200 MB). */
  bytes?: number;
  /** Told of each look. */
  onStatus?: (status: BatchStatus) => void;
  /** Ends the waiting; the batches go on at the endpoint. */
  signal?: AbortSignal;
}

/** Where a batch stands. */
export interface BatchStatus {
  /** The endpoint's. */
  id: string;
  /** As the endpoint words it: validating, in_progress, finalizing, completed, failed, expired, cancelling, cancelled. */
  state: string;
  /** Its requests. */
  total: number;
  /** Those with an answer. */
  completed: number;
  /** Those with an error. */
  failed: number;
}

/** An open endpoint, with its ledger. */
export interface Chat extends AsyncDisposable {
  /** As used in the ledger's keys: base URL without a slash at its end (or keyedAs), model, fingerprint. */
  readonly endpoint: { baseUrl: string; model: string; fingerprint?: string };
  /** The limit of calls at once. */
  readonly concurrency: number;
  /**
   * One answer, from the ledger where it has it. It is on the disk when this returns. The same question asked while it
   * is under way is one call. Throws ChatFailure after the last try, BudgetReached before a call that could exceed the
   * budget, InputError for a request that makes no sense, and the signal's reason where that is aborted.
   */
  complete(request: ChatRequest, options?: { repeat?: number; signal?: AbortSignal }): Promise<ChatAnswer>;
  /** The same for many through OpenAI's Batch API: half the price, within a day. See batch.ts. Needs a ledger. */
  batch<T>(tasks: Iterable<ChatTask<T>>, options?: BatchOptions): AsyncGenerator<ChatOutcome<T>>;
  /** What these would cost. */
  estimate(tasks: Iterable<{ request: ChatRequest; repeat?: number }>): Promise<CostEstimate>;
  /** The ledger's key of a question. */
  key(request: ChatRequest, repeat?: number): string;
  /** USD: what the ledger's answers cost, and what this process has spent besides on tries without an answer, at most. */
  spent(): number;
  /** Waits for what is being written and lets the ledger go. */
  close(): Promise<void>;
}
