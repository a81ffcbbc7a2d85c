// CSV with a header → rows, by csv-parse: each record an object by column name. Cells are texts; a column of numbers or of
// nested values is told by its name.
import { CsvError, parse } from "csv-parse";
import { Readable } from "node:stream";
import { InputError } from "../run/errors.ts";
import { fault, LARGEST_ROW, parseRow, type Row, rowOf } from "./row.ts";

/** Columns whose cells hold JSON, in tables that other programs flattened. */
const NESTED = new Set(["messages", "conversations", "data", "history", "scores"]);
const NUMBERS = new Set(["uncertainty"]);
/** Columns whose empty cells say that there is no value. */
const OPTIONAL = new Set([
  ...NESTED,
  ...NUMBERS,
  "id",
  "category",
  "reason",
  "source",
  "input",
  "context",
  "system",
]);

interface Parsed {
  record: string[];
  info: { lines: number };
}

/** The rows of a CSV file with the given delimiter. Throws InputError for a header or quotes that make no table. */
export async function* csvRows(
  pieces: AsyncIterable<Uint8Array>,
  { path, delimiter }: { path: string; delimiter: string },
): AsyncGenerator<Row[]> {
  const parser = parse({
    delimiter,
    record_delimiter: ["\r\n", "\n"],
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: LARGEST_ROW,
  });
  let header: string[] | undefined, batch: Row[] = [], failure: unknown;
  const texts = Readable.from(decoded(pieces, path)).on("error", (error) => parser.destroy(failure = error));
  try {
    for await (const { record, info } of texts.pipe(parser) as AsyncIterable<Parsed>) {
      if (!header) {
        header = checkedHeader(record, path);
        continue;
      }
      const columns = header, line = info.lines - record.reduce((n, cell) => n + newlines(cell), 0);
      batch.push(rowOf(line, () => valueOf(record, columns)));
      if (batch.length < 256) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (failure) throw failure;
    if (!(error instanceof CsvError)) throw error;
    const line = (error as { lines?: number }).lines, place = line ? `${path}:${line}` : path;
    throw new InputError(`Cannot read ${place}: ${error.message}; quote cells that hold quotes or line ends`);
  }
  if (batch.length) yield batch;
}

const newlines = (cell: string) => cell.includes("\n") ? cell.split("\n").length - 1 : 0;

/** A header with more names or characters is no header of dialogues. */
const MOST_COLUMNS = 10_000, LONGEST_HEADER = 2 ** 20;

function checkedHeader(names: string[], path: string): string[] {
  const seen = new Set<string>(), twice = names.find((name) => seen.has(name) || !seen.add(name));
  const what = names.length > MOST_COLUMNS
    ? `it has ${names.length} columns`
    : names.includes("")
    ? "a column has no name"
    : twice
    ? `the column ${twice} is there twice`
    : "";
  if (what) throw new InputError(`Cannot read ${path}:1: ${what}; the first line must name the columns`);
  return names;
}

function valueOf(record: string[], header: string[]): unknown {
  if (record.length !== header.length) {
    fault(
      `it has ${record.length} cells, the header ${header.length}`,
      "give each line a cell for each column",
    );
  }
  const value: Record<string, unknown> = Object.create(null);
  header.forEach((name, i) => {
    const cell = record[i];
    if (cell === "" && OPTIONAL.has(name)) return;
    if (NESTED.has(name)) value[name] = parseRow(cell, `write the cells of ${name} as JSON`);
    else if (NUMBERS.has(name) && cell.trim() !== "") {
      value[name] = Number.isNaN(Number(cell)) ? cell : Number(cell);
    } else value[name] = cell;
  });
  return value;
}

/** The text of the pieces. Throws InputError with the line of what is not UTF-8, and for lines without end. */
async function* decoded(pieces: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let line = 1, length = 0; // of the line that the text so far ends in
  const decode = (piece?: Uint8Array) => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
    } catch {
      throw new InputError(
        `Cannot read ${path}: from line ${line} on it is not valid UTF-8; save it as UTF-8`,
      );
    }
  };
  for await (const piece of pieces) {
    const text = decode(piece);
    const end = text.lastIndexOf("\n");
    line += newlines(text);
    length = end < 0 ? length + text.length : text.length - end - 1;
    const most = line === 1 ? LONGEST_HEADER : LARGEST_ROW;
    if (length > most) {
      throw new InputError(
        `Cannot read ${path}:${line}: the line is longer than ${
          most / 2 ** 20
        } MiB; the first must name the columns, each other hold one dialogue`,
      );
    }
    if (text) yield text;
  }
  const rest = decode();
  if (rest) yield rest;
}
