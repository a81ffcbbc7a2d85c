// Prompts that belong to other projects are read from their PyPI packages in .venv (set-up installs them), never copied.
import { join, relative, resolve } from "node:path";
import { InputError } from "../../run/errors.ts";
import { readBytes } from "../../run/files.ts";

/** The file `path` of an installed Python package, as text. Throws InputError with the remedy where it is not there. */
export async function packageFile(name: string, path: string): Promise<string> {
  const lib = resolve(import.meta.dirname!, "../../../.venv/lib");
  for (const python of await folders(lib)) {
    const folder = join(lib, python, "site-packages", name), file = join(folder, path);
    if (relative(folder, file).startsWith("..")) {
      throw new RangeError(`Cannot read ${path} of ${name}: it is outside the package`);
    }
    if (await Deno.stat(file).then(() => true, () => false)) {
      return new TextDecoder("utf-8", { fatal: true }).decode(await readBytes(file));
    }
  }
  throw new InputError(
    `Cannot read ${path} of the Python package ${name}: it is not in .venv; run \`deno task setup\``,
  );
}

/** A file of lm-evaluation-harness's tasks, "truthfulqa/truthfulqa_mc1.yaml", as text. Throws InputError as packageFile(). */
export function harnessTaskFile(path: string): Promise<string> {
  return packageFile("lm_eval", join("tasks", path));
}

async function folders(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path)).catch(() => []);
  return entries.map(({ name }) => name).filter((name) => name.startsWith("python")).sort();
}
