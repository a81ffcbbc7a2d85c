// What a run has scored so far, a line an item and model: a killed run goes on from here. Lines are found by a key over all
// that decides the result, so an answer of one model, adapter, file or setting is never taken for another's.
import { join } from "node:path";
import { InputError, messageOf } from "../run/errors.ts";
import { dropTornLine, sha256Hex, writeAll, writeError } from "../run/files.ts";
import type { ItemRow } from "./item_row.ts";

/** The name of the ledger in a run's folder. */
export const LEDGER = "items.ledger.jsonl";

/** SHA-256 over what decides one item's result. */
export function itemKey(parts: Record<string, unknown>): string {
  return sha256Hex(JSON.stringify(Object.entries(parts).sort(([a], [b]) => a < b ? -1 : 1)));
}

/** The ledger of one run's folder, held by one process. */
export class ItemLedger implements Disposable {
  private pending: string[] = [];
  private constructor(
    private readonly path: string,
    private readonly file: Deno.FsFile,
    private readonly rows: Map<string, ItemRow>,
  ) {}

  /** Opens the ledger in `folder`, made where missing. Throws InputError where a line is not one of ours. */
  static async open(folder: string): Promise<ItemLedger> {
    const path = join(folder, LEDGER);
    await checkFile(path);
    await dropTornLine(path);
    const rows = new Map<string, ItemRow>();
    try {
      const file = await Deno.open(path, { append: true, create: true });
      const lines = (await Deno.readTextFile(path)).split("\n");
      for (const [i, line] of lines.entries()) {
        if (!line.trim()) continue;
        const { key, row } = parse(line, `${path}:${i + 1}`);
        rows.set(key, row);
      }
      return new ItemLedger(path, file, rows);
    } catch (error) {
      throw writeError(path, error);
    }
  }

  /** The number of rows. */
  get size(): number {
    return this.rows.size;
  }

  get(key: string): ItemRow | undefined {
    return this.rows.get(key);
  }

  /** Adds a row; flush() puts it on the disk. */
  add(key: string, row: ItemRow): void {
    this.rows.set(key, row);
    this.pending.push(JSON.stringify({ key, row }) + "\n");
  }

  /** Writes what was added; a failed write leaves no part of a line. */
  flush(): void {
    if (this.pending.length === 0) return;
    const { size } = this.file.statSync();
    try {
      writeAll(this.file, new TextEncoder().encode(this.pending.join("")));
      this.file.syncDataSync();
    } catch (error) {
      this.file.truncateSync(size);
      throw writeError(this.path, error);
    }
    this.pending = [];
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

/** Throws InputError where something else than a file is there, which might never end. */
async function checkFile(path: string): Promise<void> {
  const there = await Deno.stat(path).catch(() => undefined);
  if (!there || there.isFile) return;
  throw new InputError(`Cannot use ${path}: it is no file; remove it or give another folder`);
}

function parse(line: string, place: string): { key: string; row: ItemRow } {
  try {
    const value = JSON.parse(line);
    if (typeof value?.key !== "string" || typeof value.row?.task !== "string") {
      throw new TypeError("no key and row");
    }
    return value;
  } catch (error) {
    throw new InputError(
      `Cannot read ${place}: it is no line of a ledger of items (${
        messageOf(error)
      }); remove the line or the file`,
    );
  }
}

/** Whether a ledger's row is of the item that `start` begins the row of, with all its measures: not one written by hand. */
export function isRowOf(row: ItemRow, start: ItemRow, metrics: readonly string[]): boolean {
  return row.task === start.task && row.doc_index === start.doc_index &&
    row.context_sha256 === start.context_sha256 && metrics.every((metric) => typeof row[metric] === "number");
}
