// What a question is in the ledger's eyes: everything that can change its answer, in one canonical text, and its hash.
import { InputError } from "../run/errors.ts";
import { sha256Hex } from "../run/files.ts";
import type { ChatMessage, ChatRequest } from "./types.ts";

/** A question with everything that its answer may depend on. What was not given is not there. */
export interface Question {
  base_url: string;
  model: string;
  fingerprint?: string;
  messages: ChatMessage[];
  /** By OpenAI's names. */
  parameters: {
    temperature?: number;
    top_p?: number;
    max_tokens?: number;
    stop?: string[];
    seed?: number;
    logprobs?: true;
    top_logprobs?: number;
  };
  repeat: number;
}

/** The question that `request` asks of an endpoint. Throws InputError for a request that makes no sense. */
export function questionOf(
  { baseUrl, model, fingerprint }: { baseUrl: string; model: string; fingerprint?: string },
  request: ChatRequest,
  repeat = 0,
): Question {
  checkRequest(request, repeat);
  const { messages, temperature, topP, maxTokens, stop, seed, logprobs, topLogprobs } = request;
  return {
    base_url: baseUrl,
    model,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    messages: messages.map(({ role, content }) => ({ role, content })),
    parameters: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(topP === undefined ? {} : { top_p: topP }),
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
      ...(stop?.length ? { stop } : {}),
      ...(seed === undefined ? {} : { seed }),
      ...(logprobs || topLogprobs !== undefined ? { logprobs: true as const } : {}),
      ...(topLogprobs === undefined ? {} : { top_logprobs: topLogprobs }),
    },
    repeat,
  };
}

/** The ledger's key: SHA-256 of the canonical JSON, in hex. */
export function keyOf(question: Question): string {
  return sha256Hex(canonicalJson(question));
}

/** JSON with the fields of objects in the order of their names and without blanks; equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => a < b ? -1 : 1);
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(",")}}`;
}

function checkRequest(request: ChatRequest, repeat: number): void {
  const wrong = (what: string) => new InputError(`Cannot ask: ${what}`);
  const { messages, temperature, topP, maxTokens, topLogprobs, seed } = request;
  if (!messages.length) throw wrong("there are no messages; give at least one");
  for (const { role, content } of messages) {
    if (!["system", "user", "assistant"].includes(role)) {
      throw wrong(`a message's role is ${role}; use system, user or assistant`);
    }
    if (typeof content !== "string") throw wrong(`a message's content is ${typeof content}; give a text`);
  }
  const range = (name: string, value: number | undefined, least: number, most: number, whole = false) => {
    if (value === undefined || value >= least && value <= most && (!whole || Number.isInteger(value))) return;
    const kind = whole ? "a whole number" : "a number";
    throw wrong(
      `${name} is ${value}; give ${kind} ${
        most < 2 ** 53 - 1 ? `from ${least} to ${most}` : `from ${least} on`
      }`,
    );
  };
  range("temperature", temperature, 0, 2);
  range("topP", topP, 0, 1);
  range("maxTokens", maxTokens, 1, 2 ** 53 - 1, true);
  range("topLogprobs", topLogprobs, 0, 20, true);
  range("seed", seed, -(2 ** 53 - 1), 2 ** 53 - 2, true);
  range("repeat", repeat, 0, 2 ** 53 - 1, true);
}
