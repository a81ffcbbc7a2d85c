// Small benchmark files for tests, written as JSONL.
import { dirname } from "node:path";

/** Writes `rows` to `path`, one a line. */
export async function writeRows(path: string, rows: readonly unknown[]): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, rows.map((row) => JSON.stringify(row) + "\n").join(""));
}
