// ratings.jsonl: what a judge said of one dialogue a line, what `elicit` writes and `map --ratings` reads. The format and
// simple readings of it; asking is elicit.ts, agreement is agreement.ts.
import { z } from "zod";
import { InputError } from "../run/errors.ts";
import { readJsonl } from "../run/files.ts";
import { LARGEST_RATING } from "./bands.ts";

/** One of several independent answers of a judge to the same question: a rating, or why there is none. */
export interface RepeatedRating {
  /** The number that was printed, a whole one from 0 to 99. */
  rating?: number;
  /** Mean over the numbers that the judge weighed; see expectedRating(). */
  expected?: number;
  /** Their probability together. */
  mass?: number;
  /** The judge's one line. */
  reason?: string;
  /** How often it was asked: 2 where the first answer was malformed. 0 where it was not asked at all. */
  asked: number;
  /** Why there is no rating. */
  failed?: string;
}

/** One line of the file: rated, or failed with the reason. */
export interface RatingRow {
  /** The example's id, unique within the file. */
  id: string;
  /** The mean of the repeats' ratings, 0 to 99. Absent where all failed. */
  rating?: number;
  /** The mean of the repeats' expected ratings; absent where none has one. */
  expected?: number;
  /** The standard deviation over the repeats (n − 1); from two rated ones on. */
  sd?: number;
  /** The largest minus the smallest; from two rated repeats on. */
  range?: number;
  /** The reason of the first repeat that gave one. */
  reason?: string;
  /** Why there is no rating: that of the first repeat. */
  failed?: string;
  /** Each answer. */
  repeats: RepeatedRating[];
  /** The judge's name, as it was asked for. */
  judge: string;
  /** The prompt's hash, see JudgePrompt. */
  prompt: string;
}

/** The row of an example from its repeats. Throws RangeError for none. */
export function ratingRow(
  id: string,
  repeats: RepeatedRating[],
  { judge, prompt }: { judge: string; prompt: string },
): RatingRow {
  if (repeats.length === 0) throw new RangeError(`Cannot rate ${id}: no answer was asked for`);
  const ratings = repeats.flatMap(({ rating }) => rating ?? []);
  const expected = repeats.flatMap(({ expected }) => expected ?? []);
  const reason = repeats.find(({ reason }) => reason)?.reason;
  return {
    id,
    ...(ratings.length ? { rating: mean(ratings) } : { failed: repeats[0].failed ?? "no rating" }),
    ...(expected.length ? { expected: mean(expected) } : {}),
    ...(ratings.length > 1 ? { sd: deviation(ratings), range: rangeOf(ratings) } : {}),
    ...(reason ? { reason } : {}),
    repeats,
    judge,
    prompt,
  };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const rangeOf = (values: number[]) => Math.max(...values) - Math.min(...values);

/** The standard deviation of a sample of two or more (n − 1). */
export function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - centre) ** 2, 0) / (values.length - 1));
}

const number = z.number().min(0).max(LARGEST_RATING), text = z.string();
const schema = z.object({
  id: text.min(1),
  rating: number.optional(),
  expected: number.optional(),
  sd: z.number().min(0).optional(),
  range: number.optional(),
  reason: text.optional(),
  failed: text.min(1).optional(),
  repeats: z.array(z.object({
    rating: z.int().min(0).max(LARGEST_RATING).optional(),
    expected: number.optional(),
    mass: z.number().min(0).max(1).optional(),
    reason: text.optional(),
    asked: z.int().min(0),
    failed: text.optional(),
  })).default([]),
  judge: text.default(""),
  prompt: text.default(""),
}).refine((row) => (row.rating === undefined) !== (row.failed === undefined), {
  message: "it needs one of rating and failed",
});

/**
 * The file's text: a line a row, keys in a fixed order, numbers in full precision. Throws InputError for rows that
 * readRatings() would refuse.
 */
export function ratingLines(rows: readonly RatingRow[]): string {
  const seen = new Map<string, string>();
  return rows.map((row, i) => JSON.stringify(checkRow(row, `ratings row ${i + 1}`, seen)) + "\n").join("");
}

/**
 * The rows of the file at `path`, in order. A line needs an id and a rating (from 0 to 99, fractions allowed) or a failure;
 * further keys are passed over. Throws InputError with path:line where the file is missing, empty, not UTF-8, or a line is wrong.
 */
export async function readRatings(path: string): Promise<RatingRow[]> {
  const seen = new Map<string, string>();
  return (await readJsonl(path)).map(({ line, value }) => checkRow(value, `${path}:${line}`, seen));
}

function checkRow(value: unknown, place: string, seen: Map<string, string>): RatingRow {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues, where = issue.path.join(".");
    throw new InputError(
      `Cannot use ${place}: ${where ? `its ${where} is wrong (${issue.message})` : issue.message}; ` +
        `write {"id": …, "rating": 0 to 99} or {"id": …, "failed": why}`,
    );
  }
  const row = parsed.data;
  if (seen.has(row.id)) {
    throw new InputError(
      `Cannot use ${place}: its id "${row.id}" is that of ${seen.get(row.id)} too; keep one of the two`,
    );
  }
  seen.set(row.id, place);
  return row;
}

/** Ratings by example, such as one rater's. */
export type Ratings = ReadonlyMap<string, number>;

/** Which number of a row to take: the printed one (the mean over repeats), or the judge's expected one. */
export type RatingKind = "rating" | "expected";

/**
 * The ratings of rows by id; or those that came with examples (their `uncertainty`). Rows without the number, such as failed
 * ones, are left out.
 */
export function ratingsOf(
  rows: readonly (RatingRow | { id: string; uncertainty?: number })[],
  kind: RatingKind = "rating",
): Map<string, number> {
  const value = (row: typeof rows[number]) =>
    "repeats" in row ? row[kind] : (row as { uncertainty?: number }).uncertainty;
  return new Map(rows.flatMap((row) => {
    const found = value(row);
    return found === undefined ? [] : [[row.id, found] as const];
  }));
}

/**
 * The examples with the ratings of `rows` as their uncertainty, in their order; `unrated` are the ids of those left out
 * because their rating failed. Throws InputError for an example without a row, and for one whose row lacks the number.
 */
export function withRatings<E extends { id: string; uncertainty?: number; reason?: string }>(
  examples: readonly E[],
  rows: readonly RatingRow[],
  kind: RatingKind = "rating",
): { examples: E[]; unrated: string[] } {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const unrated: string[] = [];
  const rated = examples.flatMap((example) => {
    const row = byId.get(example.id);
    if (!row) throw missing(examples.filter(({ id }) => !byId.has(id)).map(({ id }) => id));
    if (row.failed !== undefined) return unrated.push(example.id), [];
    const uncertainty = row[kind];
    if (uncertainty === undefined) {
      throw new InputError(
        `Cannot take the ${kind} rating of "${row.id}": its judge gave no log-probabilities; use the printed rating`,
      );
    }
    const { reason: _, ...rest } = example;
    return [{ ...rest, uncertainty, ...(row.reason ? { reason: row.reason } : {}) } as E];
  });
  return { examples: rated, unrated };
}

function missing(ids: string[]): InputError {
  const more = ids.length > 1 ? ` and ${ids.length - 1} more` : "";
  return new InputError(
    `Cannot take the rating of "${
      ids[0]
    }"${more}: the ratings have no such id; rate the same examples that you map`,
  );
}
