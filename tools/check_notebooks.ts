// Checks what Deno does not check in notebooks: the types of the code cells, and that no output goes past show().
// deno run -A tools/check_notebooks.ts [NOTEBOOK…]
import { basename, dirname, join, resolve } from "node:path";
import { resolveUser } from "../lib/run/files.ts";
import { runMain } from "./main.ts";
import { type Notebook, readNotebook } from "./notebook_file.ts";
import { root } from "./setup.ts";

/** The code cells as one module, each under a comment with its number; relative imports made absolute. */
export function moduleText(notebook: Notebook, folder: string): string {
  const cells = notebook.cells.filter((cell) => cell.cell_type === "code");
  const texts = cells.map((cell, i) => `// cell [${i + 1}] ${cell.id}\n${cell.source}\n`);
  const specifier = /(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.\.?\/[^"']+)\2/g;
  return texts.join("\n").replace(specifier, (_, start, quote, path) => {
    return `${start}${quote}file://${resolve(folder, path)}${quote}`;
  }) + "\nexport {};\n";
}

/** What a notebook does that loses outputs: prints, and results of a last expression. One line each. */
export function lossyOutputs(notebook: Notebook): string[] {
  const cells = notebook.cells.filter((cell) => cell.cell_type === "code");
  return cells.flatMap((cell, i) => {
    const place = `cell [${i + 1}] ${cell.id}`;
    const prints = /\bconsole\.\w+\(|Deno\.stdout\b/.test(cell.source);
    const result = cell.outputs.some((output) => output.output_type === "execute_result");
    return [
      ...(prints ? [`${place}: prints; use await show(…)`] : []),
      ...(result ? [`${place}: ends in a bare expression; use await show(…)`] : []),
    ];
  });
}

async function main(): Promise<number> {
  const folder = join(root, "notebooks");
  const all = [...Deno.readDirSync(folder)].map((e) => join(folder, e.name)).filter((p) =>
    p.endsWith(".ipynb")
  ).sort();
  const paths = Deno.args.length ? Deno.args.map(resolveUser) : all;
  const modules: string[] = [];
  let wrong = 0;
  const target = join(root, ".ual/cells");
  await Deno.mkdir(target, { recursive: true });
  for (const path of paths) {
    const notebook = await readNotebook(path);
    for (const line of lossyOutputs(notebook)) {
      console.error(`${basename(path)} ${line}`);
      wrong++;
    }
    modules.push(join(target, basename(path, ".ipynb") + ".ts"));
    await Deno.writeTextFile(modules.at(-1)!, moduleText(notebook, dirname(path)));
  }
  if (!paths.length) return 0;
  for (const args of [["check", ...modules], ["fmt", "--check", ...paths]]) {
    const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null" }).spawn()
      .status;
    if (!success) wrong++;
  }
  return wrong ? 1 : 0;
}

if (import.meta.main) await runMain(main);
