// The texts of benchmarks, to find them in training data: from the local mirror by name, or from any file of rows. Only texts
// are read here; tasks and scoring are lib/evaluate.
import { parse } from "csv-parse/sync";
import { basename } from "node:path";
import { formatOf, rowsOf } from "../data/format.ts";
import { mirrorFile } from "../data/mirror.ts";
import { zipEntries } from "../data/zip.ts";
import { InputError } from "../run/errors.ts";
import { readBytes, resolveUser } from "../run/files.ts";

/** One question of a benchmark. */
export interface BenchmarkItem {
  benchmark: string;
  /** Unique within the benchmark. */
  id: string;
  /** Its question, its choices, its answer: whatever text should not be learnt. */
  texts: string[];
}

type Row = Record<string, unknown>;

interface Named {
  path: string;
  texts: (row: Row) => unknown[];
}

/** The benchmarks by name: the file in the mirror, and where a row has its texts. */
const NAMED: Record<string, Named> = {
  arc: {
    path: "arc/ARC-Challenge-Test.jsonl",
    texts: ({ question }) => {
      const { stem, choices } = question as { stem: string; choices: { text: string }[] };
      return [stem, ...choices.map(({ text }) => text)];
    },
  },
  hellaswag: {
    path: "hellaswag/hellaswag_val.jsonl.gz",
    texts: ({ ctx, endings }) => [ctx, ...(endings as string[])],
  },
  mmlu: { path: "mmlu/mmlu.zip", texts: ({ cells }) => (cells as string[]).slice(0, 5) },
  truthfulqa: {
    path: "truthfulqa/mc_task.json",
    texts: ({ question, mc2_targets }) => [question, ...Object.keys(mc2_targets as object)],
  },
  gsm8k: { path: "gsm8k/test.jsonl", texts: ({ question, answer }) => [question, answer] },
};

/** The names that readBenchmark() knows. */
export const BENCHMARKS: readonly string[] = Object.keys(NAMED);

/**
 * The items of a benchmark: one of BENCHMARKS from the mirror, or a file (JSONL, JSON, CSV, parquet columns apart) of which
 * every text of a row counts. Throws InputError where there is no such file, or a row holds no text.
 */
export async function readBenchmark(ref: string): Promise<BenchmarkItem[]> {
  const named = Object.hasOwn(NAMED, ref) ? NAMED[ref] : undefined;
  const benchmark = named ? ref : basename(ref);
  const path = named
    ? mirrorFile(named.path).path
    : ref.startsWith("mirror:")
    ? mirrorFile(ref.slice(7)).path
    : resolveUser(ref);
  const items: BenchmarkItem[] = [];
  for await (const { at, row } of path.endsWith(".zip") ? mmluRows(path) : fileRows(path)) {
    const texts = textsOf(named ? named.texts(row) : row).filter((text) => text.trim());
    if (texts.length === 0) throw new InputError(`Cannot use ${path}: row ${at} holds no text; leave it out`);
    const { id, task_id, question_id } = row;
    const own = [id, task_id, question_id].find((name) =>
      typeof name === "string" || typeof name === "number"
    );
    items.push({ benchmark, id: own === undefined ? `${benchmark}#${at}` : String(own), texts });
  }
  if (items.length === 0) {
    throw new InputError(`Cannot use ${path}: it is empty; give a file with a benchmark's items`);
  }
  return items;
}

/** All texts in a value, in order, however deep. */
function textsOf(value: unknown): string[] {
  const texts: string[] = [], left = [value];
  while (left.length) {
    const one = left.pop();
    if (typeof one === "string") texts.push(one);
    else if (typeof one === "object" && one !== null) {
      for (const inner of Object.values(one).reverse()) left.push(inner);
    }
  }
  return texts;
}

async function* fileRows(path: string): AsyncGenerator<{ at: number; row: Row }> {
  const file = { shown: path, path }, format = await formatOf(file);
  if (format === "parquet") {
    throw new InputError(`Cannot use ${path} as a benchmark: it is parquet; give JSONL`);
  }
  for await (const rows of rowsOf(file, { format, columns: new Set() })) {
    for (const { at, value, fault } of rows) {
      if (fault) throw new InputError(`Cannot read ${path}:${at}: ${fault.message}`);
      yield { at, row: (typeof value === "object" && value !== null ? value : { value }) as Row };
    }
  }
}

/** The test questions in MMLU's zip: a CSV without header a subject. */
async function* mmluRows(path: string): AsyncGenerator<{ at: number; row: Row }> {
  const entries = zipEntries(await readBytes(path), path, (name) => /_test\.csv$/.test(name));
  const names = Object.keys(entries).sort();
  let at = 0;
  for (const name of names) {
    const subject = basename(name).replace(/_test\.csv$/, "");
    const rows = parse(new TextDecoder().decode(entries[name])) as string[][];
    for (const [i, cells] of rows.entries()) yield { at: ++at, row: { id: `${subject}#${i + 1}`, cells } };
  }
}
