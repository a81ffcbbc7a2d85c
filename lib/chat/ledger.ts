// The ledger: every answer that ever came, a line each, on the disk before anyone is told. One process writes it at a
// time. Questions that are asked again are answered from here.
import { dirname } from "node:path";
import { InputError } from "../run/errors.ts";
import { syncFolder, writeAll, writeError } from "../run/files.ts";
import { type Lock, lockFile } from "../run/lock.ts";
import { type Entry, formatLine, parseLine } from "./ledger_line.ts";
import { scanLines } from "./ledger_scan.ts";

/** Where each key's line is, and what all cost. */
interface Index {
  places: Map<string, { at: number; size: number }>;
  /** USD. */
  cost: number;
  /** Bytes up to the end of the last good line; once it is open, of the file. */
  end: number;
  /** Bytes after it, a killed writer's. */
  torn: number;
}

/** Milliseconds between two waits for the disk, at least: what was written meanwhile shares the second. */
const PAUSE = 10;

/** An answer that is written, of which the disk has not said yet that it has it. */
interface Written {
  key: string;
  at: number;
  size: number;
  cost: number;
  done: () => void;
  failed: (error: unknown) => void;
}

/** An open ledger. */
export class Ledger implements AsyncDisposable {
  #written: Written[] = [];
  #promises = new Map<string, Promise<void>>();
  #syncing: Promise<void> | undefined;
  #broken: unknown;
  #closed = false;

  private constructor(
    /** Its file. */
    readonly path: string,
    /** Bytes of a torn end that were cut off when it was opened. */
    readonly dropped: number,
    private readonly index: Index,
    // three handles: one that the disk is waited for on can do nothing else meanwhile
    private readonly file: Deno.FsFile,
    private readonly syncer: Deno.FsFile,
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
      else index.end = file.statSync().size; // blank lines may follow
      file.syncSync();
      await syncFolder(dirname(path));
      const syncer = Deno.openSync(path, { append: true });
      return new Ledger(path, index.torn, index, file, syncer, Deno.openSync(path), lock);
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
   * Adds an answer, unless its key has one, and returns when the disk has it. It is written at once, so that it outlives
   * this process; the disk is waited for once for all answers that came meanwhile. Throws InputError where the disk will
   * not take it, then and from then on.
   */
  append(entry: Entry): Promise<void> {
    const { key, cost = 0 } = entry;
    if (this.has(key)) return Promise.resolve();
    const under = this.#promises.get(key);
    if (under) return under;
    const { promise, resolve: done, reject: failed } = Promise.withResolvers<void>();
    promise.catch(() => {}); // whoever waits for it is told; nobody has to
    try {
      this.check();
      const { at, size } = this.#write(formatLine(entry));
      this.#written.push({ key, at, size, cost, done, failed });
      this.#promises.set(key, promise);
      this.#syncing ??= this.#sync().finally(() => this.#syncing = undefined);
    } catch (error) {
      failed(error);
    }
    return promise;
  }

  /** Throws where an earlier answer could not be written: what comes now would be lost too. */
  check(): void {
    if (this.#broken) throw this.#broken;
  }

  #write(line: string): { at: number; size: number } {
    const bytes = new TextEncoder().encode(line + "\n"), { index } = this, at = index.end;
    try {
      writeAll(this.file, bytes);
    } catch (error) {
      throw this.#broken = this.#takeBack(error);
    }
    index.end += bytes.length;
    return { at, size: bytes.length - 1 };
  }

  async #sync(): Promise<void> {
    for (let last = -Infinity; this.#written.length; last = performance.now()) {
      const early = last + PAUSE - performance.now();
      if (early > 0) await new Promise((done) => setTimeout(done, early));
      const group = this.#written.splice(0), { places } = this.index;
      try {
        await this.syncer.syncData();
      } catch (error) {
        this.#broken ??= writeError(this.path, error);
      }
      for (const { key, at, size, cost, done, failed } of group) {
        this.#promises.delete(key);
        if (this.#broken) {
          failed(this.#broken);
          continue;
        }
        places.set(key, { at, size });
        this.index.cost += cost;
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
    while (this.#syncing) await this.#syncing;
    if (this.#closed) return;
    this.#closed = true;
    this.#broken ??= new TypeError(`Cannot use ${this.path}: it was closed`);
    for (const file of [this.file, this.syncer, this.reader]) file.close();
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

/**
 * A killed process leaves a line's beginning; a machine that lost its power may leave zeros in a line, or one run of them
 * where a line should begin. Any other file with zeros, such as a text in UTF-16, is the user's and not to be cut.
 */
function canBeTorn(text: string, whole: boolean): boolean {
  if (text.startsWith("\0")) return /^\0+[^\0]*$/.test(text);
  if (whole && !text.includes("\0")) return false;
  const start = text.split("\0", 1)[0];
  return '{"key":"'.startsWith(start) || /^\{"key":"([0-9a-f]{0,64}$|[0-9a-f]{64}")/.test(start);
}
