// A row of a source before it is a dialogue: where it stands, and its value or what is wrong with it. Reading files into
// rows is jsonl.ts, json_values.ts, csv.ts and parquet.ts; rows into dialogues layouts.ts.

/** A row as it was read. */
export interface Row {
  /** Its line in a text file (the first one, where it has several), else its number; counted from 1. */
  at: number;
  value?: unknown;
  /** Set where the row could not be read at all. */
  fault?: RowFault;
}

/** What is wrong with one row, and what to do; others may still be good. */
export class RowFault extends Error {
  /** Set so that messages show it. */
  override name = "RowFault";
  constructor(readonly what: string, readonly remedy: string) {
    super(`${what}; ${remedy}`);
  }
}

/** Stands in a row for a text whose bytes are not UTF-8. */
export const NOT_UTF8: unique symbol = Symbol("not UTF-8");

/** The most bytes of one row. A file with a longer one has lost its line ends, or is no text. */
export const LARGEST_ROW: number = 2 ** 27;

/** Throws RowFault. */
export function fault(what: string, remedy: string): never {
  throw new RowFault(what, remedy);
}

/** A value for a message: its JSON, short. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === NOT_UTF8) return "not valid UTF-8";
  // of a long text only the start is turned into JSON
  const json = typeof value === "string"
    ? JSON.stringify(value.slice(0, 100))
    : JSON.stringify(value) ?? "unreadable";
  return json.length > 60 ? `${json.slice(0, 60).replace(/[\ud800-\udbff]$/, "")}…` : json;
}

/** The value of a row's JSON text. Throws RowFault. */
export function parseRow(text: string, remedy: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // of a long row the error repeats only a part
    const why = (error as Error).message.slice(0, 200);
    return fault(`not valid JSON (${why}): ${text.length > 60 ? text.slice(0, 60) + "…" : text}`, remedy);
  }
}

/** A row whose reading may fail. */
export function rowOf(at: number, read: () => unknown): Row {
  try {
    return { at, value: read() };
  } catch (error) {
    if (error instanceof RowFault) return { at, fault: error };
    throw error;
  }
}
