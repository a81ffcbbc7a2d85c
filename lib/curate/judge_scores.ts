// DEITA's scores by a judge: how complex each request is and how good its answer, 1 to 6, asked one by one; one re-ask, then
// recorded as failed, never guessed. The transport is lib/chat; picking by scores is deita.ts.
import { join } from "node:path";
import {
  type Chat,
  type ChatAnswer,
  ChatFailure,
  type ChatRequest,
  inParallel,
  type TokenLogprob,
} from "../chat/mod.ts";
import type { Example, Scores, Turn } from "../data/example.ts";
import { defused, judgeMessages, type JudgePrompt, readPrompt } from "../uncertainty/judge_prompt.ts";

/** The prompts for the two scores. */
export interface ScorePrompts {
  complexity: JudgePrompt;
  quality: JudgePrompt;
}

/** The bundled prompts, our own wording (data/prompts); `small`: short ones that begin the answer, for small models. */
export async function scorePrompts({ small = false }: { small?: boolean } = {}): Promise<ScorePrompts> {
  const prompt = async (name: string) => {
    const path = join(import.meta.dirname!, "../../data/prompts", `${name}${small ? "_small" : ""}.md`);
    return { ...await readPrompt(path), maxTokens: 8 };
  };
  return { complexity: await prompt("complexity"), quality: await prompt("quality") };
}

/** A dialogue's scores, or why there are none. */
export interface JudgedScores {
  id: string;
  scores?: Scores;
  failed?: string;
}

/** A request and its answer. */
export type Exchange = [request: Turn, answer: Turn];

/** The exchanges of a dialogue: each answer with what the user said since the answer before it. Answers to nothing are passed over. */
export function exchangesOf(turns: readonly Turn[]): Exchange[] {
  const exchanges: Exchange[] = [];
  let asked: string[] = [];
  for (const turn of turns) {
    if (turn.role === "user") asked.push(turn.content);
    if (turn.role !== "assistant") continue;
    if (asked.length) exchanges.push([{ role: "user", content: asked.join("\n\n") }, turn]);
    asked = [];
  }
  return exchanges;
}

/** How a judge is asked. */
export interface JudgeScoreOptions {
  prompts: ScorePrompts;
  /** Default 0. null leaves it to the endpoint: some models take none. */
  temperature?: number | null;
  /** The most tokens of an answer. Default: the prompt's. A judge that thinks first needs more. */
  maxTokens?: number;
  /** Ask for log-probabilities, from which the expected score comes; default true. Some models give none. */
  logprobs?: boolean;
}

/** Where an answer that the prompt began has ended. */
const STOPS = [".", ",", ":", "\n"];

/** The two questions about an exchange: its complexity, by the request alone, and its quality. */
export function scoreRequests(
  [request, answer]: Exchange,
  options: JudgeScoreOptions,
): [ChatRequest, ChatRequest] {
  const { prompts, temperature = 0, maxTokens, logprobs = true } = options;
  const question = (prompt: JudgePrompt, turns: Turn[]): ChatRequest => ({
    messages: judgeMessages(prompt, turns),
    ...(temperature === null ? {} : { temperature }),
    maxTokens: maxTokens ?? prompt.maxTokens,
    ...(prompt.start ? { stop: STOPS } : {}),
    ...(logprobs ? { topLogprobs: 20 } : {}),
  });
  return [question(prompts.complexity, [request]), question(prompts.quality, [request, answer])];
}

/**
 * The scores of each example, as they come, each once. Throws what ends every call alike: a fatal ChatFailure, BudgetReached,
 * InputError; the chat's ledger keeps what came.
 */
export function judgeScores(
  chat: Chat,
  examples: Iterable<Example>,
  { signal, ...options }: JudgeScoreOptions & { signal?: AbortSignal },
): AsyncGenerator<JudgedScores> {
  return inParallel(examples, 2 * chat.concurrency, async ({ id, turns }) => {
    const exchanges = exchangesOf(turns);
    if (exchanges.length === 0) return { id, failed: "no answer follows a user's turn" };
    const requests = exchanges.flatMap((exchange) => scoreRequests(exchange, options));
    const asked = await Promise.all(requests.map((request) => askScore(chat, request, signal)));
    const failed = asked.find((score) => typeof score === "string");
    if (typeof failed === "string") return { id, failed };
    const scores = asked as number[];
    return {
      id,
      scores: {
        complexity: scores.filter((_, i) => i % 2 === 0),
        quality: scores.filter((_, i) => i % 2 === 1),
      },
    };
  });
}

/** A score from 1 to 6, or why there is none. */
async function askScore(chat: Chat, request: ChatRequest, signal?: AbortSignal): Promise<number | string> {
  try {
    const first = await chat.complete(request, { signal }), score = scoreOf(first);
    if (score !== undefined) return score;
    const again = await chat.complete(reask(request, first), { signal });
    return scoreOf(again) ?? `malformed twice: ${excerpt(first.text)}, then ${excerpt(again.text)}`;
  } catch (error) {
    if (error instanceof ChatFailure && !error.fatal) return error.message;
    throw error;
  }
}

/** The same question with the answer that could not be used. */
function reask(request: ChatRequest, { text }: ChatAnswer): ChatRequest {
  const last = request.messages.at(-1)!, begun = last.role === "assistant" ? last : undefined;
  const answer = defused(start(text, 200)) || "(no answer)";
  return {
    ...request,
    messages: [
      ...(begun ? request.messages.slice(0, -1) : request.messages),
      { role: "assistant", content: (begun?.content ?? "") + answer },
      { role: "user", content: "That cannot be used. Answer with one digit from 1 to 6 and nothing else." },
      ...(begun ? [begun] : []),
    ],
  };
}

/** The first characters of a text; never half a surrogate pair. */
const start = (text: string, most: number) => text.slice(0, most).replace(/[\ud800-\udbff]$/, "");

const excerpt = (text: string) => JSON.stringify(start(text.trim(), 60));

/** The score in an answer: one digit from 1 to 6, white space around it, nothing else; with log-probabilities the expected one. */
export function scoreOf(
  { text, logprobs, finish }: Pick<ChatAnswer, "text" | "logprobs" | "finish">,
): number | undefined {
  if (finish === "content_filter" || finish === "refusal") return undefined;
  const printed = /^\s*([1-6])\s*\.?\s*$/.exec(text)?.[1];
  return printed === undefined ? undefined : expectedScore(logprobs) ?? Number(printed);
}

/**
 * The mean of the scores 1 to 6 by their probability among them at the token that prints the score, as DEITA's scorers take
 * it; undefined without log-probabilities, and where no token is a score.
 */
export function expectedScore(tokens: readonly TokenLogprob[] | undefined): number | undefined {
  const at = tokens?.find(({ token }) => isScore(token));
  if (!at) return undefined;
  const candidates = new Map([...at.top, at].map(({ token, logprob }) => [token, logprob]));
  let mass = 0, sum = 0;
  for (const [token, logprob] of candidates) {
    if (!isScore(token)) continue;
    mass += Math.exp(logprob);
    sum += Math.exp(logprob) * Number(token);
  }
  return mass > 0 && Number.isFinite(sum) ? sum / mass : undefined;
}

const isScore = (token: string) => /^\s*[1-6]\s*$/.test(token);
