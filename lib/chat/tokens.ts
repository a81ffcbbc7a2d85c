// Counting a question's tokens before it is asked, with OpenAI's tokenizers (npm gpt-tokenizer), loaded when first needed.
import type { ChatRequest } from "./types.ts";

/** Counts a text's tokens. */
export interface Counter {
  count: (text: string) => number;
  /** It is another model's tokenizer. */
  approximate: boolean;
}

/** Longer runs of non-blanks, or of blanks, are counted piece by piece: the tokenizer's time grows with their square. */
const RUN = 256;

/** The counter of a model by its name: o200k or cl100k for OpenAI's models, o200k as an approximation for all others. */
export async function counterOf(model: string): Promise<Counter> {
  const name = model.replace(/^ft:/, "").split(":")[0].split("/").at(-1)!;
  const old = /^(gpt-4(-|$)|gpt-3\.5)/.test(name);
  const known = old || /^(gpt-|chatgpt-|o\d)/.test(name) && !name.startsWith("gpt-oss");
  const { countTokens } = old
    ? await import("gpt-tokenizer/encoding/cl100k_base")
    : await import("gpt-tokenizer/encoding/o200k_base");
  const plain = { disallowedSpecial: new Set<string>() }; // "<|endoftext|>" in a dialogue is text
  return { count: inPieces((text) => countTokens(text, plain)), approximate: !known };
}

/** `count` on pieces of a text that has very long runs, else on the whole. */
function inPieces(count: (text: string) => number): (text: string) => number {
  const run = new RegExp(`(\\S{${RUN}}|\\s{${RUN}})`); // of fixed length: a regular expression's stack is small
  return (text) => {
    if (text.length < RUN) return count(text);
    return text.split(run).reduce((sum, part) => sum + count(part), 0);
  };
}

/** The prompt's tokens: the texts', 3 a message around its role and content, and 3 that start the answer (OpenAI's cookbook). */
export function promptTokens({ messages }: ChatRequest, count: (text: string) => number): number {
  return messages.reduce((sum, { role, content }) => sum + 3 + count(role) + count(content), 3);
}
