// JSONL → rows, those of a block of whole lines at a time. A bad line is a bad row, the others stay good.
import { InputError } from "../run/errors.ts";
import { fault, LARGEST_ROW, parseRow, type Row, rowOf } from "./row.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The rows of a JSONL file, those of some lines at a time; blank lines count as lines and are no rows. */
export async function* jsonlRows(pieces: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Row[]> {
  let line = 0;
  for await (const block of lineBlocks(pieces, path)) {
    const rows: Row[] = [];
    for (let start = 0; start < block.length;) {
      const newline = block.indexOf(10, start), end = newline < 0 ? block.length : newline;
      line++;
      if (end > start) takeLine(block.subarray(start, end), line, rows);
      start = end + 1;
    }
    yield rows;
  }
}

/** Decoding line by line costs no more than a block at once: lines of Latin letters stay strings of one byte a letter. */
function takeLine(bytes: Uint8Array, line: number, rows: Row[]): void {
  try {
    rows.push({ at: line, value: JSON.parse(decoder.decode(bytes)) });
  } catch {
    const row = rowOf(line, () => slowly(bytes));
    if (row.fault || row.value !== undefined) rows.push(row);
  }
}

/** The value of a line that is blank (undefined) or bad. */
function slowly(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(bytes).trim();
  } catch {
    return fault("not valid UTF-8", "save the file as UTF-8");
  }
  return text ? parseRow(text, "each line must hold one JSON value") : undefined;
}

/** Blocks of whole lines; the last may lack its newline. Good until the next is asked for. */
async function* lineBlocks(pieces: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(1 << 21), length = 0;
  for await (const piece of pieces) {
    if (length + piece.length > held.length) {
      const larger = new Uint8Array(2 * Math.max(held.length, length + piece.length));
      larger.set(held.subarray(0, length));
      held = larger;
    }
    held.set(piece, length);
    const end = piece.lastIndexOf(10);
    if (end >= 0) {
      yield held.subarray(0, length + end + 1);
      held.copyWithin(0, length + end + 1, length + piece.length);
      length = piece.length - end - 1;
    } else length += piece.length;
    if (length > LARGEST_ROW) {
      throw new InputError(
        `Cannot read ${path}: a line is longer than ${
          LARGEST_ROW / 2 ** 20
        } MiB; each line must hold one dialogue`,
      );
    }
  }
  if (length) yield held.subarray(0, length);
}
