// What a judge is asked: a prompt file with the rubric, and the dialogue behind marks that cannot occur in it, so that
// nothing in a dialogue can pass for ours. Asking is elicit.ts; what an answer means is parse_rating.ts.
import { join } from "node:path";
import type { ChatMessage } from "../chat/mod.ts";
import type { Turn } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import { readBytes, sha256Hex } from "../run/files.ts";

/** A prompt for a judge. */
export interface JudgePrompt {
  /** The first message, where there is one: the rubric. The same for all dialogues, so that endpoints can cache it. */
  system?: string;
  /** The second: {{dialogue}} stands for the dialogue between its marks, {{mark}} for the mark. */
  user: string;
  /**
   * How the answer begins, as a last message of the assistant's: for endpoints that go on with such a message, as our own
   * server does, and for models too small to answer in a form that they are told. The judge's own words then end at the first
   * full stop, comma, colon or line's end.
   */
  start?: string;
  /** The first 12 hex digits of the SHA-256 of all: names the prompt in files. */
  hash: string;
  /** The most tokens of an answer in the form asked for. */
  maxTokens: number;
}

/**
 * The bundled prompts, in our own words: "rate" asks by data/rubric.md for the number alone, "rate_reason" for JSON with one
 * line why; "rate_small" is short and begins the answer itself, for small models.
 */
export type BundledPrompt = "rate" | "rate_reason" | "rate_small";

/** A bundled prompt. */
export async function bundledPrompt(name: BundledPrompt = "rate"): Promise<JudgePrompt> {
  const prompt = await readPrompt(join(import.meta.dirname!, "../../data/prompts", `${name}.md`));
  return name === "rate_reason" ? prompt : { ...prompt, maxTokens: 16 };
}

/** The prompt in a file; see parsePrompt(). Throws InputError also where it cannot be read. */
export async function readPrompt(path: string): Promise<JudgePrompt> {
  const bytes = await readBytes(path);
  try {
    return parsePrompt(new TextDecoder("utf-8", { fatal: true }).decode(bytes), path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot use prompt ${path}: it is not valid UTF-8; save it as UTF-8`);
  }
}

/**
 * A prompt's text: after a line "[system]" the first message, after a line "[user]" the second, after a line "[assistant]" the
 * answer's beginning, to which a space is added; without such lines all is the second. Throws InputError where {{dialogue}} does not stand in the user's part exactly once, and for an unknown
 * placeholder.
 */
export function parsePrompt(text: string, place = "prompt"): JudgePrompt {
  const fail = (what: string, remedy: string): never => {
    throw new InputError(`Cannot use ${place}: ${what}; ${remedy}`);
  };
  const parts = text.replaceAll("\r\n", "\n").split(/^\[(system|user|assistant)\][ \t]*$/m);
  const [before, ...named] = parts;
  const part = (name: string) => named[named.indexOf(name) + 1].trim();
  const names = named.filter((_, i) => i % 2 === 0);
  if (new Set(names).size < names.length) {
    fail("a part stands in it twice", "write [system], [user] and [assistant] once");
  }
  if (names.length && before.trim()) {
    fail("there is text above its first part", "begin with [system] or [user]");
  }
  if (names.length && !names.includes("user")) fail("it has no [user] part", "put {{dialogue}} into one");
  const system = names.includes("system") && part("system") ? part("system") : undefined;
  const user = names.length ? part("user") : before.trim();
  const begun = names.includes("assistant") && part("assistant"), start = begun ? `${begun} ` : undefined;
  for (const [whole, name] of `${system ?? ""}\n${user}\n${start ?? ""}`.matchAll(PLACEHOLDER)) {
    if (!PLACEHOLDERS.includes(name)) fail(`${whole} is unknown`, "use {{dialogue}} and {{mark}}");
  }
  const count = user.split("{{dialogue}}").length - 1;
  if (count !== 1 || `${system ?? ""}${start ?? ""}`.match(PLACEHOLDER)) {
    fail(`{{dialogue}} stands in its user part ${count} times`, "put it there once, and nowhere else");
  }
  const hash = sha256Hex(JSON.stringify([system, user, ...(start ? [start] : [])])).slice(0, 12);
  return { ...(system ? { system } : {}), user, ...(start ? { start } : {}), hash, maxTokens: LONG_ANSWER };
}

/** Tokens: room for JSON with one line of reason. */
const LONG_ANSWER = 200;

const PLACEHOLDER = /\{\{(\w+)\}\}/g;
const PLACEHOLDERS = ["dialogue", "mark"];

/** The messages that ask for the rating of a dialogue. */
export function judgeMessages(prompt: JudgePrompt, turns: readonly Turn[]): ChatMessage[] {
  const { text, mark } = fenced(turns);
  const values: Record<string, string> = { dialogue: text, mark };
  const user = prompt.user.replace(PLACEHOLDER, (_, name: string) => values[name]); // one pass: a dialogue's own are kept
  return [
    ...(prompt.system ? [{ role: "system" as const, content: prompt.system }] : []),
    { role: "user", content: user },
    ...(prompt.start ? [{ role: "assistant" as const, content: prompt.start }] : []),
  ];
}

/**
 * A dialogue between lines of ours. Each of them carries a mark, eight hexadecimal digits of the hash of the dialogue, which
 * is hashed again until the mark occurs nowhere in the dialogue, in either case of its letters: whatever a dialogue imitates,
 * it cannot end itself or begin a turn.
 */
export function fenced(turns: readonly Turn[]): { text: string; mark: string } {
  const contents = turns.map(({ content }) => defused(content));
  const hash = sha256Hex(JSON.stringify(turns.map(({ role, content }) => [role, content])));
  const mark = unusedMark(hash, contents.join("\n"));
  const lines = turns.flatMap(({ role }, i) => [`--- ${mark} ${role} ---`, contents[i]]);
  return { mark, text: [`=== ${mark} begin ===`, ...lines, `=== ${mark} end ===`].join("\n") };
}

/** The first eight digits of `hash`, hashed again until they occur nowhere in `text`. */
export function unusedMark(hash: string, text: string): string {
  const all = text.toLowerCase();
  let mark = hash.slice(0, 8);
  while (all.includes(mark)) mark = sha256Hex(mark).slice(0, 8);
  return mark;
}

/** The beginnings of what chat templates use to begin and end turns. */
const CONTROL = /<(?=[|｜]|\/?s>|<\/?SYS>>|(?:start|end)_of_turn>)|\[(?=\/?INST\])/g;

/**
 * `text` with a space after the first character of every control token of the common chat templates (<|…|>, </s>, [INST],
 * <start_of_turn> and their like): many servers read those in a message as their own, which would let a dialogue end the
 * user's turn and speak as the judge.
 */
export function defused(text: string): string {
  return text.replace(CONTROL, "$& ");
}
