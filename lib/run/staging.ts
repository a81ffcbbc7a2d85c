// Big outputs in the making: a hidden folder beside the place they go to, and the move there once they are complete.
// Files that are written in one go need only files.ts.
import { basename, dirname, join } from "node:path";
import { writeError } from "./files.ts";

/**
 * Runs `make` with the path of a hidden folder beside `target`, which it may create and moves out of; what is left in it
 * goes at the end, whatever happened. Throws InputError where the place cannot be written.
 */
export async function staged<T>(target: string, make: (folder: string) => Promise<T>): Promise<T> {
  await removeLeftovers(target);
  const folder = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.part`);
  try {
    return await make(folder);
  } catch (error) {
    throw writeError(target, error);
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

/** Moves the file or folder `from` to `target`, in place of what was there. */
export async function moveTo(from: string, target: string): Promise<void> {
  const there = await Deno.stat(target).catch(() => undefined);
  if (!there?.isDirectory) return await Deno.rename(from, target);
  const old = `${from}.old`;
  await Deno.rename(target, old);
  await Deno.rename(from, target);
  await Deno.remove(old, { recursive: true }).catch(() => {});
}

/** Removes what killed processes left beside `target`: hidden folders that nobody has touched for an hour. */
export async function removeLeftovers(target: string): Promise<void> {
  const parent = dirname(target), start = `.${basename(target)}.`;
  try {
    for await (const { name, isDirectory } of Deno.readDir(parent)) {
      if (!isDirectory || !name.startsWith(start) || !/\.part(\.old)?$/.test(name)) continue;
      const { mtime } = await Deno.stat(join(parent, name));
      if (mtime && Date.now() - mtime.getTime() > 3_600_000) {
        await Deno.remove(join(parent, name), { recursive: true });
      }
    }
  } catch {
    // the folder is not there yet, or another process cleans up too
  }
}
