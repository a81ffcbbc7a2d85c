// A pair and a prompt → messages: as alpaca_eval 0.6.6 makes them, or by a file in our form.
// (utils.make_prompts and utils.prompt_to_chatml there.)
import type { ChatMessage } from "../../chat/mod.ts";
import { InputError } from "../../run/errors.ts";
import { readBytes, sha256Hex } from "../../run/files.ts";
import { strip } from "../harness/python_text.ts";
import { defused, unusedMark } from "../../uncertainty/judge_prompt.ts";

/** What a prompt is filled with: the instruction and the answers as the judge sees them. */
export interface ShownPair {
  instruction: string;
  output_1: string;
  output_2: string;
}

/** A prompt for judging pairs. */
export interface PairPrompt {
  /** The messages that show a pair. */
  messages(pair: ShownPair): ChatMessage[];
  /** Whether the judge's answer was begun for it, as a last message of the assistant's. */
  begun: boolean;
  /** The first 12 hex digits of the SHA-256 of the prompt's text: names it in files. */
  hash: string;
}

/** The beginnings and ends of messages in AlpacaEval's prompts. */
const START = "<|im_start|>", END = "<|im_end|>";

/**
 * A prompt's text: in AlpacaEval's form where it has <|im_start|> in it, with {instruction}, {output_1} and {output_2}; else
 * in ours, [system], [user] and [assistant] parts with {{instruction}}, {{output_1}}, {{output_2}} and {{mark}}.
 * Throws InputError where a placeholder is missing, twice there or unknown.
 */
export function parsePairPrompt(text: string, place = "prompt"): PairPrompt {
  return text.includes(START) ? chatmlPrompt(text, place) : ownPrompt(text, place);
}

/** The prompt in a file. Throws InputError as parsePairPrompt(), and where it cannot be read. */
export async function readPairPrompt(path: string): Promise<PairPrompt> {
  return parsePairPrompt(new TextDecoder().decode(await readBytes(path)), path);
}

const FIELDS = ["instruction", "output_1", "output_2"] as const;

/** A prompt in AlpacaEval's form. */
function chatmlPrompt(template: string, place: string): PairPrompt {
  const found = [...template.matchAll(/\{([^ \s]+?)\}/g)].map(([, name]) => name);
  checkPlaceholders(found, place, (name) => `{${name}}`);
  const order = found as (typeof FIELDS)[number][];
  if (!template.trim().startsWith(START) || !template.trim().endsWith(END)) {
    throw new InputError(`Cannot use ${place}: it must begin with ${START} and end with ${END}`);
  }
  return {
    begun: false,
    hash: sha256Hex(template).slice(0, 12),
    messages(pair) {
      let text = template;
      // each the first occurrence, one after the other, as make_prompts(): a text may hold a later placeholder
      for (const name of order) text = text.replace(`{${name}}`, () => withoutMarks(pair[name]));
      return chatmlMessages(text);
    },
  };
}

/** Whether a text holds what begins or ends a message, which alpaca_eval would send as one. */
export const hasMarks = (text: string): boolean => text.includes(START) || text.includes(END);

/** Such marks with a space in them: an answer must not speak as the judge's user or system. Other texts stay as they are. */
const withoutMarks = (text: string) =>
  hasMarks(text) ? text.replace(/<(?=\|im_(?:start|end)\|>)/g, "< ") : text;

/** "<|im_start|>role\ncontent<|im_end|>" … → messages. */
export function chatmlMessages(text: string): ChatMessage[] {
  return text.trim().split(START).slice(1).map((part) => {
    const line = part.indexOf("\n");
    const role = strip(part.slice(0, line)), content = strip(part.slice(line + 1).split(END)[0]);
    return { content, role: role as ChatMessage["role"] };
  });
}

const OURS = /\{\{(\w+)\}\}/g;

/** A prompt in our form: each text stands between lines with a mark that occurs in none of them. */
function ownPrompt(text: string, place: string): PairPrompt {
  const parts = partsOf(text, place);
  const all = parts.map(({ content }) => content).join("\n");
  checkPlaceholders(
    [...all.matchAll(OURS)].map(([, name]) => name).filter((name) => name !== "mark"),
    place,
    (name) => `{{${name}}}`,
  );
  return {
    begun: parts.at(-1)!.role === "assistant",
    hash: sha256Hex(JSON.stringify(parts)).slice(0, 12),
    messages(pair) {
      const shown = FIELDS.map((name) => defused(pair[name]));
      const mark = unusedMark(sha256Hex(JSON.stringify(shown)), shown.join("\n"));
      const values: Record<string, string> = {
        mark,
        ...Object.fromEntries(FIELDS.map((name, i) => [name, fencedText(shown[i], mark)])),
      };
      return parts.map(({ role, content }) => ({
        role,
        content: content.replace(OURS, (_, name: string) => values[name]),
      }));
    },
  };
}

/** A text between lines with the mark. */
export const fencedText = (text: string, mark: string): string =>
  `=== ${mark} begin ===\n${text}\n=== ${mark} end ===`;

/**
 * The [system], [user] and [assistant] parts of a prompt's text; without such lines all is the user's. The assistant's, with
 * which the judge's answer begins, gets a space at its end. Throws InputError for a part that is there twice or no user's.
 */
export function partsOf(text: string, place: string): ChatMessage[] {
  const [before, ...named] = text.replaceAll("\r\n", "\n").split(/^\[(system|user|assistant)\][ \t]*$/m);
  const fail = (what: string, remedy: string): never => {
    throw new InputError(`Cannot use ${place}: ${what}; ${remedy}`);
  };
  if (named.length === 0) return [{ role: "user", content: before.trim() }];
  if (before.trim()) fail("there is text above its first part", "begin with [system] or [user]");
  const roles = named.filter((_, i) => i % 2 === 0);
  if (new Set(roles).size < roles.length) fail("a part stands in it twice", "write each once");
  if (!roles.includes("user")) fail("it has no [user] part", "write one with the placeholders");
  return (["system", "user", "assistant"] as const).flatMap((role) => {
    const content = named[named.indexOf(role) + 1]?.trim();
    if (!roles.includes(role) || !content) return [];
    return [{ role, content: role === "assistant" ? `${content} ` : content }];
  });
}

function checkPlaceholders(found: string[], place: string, shown: (name: string) => string): void {
  const names: readonly string[] = FIELDS, wanted = FIELDS.map(shown).join(", ");
  for (const name of found) {
    if (!names.includes(name)) {
      throw new InputError(`Cannot use ${place}: its placeholder ${shown(name)} is unknown; use ${wanted}`);
    }
  }
  for (const name of names) {
    const count = found.filter((other) => other === name).length;
    if (count !== 1) {
      throw new InputError(
        `Cannot use ${place}: ${shown(name)} stands in it ${count} times; write ${wanted} once each`,
      );
    }
  }
}
