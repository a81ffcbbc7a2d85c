// Which format a source file has, by its name and its first bytes, and its rows.
import { InputError } from "../run/errors.ts";
import { peekBytes, readPieces } from "./bytes.ts";
import { csvRows } from "./csv.ts";
import { jsonlRows } from "./jsonl.ts";
import { jsonRows } from "./json_values.ts";
import { openRanges, parquetRows, type Ranges } from "./parquet.ts";
import type { Row } from "./row.ts";

/** What a file is. */
export type Format = "jsonl" | "json" | "csv" | "tsv" | "parquet";

/** The formats. */
export const FORMATS: readonly Format[] = ["jsonl", "json", "csv", "tsv", "parquet"];

/** A file of a source: on disk, or on a hub by ranges. */
export interface SourceFile {
  /** As messages name it. */
  shown: string;
  path?: string;
  ranges?: Ranges;
}

/** The format of a file. Throws InputError where it cannot be read, and where neither its name nor its start tells. */
export async function formatOf({ shown, path, ranges }: SourceFile): Promise<Format> {
  if (ranges || !path) return "parquet";
  const start = await peekBytes(path);
  const text = new TextDecoder().decode(start).trimStart();
  if (text.startsWith("PAR1")) return "parquet";
  const named = /\.(jsonl|ndjson|json|csv|tsv|parquet)(\.gz)?$/i.exec(shown)?.[1].toLowerCase();
  if (named === "csv" || named === "tsv") return named;
  if (named === "parquet") throw new InputError(`Cannot read ${shown}: it is no parquet file; get it again`);
  if (named === "jsonl" || named === "ndjson") return "jsonl";
  // a .json file may hold an array, or a value a line
  if (text.startsWith("[")) return "json";
  if (text.startsWith("{")) return named === "json" ? "json" : "jsonl";
  if (named || text === "") return "jsonl";
  throw new InputError(
    `Cannot read ${shown}: its format is unknown; say which it is: ${FORMATS.join(", ")}`,
  );
}

/** The rows of a file, some at a time; of parquet only `columns`, where given. Throws InputError as its format's reader. */
export async function* rowsOf(
  file: SourceFile,
  { format, columns }: { format: Format; columns?: ReadonlySet<string> },
): AsyncGenerator<Row[]> {
  const { shown: path } = file;
  if (format === "parquet") {
    using opened = file.ranges ? undefined : openRanges(file.path!);
    yield* parquetRows(file.ranges ?? opened!, { path, columns });
    return;
  }
  const pieces = textPieces(file);
  if (format === "jsonl") yield* jsonlRows(pieces, path);
  else if (format === "json") yield* jsonRows(pieces, path);
  else yield* csvRows(pieces, { path, delimiter: format === "csv" ? "," : "\t" });
}

/** The bytes of a text file without its byte order mark. Throws InputError where the mark is UTF-16's. */
async function* textPieces({ shown, path }: SourceFile): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const piece of readPieces(path!)) {
    if (first && ((piece[0] === 0xff && piece[1] === 0xfe) || (piece[0] === 0xfe && piece[1] === 0xff))) {
      throw new InputError(`Cannot read ${shown}: it is UTF-16; save it as UTF-8`);
    }
    const marked = first && piece[0] === 0xef && piece[1] === 0xbb && piece[2] === 0xbf;
    first = false;
    yield marked ? piece.subarray(3) : piece;
  }
}
