// Parquet → rows by hyparquet, a row group at a time and only the columns that a layout may want; from a file, or over a
// hub's byte ranges. Its texts are checked to be UTF-8.
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { InputError, messageOf } from "../run/errors.ts";
import { RandomFile } from "../run/random_file.ts";
import { NOT_UTF8, type Row } from "./row.ts";

/** What is read by byte ranges: hyparquet's AsyncBuffer. */
export interface Ranges {
  byteLength: number;
  slice(start: number, end?: number): ArrayBuffer | Promise<ArrayBuffer>;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A text column's value; NOT_UTF8 where its bytes are none. */
function textOf(bytes: Uint8Array | undefined): unknown {
  if (!bytes) return bytes;
  try {
    return decoder.decode(bytes);
  } catch {
    return NOT_UTF8;
  }
}

const parsers = { stringFromBytes: textOf };

/** A parquet file on disk. Throws InputError where it cannot be read. Close it. */
export function openRanges(path: string): Ranges & Disposable {
  const file = RandomFile.open(path);
  return {
    byteLength: file.size,
    slice: (start, end = file.size) => file.read(start, Math.min(end, file.size)).buffer,
    [Symbol.dispose]: () => file.close(),
  };
}

/**
 * The rows of a parquet file, a row group at a time, with those of `columns` that it has (default all). Throws InputError for a damaged
 * file and for one with none of the columns.
 */
export async function* parquetRows(
  file: Ranges,
  { path, columns }: { path: string; columns?: ReadonlySet<string> },
): AsyncGenerator<Row[]> {
  const metadata = await readable(path, parquetMetadataAsync(file, { parsers, geoparquet: false }));
  const all = parquetSchema(metadata).children.map(({ element }) => element.name);
  const wanted = columns ? all.filter((name) => columns.has(name)) : all;
  if (wanted.length === 0) {
    throw new InputError(
      `Cannot read ${path}: none of its columns (${all.join(", ")}) is one of a known layout's (${
        [...columns ?? []].join(", ")
      }); rename them`,
    );
  }
  let at = 0;
  for (const count of groups(metadata)) {
    const options = {
      file,
      metadata,
      compressors,
      parsers,
      columns: wanted,
      rowStart: at,
      rowEnd: at + count,
    };
    const values = await readable(path, parquetReadObjects(options));
    if (values.length !== count) throw new InputError(`Cannot read ${path}: it ends too early; get it again`);
    yield values.map((value) => ({ at: ++at, value: plain(value) }));
  }
}

/** The number of rows of each row group. */
const groups = (metadata: FileMetaData) =>
  metadata.row_groups.map((group) => Number(group.num_rows)).filter((count) => count > 0);

async function readable<T>(path: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read ${path} as parquet: ${messageOf(error)}; get it again`, {
      cause: error,
    });
  }
}

/** A value with whole numbers as numbers and without the fields that hold nothing. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}
