// `ual report` as a user meets it: from what `ual evaluate` wrote to a page, and what it says where that is not there.
import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../lib/cli.ts";
import type { ItemRow, TaskInfo } from "../lib/evaluate/item_row.ts";
import { readTables } from "../lib/plot/tables.ts";
import { inFolder } from "./folder.ts";
import { itemRows, tasks } from "./report_rows.ts";

async function writeRun(folder: string, rows: ItemRow[], infos: TaskInfo[]) {
  await Deno.writeTextFile(
    join(folder, "items.jsonl"),
    rows.map((row) => JSON.stringify(row) + "\n").join(""),
  );
  await Deno.writeTextFile(
    join(folder, "summary.json"),
    JSON.stringify({
      model: { name: "tiny", hash: "00" },
      adapters: { base: null, UAL: "11" },
      tasks: infos,
      heldout: [{ model: "base", perplexity: 9.87, low: null, high: null, ece: 0.06, accuracy: 0.4 }],
      contamination: [],
      versions: { ual: "0.1.0" },
    }),
  );
}

Deno.test("ual report writes a page with figures, and the figures' tables", () =>
  inFolder(async (folder) => {
    await writeRun(folder, itemRows(8, ["base", "UAL"]), tasks);
    assert.equal(await main(["report", folder, "--json", "--note", "a try"]), 0);
    const page = await Deno.readTextFile(join(folder, "report.html"));
    assert.equal(page.match(/data:image\/svg\+xml;base64,/g)!.length, 2);
    for (const text of ["adapter UAL", "a try", "Held-out dialogues", "9.870 (– to –)", "tiny"]) {
      assert.ok(page.includes(text), text);
    }
    assert.deepEqual(Object.keys(await readTables(join(folder, "tables"))).sort(), ["differences", "scores"]);
    assert.equal(await main(["report", folder, "--no-figures", "--out", join(folder, "again.html")]), 0);
    assert.doesNotMatch(await Deno.readTextFile(join(folder, "again.html")), /<img/);
  }));

Deno.test("ual report takes one model, and a run of held-out dialogues alone", () =>
  inFolder(async (folder) => {
    await writeRun(folder, itemRows(3, ["base"]), tasks);
    assert.equal(await main(["report", folder, "--no-figures"]), 0);
    assert.doesNotMatch(await Deno.readTextFile(join(folder, "report.html")), /id="comparisons"/);
    await writeRun(folder, [], []);
    assert.equal(await main(["report", folder, "--no-figures"]), 0);
    assert.match(await Deno.readTextFile(join(folder, "report.html")), /No task was scored/);
  }));

Deno.test("ual report refuses a folder that is no evaluation's", () =>
  inFolder(async (folder) => {
    assert.equal(await main(["report", folder]), 2);
    await Deno.writeTextFile(join(folder, "summary.json"), "{}");
    assert.equal(await main(["report", folder]), 2);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), ["summary.json"]);
  }));
