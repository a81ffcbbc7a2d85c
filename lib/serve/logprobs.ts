// Log-probabilities of tokens as OpenAI returns them: of the model's own distribution, before temperature, top-k and top-p.
import type { Tokenizer } from "../model/tokenizer.ts";

/** A token and its log-probability in nats. */
export interface TopLogprob {
  /** Its text; "bytes:\xe2\x82" where it is a part of a character. */
  token: string;
  logprob: number;
  bytes: number[];
}

/** A token of an answer, and the likeliest tokens in its place. */
export interface TokenLogprob extends TopLogprob {
  top_logprobs: TopLogprob[];
}

/** What OpenAI returns for a token of no probability. */
const LEAST = -9999;

/** The entry of the token `id` drawn from `logits` [K], with the `top` likeliest ones (ties: the lower id first). */
export function tokenLogprob(
  tokenizer: Pick<Tokenizer, "bytesOf">,
  logits: Float32Array,
  id: number,
  top: number,
): TokenLogprob {
  const total = logSumExp(logits);
  const entry = (id: number): TopLogprob => {
    const bytes = tokenizer.bytesOf(id);
    return { token: tokenText(bytes), logprob: Math.max(logits[id] - total, LEAST), bytes: [...bytes] };
  };
  return { ...entry(id), top_logprobs: largest(logits, top).map(entry) };
}

/** log Σ exp(values), in float64. */
export function logSumExp(values: Float32Array): number {
  let most = -Infinity, sum = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - most);
  return most + Math.log(sum);
}

/** The indices of the `count` largest values, largest first, of equal ones the lower first. */
export function largest(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (found.length === count && (count === 0 || values[i] <= values[found[count - 1]])) continue;
    let place = found.length;
    while (place > 0 && values[i] > values[found[place - 1]]) place--;
    found.splice(place, 0, i);
    if (found.length > count) found.pop();
  }
  return found;
}

/** The text of a token's bytes; written out as OpenAI does where they are not whole characters. */
function tokenText(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "bytes:" + [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  }
}
