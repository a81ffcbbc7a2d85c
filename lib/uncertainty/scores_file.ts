// scores.jsonl: a dialogue's scores under a model a line, what `score` writes and `map --scores` reads. The format only; the
// values come from scores.ts.
import { z } from "zod";
import { InputError } from "../run/errors.ts";
import { readJsonl } from "../run/files.ts";
import type { Ratings } from "./ratings_file.ts";

/** One line of the file; what was not measured is absent. */
export interface ScoreRow {
  /** The example's id, unique within the file. */
  id: string;
  /** Mean negative log-likelihood of the answers' tokens, in nats. */
  nll?: number;
  /** exp(nll). */
  perplexity?: number;
  /** How many tokens those are. */
  tokens?: number;
  /** Mean predictive entropy over its largest value, 0 to 1. */
  entropy?: number;
  /** Spread of drawn answers by their words, 0 to 1. */
  spread?: number;
  /** Spread of drawn answers by the model's hidden states, a cosine distance. */
  hidden_spread?: number;
}

/** The columns of the file that say how uncertain a dialogue is. */
export const SCORE_COLUMNS = ["nll", "perplexity", "entropy", "spread", "hidden_spread"] as const;
/** One of SCORE_COLUMNS. */
export type ScoreColumn = typeof SCORE_COLUMNS[number];

const value = z.number().min(0).optional();
const schema = z.object({
  id: z.string().min(1),
  nll: value,
  perplexity: value,
  tokens: z.int().min(1).optional(),
  entropy: value,
  spread: value,
  hidden_spread: value,
});

/**
 * The file's text: a line a row, keys in a fixed order, numbers in full precision. Throws InputError for rows that readScores()
 * would refuse.
 */
export function scoreLines(rows: readonly ScoreRow[]): string {
  const seen = new Map<string, string>();
  return rows.map((row, i) => JSON.stringify(checkRow(row, `scores row ${i + 1}`, seen)) + "\n").join("");
}

/**
 * The rows of the file at `path`, in order; further keys are passed over. Throws InputError with path:line where the file is
 * missing, empty, not UTF-8, or a line is wrong.
 */
export async function readScores(path: string): Promise<ScoreRow[]> {
  const seen = new Map<string, string>();
  return (await readJsonl(path)).map(({ line, value }) => checkRow(value, `${path}:${line}`, seen));
}

function checkRow(value: unknown, place: string, seen: Map<string, string>): ScoreRow {
  const parsed = schema.safeParse(value);
  const fail = (what: string, remedy: string): never => {
    throw new InputError(`Cannot use ${place}: ${what}; ${remedy}`);
  };
  if (!parsed.success) {
    const [issue] = parsed.error.issues, where = issue.path.join(".");
    return fail(
      where ? `its ${where} is wrong (${issue.message})` : issue.message,
      "measure the scores again",
    );
  }
  const { id } = parsed.data;
  if (seen.has(id)) fail(`its id "${id}" is that of ${seen.get(id)} too`, "keep one of the two");
  seen.set(id, place);
  return parsed.data;
}

/** One column by id; rows without it are left out. */
export function scoresOf(rows: readonly ScoreRow[], column: ScoreColumn): Map<string, number> {
  return new Map(rows.flatMap((row) => row[column] === undefined ? [] : [[row.id, row[column]] as const]));
}

/** Every column that has values, by its name: what pairwise() compares. nll stands for perplexity too, which ranks alike. */
export function scoreColumns(rows: readonly ScoreRow[]): Record<string, Ratings> {
  const columns = SCORE_COLUMNS.filter((column) => column !== "perplexity").map((
    column,
  ) => [column, scoresOf(rows, column)]);
  return Object.fromEntries(columns.filter(([, values]) => (values as Ratings).size > 0));
}

/** The examples with a score as their uncertainty, in their order. Throws InputError for an example without it. */
export function withScores<E extends { id: string; uncertainty?: number }>(
  examples: readonly E[],
  rows: readonly ScoreRow[],
  column: ScoreColumn,
): E[] {
  const values = scoresOf(rows, column), lacking = examples.filter(({ id }) => !values.has(id));
  if (lacking.length) {
    const more = lacking.length > 1 ? ` and ${lacking.length - 1} more` : "";
    throw new InputError(
      `Cannot take the ${column} of "${
        lacking[0].id
      }"${more}: the scores have none; measure it for the same examples`,
    );
  }
  return examples.map((example) => ({ ...example, uncertainty: values.get(example.id)! }));
}
