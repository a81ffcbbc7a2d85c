// The notebook runner on a real kernel: outputs complete and in their cells, failures kept, bytes that repeat.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { CellError, executeNotebook, partialPath } from "../tools/notebook.ts";
import { lossyOutputs, moduleText, teachingFaults, unformatted } from "../tools/check_notebooks.ts";
import { notebookText, readNotebook } from "../tools/notebook_file.ts";
import { inFolder } from "./folder.ts";

const show = new URL("../lib/show/mod.ts", import.meta.url).href;
const config = new URL("../deno.json", import.meta.url);

/** A folder like the project's: deno.json above notebooks/x.ipynb, whose code cells are `sources`. */
async function project(folder: string, sources: string[], before = {}): Promise<string> {
  await Deno.mkdir(join(folder, "notebooks"));
  const { compilerOptions } = JSON.parse(await Deno.readTextFile(config));
  await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ compilerOptions }));
  const code = sources.map((source) => ({
    cell_type: "code",
    metadata: { trusted: true },
    source,
    ...before,
  }));
  const cells = [{ cell_type: "markdown", metadata: {}, source: ["# A\n", "b"] }, ...code];
  const path = join(folder, "notebooks/x.ipynb");
  await Deno.writeTextFile(
    path,
    JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { x: 1 }, cells }),
  );
  return path;
}

const texts = (outputs: unknown[]) =>
  // deno-lint-ignore no-explicit-any
  (outputs as any[]).map((o) => o.text ?? o.data?.["text/plain"] ?? o.evalue);

Deno.test("executeNotebook() keeps every output of 12 cells in its cell, and the same bytes twice", () =>
  inFolder(async (dir) => {
    const noisy = (i: number) =>
      `for (let i = 0; i < 200; i++) console.log("line ${i}", i);\n` +
      `for (let i = 0; i < 5; i++) await show("shown ${i} " + i);\nconsole.error("end ${i}"); ${i} + Math.random()`;
    const sources = [
      `import { progressBar, show, showLive } from "${show}";`,
      `const live = await showLive("first");\nawait show("between");\nconst big = "x".repeat(3_000_000); await show(big);`,
      ...Array.from({ length: 8 }, (_, i) => noisy(i)),
      `await live.update("last");\nconst bar = progressBar("train", 4);\n` +
      `for (let i = 1; i <= 4; i++) await bar.update(i, { tokens: 9 });\nawait bar.finish("done");`,
      `await show([Deno.env.get("TEST_VALUE"), Deno.env.get("TZ"), new Date(0).getHours(), Deno.cwd() === "${
        join(await Deno.realPath(dir), "notebooks")
      }"]);`,
    ];
    const path = await project(dir, sources);
    const original = await Deno.readTextFile(path);
    const cellsSeen: number[] = [];
    const options = { env: { TEST_VALUE: "given" }, onCell: (cell: number) => cellsSeen.push(cell) };
    for (const name of ["a", "b"]) await executeNotebook(path, { ...options, out: join(dir, name) });
    equal(await Deno.readTextFile(path), original);
    const a = await Deno.readTextFile(join(dir, "a"));
    ok(a === await Deno.readTextFile(join(dir, "b")), "two executions differ");
    deepEqual(cellsSeen.slice(0, 12), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

    const { cells: [heading, ...cells] } = await readNotebook(join(dir, "a"));
    deepEqual([heading.source, heading.execution_count, cells[0].outputs], ["# A\nb", null, []]);
    deepEqual(cells.map((cell) => cell.execution_count), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    deepEqual(texts(cells[1].outputs).map((text) => text.slice(0, 8)), ["last", "between", "xxxxxxxx"]);
    equal(texts(cells[1].outputs)[2].length, 3_000_000);
    for (const [i, cell] of cells.slice(2, 10).entries()) {
      const lines = Array.from({ length: 200 }, (_, k) => `line ${i} ${k}\n`).join("");
      const shown = Array.from({ length: 5 }, (_, k) => `shown ${i} ${k}`);
      const all = texts(cell.outputs);
      deepEqual(all.filter((text) => text.startsWith("shown")), shown);
      equal(all.filter((text) => text.startsWith("line")).join(""), lines);
      ok(all.includes(`end ${i}\n`));
      equal(Math.floor(Number(all.at(-1))), i);
      equal(all.length, 8);
    }
    deepEqual(texts(cells[10].outputs), ["train: 4 of 4 steps · done"]);
    deepEqual(texts(cells[11].outputs), ['[ "given", "UTC", 0, true ]']);
  }));

Deno.test("executeNotebook() keeps what ran before a failing cell and names the cell", () =>
  inFolder(async (dir) => {
    const sources = [`console.log("before")`, `throw new RangeError("not so")`, `console.log("never")`];
    const stale = { outputs: [{ output_type: "stream", name: "stdout", text: "old" }], execution_count: 77 };
    const path = await project(dir, sources, stale);
    await rejects(executeNotebook(path), (error: Error) => {
      ok(error instanceof CellError);
      match(error.message, /^Cell \[2\] \(cell-3\) of x\.ipynb failed: RangeError: not so/);
      match(error.message, /--- the cell\nthrow new RangeError/);
      return true;
    });
    const { cells: [, , old] } = await readNotebook(path);
    deepEqual([texts(old.outputs), old.execution_count], [["old"], 77], "a failed run replaces nothing");
    const { cells: [, first, second, third] } = await readNotebook(partialPath(path));
    deepEqual(texts(first.outputs), ["before\n"]);
    equal(second.outputs[0].output_type, "error");
    match(texts(second.outputs)[0], /not so/);
    deepEqual([third.outputs, third.execution_count], [[], null]);
  }));

/** Cells that keep the result of a slow stage, count how often it was computed, and fail while the file `fail` is there. */
const staged = (dir: string) => [
  `import { show } from "${show}";\nconst dir = "${dir}";`,
  `const kept = await Deno.readTextFile(dir + "/kept").catch(async () => {
  await Deno.writeTextFile(dir + "/count", "x", { append: true });
  await Deno.writeTextFile(dir + "/kept", "result");
  return "result";
});
await show(kept);`,
  `if (await Deno.stat(dir + "/fail").catch(() => null)) throw new Error("broken off");\nawait show("after");`,
];

Deno.test("executeNotebook() after a failure goes on: finished stages are not computed again, the bytes are an unbroken run's", () =>
  inFolder(async (dir) => {
    const broken = join(dir, "broken"), whole = join(dir, "whole");
    for (const folder of [broken, whole]) await Deno.mkdir(folder);
    const path = await project(broken, staged("DIR"));
    const at = async (folder: string) => (await Deno.readTextFile(path)).replaceAll("DIR", folder);
    const [first, second] = [join(broken, "notebooks/a.ipynb"), join(broken, "notebooks/b.ipynb")];
    await Deno.writeTextFile(first, await at(broken));
    await Deno.writeTextFile(second, await at(whole));
    await Deno.writeTextFile(join(broken, "fail"), "");
    const out = join(dir, "out.ipynb");
    await rejects(executeNotebook(first, { out }), /To go on:\ndeno task notebook .*a\.ipynb$/);
    deepEqual(texts((await readNotebook(partialPath(out))).cells[2].outputs), ["result"]);
    await Deno.remove(join(broken, "fail"));
    await executeNotebook(first, { out });
    equal(await Deno.readTextFile(join(broken, "count")), "x", "the stage ran once");
    await rejects(Deno.stat(partialPath(out)), Deno.errors.NotFound);
    await executeNotebook(second, { out: join(dir, "whole.ipynb") });
    const text = (await Deno.readTextFile(join(dir, "whole.ipynb"))).replaceAll(whole, broken);
    equal(await Deno.readTextFile(out), text);
  }));

Deno.test("executeNotebook() puts parameters into a cell of their own, and refuses wrong ones before a kernel starts", () =>
  inFolder(async (dir) => {
    const path = await project(dir, [
      "/** How many. */\nconst n: number = 1;",
      `import { show } from "${show}";\nawait show(n + 1);`,
    ]);
    const notebook = await readNotebook(path);
    notebook.cells[1].metadata = { tags: ["parameters"] };
    await Deno.writeTextFile(path, notebookText(notebook));
    const out = join(dir, "out.ipynb");
    await executeNotebook(path, { out, parameters: { n: "41" } });
    const { cells } = await readNotebook(out);
    deepEqual(cells.map(({ id }) => id), ["cell-1", "cell-2", "injected-parameters", "cell-3"]);
    deepEqual(texts(cells[3].outputs), ["42"]);
    await rejects(
      executeNotebook(path, { out, parameters: { n: "many" } }),
      /Cannot set n to many: it must be a number/,
    );
    await executeNotebook(out); // what was injected before is taken out again
    deepEqual(texts((await readNotebook(out)).cells[2].outputs), ["2"]);
  }));

Deno.test("executeNotebook() says so where the kernel gives no reason, dies, or takes too long", () =>
  inFolder(async (dir) => {
    const path = await project(dir, ["const = 1"]);
    const withSource = async (source: string) => {
      const notebook = await readNotebook(path);
      notebook.cells[1].source = source;
      await Deno.writeTextFile(path, notebookText(notebook));
    };
    await rejects(executeNotebook(path), /failed: .*SyntaxError: Unexpected token `=`/);
    await withSource('import "npm:not-in-the-lock-file";');
    await rejects(executeNotebook(path), /import of a package that is not in deno\.json/);
    const died = [`const { show } = await import("${show}");`, `await show("before");`, "Deno.exit(3);"];
    await withSource(died.join("\n"));
    await rejects(executeNotebook(path), /failed: the kernel died \(code 3\)/);
    deepEqual(texts((await readNotebook(partialPath(path))).cells[1].outputs).slice(0, 1), ["before"]);
    await withSource("await new Promise(() => {});");
    await rejects(executeNotebook(path, { timeout: 0.5 }), /failed: it took more than 0\.5 s/);
    await rejects(executeNotebook(join(dir, "none.ipynb")), { name: "InputError" });
    await Deno.writeTextFile(path, "{}");
    await rejects(executeNotebook(path), /Cannot read notebook .*: it is not of notebook format 4/);
  }));

Deno.test("notebookText() stores format 4.5 with stable ids, lines, minimal metadata, and is a fixed point", () =>
  inFolder(async (dir) => {
    const path = await project(dir, ["const a = 1;\nawait f(a);\n", ""]);
    const text = notebookText(await readNotebook(path));
    const json = JSON.parse(text);
    deepEqual(json.cells.map((cell: { id: string }) => cell.id), ["cell-1", "cell-2", "cell-3"]);
    deepEqual(json.cells[1].source, ["const a = 1;\n", "await f(a);\n"]);
    deepEqual(json.cells[1].metadata, {});
    deepEqual([json.nbformat, json.nbformat_minor, json.metadata.kernelspec.name], [4, 5, "deno-ual"]);
    deepEqual(Object.keys(json), ["cells", "metadata", "nbformat", "nbformat_minor"]);
    await Deno.writeTextFile(path, text);
    equal(notebookText(await readNotebook(path)), text);
  }));

Deno.test("teachingFaults() tells what a notebook lacks and which cells are too long", () =>
  inFolder(async (dir) => {
    const notebook = await readNotebook(
      await project(dir, ['import { a } from "b";\n' + "f();\n".repeat(16)]),
    );
    deepEqual(teachingFaults(notebook), [
      'lacks "What you will learn"',
      'lacks "What could go wrong"',
      "lacks exercises",
      "lacks a cell tagged parameters",
      "lacks a cell tagged solution",
      "cell [1] cell-2: 16 lines; one idea a cell, 15 at most",
    ]);
    const [, code] = notebook.cells,
      tagged = (tag: string, i: number) => ({
        ...code,
        id: tag,
        source: `const a: number = ${i};`,
        metadata: { tags: [tag] },
      });
    notebook.cells.push(tagged("solution", 1), tagged("parameters", 2), tagged("injected-parameters", 3));
    deepEqual(teachingFaults(notebook).slice(-3), [
      "cell [2] solution: is not folded",
      "cell [3] parameters: parameters behind other code",
      "cell [4] injected-parameters: the tag injected-parameters is not for notebooks that are kept",
    ]);
    match(moduleText(notebook, "/p"), /\nconst a: number = 2;\n\n.*\n\{\nconst a: number = 3;\n\}\n/);
  }));

Deno.test("moduleText(), lossyOutputs() and unformatted() check what Deno does not", () =>
  inFolder(async (dir) => {
    const path = await project(dir, [
      `import { a } from "../lib/mod.ts";\nconst b = await import('./b.ts');`,
      "console.log(1)",
    ]);
    const notebook = await readNotebook(path);
    const text = moduleText(notebook, "/p/notebooks");
    match(
      text,
      /from "file:\/\/\/p\/lib\/mod\.ts";\nconst b = await import\('file:\/\/\/p\/notebooks\/b\.ts'\)/,
    );
    match(text, /\/\/ cell \[2\] cell-3\nconsole/);
    deepEqual(lossyOutputs(notebook), ["cell [2] cell-3: prints; use await show(…)"]);
    const differ = [...await unformatted(notebook)].map(([cell, source]) => [cell.id, source]);
    deepEqual(differ, [
      ["cell-2", 'import { a } from "../lib/mod.ts";\nconst b = await import("./b.ts");'],
      ["cell-3", "console.log(1);"],
    ]);
  }));
