// The notebooks as a book: static pages with contents and search that need no network.
// deno task book [--preset NAME] [--out DIR]
// Default: the executed notebooks of smollm2 as committed, into .ual/book; other presets' lie under .ual/runs (or UAL_OUT).
import { join } from "node:path";
import { parseArgs } from "node:util";
import { InputError } from "../lib/run/errors.ts";
import { resolveUser } from "../lib/run/files.ts";
import { writeBook } from "./book/write_book.ts";
import { runMain } from "./main.ts";
import { isNotebook } from "./notebook_file.ts";
import { root } from "./setup.ts";

/** The executed notebooks of a preset, in order. Throws InputError where there are none. */
export async function notebooksOf(preset: string): Promise<string[]> {
  const own = Deno.env.get("UAL_OUT");
  const runs = own ? join(resolveUser(own), "runs") : join(root, ".ual/runs");
  const folder = preset === "smollm2" ? join(root, "notebooks") : join(runs, preset, "notebooks");
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (isNotebook(name)) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (names.length) return names.sort().map((name) => join(folder, name));
  throw new InputError(
    `Cannot make a book of preset ${preset}: no notebooks in ${folder}; run deno task reproduce --preset ${preset} first`,
  );
}

/** What the index page says about the numbers. */
export const bookNote = (preset: string): string =>
  preset === "quick"
    ? "The outputs are those of the preset quick: they show that everything runs, not what comes out."
    : `The outputs are those of the preset ${preset}.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      preset: { type: "string", default: "smollm2" },
      out: { type: "string", default: join(root, ".ual/book") },
    },
  });
  const out = resolveUser(values.out);
  const pages = await writeBook(await notebooksOf(values.preset), out, { note: bookNote(values.preset) });
  console.log(`${pages.length} notebooks: open ${join(out, "index.html")}`);
  return 0;
}

if (import.meta.main) await runMain(main);
