// A JSON file → rows, without holding the file: the elements of one array, or values one after the other. Only brackets
// and strings are looked at here; each element is decoded and parsed by itself, so a bad one is a bad row.
import { InputError } from "../run/errors.ts";
import { fault, LARGEST_ROW, parseRow, type Row, rowOf } from "./row.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE] = [...'"\\,[]'].map((c) => c.charCodeAt(0));
const isSpace = (byte: number) => byte === 32 || byte === 10 || byte === 13 || byte === 9;

/** The rows of a JSON file, some at a time. Throws InputError for a file that ends early or goes on after its array. */
export async function* jsonRows(pieces: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Row[]> {
  const scan = new Scan(path);
  for await (const piece of pieces) {
    const rows = scan.take(piece);
    if (rows.length) yield rows;
  }
  const rows = scan.end();
  if (rows.length) yield rows;
}

/** Where the scan stands in the file. */
class Scan {
  #held = new Uint8Array(1 << 21);
  #length = 0;
  /** The next byte to look at, and where the element that it belongs to starts. */
  #at = 0;
  #start = 0;
  #depth = 0;
  #inString = false;
  /** before: nothing seen; array: within one; values: one after the other; after: the array has ended. */
  #state: "before" | "array" | "values" | "after" = "before";
  #count = 0;

  constructor(private readonly path: string) {}

  /** The rows that are complete with these bytes. */
  take(piece: Uint8Array): Row[] {
    this.#append(piece);
    const rows: Row[] = [], held = this.#held, length = this.#length;
    let at = this.#at;
    for (; at < length; at++) {
      const byte = held[at];
      if (this.#inString) {
        if (byte === BACKSLASH) at++; // what it escapes is no end
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) {
        if (this.#depth === 0 && this.#state !== "array") this.#stray(at);
        this.#inString = true;
      } else if ((byte | 32) === 123) this.#open(byte, at); // [ or {
      else if ((byte | 32) === 125) this.#close(byte, at, rows); // ] or }
      else if (byte === COMMA && this.#depth === 0 && this.#state === "array") {
        this.#element(this.#start, at, rows);
        this.#start = at + 1;
      } else if (this.#depth === 0 && this.#state !== "array" && !isSpace(byte)) this.#stray(at);
    }
    this.#at = at; // one beyond the end where a backslash was the last byte
    return rows;
  }

  /** What was left at the file's end. */
  end(): Row[] {
    if (this.#state === "array" || this.#inString || this.#depth > 0) {
      this.#fail("it ends within its JSON; get the file again, or finish it");
    }
    return [];
  }

  #append(piece: Uint8Array): void {
    this.#held.copyWithin(0, this.#start, this.#length);
    this.#length -= this.#start;
    this.#at -= this.#start;
    this.#start = 0;
    if (this.#length > LARGEST_ROW) {
      this.#fail(
        `row ${this.#count + 1} is longer than ${LARGEST_ROW / 2 ** 20} MiB; give an array of dialogues`,
      );
    }
    if (this.#length + piece.length > this.#held.length) {
      const larger = new Uint8Array(2 * Math.max(this.#held.length, this.#length + piece.length));
      larger.set(this.#held.subarray(0, this.#length));
      this.#held = larger;
    }
    this.#held.set(piece, this.#length);
    this.#length += piece.length;
  }

  #open(byte: number, at: number): void {
    if (this.#state === "before" && byte === OPEN) {
      this.#state = "array";
      this.#start = at + 1;
      return;
    }
    if (this.#state === "after") this.#stray(at);
    if (this.#state === "before") this.#state = "values";
    if (this.#depth++ === 0 && this.#state === "values") this.#start = at;
  }

  #close(byte: number, at: number, rows: Row[]): void {
    if (this.#depth > 0) {
      if (--this.#depth > 0 || this.#state !== "values") return;
      this.#element(this.#start, at + 1, rows);
      this.#start = at + 1;
    } else if (this.#state === "array" && byte === CLOSE) {
      // nothing at all between the brackets is an empty array
      const empty = this.#count === 0 && this.#held.subarray(this.#start, at).every(isSpace);
      if (!empty) this.#element(this.#start, at, rows);
      this.#state = "after";
      this.#start = at + 1;
    } else this.#stray(at);
  }

  #element(start: number, end: number, rows: Row[]): void {
    rows.push(rowOf(++this.#count, () => {
      let text: string;
      try {
        text = decoder.decode(this.#held.subarray(start, end)).trim();
      } catch {
        return fault("not valid UTF-8", "save the file as UTF-8");
      }
      return parseRow(text, "each element must be a JSON object");
    }));
  }

  #stray(at: number): never {
    const what = this.#state === "after" ? "something follows its array" : "it is no array of JSON objects";
    const text = new TextDecoder().decode(this.#held.subarray(at, Math.min(at + 20, this.#length)));
    return this.#fail(
      `${what} (${JSON.stringify(text)}, after row ${this.#count}); give [{…}, {…}] or a line each`,
    );
  }

  #fail(what: string): never {
    throw new InputError(`Cannot read ${this.path}: ${what}`);
  }
}
