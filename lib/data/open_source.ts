// Dialogues from anywhere, one at a time: a file of any known format and layout, a hub's data set ("hf:owner/name"), or the
// local mirror ("mirror:lima"). Memory does not grow with the number of rows. Small files of our own layout: source.ts.
import { basename } from "node:path";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import type { Example } from "./example.ts";
import { type Format, formatOf, rowsOf, type SourceFile } from "./format.ts";
import type { HubOptions } from "./hub_access.ts";
import { openDataset, parseDatasetName } from "./hub_dataset.ts";
import { ANY_FORM, type DataLayout, detectLayout, draftOf, FIELDS, fieldsOf } from "./layouts.ts";
import { mirrorFile } from "./mirror.ts";
import { fault, type Row, RowFault } from "./row.ts";
import { SeenIds } from "./seen_ids.ts";
import { OWN_ID, requireRating } from "./source.ts";

/** How to read a source. */
export interface SourceOptions {
  /** Default: told by each file's first good row. */
  layout?: DataLayout;
  /** Default: told by name and first bytes. */
  format?: Format;
  /** A bad row ends it with an InputError (default), or is left out and counted. */
  onBad?: "fail" | "skip";
  /** Hears of each row that is left out. */
  onSkip?: (bad: BadRow) => void;
  /** Every example must have an uncertainty. */
  requireUncertainty?: boolean;
  /** An answer without text is a bad row; by default it is counted and kept. */
  refuseEmpty?: boolean;
  /** Where "hf:" names are looked up. */
  hub?: HubOptions;
  /** Read a hub's parquet by byte ranges instead of downloading it. */
  ranges?: boolean;
}

/** A row that was left out. */
export interface BadRow {
  /** File and line or row. */
  place: string;
  what: string;
  remedy: string;
}

/** What reading a source found; complete once it was read to its end. */
export interface Tally {
  /** The files, as messages name them, with format and layout. */
  files: { name: string; format: Format; layout?: DataLayout }[];
  /** A hub's commit. */
  commit?: string;
  examples: number;
  /** Rows that were left out, and the first of them. */
  bad: number;
  firstBad: BadRow[];
  /** Examples with an assistant's turn without text. */
  empty: number;
}

/** Dialogues to be read once or several times; `tally` is of the latest reading. */
export interface DialogueSource extends AsyncIterable<Example> {
  ref: string;
  tally: Tally;
}

/** How many bad rows a tally shows. */
const SHOWN = 20;

/** Ids beyond this may be taken for repeated ones too often to leave rows out by it. */
const MOST_UNCONFIRMED = 4e6;

/**
 * The dialogues of `ref`: a file (JSONL, JSON, CSV, parquet; gzip or not), "hf:owner/name[@revision][:split or file]", or
 * "mirror:NAME". Nothing is touched before it is iterated. Ids are those given, else "name#row"; `source` is as given, else
 * the name. Iterating throws InputError with place, field and remedy for a bad row (unless `onBad` is "skip"), and always
 * for what is not there, cannot be read, is cut off, or has no dialogue at all.
 *
 * Repeated ids are found in constant memory by a filter (seen_ids.ts). Before it ends the reading, a find is made sure of by
 * reading the source again up to there; with "skip" it is taken as it is, which leaves out a good row with a chance below
 * 1e-8 a row up to four million ids; beyond, reading ends with an InputError.
 */
export function openSource(ref: string, options: SourceOptions = {}): DialogueSource {
  const source: DialogueSource = {
    ref,
    tally: emptyTally(),
    [Symbol.asyncIterator]: () => {
      source.tally = emptyTally();
      return examples(ref, options, source.tally);
    },
  };
  return source;
}

const emptyTally = (): Tally => ({ files: [], examples: 0, bad: 0, firstBad: [], empty: 0 });

/** All dialogues of a source. */
export function readSource(ref: string, options: SourceOptions = {}): Promise<Example[]> {
  return Array.fromAsync(openSource(ref, options));
}

/** A source's files, and what its dialogues are called by. */
interface Located {
  name: string;
  files: SourceFile[];
  layout?: DataLayout;
  commit?: string;
}

async function locate(ref: string, { hub, ranges }: SourceOptions): Promise<Located> {
  if (ref.startsWith("hf:")) {
    const name = parseDatasetName(ref), { repo, commit, files } = await openDataset(name, { ...hub, ranges });
    return { name: name.part ? `${repo}:${name.part}` : repo, files, commit };
  }
  if (ref.startsWith("mirror:")) {
    const name = ref.slice("mirror:".length), { path, layout } = mirrorFile(name);
    return { name, files: [{ shown: path, path }], layout };
  }
  const path = resolveUser(ref);
  return { name: basename(path), files: [{ shown: path, path }] };
}

async function* examples(ref: string, options: SourceOptions, tally: Tally): AsyncGenerator<Example> {
  const located = await locate(ref, options), seen = new SeenIds();
  tally.commit = located.commit;
  for await (const { rows, reader } of batches(located, options, tally)) {
    for (const row of rows) {
      let example: Example;
      try {
        example = reader.read(row);
        if (seen.add(example.id)) await refuseRepeated(example.id, { located, options, seen: seen.count });
        if (options.requireUncertainty) requireRating(example);
        if (isEmpty(example)) {
          if (options.refuseEmpty) fault("an answer is empty", "write it, or leave the dialogue out");
          tally.empty++;
        }
      } catch (error) {
        if (!(error instanceof RowFault)) throw error;
        leaveOut(error, reader.placeOf(row), { options, tally });
        continue;
      }
      tally.examples++;
      yield example;
    }
  }
  if (tally.examples + tally.bad === 0) {
    throw new InputError(`Cannot read ${ref}: it is empty; give a file with dialogues`);
  }
}

/** Whether an answer has no text. */
function isEmpty({ turns }: Example): boolean {
  for (const { role, content } of turns) {
    if (role === "assistant" && (content === "" || content.trim() === "")) return true;
  }
  return false;
}

/** The rows of all files, some at a time, each with its file's reader. */
async function* batches(
  located: Located,
  options: SourceOptions,
  tally: Tally,
): AsyncGenerator<{ rows: Row[]; reader: RowReader }> {
  let before = 0;
  for (const file of located.files) {
    const format = options.format ?? await formatOf(file);
    const entry: Tally["files"][number] = {
      name: file.shown,
      format,
      layout: options.layout ?? located.layout,
    };
    tally.files.push(entry);
    const reader = new RowReader(located.name, entry, before);
    let last = 0;
    for await (const rows of rowsOf(file, { format, columns: FIELDS })) {
      last = rows.at(-1)?.at ?? last;
      yield { rows, reader };
    }
    before += last;
  }
}

/** Rows of one file → examples. */
class RowReader {
  /** `before` is the number of the last row in the files before it. */
  constructor(
    private readonly name: string,
    private readonly file: Tally["files"][number],
    private readonly before: number,
  ) {}

  /** The dialogue of a row. Throws RowFault. */
  read(row: Row): Example {
    if (row.fault) throw row.fault;
    const layout = this.file.layout ??= detectLayout(fieldsOf(row.value)) ?? this.#unknown(row.value);
    const draft = draftOf(row.value, layout) as Example;
    draft.id ??= `${this.name}#${this.before + row.at}`;
    draft.source ??= this.name;
    return draft;
  }

  /** Where a row stands, for messages. */
  placeOf({ at }: Row): string {
    const { name, format } = this.file;
    return format === "json" || format === "parquet" ? `${name} row ${at}` : `${name}:${at}`;
  }

  #unknown(value: unknown): never {
    const names = Object.keys(fieldsOf(value)).slice(0, 12).join(", ").slice(0, 200);
    return fault(`its fields (${names || "none"}) are of no known layout`, ANY_FORM);
  }
}

function leaveOut(
  { what, remedy }: RowFault,
  place: string,
  { options, tally }: { options: SourceOptions; tally: Tally },
): void {
  if (options.onBad !== "skip") throw new InputError(`Cannot read ${place}: ${what}; ${remedy}`);
  tally.bad++;
  if (tally.firstBad.length < SHOWN) tally.firstBad.push({ place, what, remedy });
  options.onSkip?.({ place, what, remedy });
}

/** Throws RowFault where an earlier row has the id; see openSource() on how sure it is. */
async function refuseRepeated(
  id: string,
  { located, options, seen }: { located: Located; options: SourceOptions; seen: number },
): Promise<void> {
  const shown = JSON.stringify(id.slice(0, 60));
  if (options.onBad === "skip") {
    if (seen <= MOST_UNCONFIRMED) fault(`the id ${shown} was seen before`, OWN_ID);
    throw new InputError(
      `Cannot leave out repeated ids after ${MOST_UNCONFIRMED} rows: a new id might be taken for a repeated one; ` +
        "read the source in parts, or end at the first bad row",
    );
  }
  let number = 0;
  for await (const { rows, reader } of batches(located, options, emptyTally())) {
    for (const row of rows) {
      if (++number === seen) return; // the filter was wrong
      if (idOf(row, reader) === id) fault(`the id ${shown} is that of ${reader.placeOf(row)} too`, OWN_ID);
    }
  }
}

function idOf(row: Row, reader: RowReader): string | undefined {
  try {
    return reader.read(row).id;
  } catch (error) {
    if (error instanceof RowFault) return undefined;
    throw error;
  }
}
