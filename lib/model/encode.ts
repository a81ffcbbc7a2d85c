// Dialogues → token ids and the mask of what is learnt. Texts come from data/template.ts; batches are the trainer's.
import type { Turn } from "../data/example.ts";
import { renderChat, renderExample } from "../data/template.ts";
import { InputError } from "../run/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A dialogue as a model sees it. */
export interface EncodedExample {
  /** Token ids, cut at the context length. [n] */
  ids: Int32Array<ArrayBuffer>;
  /** 1 where ids[i], predicted from position i − 1, is learnt; position 0 never is. [n] */
  supervised: Uint8Array<ArrayBuffer>;
  /** The number of tokens before the first answer, before cutting: all where there is no answer, 0 where all is learnt. */
  promptLength: number;
  /** The number of tokens before cutting. */
  fullLength: number;
}

/** How to encode: the context length in tokens, and whether only the answers (with their end-of-turn token) are learnt. */
export interface EncodeOptions {
  context: number;
  supervise: "all" | "response";
}

/**
 * The token ids of a dialogue under a chat template, and which of them are learnt. No BOS is added: templates write
 * their own. A token that holds the end of the prompt and the start of an answer counts to the answer.
 * Throws InputError as renderExample(), and for a context below 2.
 */
export function encodeExample(
  tokenizer: Tokenizer,
  template: string,
  example: { turns: readonly Turn[] },
  options: EncodeOptions,
): EncodedExample {
  const { context, supervise } = options;
  if (!Number.isSafeInteger(context) || context < 2) {
    throw new InputError(`Cannot encode a dialogue: the context is ${context}; give at least 2 tokens`);
  }
  const special = specialTexts(tokenizer);
  const { text, spans } = supervise === "response"
    ? renderExample(template, example.turns, special)
    : { text: renderChat(template, example.turns, special), spans: [] };
  const all = tokenizer.encode(text, { addSpecial: false });
  const ids = Int32Array.from(all.slice(0, context));
  const supervised = new Uint8Array(ids.length);
  if (supervise === "all") supervised.fill(1, 1);
  let promptLength = supervise === "all" ? 0 : all.length;
  spans.forEach(({ start, end }, i) => {
    const first = wholeTokens(tokenizer, text, all, start).count;
    if (i === 0) promptLength = first;
    const last = wholeTokens(tokenizer, text, all, end);
    supervised.fill(1, Math.max(1, first), last.count + (last.exact ? 0 : 1));
  });
  return { ids, supervised, promptLength, fullLength: all.length };
}

/** The texts of a tokenizer's BOS and EOS, as templates want them. */
export function specialTexts(tokenizer: Tokenizer): { bosToken: string; eosToken: string } {
  const text = (id: number | undefined) => (id === undefined ? "" : tokenizer.tokenOf(id));
  return { bosToken: text(tokenizer.bosId), eosToken: text(tokenizer.eosId) };
}

/**
 * How many of `ids`, the tokens of `text`, lie whole in its first `end` characters, and whether they fill them.
 * Mostly those are the tokens of that prefix alone. Where a merge spans the boundary, tokens are added to the common
 * ones as long as their text is still a part of the prefix.
 */
function wholeTokens(tokenizer: Tokenizer, text: string, ids: number[], end: number) {
  const prefix = text.slice(0, end);
  const own = tokenizer.encode(prefix, { addSpecial: false });
  let count = 0;
  while (count < own.length && own[count] === ids[count]) count++;
  if (count === own.length) return { count, exact: true };
  let exact = false;
  for (let n = count + 1; n <= ids.length; n++) {
    const decoded = tokenizer.decode(ids.slice(0, n));
    if (decoded.length > prefix.length) break;
    if (prefix.startsWith(decoded)) [count, exact] = [n, decoded.length === prefix.length];
  }
  return { count, exact };
}

/** The token ids of a dialogue up to where the model's next answer begins. Throws InputError as renderChat(). */
export function encodePrompt(tokenizer: Tokenizer, template: string, turns: readonly Turn[]): number[] {
  const text = renderChat(template, turns, { ...specialTexts(tokenizer), addGenerationPrompt: true });
  return tokenizer.encode(text, { addSpecial: false });
}
