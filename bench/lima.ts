// LIMA's dialogues from the local mirror of public data, which is not part of the project (its licence forbids passing on).
import { join, resolve } from "node:path";
import type { Example } from "../lib/data/example.ts";
import { InputError } from "../lib/run/errors.ts";

interface Row {
  instruction: string;
  input: string;
  output: string;
  /** Earlier turns: question and answer. */
  history?: [string, string][];
}

/** The file in the mirror, `shared/data` beside the project or UAL_MIRROR. */
export function limaPath(): string {
  const data = Deno.env.get("UAL_MIRROR") ?? resolve(import.meta.dirname!, "../../shared/data");
  return join(data, "lima/lima.json");
}

/** The training dialogues in the file's order, ids lima-0 … Throws InputError where there is no mirror. */
export async function readLima(path: string = limaPath()): Promise<Example[]> {
  let rows: Row[];
  try {
    rows = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new InputError(
      `Cannot read LIMA: there is no ${path}; set UAL_MIRROR to the folder that holds lima/lima.json, or give your own ` +
        "dialogues with --data FILE",
    );
  }
  return rows.map(({ instruction, input, output, history = [] }, i) => ({
    id: `lima-${i}`,
    source: "lima",
    turns: [...history, [input ? `${instruction}\n${input}` : instruction, output]].flatMap((
      [user, assistant],
    ) => [
      { role: "user" as const, content: user },
      { role: "assistant" as const, content: assistant },
    ]),
  }));
}
