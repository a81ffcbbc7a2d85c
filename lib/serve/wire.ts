// The objects that go over the wire: chat.completion, chat.completion.chunk and their usage, field by field as OpenAI's.
import type { TokenLogprob } from "./logprobs.ts";

/** Why a choice ended. */
export type Finish = "stop" | "length";

/** What all objects of one answer have in common. */
export interface Head {
  id: string;
  created: number;
  model: string;
  system_fingerprint: string;
}

/** Tokens of an answer; `cached` of the prompt's came from the prefix cache. */
export interface Usage {
  prompt: number;
  completion: number;
  cached: number;
}

/** A whole choice. */
export interface Choice {
  content: string;
  logprobs: TokenLogprob[];
  finish: Finish;
}

/** A new answer's head. */
export function newHead(model: string, systemFingerprint: string): Head {
  return {
    id: `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: systemFingerprint,
  };
}

/** The object of an answer that is not streamed. */
export function completion(head: Head, choices: Choice[], usage: Usage, logprobs: boolean) {
  return {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: choices.map((choice, index) => ({
      index,
      message: { role: "assistant", content: choice.content, refusal: null },
      logprobs: logprobs ? { content: choice.logprobs, refusal: null } : null,
      finish_reason: choice.finish,
    })),
    usage: usageOf(usage),
    system_fingerprint: head.system_fingerprint,
  };
}

/** An event of a choice. */
export function chunkEvent(
  head: Head,
  { logprobs, includeUsage }: { logprobs: boolean; includeUsage: boolean },
  { index, delta, finish, logprobs: entries }: {
    index: number;
    delta: object;
    finish: Finish | null;
    logprobs?: TokenLogprob[];
  },
) {
  const shown = logprobs && entries ? { content: entries, refusal: null } : null;
  return {
    ...chunk(head),
    choices: [{ index, delta, logprobs: shown, finish_reason: finish }],
    ...(includeUsage ? { usage: null } : {}),
  };
}

/** The last event where usage was asked for. */
export function usageEvent(head: Head, usage: Usage) {
  return { ...chunk(head), choices: [], usage: usageOf(usage) };
}

const chunk = ({ id, created, model, system_fingerprint }: Head) => ({
  id,
  object: "chat.completion.chunk",
  created,
  model,
  system_fingerprint,
});

function usageOf({ prompt, completion, cached }: Usage) {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
}
