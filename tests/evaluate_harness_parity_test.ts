// What lm-evaluation-harness 0.4.13 said of the real default model on our own items (tests/parity/lmeval/items.jsonl, which
// make_items.py made), and on real benchmarks where the local mirror is: tokens, log-likelihoods, choices, texts, grades.
import assert from "node:assert/strict";
import { join } from "node:path";
import { agrees, compareRows, type HarnessRow } from "../bench/harness_compare.ts";
import { evaluate } from "../lib/evaluate/evaluate.ts";
import type { ItemRow } from "../lib/evaluate/item_row.ts";
import { type OpenOptions, openTasks } from "../lib/evaluate/open_tasks.ts";
import type { OpenTask, Settings } from "../lib/evaluate/task.ts";
import type { TaskSource } from "../lib/evaluate/task_files.ts";
import { openModel } from "../lib/model/mod.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";

const own = new URL("./parity/lmeval/items.jsonl", import.meta.url);

/** Items of one task, settings and number of shots. `as` is the task's name in the stored rows. */
interface Run {
  as: string;
  opened: OpenTask;
  theirs: HarnessRow[];
}

function readRows<T>(path: string | URL): T[] {
  return Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line));
}

/** The items that `theirs` has of a task. */
async function openRun(task: string, theirs: HarnessRow[], where: TaskSource, options: OpenOptions) {
  const limit = 1 + Math.max(...theirs.map(({ doc_index }) => doc_index));
  const [opened] = await openTasks([task], where, { ...options, limit });
  const rows = new Set(theirs.map(({ doc_index }) => doc_index));
  return { ...opened, items: opened.items.filter(({ docIndex }) => rows.has(docIndex)) };
}

/** Evaluates all runs, whose choices share programs, and checks each run's rows. */
async function check(runs: Run[]): Promise<void> {
  const named = runs.map(({ as, opened }) => ({
    ...opened,
    task: { ...opened.task, name: as, group: "parity" },
  }));
  const model = await openModel();
  try {
    const rows = await evaluate(model, { base: undefined }, named);
    for (const { as, theirs } of runs) checkRows(as, rows.filter(({ task }) => task === as), theirs);
  } finally {
    model.weights.close();
  }
}

function checkRows(as: string, ours: ItemRow[], theirs: HarnessRow[]): void {
  const found = compareRows(ours, theirs.map((row) => ({ ...row, task: as })));
  assert.equal(found.items, theirs.length, `${as}: items`);
  assert.ok(agrees(found), `${as}: ${JSON.stringify(found)}`);
}

async function checkOwn(wanted: (row: HarnessRow) => boolean): Promise<void> {
  const [, ...lines] = readRows<HarnessRow & { settings: Settings; shots: number }>(own);
  const groups = Map.groupBy(lines.filter(wanted), (row) => `${row.task} ${row.settings} ${row.shots}`);
  await check(
    await Promise.all([...groups].map(async ([as, rows]) => {
      const [{ task, settings, shots }] = rows;
      const theirs = rows.map(({ settings: _, shots: __, ...row }) => row);
      return { as, theirs, opened: await openRun(task, theirs, {}, { settings, shots }) };
    })),
  );
}

Deno.test("evaluate() gives our own items the harness's log-likelihoods within 0.001 nats, and its grades", () =>
  checkOwn(({ choices }) => choices !== undefined));

Deno.test("evaluate() goes on with our own problems as the harness does, and extracts the same answers", () =>
  checkOwn(({ generated }) => generated !== undefined));

/** HellaSwag's first rows in the hub's layout, with the contexts cut where the stored rows say. */
async function writeSplitContexts(folder: string, path: string, stored: HarnessRow[]): Promise<void> {
  const file = await Deno.open(path);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text();
  const byRow = new Map(stored.map((row) => [row.doc_index, row]));
  const count = 1 + Math.max(...byRow.keys());
  const rows = text.split("\n").slice(0, count).map((line, i) => {
    const row = JSON.parse(line), stored = byRow.get(i);
    const ctx_a = row.ctx.slice(0, stored?.ctx_a_len as number | undefined);
    return { ...row, ctx_a, ctx_b: stored?.ctx_b ?? "" };
  });
  await Deno.mkdir(join(folder, "hellaswag"));
  const lines = rows.map((row) => JSON.stringify(row) + "\n").join("");
  await Deno.writeTextFile(join(folder, "hellaswag/validation.jsonl"), lines);
}

Deno.test("evaluate() gives the harness's stored rows of real benchmarks", async () => {
  const parity = mirror("parity"), data = mirror("data");
  if (!parity || !data) return;
  const theirs = (name: string) => readRows<HarnessRow>(join(parity, "lmeval", `${name}.jsonl`));
  const run = async (
    as: string,
    task = as,
    options: OpenOptions = {},
    where: TaskSource = { mirror: data },
  ) => ({
    as,
    theirs: theirs(as),
    opened: await openRun(task, theirs(as), where, options),
  });
  await inFolder(async (folder) => {
    await writeSplitContexts(
      folder,
      join(data, "hellaswag/hellaswag_val.jsonl.gz"),
      theirs("hellaswag_split"),
    );
    await check([
      await run("arc_challenge"),
      await run("arc_challenge_dev5", "arc_challenge", { shots: 5 }),
      await run("hellaswag"),
      await run("hellaswag_val2", "hellaswag", { shots: 2 }),
      await run("hellaswag_split", "hellaswag", {}, { mirror: folder }),
      await run("mmlu_elementary_mathematics", undefined, { shots: 5 }),
      await run("truthfulqa_mc1"),
      await run("truthfulqa_mc2"),
      await run("gsm8k"),
    ]);
  });
});
