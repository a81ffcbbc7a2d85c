// Checks what Deno does not check in notebooks: types and format of the code cells, outputs past show(), what teaching needs.
// deno run -A tools/check_notebooks.ts [--fix] [NOTEBOOK…]; --fix formats them.
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { resolveUser, writeFileAtomic } from "../lib/run/files.ts";
import { runMain } from "./main.ts";
import { type Cell, isNotebook, type Notebook, notebookText, readNotebook } from "./notebook_file.ts";
import { parametersOf, tagsOf } from "./parameters.ts";
import { root } from "./setup.ts";

const place = (cell: Cell, i: number) => `cell [${i + 1}] ${cell.id}`;
const codeCells = (notebook: Notebook) => notebook.cells.filter((cell) => cell.cell_type === "code");

/** Lines of code that a cell of one idea has at most, imports not counted. */
const LONGEST = 15;

/** What a notebook that teaches lacks, and cells that are too long. One line each. */
export function teachingFaults(notebook: Notebook): string[] {
  const text = notebook.cells.filter(({ cell_type }) => cell_type === "markdown").map(({ source }) => source)
    .join("\n\n");
  const parts: [string, RegExp][] = [
    ["a title", /^# \S/m],
    ['"What you will learn"', /^What you will learn:/m],
    ['"What could go wrong"', /^## What could go wrong/m],
    ["exercises", /^## Exercises/m],
  ];
  const tagged = (tag: string) => codeCells(notebook).filter((cell) => tagsOf(cell).includes(tag));
  const lacks = [
    ...parts.filter(([, pattern]) => !pattern.test(text)).map(([what]) => what),
    ...(parametersOf(notebook).length ? [] : ["a cell tagged parameters"]),
    ...(tagged("solution").length ? [] : ["a cell tagged solution"]),
  ];
  const long = codeCells(notebook).flatMap((cell, i) => {
    const lines = cell.source.replace(/^import [\s\S]*?from "[^"]+";$/gm, "").split("\n").filter((line) =>
      line.trim()
    );
    return lines.length > LONGEST
      ? [`${place(cell, i)}: ${lines.length} lines; one idea a cell, ${LONGEST} at most`]
      : [];
  });
  return [...lacks.map((what) => `lacks ${what}`), ...long, ...tagFaults(notebook)];
}

const TAGS = ["parameters", "solution"];

/** Tags that nothing reads, solutions that stand open, and parameters behind other code. One line each. */
function tagFaults(notebook: Notebook): string[] {
  return codeCells(notebook).flatMap((cell, i) => {
    const tags = tagsOf(cell), jupyter = cell.metadata.jupyter as { source_hidden?: boolean } | undefined;
    const unknown = tags.filter((tag) => !TAGS.includes(tag));
    return [
      ...unknown.map((tag) => `${place(cell, i)}: the tag ${tag} is not for notebooks that are kept`),
      ...(tags.includes("solution") && !jupyter?.source_hidden ? [`${place(cell, i)}: is not folded`] : []),
      ...(tags.includes("parameters") && i > 0 ? [`${place(cell, i)}: parameters behind other code`] : []),
    ];
  });
}

/**
 * The code cells as one module, each under a comment with its number; relative imports made absolute. Injected parameters stand in
 * a block, where they may have the names of those above.
 */
export function moduleText(notebook: Notebook, folder: string): string {
  const texts = codeCells(notebook).map((cell, i) => {
    const source = tagsOf(cell).includes("injected-parameters") ? `{\n${cell.source}\n}` : cell.source;
    return `// ${place(cell, i)}\n${source}\n`;
  });
  const specifier = /(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.\.?\/[^"']+)\2/g;
  return texts.join("\n").replace(specifier, (_, start, quote, path) => {
    return `${start}${quote}file://${resolve(folder, path)}${quote}`;
  }) + "\nexport {};\n";
}

/** What a notebook does that loses outputs: prints, and results of a last expression. One line each. */
export function lossyOutputs(notebook: Notebook): string[] {
  return codeCells(notebook).flatMap((cell, i) => {
    const prints = /\bconsole\.\w+\(|Deno\.stdout\b/.test(cell.source);
    const result = cell.outputs.some((output) => output.output_type === "execute_result");
    return [
      ...(prints ? [`${place(cell, i)}: prints; use await show(…)`] : []),
      ...(result ? [`${place(cell, i)}: ends in a bare expression; use await show(…)`] : []),
    ];
  });
}

/**
 * The code cells whose format differs, formatted. `deno fmt --check` itself reports every cell that does not end in a
 * newline (2.9.6), so the formatter works on the cells' module, and the module is cut into cells again.
 */
export async function unformatted(notebook: Notebook): Promise<Map<Cell, string>> {
  const cells = codeCells(notebook);
  const cut = "// ---- next cell ----";
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, cells.map((cell) => cell.source).join(`\n\n${cut}\n\n`));
    const { success, stderr } = await deno("fmt", "--quiet", "--config", join(root, "deno.json"), file);
    if (!success) throw new SyntaxError(new TextDecoder().decode(stderr).trim());
    const formatted = (await Deno.readTextFile(file)).split(cut).map((source) => source.trim());
    const differ = cells.map((cell, i) => [cell, formatted[i]] as const).filter(([cell, text]) =>
      cell.source !== text
    );
    return new Map(differ);
  } finally {
    await Deno.remove(file);
  }
}

function deno(...args: string[]): Promise<Deno.CommandOutput> {
  return new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null", env: { NO_COLOR: "1" } })
    .output();
}

/** Complains on stderr; returns the number of faults. */
async function checkNotebook(path: string, fix: boolean): Promise<number> {
  const notebook = await readNotebook(path);
  const faults = [...lossyOutputs(notebook), ...teachingFaults(notebook)];
  const differ = await unformatted(notebook);
  if (!fix) { for (const cell of differ.keys()) faults.push(`${cell.id}: not formatted; run with --fix`); }
  else if (differ.size) {
    for (const [cell, source] of differ) cell.source = source;
    await writeFileAtomic(path, notebookText(notebook));
  }
  for (const fault of faults) console.error(`${basename(path)} ${fault}`);
  return faults.length;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { fix: { type: "boolean", default: false }, "no-types": { type: "boolean", default: false } },
  });
  const folder = join(root, "notebooks");
  const all = [...Deno.readDirSync(folder)].map(({ name }) => name).filter(isNotebook).sort();
  const paths = positionals.length ? positionals.map(resolveUser) : all.map((name) => join(folder, name));
  let faults = 0;
  const modules: string[] = [];
  for (const path of paths) {
    faults += await checkNotebook(path, values.fix);
    modules.push(join(root, ".ual/cells", basename(path, ".ipynb") + ".ts"));
    await writeFileAtomic(modules.at(-1)!, moduleText(await readNotebook(path), dirname(path)));
  }
  if (!paths.length || values["no-types"]) return faults ? 1 : 0;
  const { success, stderr } = await deno("check", ...modules);
  await Deno.stderr.write(stderr);
  return success && !faults ? 0 : 1;
}

if (import.meta.main) await runMain(main);
