// Free space, looked at before set-up fetches anything.
import { statfsSync } from "node:fs";
import { InputError } from "../lib/run/errors.ts";

/** Throws InputError where `folder`, made if need be, has less than `needed` GB of free space. */
export function checkDisk(folder: string, needed: number): void {
  Deno.mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = statfsSync(folder);
  const gigabytes = bavail * bsize / 1e9;
  if (gigabytes < needed) {
    throw new InputError(
      `Cannot set up: ${folder} has ${gigabytes.toFixed(1)} GB of free space; make it ${needed} GB or more`,
    );
  }
}
