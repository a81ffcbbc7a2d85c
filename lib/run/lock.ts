// One process per run folder or file, by the system's file lock: it ends with its process, however that dies.
import { basename, dirname, join } from "node:path";
import { InputError } from "./errors.ts";
import { writeError } from "./files.ts";

/** A held folder or file; released by release(), by leaving a `using` block, or by the end of the process. */
export interface Lock extends Disposable {
  /** Lets go; a second call does nothing. */
  release(): void;
}

/** Takes `folder` (made where missing) for this process. Throws InputError with the holder's pid where it is taken. */
export function lockFolder(folder: string): Lock {
  const path = join(folder, ".lock"), lock = hold(open(folder, path), path);
  if (typeof lock !== "string") return lock;
  throw new InputError(
    `Cannot use ${folder}: process ${lock} is at work in it; wait for it, stop it, or give another folder`,
  );
}

/**
 * Takes the file `path` for this process, by a hidden file beside it; folders on the way are made. Where another
 * process has it: throws InputError with its pid, or with `wait` looks again until it is free or the signal is aborted.
 */
export async function lockFile(
  path: string,
  { wait = false, signal, onWait }: { wait?: boolean; signal?: AbortSignal; onWait?: (pid: string) => void } =
    {},
): Promise<Lock> {
  const beside = join(dirname(path), `.${basename(path)}.lock`);
  for (let told = false;; told = true) {
    signal?.throwIfAborted();
    const lock = hold(openBeside(beside), beside);
    if (typeof lock !== "string") return lock;
    if (!wait) {
      throw new InputError(
        `Cannot use ${path}: process ${lock} has it open; wait for it, stop it, or give another file`,
      );
    }
    if (!told) onWait?.(lock);
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

/** Milliseconds between two looks at a lock. */
const PAUSE = 100;

/** The lock on an open file at `path`, or the pid of the process that has it. */
function hold(file: Deno.FsFile, path: string): Lock | string {
  if (!file.tryLockSync(true)) {
    file.close();
    return Deno.readTextFileSync(path).trim() || "unknown";
  }
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  let held = true;
  const release = () => {
    if (held) file.close();
    held = false;
  };
  return { release, [Symbol.dispose]: release };
}

/** The pid of the process that holds `folder`, if one does. */
export function holderOf(folder: string): number | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(join(folder, ".lock"), { read: true, write: true });
  } catch {
    return undefined; // nobody was ever at work there
  }
  try {
    if (file.tryLockSync(true)) return undefined;
    return Number(Deno.readTextFileSync(join(folder, ".lock")).trim()) || 0;
  } finally {
    file.close();
  }
}

function open(folder: string, path: string): Deno.FsFile {
  try {
    if (isFile(folder)) {
      throw new InputError(`Cannot use ${folder} as a run's folder: it is a file; give a folder`);
    }
    Deno.mkdirSync(folder, { recursive: true });
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    throw error instanceof InputError ? error : writeError(path, error);
  }
}

function openBeside(path: string): Deno.FsFile {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (error) {
    throw writeError(path, error);
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
