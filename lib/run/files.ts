// Files: whole-file replacement that never loses what was there, line ledgers, hashes, places.
// Not a format of its own: what a file means is known to the folder that writes it.
import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { InputError, messageOf } from "./errors.ts";

/** Where downloads and converted models stay: $UAL_CACHE, else $XDG_CACHE_HOME/ual, else ~/.cache/ual. Not created. */
export function cacheDir(): string {
  const own = Deno.env.get("UAL_CACHE");
  if (own) return resolveUser(own);
  const base = Deno.env.get("XDG_CACHE_HOME");
  if (base) return join(base, "ual");
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
  if (!home) throw new InputError("Cannot find a cache folder: HOME is not set; set UAL_CACHE");
  return join(home, ".cache", "ual");
}

/** A user's path as an absolute one: relative to INIT_CWD, because `deno task` changes into the project's root. */
export function resolveUser(path: string): string {
  return resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), path);
}

let temporaries = 0;

/**
 * Writes `path` through `write` on a temporary file in the same folder, then fsync and rename: readers see the old
 * file or the whole new one, and a failure leaves the old one. Folders on the way are made. A link is followed; a
 * device or pipe is written directly. Throws InputError where the place cannot be written.
 */
export async function replaceFile(
  path: string,
  write: (file: Deno.FsFile) => void | Promise<void>,
): Promise<void> {
  let target = path;
  let there: Deno.FileInfo | undefined;
  try {
    target = await Deno.realPath(path);
    there = await Deno.stat(target);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw writeError(path, error);
  }
  if (there?.isDirectory) throw new InputError(`Cannot write ${path}: it is a folder; give a file's path`);
  const direct = there !== undefined && !there.isFile;
  const folder = dirname(target);
  const temporary = direct ? target : join(folder, `.${basename(target)}.${Deno.pid}-${temporaries++}.tmp`);
  try {
    await Deno.mkdir(folder, { recursive: true });
    using file = await Deno.open(temporary, { write: true, create: !direct, truncate: !direct });
    await write(file);
    if (direct) return;
    if (there?.mode != null) await Deno.chmod(temporary, there.mode & 0o7777);
    await file.sync();
    await Deno.rename(temporary, target);
  } catch (error) {
    if (!direct) await Deno.remove(temporary).catch(() => {});
    throw writeError(path, error);
  }
  await syncFolder(folder);
}

/** Writes the whole of `content` to `path`, or leaves what was there; see replaceFile(). */
export function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return replaceFile(path, (file) => writeAll(file, bytes));
}

/** Writes all of `bytes` at the file's position. */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/**
 * Adds `value` as one JSON line to `path` and waits until the disk has it. A failed write takes back its part of a line.
 * A line that a killed process left unfinished is the business of dropTornLine().
 */
export function appendLineSync(path: string, value: unknown): void {
  try {
    using file = Deno.openSync(path, { append: true, create: true });
    const { size } = file.statSync();
    try {
      writeAll(file, new TextEncoder().encode(JSON.stringify(value) + "\n"));
    } catch (error) {
      file.truncateSync(size);
      throw error;
    }
    file.syncDataSync();
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Cuts off a last line without its newline, the trace of a killed writer. Returns the number of bytes dropped. */
export async function dropTornLine(path: string): Promise<number> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw readError(path, error);
  }
  const end = bytes.lastIndexOf(10) + 1;
  if (end < bytes.length) await Deno.truncate(path, end);
  return bytes.length - end;
}

/** One value of a JSONL file with its line number, counted from 1. */
export interface JsonLine {
  /** Counted from 1. */
  line: number;
  /** The parsed JSON. */
  value: unknown;
}

/** The values of a JSONL file; blank lines are passed over. Throws InputError with file:line for what is not UTF-8 or JSON, and for a file without any value. */
export async function readJsonl(path: string): Promise<JsonLine[]> {
  return jsonlOf(await readBytes(path), path);
}

/** The same of a file's bytes; `path` is for messages. */
export function jsonlOf(bytes: Uint8Array<ArrayBuffer>, path: string): JsonLine[] {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const rows: JsonLine[] = [];
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline;
    let text: string;
    try {
      text = decoder.decode(bytes.subarray(start, end)).trim();
    } catch {
      throw new InputError(`Cannot read ${path}:${line}: not valid UTF-8; save the file as UTF-8`);
    }
    if (text) rows.push({ line, value: parseJson(text, `${path}:${line}`) });
    start = end + 1;
  }
  if (!rows.length) {
    throw new InputError(`Cannot read ${path}: it is empty; give a file with one JSON object a line`);
  }
  return rows;
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const shown = text.length > 60 ? text.slice(0, 60) + "…" : text;
    throw new InputError(
      `Cannot read ${place}: not valid JSON (${
        messageOf(error)
      }): ${shown}; each line must hold one JSON value`,
    );
  }
}

/** The bytes of a user's file. Throws InputError where it is missing, a folder, or not readable. */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/** The SHA-256 of a file in hex, read in pieces. Throws InputError as readBytes(). */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    using file = await Deno.open(path);
    const piece = new Uint8Array(1 << 20);
    for (let n: number | null; (n = await file.read(piece)) !== null;) hash.update(piece.subarray(0, n));
  } catch (error) {
    throw readError(path, error);
  }
  return hash.digest("hex");
}

/** The SHA-256 of a text (as UTF-8) or of bytes, in hex. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The InputError for a file that cannot be read. */
export function readError(path: string, error: unknown): Error {
  if (error instanceof InputError) return error;
  return new InputError(`Cannot read ${path}: ${reason(error)}`, { cause: error });
}

/** The InputError for a place that cannot be written. */
export function writeError(path: string, error: unknown): Error {
  if (error instanceof InputError || !isSystem(error)) return error as Error;
  return new InputError(`Cannot write ${path}: ${reason(error)}`, { cause: error });
}

function isSystem(error: unknown): boolean {
  return error instanceof Error &&
    ("code" in error || error.name in Deno.errors || /os error \d+/.test(error.message));
}

function reason(error: unknown): string {
  const text = messageOf(error);
  const number = Deno.build.os === "linux" ? /\(os error (\d+)\)/.exec(text)?.[1] : undefined;
  if (number === "28" || (error as { code?: string }).code === "ENOSPC") {
    return "no space left on device; free some space there or choose another folder";
  }
  if (number === "122") return "the disk quota is used up; free some space there or choose another folder";
  if (number === "27") return "the file grew past the allowed file size; raise the limit (ulimit -f)";
  if (error instanceof Deno.errors.NotCapable) {
    return "this process may not touch that place; give the path as an option";
  }
  if (error instanceof Deno.errors.NotFound) return "no such file or folder; check the path";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "permission denied; change its permissions or choose another path";
  }
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder; give a file's path";
  return `${text}; check the path and the disk`;
}

/** Waits until the disk has the folder's list of files. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder);
    await handle.sync();
  } catch {
    // some file systems cannot sync a folder; the file itself is safe
  }
}
