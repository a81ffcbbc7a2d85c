// Reads a ledger's lines one after the other, in constant memory. Opening one for writing is ledger.ts.
import { readError } from "../run/files.ts";

/** A line as it stands in the file. */
export interface RawLine {
  /** Counted from 1. */
  line: number;
  /** Bytes from the file's start, and its length without the line's end. */
  at: number;
  size: number;
  text: string;
  /** Whether its line end is there: the last line of a killed writer has none. */
  whole: boolean;
}

const PIECE = 1 << 20;

/** The lines of `path`, blank ones passed over. Throws InputError where it cannot be read. */
export function* scanLines(path: string): Generator<RawLine> {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    throw readError(path, error);
  }
  using _file = file;
  const piece = new Uint8Array(PIECE), decoder = new TextDecoder();
  let parts: Uint8Array[] = [], size = 0, at = 0, line = 1;
  const take = (whole: boolean): RawLine => {
    const text = decoder.decode(parts.length === 1 ? parts[0] : concatenate(parts, size));
    const raw = { line, at, size, text, whole };
    at += size + 1, line++, parts = [], size = 0;
    return raw;
  };
  for (let n: number | null; (n = readSync(file, piece, path)) !== null;) {
    let start = 0;
    for (let end: number; (end = piece.subarray(0, n).indexOf(10, start)) >= 0; start = end + 1) {
      parts.push(piece.subarray(start, end)), size += end - start;
      const raw = take(true);
      if (raw.size) yield raw;
    }
    if (start < n) parts.push(piece.slice(start, n)), size += n - start;
  }
  if (size) yield take(false);
}

function readSync(file: Deno.FsFile, into: Uint8Array, path: string): number | null {
  try {
    return file.readSync(into);
  } catch (error) {
    throw readError(path, error);
  }
}

function concatenate(parts: Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) bytes.set(part, at), at += part.length;
  return bytes;
}
