// The stop flag: a file in a run's folder that asks a long stage to end after its current step.
// Needed in notebooks, whose stop button does not reach an awaited loop; a later start takes the flag away.
import { join } from "node:path";
import { writeFileAtomic } from "./files.ts";

const flag = (folder: string) => join(folder, "stop");

/** Asks the stage that runs in `folder` to end after its current step. */
export function requestStop(folder: string): Promise<void> {
  return writeFileAtomic(flag(folder), "");
}

/** Whether a stop was asked for in `folder`. */
export function stopRequested(folder: string): boolean {
  try {
    Deno.statSync(flag(folder));
    return true;
  } catch {
    return false;
  }
}

/** Takes the flag away. */
export async function clearStop(folder: string): Promise<void> {
  await Deno.remove(flag(folder)).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
