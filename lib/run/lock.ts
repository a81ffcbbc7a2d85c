// One process per run folder, by the system's file lock: it ends with its process, however that dies.
import { join } from "node:path";
import { InputError } from "./errors.ts";
import { writeError } from "./files.ts";

/** A held folder; released by release(), by leaving a `using` block, or by the end of the process. */
export interface Lock extends Disposable {
  /** Lets go; a second call does nothing. */
  release(): void;
}

/** Takes `folder` (made where missing) for this process. Throws InputError with the holder's pid where it is taken. */
export function lockFolder(folder: string): Lock {
  const path = join(folder, ".lock");
  const file = open(folder, path);
  if (!file.tryLockSync(true)) {
    file.close();
    const pid = Deno.readTextFileSync(path).trim() || "unknown";
    throw new InputError(
      `Cannot use ${folder}: process ${pid} is at work in it; wait for it, stop it, or give another folder`,
    );
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

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
