// A user's own JSONL of dialogues → Example[]: {"messages":[{role, content} …]} or {"prompt", "response"} a line.
// Every line is checked before anything is done with any. Rendering is template.ts.
import { z } from "zod";
import { InputError } from "../run/errors.ts";
import { readJsonl } from "../run/files.ts";
import type { Example, Turn } from "./example.ts";

const text = z.string().refine((value) => value.isWellFormed(), "holds half of a surrogate pair");
const id = z.union([text.min(1), z.number().int().transform(String)]);

const turn = z.object({ role: z.enum(["system", "user", "assistant"]), content: text });

const about = {
  id: id.optional(),
  uncertainty: z.number().min(0).max(99).optional(),
  category: text.optional(),
  reason: text.optional(),
  source: text.optional(),
};

const messagesLine = z.object({ messages: z.array(turn).min(1), ...about });
const pairLine = z.object({ prompt: text, response: text, ...about });

/** What to insist on. */
export interface ReadOptions {
  /** Every example must have an uncertainty. */
  requireUncertainty?: boolean;
}

/**
 * The dialogues of a JSONL file, in order; a missing id becomes the line number, unknown fields are passed over.
 * Throws InputError with file:line for what is not UTF-8, not JSON or not of either form: an unknown role, no turns,
 * a last turn that is not the assistant's, a repeated id, a null, an uncertainty outside 0–99 (or missing, where it is
 * required); and for an empty file.
 */
export async function readExamples(path: string, options: ReadOptions = {}): Promise<Example[]> {
  const lines = new Map<string, number>();
  const examples: Example[] = [];
  for (const { line, value } of await readJsonl(path)) {
    const fail = (what: string, remedy: string): never => {
      throw new InputError(`Cannot read ${path}:${line}: ${what}; ${remedy}`);
    };
    const example = parseLine(value, line, fail);
    const before = lines.get(example.id);
    if (before !== undefined) {
      fail(
        `the id ${JSON.stringify(example.id)} is that of line ${before} too`,
        "give each line an id of its own",
      );
    }
    lines.set(example.id, line);
    if (options.requireUncertainty && example.uncertainty === undefined) {
      fail("it has no uncertainty", 'add "uncertainty": a number from 0 to 99');
    }
    examples.push(example);
  }
  return examples;
}

type Fail = (what: string, remedy: string) => never;

function parseLine(value: unknown, line: number, fail: Fail): Example {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fail("it is not a JSON object", FORMS);
  }
  const hasMessages = "messages" in value, hasPair = "prompt" in value || "response" in value;
  if (hasMessages === hasPair) {
    return fail(hasMessages ? "it has both messages and prompt or response" : "it has no messages", FORMS);
  }
  const { turns, ...rest } = hasMessages ? fromMessages(value, fail) : fromPair(value, fail);
  if (turns.at(-1)!.role !== "assistant") {
    fail(`its last turn is the ${turns.at(-1)!.role}'s`, "end each dialogue with the assistant's answer");
  }
  const given = Object.fromEntries(Object.entries(rest).filter(([, field]) => field !== undefined));
  return { ...given, id: rest.id ?? String(line), turns };
}

const FORMS = 'write {"messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]} or ' +
  '{"prompt":"…","response":"…"}';

function fromMessages(value: object, fail: Fail) {
  const { messages, ...rest } = checked(messagesLine, value, fail);
  return { ...rest, turns: messages };
}

function fromPair(value: object, fail: Fail) {
  const { prompt, response, ...rest } = checked(pairLine, value, fail);
  const turns: Turn[] = [{ role: "user", content: prompt }, { role: "assistant", content: response }];
  return { ...rest, turns };
}

function checked<T>(schema: z.ZodType<T>, value: object, fail: Fail): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const given = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const shown = given === undefined ? "missing" : `${shorten(JSON.stringify(given))} (${issue.message})`;
  const field = String(issue.path[0]);
  const remedy = field === "uncertainty"
    ? RATING
    : field in about
    ? `give a text, or leave ${field} out`
    : FORMS;
  return fail(`${issue.path.join(".")} is ${shown}`, remedy);
}

const RATING = "give a number from 0 to 99, or leave it out";

const shorten = (json: string) => json.length > 60 ? json.slice(0, 60) + "…" : json;
