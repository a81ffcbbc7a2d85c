// One line of a ledger: a question, its answer, when, at what cost, and a check sum. JSON, so that anything can read it.
import { sha256Hex } from "../run/files.ts";
import { keyOf, type Question } from "./question.ts";
import type { ChatAnswer } from "./types.ts";

/** What a line holds. */
export interface Entry {
  /** SHA-256 of the question's canonical JSON. */
  key: string;
  /** When the answer came, UTC, as in 2024-01-31T12:00:00.000Z. */
  time: string;
  question: Question;
  answer: Omit<ChatAnswer, "cached" | "cost">;
  /** USD; absent without a price. */
  cost?: number;
  /** The batch that it came from. */
  batch?: string;
}

/** What can be wrong with a line. */
export type LineFault = "not a line of a ledger" | "the check sum differs" | "the key is not the question's";

const sum = (body: string) => sha256Hex(body).slice(0, 16);

/** The entry as a line, without the line's end. Its last field is the check sum of what stands before. */
export function formatLine(entry: Entry): string {
  const body = JSON.stringify(entry);
  return `${body.slice(0, -1)},"sum":"${sum(body)}"}`;
}

/** The entry of a line, or what is wrong with it; `rehash` also computes the key anew. */
export function parseLine(line: string, { rehash = false } = {}): Entry | LineFault {
  const end = /,"sum":"([0-9a-f]{16})"\}$/.exec(line.slice(-32));
  if (!line.startsWith(`{"key":"`) || !end) return "not a line of a ledger";
  const body = line.slice(0, -end[0].length) + "}";
  if (sum(body) !== end[1]) return "the check sum differs";
  const entry = JSON.parse(body) as Entry; // the sum is right, so it is what we wrote
  return rehash && keyOf(entry.question) !== entry.key ? "the key is not the question's" : entry;
}

/** An entry as an answer. */
export function answerOf({ answer, cost }: Entry, cached: boolean): ChatAnswer {
  return { ...answer, ...(cost === undefined ? {} : { cost }), cached };
}
