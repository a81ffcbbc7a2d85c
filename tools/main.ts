// How each tool of ours starts and ends: set-up first, then exit codes 0, 1 (failed) or 2 (bad usage or input).
import { InputError, messageOf } from "../lib/run/errors.ts";
import { setUp } from "./setup.ts";

/** Runs `main` after set-up (or what is given in its place), prints its error in one place, and ends the process with its code. */
export async function runMain(
  main: () => Promise<number>,
  { prepare = setUp }: { prepare?: () => Promise<void> } = {},
): Promise<never> {
  let code: number;
  try {
    await prepare();
    code = await main();
  } catch (error) {
    console.error(messageOf(error));
    code = error instanceof InputError || isUsage(error) ? 2 : 1;
  }
  Deno.exit(code);
}

/** Whether parseArgs() of node:util found the command line wrong. */
function isUsage(error: unknown): boolean {
  return String((error as { code?: string }).code).startsWith("ERR_PARSE_ARGS");
}
