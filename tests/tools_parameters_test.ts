// A notebook's parameters: what declarations may say, what values fit, and the command that takes them.
import { deepEqual, equal, match, throws } from "node:assert/strict";
import { join } from "node:path";
import { injectParameters, parametersHelp, parametersOf, parseParameters } from "../tools/parameters.ts";
import type { Cell, Notebook } from "../tools/notebook_file.ts";
import { InputError } from "../lib/run/errors.ts";
import { root } from "../tools/setup.ts";

const SOURCE = `/** Sizes: quick or full. */
const size: "quick" | "full" = "full";
/**
 * Mean smoothing,
 * above 0.
 */
const mean: number = 0.1;
const names: string[] = ["a", "b"];
/** Whether to. */
const all: boolean = false;
const means: number[] = [];`;

const cell = (source: string, tags?: string[]): Cell => ({
  cell_type: "code",
  id: source.slice(0, 5),
  source,
  metadata: tags ? { tags } : {},
  outputs: [],
  execution_count: null,
});
const notebook = (source = SOURCE): Notebook => ({ cells: [cell(source, ["parameters"]), cell("f(size);")] });

const refuses = (action: () => unknown, why: RegExp) =>
  throws(action, (error: Error) => error instanceof InputError && why.test(error.message));

Deno.test("parseParameters() reads declarations with their types, defaults and comments", () => {
  deepEqual(parseParameters(SOURCE), [
    { name: "size", type: '"quick" | "full"', default: '"full"', help: "Sizes: quick or full." },
    { name: "mean", type: "number", default: "0.1", help: "Mean smoothing, above 0." },
    { name: "names", type: "string[]", default: '["a", "b"]', help: "" },
    { name: "all", type: "boolean", default: "false", help: "Whether to." },
    { name: "means", type: "number[]", default: "[]", help: "" },
  ]);
  deepEqual(parametersOf({ cells: [cell("const a: number = 1;")] }), []);
});

Deno.test("parseParameters() refuses what is no declaration, unknown types and defaults that do not fit", () => {
  refuses(() => parseParameters("const a: number = 1;\nf(a);"), /"f\(a\);" is no declaration/);
  refuses(() => parseParameters("const a = 1;"), /"const a = 1;" is no declaration/);
  refuses(() => parseParameters("const a: Date = 1;"), /its type is Date; use number/);
  refuses(
    () => parseParameters('const a: number = "1";'.replace('"1"', "true")),
    /Cannot set a to true: it must be a number/,
  );
  refuses(() => parseParameters('const a: "x" | "y" = "z";'), /Cannot set a to z: it must be one of x, y/);
  refuses(() => parseParameters("const a: number = b;"), /its default b is no plain value/);
});

Deno.test("injectParameters() reads typed texts and JSON, and puts them behind the parameters' cell once", () => {
  const own = notebook();
  injectParameters(own, { size: "quick", mean: "1e-2", names: "x, y", all: "true", means: "0.1,0.5" });
  deepEqual(own.cells.map(({ metadata }) => metadata.tags), [
    ["parameters"],
    ["injected-parameters"],
    undefined,
  ]);
  equal(
    own.cells[1].source,
    '// In place of the values above.\nconst size: "quick" | "full" = "quick";\nconst mean: number = 0.01;\n' +
      'const names: string[] = ["x","y"];\nconst all: boolean = true;\nconst means: number[] = [0.1,0.5];',
  );
  injectParameters(own, { means: [0.2], names: '["a,b"]', all: false });
  equal(own.cells.length, 3);
  match(
    own.cells[1].source,
    /means: number\[\] = \[0.2\];\nconst names: string\[\] = \["a,b"\];\nconst all: boolean = false/,
  );
  deepEqual(own.papermill, { parameters: { means: [0.2], names: ["a,b"], all: false } });
  injectParameters(own, {});
  deepEqual(own, notebook());
});

Deno.test("injectParameters() refuses unknown names and values of another type", () => {
  const wrong = (values: Record<string, unknown>, why: RegExp) =>
    refuses(() => injectParameters(notebook(), values), why);
  wrong({ sise: "quick" }, /no such parameter; it has size, mean, names, all, means/);
  wrong({ size: "huge" }, /Cannot set size to huge: it must be one of quick, full/);
  wrong({ mean: "" }, /Cannot set mean to : it must be a number/);
  wrong({ mean: "Infinity" }, /must be a number/);
  wrong({ all: "yes" }, /must be true or false/);
  wrong({ means: "0.1,x" }, /Cannot set means to x/);
  wrong({ means: "[0.1" }, /must be a list of numbers/);
  wrong({ names: 3 }, /must be a list of strings/);
  refuses(() => injectParameters({ cells: [] }, { a: 1 }), /no cell of it is tagged parameters/);
});

Deno.test("parametersHelp() lists name, type, default and text", () => {
  match(
    parametersHelp(parseParameters(SOURCE)),
    /^ {2}size {3}"quick" \| "full", default "full"\n {9}Sizes: quick or full\.\n/,
  );
});

Deno.test("deno task notebook --help lists a notebook's parameters, and wrong ones exit with 2", async () => {
  const run = async (...args: string[]) => {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", join(root, "tools/notebook.ts"), ...args],
      env: { NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  const help = await run("03_train", "--help");
  equal(help.code, 0, help.text);
  match(
    help.text,
    /Parameters of 03_train\.ipynb:\n\s+size\s+"quick" \| "smollm2" \| "full", default "smollm2"/,
  );
  const wrong = await run("03_train", "-p", "lr", "fast");
  equal(wrong.code, 2, wrong.text);
  match(wrong.text, /Cannot set lr to fast: it must be a number/);
  equal((await run("03_train", "-p", "lr")).code, 2);
});
