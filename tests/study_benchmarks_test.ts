// The study's benchmarks: tasks by plans, one item up close, decontamination, the released code's measures beside the honest ones, and
// stages that are kept. On the bundled sets and made-up rows; the study runs for real in reproduce_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { bundled } from "../lib/data/mod.ts";
import type { ItemRow } from "../lib/evaluate/item_row.ts";
import { type ChoiceItem, compareModels, openTasks, taskInfo } from "../lib/evaluate/mod.ts";
import { openModel } from "../lib/model/mod.ts";
import {
  judgedClaims,
  radarRows,
  releasedBeside,
  scoresByTask,
  taskScores,
  taskTable,
} from "../lib/study/benchmark_results.ts";
import { benchmarkTasks, evaluateModels, tasksToSpare } from "../lib/study/benchmarks.ts";
import { keptEach } from "../lib/study/kept.ts";
import { preset } from "../lib/study/presets.ts";
import { boundaryRows, choiceItem, promptText, rowsOfItem } from "../lib/study/shown_item.ts";
import { contaminationText, decontaminated } from "../lib/study/training_set.ts";
import { inFolder } from "./folder.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";
import { itemRows } from "./item_rows.ts";

Deno.test("benchmarkTasks() opens each plan's tasks with its shots, limit and length of answers", async () => {
  const tasks = await benchmarkTasks([
    { names: ["arc_easy"], limit: 3, shots: 2 },
    { names: ["gsm8k"], limit: 2, maxNew: 9 },
    { names: ["metamath"], limit: 1, maxNew: 9999 },
  ]);
  assert.deepEqual(
    tasks.map(({ task, items, shots, source }) => [task.name, items.length, shots, source]),
    [["arc_easy", 3, 2, "bundled"], ["gsm8k", 2, 5, "bundled"], ["metamath", 1, 0, "bundled"]],
  );
  const news = tasks.flatMap(({ items }) => items).flatMap((item) =>
    item.kind === "generation" ? [item.maxNew] : []
  );
  assert.deepEqual(news, [9, 9, 512], "an answer is never longer than the task's own");
  const rows = taskTable(tasks);
  assert.deepEqual(rows.map((row) => row.task), ["arc_easy", "gsm8k", "metamath"]);
  assert.deepEqual([rows[0].items, rows[0].of, rows[0].answer, rows[1]["by guessing"]], [
    3,
    (await openTasks(["arc_easy"]))[0].items.length,
    "a choice",
    "–",
  ]);
});

Deno.test("tasksToSpare() are all items of every task that a preset asks, each task once", async () => {
  const names = (await tasksToSpare(preset("quick"))).map(({ task, items, total }) => {
    assert.equal(items.length, total, task.name);
    return task.name;
  });
  assert.deepEqual(names, ["arc_challenge", "hellaswag", "truthfulqa_mc2", "gsm8k", "metamath"]);
  const more = (await tasksToSpare(preset("smollm2"))).map(({ task }) => task.name);
  assert.equal(new Set(more).size, more.length);
  for (const name of names) assert.ok(more.includes(name), name);
});

Deno.test("decontaminated() leaves out what shares 13 words with an item, and says so", async () => {
  const tasks = await openTasks(["gsm8k"]), clean = await bundled("train", 5);
  const none = await decontaminated(clean, tasks);
  assert.deepEqual(none.train, clean);
  assert.match(
    contaminationText(none.found),
    /^5 training dialogues searched .* 66 items of 1 tasks: none shares/,
  );
  const [{ question }] = tasks[0].items;
  const copied = { id: "copy", turns: [{ role: "user" as const, content: `Please: ${question}` }] };
  const { train, found } = await decontaminated([...clean, copied], tasks);
  assert.deepEqual(train, clean);
  assert.match(contaminationText(found), /: 1 share one and were left out \(copy\)\./);
});

Deno.test("the bundled training dialogues have nothing of the benchmarks that the presets ask", async () => {
  const { found } = await decontaminated(await bundled("train"), await tasksToSpare(preset("smollm2")));
  assert.equal(found.hit, 0);
});

Deno.test("promptText() and boundaryRows() show where the prompt's tokens end", async () => {
  const model = await openModel();
  try {
    const tasks = await benchmarkTasks([{ names: ["arc_easy", "winogrande"], limit: 2 }]);
    const item = choiceItem(tasks, "arc_easy"), text = promptText(item)["text/plain"] as string;
    assert.equal(text, `${item.contexts[0]}${item.continuations.map((one) => `⟦${one}⟧`).join("\n")}`);
    const row = { loglikelihoods: item.choices.map((_, i) => -10 * (i + 1)) } as unknown as ItemRow;
    const rows = boundaryRows(model, item, { row });
    assert.match(rows[0]["context ‖ choice"] as string, /^… .*Answer·: ‖ ␣/);
    assert.equal(rows[1]["per code point"], -20 / [...item.choices[1]].length);
    assert.deepEqual(rows.map((one) => one.right).indexOf("✓"), item.gold);
    const twins = choiceItem(tasks, "winogrande") as ChoiceItem;
    assert.equal(twins.contexts.length, 2);
    const both = promptText(twins)["text/plain"] as string;
    assert.ok(twins.contexts.every((context) => both.includes(context)), "a context for each choice");
    assert.throws(
      () => choiceItem(tasks, "gsm8k"),
      /^InputError: Cannot show item 0 of gsm8k: .*arc_easy, winogrande/,
    );
  } finally {
    model.weights.close();
  }
});

Deno.test("evaluateModels() asks once, and takes from the ledger what another stage has asked", () =>
  withTinyModel(async (model, folder) => {
    Deno.env.set("UAL_OUT", folder);
    try {
      const p = preset("quick"), tasks = await benchmarkTasks([{ names: ["piqa"], limit: 3 }]);
      const ask = (stage: string, some = tasks) =>
        evaluateModels(p, model, { models: { base: undefined }, tasks: some, stage });
      const rows = await ask("one"), ledger = join(folder, "runs/quick/benchmarks/ledger/items.ledger.jsonl");
      const lines = async () => (await Deno.readTextFile(ledger)).trimEnd().split("\n").length;
      assert.equal(rows.length, 3);
      assert.deepEqual(await ask("two"), rows);
      assert.equal(await lines(), 3, "nothing was asked again");
      await ask("one", await benchmarkTasks([{ names: ["piqa"], limit: 4 }]));
      assert.equal(await lines(), 4, "only the new item was");
      assert.deepEqual(rowsOfItem(rows, "piqa", 1).base, rows[1]);
    } finally {
      Deno.env.delete("UAL_OUT");
    }
  }));

Deno.test("keptEach() makes what is missing together, and nothing twice", () =>
  inFolder(async (folder) => {
    const part = (name: string, version: number) => ({
      dir: join(folder, name),
      key: { inputs: {}, settings: { version }, code: "" },
    });
    const asked: string[][] = [];
    const run = (b: number) =>
      keptEach<{ of: string; b: number }>({ a: part("a", 1), b: part("b", b) }, "lines.jsonl", (missing) => {
        asked.push(missing);
        return Promise.resolve(Object.fromEntries(missing.map((of) => [of, { lines: [{ of, b }] }])));
      });
    await run(1);
    await run(1);
    assert.deepEqual(await run(2), { a: [{ of: "a", b: 1 }], b: [{ of: "b", b: 2 }] });
    assert.deepEqual(asked, [["a", "b"], ["b"]]);
  }));

/** itemRows() by one measure, with more fields. */
const rowsOf = (model: string, task: string, metric: string, values: number[], more = {}): ItemRow[] =>
  itemRows(model, task, values, [metric], more);

Deno.test("judgedClaims() judges each claim by the comparison of its two models, either way round", async () => {
  const tasks = await openTasks(["piqa", "winogrande"], {}, { limit: 20 });
  const hits = (share: number) => Array.from({ length: 20 }, (_, i) => i < share * 20 ? 1 : 0);
  const rows = ["piqa", "winogrande"].flatMap((
    task,
  ) => [
    ...rowsOf("SFT", task, "acc", hits(0.2), { acc_norm: 0 }),
    ...rowsOf("UAL", task, "acc", hits(0.9), { acc_norm: 0 }),
  ]);
  const compared = compareModels(rows, tasks.map(taskInfo), { average: ["piqa", "winogrande"] });
  const judge = (better: string, than: string) => judgedClaims(compared, [{ better, than }]);
  const [{ claim, verdict, why }] = judge("UAL", "SFT");
  assert.deepEqual([claim, verdict], ["UAL > SFT, average", "confirmed"]);
  assert.match(why, /^Difference \+70\.0 points \(95% interval /);
  assert.equal(judge("SFT", "UAL")[0].verdict, "contradicted");
  assert.deepEqual(judge("UAL", "LS"), []);
});

Deno.test("releasedBeside() puts the released measures next to the plain ones of the same benchmark", async () => {
  const honest = await openTasks(["arc_challenge", "truthfulqa_mc1"], {}, { limit: 2 });
  const released = await openTasks(["released_arc_challenge", "released_truthfulqa"], {}, { limit: 2 });
  const fill = (name: string, values: Record<string, number>) =>
    rowsOf("SFT", name, "none", [0, 0]).map((row) => ({ ...row, ...values }));
  const scores = {
    honest: taskScores([
      ...fill("arc_challenge", { acc: 0, acc_norm: 0 }),
      ...fill("truthfulqa_mc1", { acc: 1 }),
    ], honest),
    released: taskScores([
      ...fill("released_arc_challenge", { acc: 0, released_best_of_4: 0.5 }),
      ...fill("released_truthfulqa", { released_gold_a_acc: 1, released_gold_a_best_of_4: 0.75 }),
    ], released),
  };
  const rows = releasedBeside(scores, ["SFT"]);
  assert.deepEqual(rows.map((row) => row.benchmark), ["arc_challenge", "truthfulqa"]);
  const start = (row: typeof rows[0], column: string) => String(row[column]).split(" ")[0];
  const columns = ["log-likelihood (acc)", "letters, the likeliest", "letters, best of 4"];
  assert.deepEqual(columns.map((column) => start(rows[0], column)), ["0.0", "0.0", "50.0"]);
  assert.deepEqual(columns.map((column) => start(rows[1], column)), ["100.0", "100.0", "75.0"]);
});

Deno.test("scoresByTask() has tasks as rows and models as columns; radarRows() the same without the average", async () => {
  const tasks = await openTasks(["piqa", "arc_easy"], {}, { limit: 2 });
  const items = ["base", "UAL"].flatMap((model) => [
    ...rowsOf(model, "piqa", "acc", model === "base" ? [0, 1] : [1, 1], { acc_norm: 0 }),
    ...rowsOf(model, "arc_easy", "acc", [0, 0], { acc_norm: 0 }),
  ]);
  const scores = taskScores(items, tasks, { average: ["piqa", "arc_easy"] });
  const rows = scoresByTask(scores);
  assert.deepEqual(rows.map(({ task }) => task).sort(), ["arc_easy", "average", "piqa"]);
  const piqa = rows.find(({ task }) => task === "piqa")!;
  assert.deepEqual(Object.keys(piqa), ["task", "measure", "items", "base", "UAL"]);
  assert.match(String(piqa.base), /^50\.0 \(.* to .*\)$/);
  const radar = radarRows(scores).filter(({ method }) => method === "UAL");
  assert.deepEqual(radar.map(({ task, score }) => [task, score]).sort(), [["arc_easy", 0], ["piqa", 1]]);
});
