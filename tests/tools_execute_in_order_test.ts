// A list of notebooks that breaks off goes on where it did, and executes again whatever changed meanwhile.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { type Listed, NotebookList } from "../tools/execute_in_order.ts";
import { type Cell, notebookText } from "../tools/notebook_file.ts";
import { inFolder } from "./folder.ts";

/** Notebooks 00_a, 01_b (which fails where there is no file "go") and 02_c in `dir`; each says in "ran" that it ran. */
async function threeNotebooks(dir: string): Promise<Listed[]> {
  await Deno.writeTextFile(join(dir, "deno.json"), "{}");
  const stops = `if (!await Deno.stat("go").catch(() => 0)) throw new Error("no");`;
  const list: Listed[] = [];
  for (const [name, extra] of [["00_a", ""], ["01_b", stops], ["02_c", ""]]) {
    const path = join(dir, `${name}.ipynb`);
    await writeCode(
      path,
      `${extra}\nawait Deno.writeTextFile("ran", "${name} ", { append: true }); console.log(1);`,
    );
    list.push({ path, out: join(dir, "out", `${name}.ipynb`) });
  }
  return list;
}

async function writeCode(path: string, source: string) {
  const cell: Cell = { cell_type: "code", id: "a", source, metadata: {}, outputs: [], execution_count: null };
  await Deno.writeTextFile(path, notebookText({ cells: [cell] }));
}

/** Executes the list to its end or first failure; what was said of each. */
async function run(
  list: Listed[],
  dir: string,
  more: { code?: string; from?: string } = {},
): Promise<string[]> {
  const record = join(dir, "record.json"), command = ({ path }: Listed) => `again ${path.slice(-10, -6)}`;
  const open = await NotebookList.open(list, { record, code: "c", command, ...more });
  const said: string[] = [];
  for (const notebook of list) {
    try {
      said.push(await open.execute(notebook));
    } catch (error) {
      return [...said, (error as Error).message.split("\n").at(-1)!];
    }
  }
  await open.finish();
  return said;
}

Deno.test("NotebookList goes on at the failed notebook, and runs what changed again", () =>
  inFolder(async (dir) => {
    const list = await threeNotebooks(dir), [a] = list;
    const ran = async () => {
      const text = await Deno.readTextFile(join(dir, "ran"));
      await Deno.writeTextFile(join(dir, "ran"), "");
      return text;
    };
    deepEqual(await run(list, dir), ["executed", "again 01_b"]);
    deepEqual(await run(list, dir), ["done before", "again 01_b"]);
    equal(await ran(), "00_a ");
    deepEqual(await run(list, dir, { code: "other" }), ["executed", "again 01_b"]);
    deepEqual(await run(list, dir), ["executed", "again 01_b"], "the code changed back");
    const given = [{ ...a, env: { A: "1" } }, ...list.slice(1)];
    deepEqual(await run(given, dir), ["executed", "again 01_b"], "other settings");
    await Deno.writeTextFile(a.out, "edited", { append: true });
    deepEqual((await run(given, dir))[0], "executed", "its output was touched");
    await writeCode(a.path, `await Deno.writeTextFile("ran", "new ", { append: true });`);
    await ran();
    deepEqual((await run(list, dir))[0], "executed", "its source changed");
    await Deno.writeTextFile(join(dir, "go"), "");
    deepEqual(await run(list, dir), ["done before", "executed", "executed"]);
    equal(await ran(), "new 01_b 02_c ");
    deepEqual(await run(list, dir), ["executed", "executed", "executed"], "nothing broke off");
    await ran();
    deepEqual(await run(list, dir, { from: "02" }), ["done before", "done before", "executed"]);
    equal(await ran(), "02_c ");
  }));

Deno.test("NotebookList.open() refuses to begin where nothing is, or what comes before is missing", () =>
  inFolder(async (dir) => {
    const list = await threeNotebooks(dir);
    await rejects(run(list, dir, { from: "07" }), {
      message: "Cannot begin at 07: there is no such notebook; choose from 00_a, 01_b, 02_c",
    });
    await rejects(
      run(list, dir, { from: "01" }),
      /^InputError: Cannot begin at 01: .*00_a\.ipynb is missing; begin at/,
    );
    await Deno.writeTextFile(join(dir, "record.json"), "{ broken");
    ok((await run(list, dir))[0] === "executed", "a broken record counts as none");
  }));
