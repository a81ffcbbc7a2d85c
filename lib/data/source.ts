// Dialogues in our own layout, {"messages":[{role, content} …]} or {"prompt", "response"}: a row → an Example, and a small
// JSONL file → Example[], every line checked before anything is done with any. Other layouts, formats and places, and files
// of any size: open_source.ts. Rendering is template.ts.
import { z } from "zod";
import { InputError } from "../run/errors.ts";
import { readJsonl } from "../run/files.ts";
import type { Example, Turn } from "./example.ts";
import { fault, NOT_UTF8, RowFault } from "./row.ts";

const text = z.string().refine((value) => value.isWellFormed(), "holds half of a surrogate pair");
const id = z.union([text.min(1), z.number().int().transform(String)]);

const turn = z.object({ role: z.enum(["system", "user", "assistant"]), content: text });

const about = {
  id: id.optional(),
  uncertainty: z.number().min(0).max(99).optional(),
  category: text.optional(),
  reason: text.optional(),
  source: text.optional(),
  scores: z.object({ complexity: z.array(z.number()).min(1), quality: z.array(z.number()).min(1) })
    .optional(),
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
    try {
      const draft = exampleOf(value), example = { ...draft, id: draft.id ?? String(line) };
      const before = lines.get(example.id);
      if (before !== undefined) {
        fault(`the id ${JSON.stringify(example.id)} is that of line ${before} too`, OWN_ID);
      }
      lines.set(example.id, line);
      if (options.requireUncertainty) requireRating(example);
      examples.push(example);
    } catch (error) {
      if (!(error instanceof RowFault)) throw error;
      throw new InputError(`Cannot read ${path}:${line}: ${error.message}`);
    }
  }
  return examples;
}

/** The remedy for an id that is there twice. */
export const OWN_ID = "give each line an id of its own";

/** Throws RowFault where the example has no uncertainty. */
export function requireRating(example: Pick<Example, "uncertainty">): void {
  if (example.uncertainty === undefined) {
    fault("it has no uncertainty", 'add "uncertainty": a number from 0 to 99');
  }
}

/** A dialogue whose row may lack an id. */
export type Draft = Omit<Example, "id"> & { id?: string };

/** The dialogue of a row in our layout. Throws RowFault with the field and what to write. */
export function exampleOf(value: unknown): Draft {
  return quick(value as Record<string, unknown>) ?? checked(value);
}

/**
 * The same as checked() for rows with nothing unusual, without zod's work; undefined where it is not sure. It is the path
 * of millions of lines.
 */
function quick(row: Record<string, unknown>): Draft | undefined {
  if (typeof row !== "object" || row === null || row.scores !== undefined) return;
  const turns = "messages" in row ? quickMessages(row) : quickPair(row);
  if (!turns) return;
  const { id, category, source, reason, uncertainty } = row;
  const draft: Draft = { turns };
  for (
    const [name, text] of [["id", id], ["category", category], ["source", source], [
      "reason",
      reason,
    ]] as const
  ) {
    if (text === undefined) continue;
    if (!isText(text) || text === "") return;
    draft[name] = text;
  }
  if (uncertainty !== undefined) {
    if (typeof uncertainty !== "number" || !(uncertainty >= 0 && uncertainty <= 99)) return;
    draft.uncertainty = uncertainty;
  }
  return draft;
}

const isText = (value: unknown): value is string => typeof value === "string" && value.isWellFormed();

function quickMessages(row: Record<string, unknown>): Turn[] | undefined {
  const { messages } = row, turns: Turn[] = [];
  if (!Array.isArray(messages) || "prompt" in row || "response" in row) return;
  for (const message of messages) {
    if (typeof message !== "object" || message === null) return;
    const { role, content } = message;
    if ((role !== "user" && role !== "assistant" && role !== "system") || !isText(content)) return;
    turns.push({ role, content });
  }
  return turns.length > 0 && turns[turns.length - 1].role === "assistant" ? turns : undefined;
}

function quickPair({ prompt, response }: Record<string, unknown>): Turn[] | undefined {
  if (!isText(prompt) || !isText(response)) return;
  return [{ role: "user", content: prompt }, { role: "assistant", content: response }];
}

function checked(value: unknown): Draft {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return fault("it is not a JSON object", FORMS);
  }
  const hasMessages = "messages" in value, hasPair = "prompt" in value || "response" in value;
  if (hasMessages === hasPair) {
    return fault(hasMessages ? "it has both messages and prompt or response" : "it has no messages", FORMS);
  }
  const { turns, ...rest } = hasMessages ? fromMessages(value) : fromPair(value);
  if (turns.at(-1)!.role !== "assistant") {
    fault(`its last turn is the ${turns.at(-1)!.role}'s`, "end each dialogue with the assistant's answer");
  }
  const given = Object.fromEntries(Object.entries(rest).filter(([, field]) => field !== undefined));
  return { ...given, turns };
}

const FORMS = 'write {"messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]} or ' +
  '{"prompt":"…","response":"…"}';

function fromMessages(value: object) {
  const { messages, ...rest } = parsed(messagesLine, value);
  return { ...rest, turns: messages };
}

function fromPair(value: object) {
  const { prompt, response, ...rest } = parsed(pairLine, value);
  const turns: Turn[] = [{ role: "user", content: prompt }, { role: "assistant", content: response }];
  return { ...rest, turns };
}

function parsed<T>(schema: z.ZodType<T>, value: object): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const given = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const field = String(issue.path[0]);
  const remedy = field === "uncertainty"
    ? RATING
    : field === "scores"
    ? 'write {"complexity":[3],"quality":[4]}, a number an exchange, or leave scores out'
    : field in about
    ? `give a text, or leave ${field} out`
    : FORMS;
  return fault(`${issue.path.join(".")} is ${described(given, issue.message)}`, remedy);
}

function described(given: unknown, why: string): string {
  if (given === undefined) return "missing";
  if (given === NOT_UTF8) return "not valid UTF-8";
  return `${shorten(JSON.stringify(given))} (${why})`;
}

const RATING = "give a number from 0 to 99, or leave it out";

const shorten = (json: string) => json.length > 60 ? json.slice(0, 60) + "…" : json;
