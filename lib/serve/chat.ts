// POST /v1/chat/completions: a checked request → the engine → one JSON object, or events as they come.
import { stream as randomStream } from "../run/seed.ts";
import { messageOf } from "../run/errors.ts";
import type { Tokenizer } from "../model/tokenizer.ts";
import { Answer, type Piece } from "./answer.ts";
import { type ApiError, badRequest, queueFull } from "./errors.ts";
import { tokenLogprob } from "./logprobs.ts";
import type { ServedModel } from "./models.ts";
import { promptIds } from "./prompt.ts";
import type { ChatRequest } from "./request.ts";
import { type Choice, chunkEvent, completion, type Finish, newHead, type Usage, usageEvent } from "./wire.ts";

/** What answering needs besides the request. */
export interface ChatService {
  tokenizer: Tokenizer;
  template: string;
  /** Ids that end an answer. */
  stopIds: number[];
  /** New tokens where the request does not say. */
  maxNew: number;
  /** Texts that may wait for a row. */
  queue: number;
  /** The longest token, in bytes. */
  longestToken: number;
  /** Named in every answer: settings that may change an answer's last bits. */
  systemFingerprint: (served: ServedModel) => string;
  /** Told of failures that are not the client's. */
  onError: (error: unknown) => void;
}

/** A request on its way through the engine. */
export interface Job {
  request: ChatRequest;
  served: ServedModel;
  prompt: number[];
  maxNew: number;
  seed: string | number;
  /** Ends it and frees its rows. */
  signal: AbortSignal;
}

/** The prompt and limits of a request. Throws ApiError for what cannot be answered, or not now. */
export function prepare(
  service: ChatService,
  served: ServedModel,
  request: ChatRequest,
  signal: AbortSignal,
): Job {
  const { engine } = served;
  const load = engine.active + engine.waiting;
  if (load > 0 && load + request.n > engine.size + service.queue) throw queueFull(load);
  const prompt = encode(service, served, request);
  const maxNew = newTokens(service, served, request, prompt.length);
  return { request, served, prompt, maxNew, seed: request.seed ?? crypto.randomUUID(), signal };
}

function encode(service: ChatService, served: ServedModel, { turns }: ChatRequest): number[] {
  const { context_length } = served.card;
  const characters = turns.reduce((sum, turn) => sum + turn.content.length, 0);
  // Even were all tokens the longest there is, they would be too many: no need to count.
  const least = Math.floor(characters / service.longestToken);
  if (least >= context_length) throw tooLong(context_length, `more than ${least}`);
  let ids: number[];
  try {
    ids = promptIds(service.tokenizer, service.template, turns);
  } catch (error) {
    throw badRequest(messageOf(error), "messages", "invalid_value"); // a template that refuses these roles
  }
  if (ids.length === 0) throw badRequest("The messages have no tokens.", "messages", "invalid_value");
  if (ids.length >= context_length) throw tooLong(context_length, ids.length);
  return ids;
}

const tooLong = (context: number, tokens: number | string): ApiError =>
  badRequest(
    `This model's maximum context length is ${context} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`,
    "messages",
    "context_length_exceeded",
  );

function newTokens(
  service: ChatService,
  { card }: ServedModel,
  { maxNew }: ChatRequest,
  prompt: number,
): number {
  const room = card.context_length - prompt;
  if (maxNew === undefined) return Math.min(service.maxNew, room);
  if (maxNew <= room) return maxNew;
  throw badRequest(
    `This model's maximum context length is ${card.context_length} tokens. However, you requested ${
      prompt + maxNew
    } tokens (${prompt} in the messages, ${maxNew} in the completion). Please reduce the length of the messages or completion.`,
    "messages",
    "context_length_exceeded",
  );
}

/** One choice, its pieces to `onPiece` as they come. */
async function choose(
  service: ChatService,
  { request, served, prompt, maxNew, seed, signal }: Job,
  index: number,
  onPiece: (piece: Piece) => void,
): Promise<{ finish: Finish; tokens: number; cached: number }> {
  const { tokenizer, stopIds } = service, { logprobs, topLogprobs, temperature, topK, topP } = request;
  const decode = (ids: number[]) => tokenizer.decode(ids, { skipSpecial: true });
  const answer = new Answer({ decode, stop: request.stop, onPiece });
  let cut = false;
  const { ids, finish, cached } = await served.engine.submit({
    prompt,
    maxNew,
    stop: stopIds,
    // top-p 0 means the likeliest alone
    sampling: { temperature, topK, topP: topP || Number.MIN_VALUE },
    random: temperature ? randomStream(0, "chat", seed, index) : undefined,
    signal,
    onToken(id, logits) {
      if (stopIds.includes(id)) return;
      cut = answer.push(id, logprobs ? tokenLogprob(tokenizer, logits, id, topLogprobs) : undefined);
      return cut;
    },
  });
  if (!cut) answer.end();
  return { finish, tokens: ids.length, cached };
}

/** What is told of a job's choices as they come. */
interface Listener {
  piece(piece: Piece, index: number): void;
  end(finish: Finish, index: number): void;
}

/** All choices; the tokens that they took together. */
async function chooseAll(service: ChatService, job: Job, listener: Listener): Promise<Usage> {
  const choices = Array.from({ length: job.request.n }, async (_, index) => {
    const choice = await choose(service, job, index, (piece) => listener.piece(piece, index));
    listener.end(choice.finish, index);
    return choice;
  });
  const results = await Promise.all(choices);
  return {
    prompt: job.prompt.length,
    completion: results.reduce((sum, { tokens }) => sum + tokens, 0),
    cached: results.reduce((most, { cached }) => Math.max(most, cached), 0),
  };
}

/** The answer as one object. */
export async function wholeAnswer(service: ChatService, job: Job): Promise<object> {
  const { request, served } = job;
  const choices = Array.from(
    { length: request.n },
    (): Choice => ({ content: "", logprobs: [], finish: "stop" }),
  );
  const usage = await chooseAll(service, job, {
    piece({ content, logprobs }, index) {
      choices[index].content += content;
      choices[index].logprobs.push(...logprobs);
    },
    end: (finish, index) => void (choices[index].finish = finish),
  });
  const head = newHead(served.card.id, service.systemFingerprint(served));
  return completion(head, choices, usage, request.logprobs);
}

/** The answer as events, each to `send` as it comes. */
export async function streamedAnswer(
  service: ChatService,
  job: Job,
  send: (event: object) => void,
): Promise<void> {
  const { request, served } = job;
  const head = newHead(served.card.id, service.systemFingerprint(served));
  const event = (index: number, delta: object, finish: Finish | null, logprobs?: Piece["logprobs"]) =>
    send(chunkEvent(head, request, { index, delta, finish, logprobs }));
  for (let i = 0; i < request.n; i++) event(i, { role: "assistant", content: "", refusal: null }, null);
  const usage = await chooseAll(service, job, {
    piece: ({ content, logprobs }, index) => event(index, { content }, null, logprobs),
    end: (finish, index) => event(index, {}, finish),
  });
  if (request.includeUsage) send(usageEvent(head, usage));
}
