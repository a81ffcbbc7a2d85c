// The body of a chat completion → an answer. What cannot be used is named, never guessed.
import { z } from "zod";
import { ChatFailure } from "./failure.ts";
import type { ChatAnswer, TokenLogprob } from "./types.ts";

const Body = z.object({
  model: z.string().nullish(),
  choices: z.array(z.object({
    message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
    finish_reason: z.string().nullish(),
    logprobs: z.unknown().optional(),
  })).min(1),
  usage: z.object({ prompt_tokens: z.number().nonnegative(), completion_tokens: z.number().nonnegative() })
    .nullish().catch(undefined),
});

const One = z.object({ token: z.string(), logprob: z.number() });
const Logprobs = z.object({
  content: z.array(One.extend({ top_logprobs: z.array(One).nullish() })).nullish(),
})
  .nullish();

/** An answer as it came. */
export type Reply = Omit<ChatAnswer, "cached" | "cost">;

/** Reads the body of a 200. `from` names the endpoint. Throws ChatFailure (format) for what is no chat completion. */
export function parseReply(text: string, from: string): Reply {
  const json = parseJson(text);
  const parsed = Body.safeParse(json);
  if (!parsed.success) {
    throw new ChatFailure("format", `${from} answered what is no chat completion: ${describe(json, text)}`, {
      status: 200,
      retry: true,
      charged: true,
    });
  }
  const { choices: [choice], usage, model } = parsed.data, { content, refusal } = choice.message;
  const logprobs = logprobsOf(choice.logprobs);
  return {
    text: content ?? refusal ?? "",
    finish: content == null && refusal != null ? "refusal" : choice.finish_reason ?? "unknown",
    ...(logprobs === "flawed" ? { flaw: "logprobs" as const } : logprobs ? { logprobs } : {}),
    usage: { prompt: usage?.prompt_tokens ?? 0, completion: usage?.completion_tokens ?? 0 },
    model: model ?? "",
  };
}

/** JSON, where needed with NaN and Infinity, which are none but are sent, as null. undefined for anything else. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch { /* below */ }
  try {
    const tokens = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g;
    return JSON.parse(text.replace(tokens, (token) => token.startsWith('"') ? token : "null"));
  } catch {
    return undefined;
  }
}

function logprobsOf(value: unknown): TokenLogprob[] | "flawed" | undefined {
  const parsed = Logprobs.safeParse(value);
  if (!parsed.success) return "flawed"; // zod's numbers are finite
  return parsed.data?.content?.map(({ token, logprob, top_logprobs }) => ({
    token,
    logprob,
    top: (top_logprobs ?? []).map(({ token, logprob }) => ({ token, logprob })),
  }));
}

/** What came instead, in a few words. */
function describe(json: unknown, text: string): string {
  const error = errorText(json);
  if (error) return error;
  if (!text.trim()) return "nothing";
  const start = text.trim().slice(0, 60).replaceAll(/\s+/g, " ");
  if (/^<(!doctype|html)/i.test(start)) return `a web page (${start}…); check the base URL`;
  return json === undefined ? `broken JSON (${start}…)` : `other JSON (${start}…)`;
}

/** The message in an error as OpenAI words it, or as others do. */
export function errorText(json: unknown): string | undefined {
  const { error, message, detail } = (json ?? {}) as Record<string, unknown>;
  const told = (error as { message?: unknown } | undefined)?.message ?? error ?? message ?? detail;
  const text = typeof told === "string" ? told : told === undefined ? "" : JSON.stringify(told);
  return text ? text.slice(0, 300) : undefined;
}
