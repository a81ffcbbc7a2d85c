// Executed notebooks → HTML files that need nothing beside them, by nbconvert from .venv.
// deno run -A tools/export_html.ts FOLDER NOTEBOOK…
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { resolveUser } from "../lib/run/files.ts";
import { run } from "./command.ts";
import { runMain } from "./main.ts";
import { root } from "./setup.ts";

/** Writes an HTML file for each notebook into `folder`. Throws InputError with nbconvert's reason where it fails. */
export async function exportHtml(notebooks: string[], folder: string): Promise<void> {
  const args = ["-m", "nbconvert", "--log-level=ERROR", "--to=html", `--output-dir=${folder}`, ...notebooks];
  const env = { JUPYTER_NO_CONFIG: "1" };
  await run(join(root, ".venv/bin/python"), args, { cwd: root, env, what: "export notebooks to HTML" });
}

async function main(): Promise<number> {
  const [folder, ...notebooks] = Deno.args.map(resolveUser);
  if (!notebooks.length) {
    throw new InputError("Cannot export: give a folder and notebooks: export_html.ts FOLDER NOTEBOOK…");
  }
  await exportHtml(notebooks, folder);
  return 0;
}

if (import.meta.main) await runMain(main);
