// smoothing.jsonl: one sample's smoothing a line, what `map` writes and `train --smoothing-file` reads.
// The format only; the values come from map.ts.
import { InputError } from "../run/errors.ts";
import { readJsonl } from "../run/files.ts";

/** One line of the file. */
export interface SmoothingRow {
  /** The example's id, unique within the file. */
  id: string;
  /** What it was mapped from; absent where the mapping needs none. */
  uncertainty?: number;
  /** The probability mass taken from the target, at least 0 and below 1. */
  smoothing: number;
}

/**
 * The file's text: a line a row, keys in a fixed order, numbers in full precision (they read back to the same double).
 * Throws InputError for rows that readSmoothing would refuse.
 */
export function smoothingLines(rows: readonly SmoothingRow[]): string {
  const seen = new Map<string, string>();
  return rows.map((row, i) => JSON.stringify(checkRow(row, `smoothing row ${i + 1}`, seen)) + "\n").join("");
}

/**
 * The rows of the file at `path`, in order; blank lines and further keys are passed over.
 * Throws InputError with path:line where the file is missing, empty, not UTF-8, or a line is wrong.
 */
export async function readSmoothing(path: string): Promise<SmoothingRow[]> {
  const seen = new Map<string, string>();
  return (await readJsonl(path)).map(({ line, value }) => checkRow(value, `${path}:${line}`, seen));
}

/**
 * The smoothing of the samples `ids`, in their order; rows of other samples are left aside.
 * Throws InputError for an id that has no row.
 */
export function smoothingFor(ids: readonly string[], rows: readonly SmoothingRow[]): Float64Array {
  const byId = new Map(rows.map((row) => [row.id, row.smoothing]));
  const missing = ids.filter((id) => !byId.has(id));
  if (missing.length > 0) {
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
    throw new InputError(
      `Cannot take the smoothing of sample "${missing[0]}"${more}: the smoothing file has no such id; ` +
        `map the same examples that you train on`,
    );
  }
  return Float64Array.from(ids, (id) => byId.get(id)!);
}

/** `value` as a row with its keys in order; `seen` (id → place) catches ids that come twice. */
function checkRow(value: unknown, place: string, seen: Map<string, string>): SmoothingRow {
  const fail = (what: string, remedy: string): never => {
    throw new InputError(`Cannot use ${place}: ${what}; ${remedy}`);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail("it is not a JSON object", 'write {"id": …, "uncertainty": …, "smoothing": …}');
  }
  const { id, uncertainty, smoothing } = value as Partial<Record<keyof SmoothingRow, unknown>>;
  if (typeof id !== "string" || id === "") {
    return fail(`its id is ${show(id)}`, "give a string that is not empty");
  }
  if (typeof smoothing !== "number" || !(smoothing >= 0 && smoothing < 1)) {
    return fail(`its smoothing is ${show(smoothing)}`, "give a number of at least 0 and below 1");
  }
  if (seen.has(id)) fail(`its id "${id}" is that of ${seen.get(id)} too`, "keep one of the two");
  seen.set(id, place);
  if (uncertainty === undefined || uncertainty === null) return { id, smoothing };
  if (typeof uncertainty !== "number" || !(uncertainty >= 0 && uncertainty < Infinity)) {
    return fail(
      `its uncertainty is ${show(uncertainty)}`,
      "give a finite number of at least 0, or leave it out",
    );
  }
  return { id, uncertainty, smoothing };
}

function show(value: unknown): string {
  return value === undefined ? "missing" : typeof value === "number" ? String(value) : JSON.stringify(value);
}
