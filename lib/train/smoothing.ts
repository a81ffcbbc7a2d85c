// Each sample's smoothing for one run: given, or made by the model itself from its entropy before training, and kept in
// the run's smoothing.jsonl. Smoothing that follows the model in training is perplexity_smoothing.ts.
import { join } from "node:path";
import type { JitOptions } from "../jit/mod.ts";
import type { Base, Sequence } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { writeFileAtomic } from "../run/files.ts";
import {
  checkRange,
  measureEntropy,
  readSmoothing,
  smoothingLines,
  type SmoothingRow,
  truncatedLinear,
} from "../uncertainty/mod.ts";
import { arrayHash } from "./checkpoint.ts";
import type { PerplexitySmoothing } from "./perplexity_smoothing.ts";

/** Smoothing by the base model's predictive entropy, mapped to its mean as ratings are. */
export interface EntropySmoothing {
  method: "entropy";
  mean: number;
  ceiling: number;
}

/** Each sample's smoothing: given, one a sample, or made by the model itself. */
export type SampleSmoothing = ArrayLike<number> | PerplexitySmoothing | EntropySmoothing;

/** The run's file of smoothing values. */
export const SMOOTHING_FILE = "smoothing.jsonl";

/** Rows of smoothing by entropy: scores `sequences` under the base model and maps what it finds to the mean. */
export async function smoothingByEntropy(
  base: Base,
  sequences: Sequence[],
  { mean, ceiling }: EntropySmoothing,
  options: JitOptions & { maxRows: number },
): Promise<SmoothingRow[]> {
  const uncertainty = await measureEntropy(base, sequences, options);
  const { smoothing } = truncatedLinear(uncertainty, { mean, ceiling });
  return sequences.map(({ id }, i) => ({ id, uncertainty: uncertainty[i], smoothing: smoothing[i] }));
}

/** Writes the run's rows, in the samples' order. */
async function keepSmoothing(dir: string, rows: SmoothingRow[]): Promise<void> {
  await writeFileAtomic(join(dir, SMOOTHING_FILE), smoothingLines(rows));
}

/** The rows that keepSmoothing() left for `sequences`; undefined where there is no file. Throws InputError for a damaged one. */
async function keptSmoothing(
  dir: string,
  sequences: Sequence[],
): Promise<SmoothingRow[] | undefined> {
  const path = join(dir, SMOOTHING_FILE);
  if (!await Deno.stat(path).then(() => true, () => false)) return undefined;
  const remedy = "delete it, and it is made again";
  let rows: SmoothingRow[];
  try {
    rows = await readSmoothing(path);
  } catch (error) {
    throw new InputError(`Cannot resume in ${dir}: ${(error as Error).message}; ${remedy}`, { cause: error });
  }
  const same = rows.length === sequences.length && rows.every(({ id }, i) => id === sequences[i].id);
  if (same) return rows;
  throw new InputError(
    `Cannot resume in ${dir}: ${path} is not of the samples that are trained on; ${remedy}`,
  );
}

/** What runSmoothing() works with besides the samples. */
interface RunSmoothingOptions {
  dir: string;
  /** What the given smoothing was made from; without it no file is written. */
  uncertainty?: ArrayLike<number | undefined>;
  /** The folder is already this run's: its file is read, not made again. */
  known: boolean;
  onNotice?: (text: string) => void;
  scoring: JitOptions & { maxRows: number };
}

/**
 * The smoothing of each sequence (`of`), or how the graph makes it (`perplexity`); `hash` names the values. Writes
 * smoothing.jsonl into the run's folder.
 */
export async function runSmoothing(
  base: Base,
  sequences: Sequence[],
  smoothing: SampleSmoothing,
  { dir, uncertainty, known, onNotice, scoring }: RunSmoothingOptions,
): Promise<{ of?: ArrayLike<number>; perplexity?: PerplexitySmoothing; hash: string }> {
  const named = (of: ArrayLike<number>) => ({ of, hash: arrayHash(Float64Array.from(of)) });
  if (!("method" in smoothing)) {
    const row = (id: string, i: number) => ({ id, uncertainty: uncertainty?.[i], smoothing: smoothing[i] });
    if (uncertainty) await keepSmoothing(dir, sequences.map(({ id }, i) => row(id, i)));
    return named(smoothing);
  }
  if (smoothing.method === "perplexity") return { perplexity: smoothing, hash: "" };
  let rows = known ? await keptSmoothing(dir, sequences) : undefined;
  if (!rows) {
    onNotice?.(`measuring the base model's entropy on ${sequences.length} dialogues`);
    rows = await smoothingByEntropy(base, sequences, smoothing, scoring);
    await keepSmoothing(dir, rows);
  }
  return named(rows.map((row) => row.smoothing));
}

/** Throws where the smoothing does not fit the samples or cannot be used. */
export function checkSmoothing(sequences: Sequence[], smoothing: SampleSmoothing): void {
  if ("method" in smoothing) return checkRange(smoothing.mean, smoothing.ceiling);
  if (smoothing.length === sequences.length) return;
  throw new RangeError(
    `Cannot train: ${sequences.length} sequences have ${smoothing.length} smoothing values`,
  );
}
