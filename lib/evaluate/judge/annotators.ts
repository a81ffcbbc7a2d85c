// Ways of asking which of two answers is better: AlpacaEval's two annotators, and letters with our prompt.
import { join } from "node:path";
import type { ChatAnswer, ChatRequest, TokenLogprob } from "../../chat/mod.ts";
import { packageFile } from "../harness/harness_package.ts";
import { InputError } from "../../run/errors.ts";
import { type PairPrompt, parsePairPrompt, readPairPrompt } from "./alpaca_prompt.ts";
import { pythonLiteral, type PythonValue } from "./python_literal.ts";

/**
 * `alpaca_eval_gpt4`: AlpacaEval 1, which the paper's numbers fit: a list of models with ranks. `weighted_alpaca_eval_gpt4_turbo`:
 * AlpacaEval 2: one token, weighed by its log-probabilities. `letters`: ours, A or B, weighed where log-probabilities
 * come, for judges of any size.
 */
export type AnnotatorName = "alpaca_eval_gpt4" | "weighted_alpaca_eval_gpt4_turbo" | "letters";

/** A judge's preference for what it was shown, 1 to 2; or why there is none. */
export type Read = { preference: number } | { flaw: string };

/** How pairs are judged. */
export interface Annotator {
  name: AnnotatorName;
  prompt: PairPrompt;
  /** What the judge is asked with, but for the messages. */
  parameters: Omit<ChatRequest, "messages">;
  /** The preference for the pair as shown. */
  read(answer: ChatAnswer): Read;
  /** The answer as alpaca_eval stores it, from which it can read the preference again. */
  raw(answer: ChatAnswer): unknown;
}

/** Names of all annotators. */
export const ANNOTATORS: readonly AnnotatorName[] = [
  "alpaca_eval_gpt4",
  "weighted_alpaca_eval_gpt4_turbo",
  "letters",
];

/** Where AlpacaEval's prompts stand in its package. */
const PACKAGED: Partial<Record<AnnotatorName, string>> = {
  alpaca_eval_gpt4: "evaluators_configs/alpaca_eval_gpt4/alpaca_eval.txt",
  weighted_alpaca_eval_gpt4_turbo: "evaluators_configs/alpaca_eval_clf_gpt4_turbo/alpaca_eval_clf.txt",
};

/** What can be set of an annotator. */
export interface AnnotatorOptions {
  /** A prompt's file instead of its own; the answer is read in the same way. */
  prompt?: string;
  /** Of `letters`: the short prompt that begins the answer, for small models. */
  small?: boolean;
  /** The most tokens of an answer; a judge that thinks first needs more. */
  maxTokens?: number;
  /** null leaves it to the endpoint: some models take none. */
  temperature?: number | null;
}

/** The annotator `name`. Throws InputError for an unknown name, a prompt that cannot be used, and a package that is missing. */
export async function annotator(name: AnnotatorName, options: AnnotatorOptions = {}): Promise<Annotator> {
  if (!ANNOTATORS.includes(name)) {
    throw new InputError(`Cannot judge by ${name}: there is no such annotator; use ${ANNOTATORS.join(", ")}`);
  }
  const { maxTokens, temperature } = options, { parameters, ...way } = WAYS[name];
  const { temperature: own, ...rest } = parameters;
  const warmth = temperature === undefined ? own : temperature;
  const prompt = options.prompt ? await readPairPrompt(options.prompt) : await ownPrompt(name, options);
  return {
    name,
    prompt,
    ...way,
    parameters: {
      ...(warmth === null ? {} : { temperature: warmth }),
      ...rest,
      ...(maxTokens === undefined ? {} : { maxTokens }),
    },
  };
}

async function ownPrompt(name: AnnotatorName, { small = false }: AnnotatorOptions): Promise<PairPrompt> {
  const path = PACKAGED[name];
  if (path) return parsePairPrompt(await packageFile("alpaca_eval", path), `alpaca_eval's ${path}`);
  const file = small ? "prefer_small.md" : "prefer.md";
  return await readPairPrompt(join(import.meta.dirname!, "../../../data/prompts", file));
}

/** How each is asked and read; the parameters of the first two are those of alpaca_eval's configs.yaml and decoders/openai.py. */
const WAYS: Record<AnnotatorName, Pick<Annotator, "parameters" | "read" | "raw">> = {
  alpaca_eval_gpt4: {
    parameters: { temperature: 0, topP: 1, maxTokens: 100 },
    read: ({ text }) => readRanking(text),
    raw: ({ text }) => text || " ",
  },
  weighted_alpaca_eval_gpt4_turbo: {
    parameters: { temperature: 1, topP: 1, maxTokens: 1, logprobs: true, topLogprobs: 5 },
    read: readLogprobs,
    raw: rawChoice,
  },
  letters: {
    parameters: { temperature: 0, maxTokens: 4, logprobs: true, topLogprobs: 20 },
    read: readLetters,
    raw: rawChoice,
  },
};

/** completion_parsers.ranking_parser(): the rank, 1 or 2, of model_1 in a Python list of dictionaries. */
export function readRanking(text: string): Read {
  let value: PythonValue;
  try {
    value = pythonLiteral(text);
  } catch (error) {
    return { flaw: (error as Error).message };
  }
  if (!Array.isArray(value)) return { flaw: "it is no list" };
  const entries = value.map((entry) => entry instanceof Map && entry.has("model") ? entry : undefined);
  if (entries.includes(undefined)) return { flaw: "not every entry names a model" };
  const first = entries.find((entry) => entry!.get("model") === "model_1");
  if (!first) return { flaw: "it does not rank model_1" };
  const rank = first.get("rank") === true ? 1 : first.get("rank");
  return rank === 1 || rank === 2
    ? { preference: rank }
    : { flaw: `the rank of model_1 is ${rank}, not 1 or 2` };
}

/** completion_parsers.logprob_parser(): 2 − p(m) / (p(m) + p(M)) at the answer's one token; a missing one counts as 0. */
export function readLogprobs({ logprobs, flaw }: Pick<ChatAnswer, "logprobs" | "flaw">): Read {
  if (!logprobs?.length) {
    return { flaw: flaw ? "its log-probabilities are broken" : "it came without log-probabilities" };
  }
  if (logprobs.length !== 1) return { flaw: `it has ${logprobs.length} tokens, not 1` };
  const p = new Map(logprobs[0].top.map(({ token, logprob }) => [token, logprob]));
  return weighed(p.get("m"), p.get("M"), "neither m nor M is among the likeliest tokens");
}

/** 2 − p(first) / (p(first) + p(second)) of log-probabilities. */
function weighed(first: number | undefined, second: number | undefined, neither: string): Read {
  if (first === undefined && second === undefined) return { flaw: neither };
  const a = first ?? -Infinity, b = second ?? -Infinity, most = Math.max(a, b);
  if (most === -Infinity) return { flaw: neither };
  const total = most + Math.log(Math.exp(a - most) + Math.exp(b - most));
  return { preference: 2 - Math.exp(a - total) };
}

/** A or B: by the log-probabilities of the first token that is one of them, without them by what was printed. */
export function readLetters({ text, logprobs }: Pick<ChatAnswer, "text" | "logprobs">): Read {
  const at = logprobs?.find(({ token, top }) =>
    [token, ...top.slice(0, 1).map((t) => t.token)].some(letterOf)
  );
  if (at) return weighed(sumOf(at, "A"), sumOf(at, "B"), "neither A nor B is among the likeliest tokens");
  const first = logprobs?.[0], found = first && (sumOf(first, "A") ?? sumOf(first, "B"));
  if (first && found !== undefined) return weighed(sumOf(first, "A"), sumOf(first, "B"), "");
  const printed = /^[\s"'*([]*(?:answer\s+)?([AB])(?![\p{L}\p{N}])/iu.exec(text)?.[1];
  const letter = printed?.toUpperCase();
  return letter ? { preference: letter === "A" ? 1 : 2 } : { flaw: "it names neither A nor B" };
}

const letterOf = (token: string) => /^\s*([AB])\s*$/.exec(token)?.[1];

/** Log of the summed probability of the tokens that are `letter`, white space aside. */
function sumOf({ token, logprob, top }: TokenLogprob, letter: string): number | undefined {
  const all = new Map([...top, { token, logprob }].map((t) => [t.token, t.logprob]));
  const found = [...all].filter(([text]) => letterOf(text) === letter).map(([, value]) => value);
  return found.length ? Math.log(found.reduce((sum, value) => sum + Math.exp(value), 0)) : undefined;
}

/** A completion's choice as alpaca_eval keeps it. */
function rawChoice({ text, finish, logprobs, usage }: ChatAnswer): unknown {
  const bytes = (token: string) => [...new TextEncoder().encode(token)];
  const one = ({ token, logprob }: { token: string; logprob: number }) => ({
    token,
    bytes: bytes(token),
    logprob,
  });
  const content = logprobs?.map((t) => ({ ...one(t), top_logprobs: t.top.map(one) })) ?? null;
  return {
    finish_reason: finish,
    index: 0,
    logprobs: { content },
    message: { content: text, role: "assistant" },
    text: text || " ",
    total_tokens: usage.prompt + usage.completion,
  };
}
