// Dialogues → JSONL in our own layout, a stream of any length. What reads it back is source.ts and open_source.ts.
import { replaceFile, writeAll } from "../run/files.ts";
import type { Example } from "./example.ts";

/** How many bytes are written at once. */
const PIECE = 1 << 20;

/** An example as an object of our layout, in the order of its fields in a file. */
export function exampleJson({ id, category, source, turns, uncertainty, reason, scores }: Example): object {
  return { id, category, source, messages: turns, uncertainty, reason, scores };
}

/**
 * Writes `examples` to `path`, a line each; readers see the old file or the whole new one. Returns how many there were.
 * Throws InputError where the place cannot be written, and what reading the examples throws.
 */
export async function writeExamples(
  path: string,
  examples: Iterable<Example> | AsyncIterable<Example>,
): Promise<number> {
  let count = 0;
  await replaceFile(path, async (file) => {
    const lines = new LineWriter(file);
    for await (const example of examples) {
      lines.add(JSON.stringify(exampleJson(example)));
      count++;
    }
    lines.flush();
  });
  return count;
}

/** Lines gathered into larger writes; each is encoded by itself, which keeps Latin text at one byte a letter throughout. */
class LineWriter {
  #buffer = new Uint8Array(2 * PIECE);
  #length = 0;
  #encoder = new TextEncoder();

  constructor(private readonly file: Deno.FsFile) {}

  add(line: string): void {
    const most = 3 * line.length + 1; // bytes of UTF-8
    if (this.#length + most > this.#buffer.length) {
      this.flush();
      if (most > this.#buffer.length) this.#buffer = new Uint8Array(most);
    }
    this.#length += this.#encoder.encodeInto(line, this.#buffer.subarray(this.#length)).written;
    this.#buffer[this.#length++] = 10;
    if (this.#length >= PIECE) this.flush();
  }

  flush(): void {
    writeAll(this.file, this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }
}
