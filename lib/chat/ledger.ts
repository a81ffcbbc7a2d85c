// The ledger: every answer that ever came, a line each, on the disk before anyone is told. One process writes it at a
// time. Questions that are asked again are answered from here.
import { dirname } from "node:path";
import { InputError } from "../run/errors.ts";
import { syncFolder, writeError } from "../run/files.ts";
import { type Lock, lockFile } from "../run/lock.ts";
import { type Entry, formatLine, parseLine } from "./ledger_line.ts";
import { scanLines } from "./ledger_scan.ts";

/** Where each key's line is, and what all cost. */
interface Index {
  places: Map<string, { at: number; size: number }>;
  /** USD. */
  cost: number;
  /** Bytes up to the end of the last good line. */
  end: number;
  /** Bytes after it, a killed writer's. */
  torn: number;
}

/** An open ledger. */
export class Ledger implements AsyncDisposable {
  #queue: { line: Uint8Array; entry: Entry; done: () => void; failed: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;
  #queued = new Map<string, Promise<void>>();
  #broken: unknown;
  #closed = false;

  private constructor(
    /** Its file. */
    readonly path: string,
    /** Bytes of a torn end that were cut off when it was opened. */
    readonly dropped: number,
    private readonly index: Index,
    private readonly file: Deno.FsFile,
    // of its own: a file that is being written cannot be read by the same handle
    private readonly reader: Deno.FsFile,
    private readonly lock: Lock,
  ) {}

  /**
   * Opens the ledger at `path`, made where missing. What a killed process left unfinished at its end is cut off. Throws
   * InputError where another process has it (with `wait` it waits instead), for a damaged line before the end, and for
   * places that cannot be written.
   */
  static async open(
    path: string,
    options: { wait?: boolean; signal?: AbortSignal; onWait?: (pid: string) => void } = {},
  ): Promise<Ledger> {
    const lock = await lockFile(path, options);
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(path, { append: true, create: true });
      const index = indexOf(path);
      if (index.torn) file.truncateSync(index.end);
      file.syncSync();
      await syncFolder(dirname(path));
      return new Ledger(path, index.torn, index, file, Deno.openSync(path), lock);
    } catch (error) {
      file?.close();
      lock.release();
      throw writeError(path, error);
    }
  }

  /** Answers in it. */
  get size(): number {
    return this.index.places.size;
  }

  /** USD: what its answers cost, where that is known. */
  get cost(): number {
    return this.index.cost;
  }

  /** Whether it has an answer. */
  has(key: string): boolean {
    return this.index.places.has(key);
  }

  /** The entry of a key. Throws InputError where the file was damaged since it was opened. */
  get(key: string): Entry | undefined {
    const place = this.index.places.get(key);
    if (!place) return undefined;
    const bytes = new Uint8Array(place.size);
    this.reader.seekSync(place.at, Deno.SeekMode.Start);
    for (let done = 0; done < place.size;) {
      const n = this.reader.readSync(bytes.subarray(done));
      if (n === null) break;
      done += n;
    }
    const entry = parseLine(new TextDecoder().decode(bytes));
    if (typeof entry !== "string" && entry.key === key) return entry;
    throw new InputError(
      `Cannot use ${this.path}: it was changed while it was in use; see ual ledger verify ${this.path}`,
    );
  }

  /**
   * Adds an answer, unless its key has one, and returns when the disk has it. Answers that come while the disk is busy
   * are written together. Throws InputError where the disk will not take it, then and from then on.
   */
  async append(entry: Entry): Promise<void> {
    this.check();
    const { key } = entry;
    if (this.has(key)) return;
    const queued = this.#queued.get(key);
    if (queued) return await queued;
    const line = new TextEncoder().encode(formatLine(entry) + "\n");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push({ line, entry, done: resolve, failed: reject });
    this.#queued.set(key, promise);
    this.#writing ??= this.#write().finally(() => this.#writing = undefined);
    try {
      await promise;
    } finally {
      this.#queued.delete(key);
    }
  }

  /** Throws where an earlier answer could not be written: what comes now would be lost too. */
  check(): void {
    if (this.#broken) throw this.#broken;
  }

  async #write(): Promise<void> {
    while (this.#queue.length) {
      const group = this.#queue.splice(0), { index, file } = this;
      try {
        if (this.#broken) throw this.#broken;
        const bytes = concatenate(group.map(({ line }) => line));
        for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
        await file.syncData();
      } catch (error) {
        this.#broken ??= this.#takeBack(error);
        for (const { failed } of group) failed(this.#broken);
        continue;
      }
      for (const { line, entry, done } of group) {
        index.places.set(entry.key, { at: index.end, size: line.length - 1 });
        index.cost += entry.cost ?? 0;
        index.end += line.length;
        done();
      }
    }
  }

  /** Cuts off what a failed write left. */
  #takeBack(error: unknown): unknown {
    try {
      this.file.truncateSync(this.index.end);
    } catch {
      // the next start cuts it off
    }
    return writeError(this.path, error);
  }

  /** Waits for what is being written and lets go. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    if (this.#closed) return;
    this.#closed = true;
    this.file.close();
    this.reader.close();
    this.lock.release();
  }

  /** As close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Reads the file once. Throws InputError for a bad line, unless it can be a torn end and no good one follows it. */
function indexOf(path: string): Index {
  const index: Index = { places: new Map(), cost: 0, end: 0, torn: 0 };
  let bad: { line: number; fault: string } | undefined;
  const refuse = ({ line, fault }: { line: number; fault: string }) =>
    new InputError(
      `Cannot use ${path}:${line} as a ledger: ${fault}; see ual ledger verify, and mend or remove the line`,
    );
  for (const { line, at, size, text, whole } of scanLines(path)) {
    const entry = whole ? parseLine(text) : "not a line of a ledger";
    index.torn = at + size + (whole ? 1 : 0) - index.end;
    if (typeof entry === "string") {
      bad ??= { line, fault: entry };
      if (!canBeTorn(text, whole)) throw refuse(bad);
      continue;
    }
    if (bad) throw refuse(bad);
    index.end = at + size + 1, index.torn = 0;
    if (index.places.has(entry.key)) continue;
    index.places.set(entry.key, { at, size });
    index.cost += entry.cost ?? 0;
  }
  return index;
}

/** A killed process leaves a line's beginning; a machine that lost its power may leave zeros. */
function canBeTorn(text: string, whole: boolean): boolean {
  const start = '{"key":"';
  return text.includes("\0") || !whole && (text.startsWith(start) || start.startsWith(text));
}

function concatenate(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) bytes.set(part, at), at += part.length;
  return bytes;
}
