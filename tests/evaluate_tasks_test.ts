// lib/evaluate/tasks: ARC, HellaSwag, MMLU and TruthfulQA against what lm-evaluation-harness asked and graded on our own odd
// rows, and how rows of other layouts and bad ones are read.
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { join } from "node:path";
import { argmax } from "../lib/evaluate/grading/grade_choices.ts";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import type { ChoiceItem, Task } from "../lib/evaluate/task.ts";
import { arcChallenge } from "../lib/evaluate/tasks/arc.ts";
import { cleaned, hellaswag } from "../lib/evaluate/tasks/hellaswag.ts";
import { mmlu } from "../lib/evaluate/tasks/mmlu.ts";
import { GROUPS, taskNames, TASKS, tasksNamed } from "../lib/evaluate/tasks/mod.ts";
import { truthfulqaMc1, truthfulqaMc2 } from "../lib/evaluate/tasks/truthfulqa.ts";
import { sha256Hex } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";
import { writeRows } from "./oracles/benchmark_rows.ts";

const { cases, versions } = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/lmeval/choices.json")),
);

Deno.test(`tasks ask and grade as lm_eval ${versions.lm_eval} does`, async () => {
  equal(cases.length, 12);
  for (const { task: name, settings, shots, test, from, items } of cases) {
    await inFolder(async (mirror) => {
      const task = TASKS.find((task) => task.name === name)!;
      await writeRows(join(mirror, task.test.bundled), test);
      if (from) await writeRows(join(mirror, task.shots!.bundled), from);
      const [open] = await openTasks([name], { mirror }, { settings, shots });
      equal(open.items.length, items.length);
      for (const [i, want] of items.entries()) checkItem(task, open.items[i] as ChoiceItem, want);
    });
  }
});

interface Want {
  context?: string;
  context_sha256?: string;
  continuations: string[];
  loglikelihoods: number[][];
  metrics: Record<string, number>[];
}

function checkItem(task: Task, item: ChoiceItem, want: Want) {
  const [context] = item.contexts, at = `${task.name} ${item.docIndex}`;
  if (want.context === undefined) equal(sha256Hex(context), want.context_sha256, at);
  else equal(context, want.context, at);
  deepEqual(item.continuations, want.continuations, at);
  for (const [i, loglikelihoods] of want.loglikelihoods.entries()) {
    const { metrics } = task.grade(item, { loglikelihoods, isGreedy: loglikelihoods.map(() => false) });
    for (const [name, value] of Object.entries(want.metrics[i])) {
      ok(Math.abs(metrics[name] - value) < 1e-12, `${at}: ${name} is ${metrics[name]}, not ${value}`);
    }
  }
}

Deno.test("arcChallenge.parse() reads AI2's layout as the hub's", () => {
  const hub = { id: "x", question: "Q?", choices: { text: ["a", "b"], label: ["1", "2"] }, answerKey: "2" };
  const choices = [{ text: "a", label: "1" }, { text: "b", label: "2" }];
  const ai2 = { id: "x", question: { stem: "Q?", choices }, answerKey: "2" };
  deepEqual(arcChallenge.parse(hub), { id: "x", question: "Q?", choices: ["a", "b"], gold: 1 });
  deepEqual(arcChallenge.parse(ai2), arcChallenge.parse(hub));
  throws(() => arcChallenge.parse({ ...hub, answerKey: "E" }), {
    name: "LeftOut",
    message: 'answerKey "E" is not among the labels 1, 2',
  });
  throws(() => arcChallenge.parse({ ...hub, answerKey: undefined }), { name: "LeftOut" });
  throws(() => arcChallenge.parse({ ...hub, choices: { text: ["a"], label: ["1"] } }), /fewer than two/);
  throws(() => arcChallenge.parse({ ...hub, choices: { text: ["a", "b"], label: ["1"] } }), {
    name: "RowFault",
  });
  throws(() => arcChallenge.parse({ ...ai2, question: { stem: "Q?" } }), { name: "RowFault" });
  throws(() => arcChallenge.parse({ ...ai2, question: { stem: "Q?", choices: [null, 3] } }), {
    name: "RowFault",
  });
});

Deno.test("hellaswag.parse() capitalises ctx_b, and nothing where the context is joined", () => {
  const endings = ["a", "b"], row = { activity_label: "L", endings, label: 1 };
  const split = { ...row, ctx_a: "One.", ctx_b: "THEN He" }, joined = { ...row, ctx: "One. THEN He" };
  equal(hellaswag.text(hellaswag.parse(split)), "L: One. Then he");
  equal(hellaswag.text(hellaswag.parse(joined)), "L: One. THEN He");
  equal(cleaned("\u001f a [title] b[x\n] [y]  c "), "a. b[x\n]  c");
  throws(() => hellaswag.parse({ ...joined, label: "" }), { name: "LeftOut" }); // the hub's test split
  throws(() => hellaswag.parse({ ...split, ctx_b: null }), { name: "RowFault" });
});

Deno.test("mmlu.parse() keeps the spaces of cells and takes letters and numbers", () => {
  const { parse, text } = mmlu[0];
  const cells = parse({ cells: ["Q ", " a", "b ", "c", "d", "C"] });
  deepEqual(cells, { question: "Q ", choices: [" a", "b ", "c", "d"], gold: 2 });
  equal(text(cells), "Q\nA.  a\nB. b \nC. c\nD. d\nAnswer:");
  deepEqual(parse({ question: "Q ", choices: [" a", "b ", "c", "d"], answer: 2 }), cells);
  throws(() => parse({ cells: ["Q", "a", "b", "c", "d", "E"] }), { name: "LeftOut" });
  throws(() => parse({ cells: ["Q", "a", "b", "c", "C"] }), { name: "RowFault" });
  throws(() => parse({ question: "Q", choices: ["a", "b", "c"], answer: 0 }), { name: "RowFault" });
  throws(() => parse({ question: "Q", choices: ["a", "b", "c", "d"], answer: null }), { name: "LeftOut" });
});

Deno.test("truthfulqa.parse() reads the authors' layout as the hub's", () => {
  const hub = { question: "Q?", mc1_targets: { choices: ["a", "b"], labels: [1, 0] } };
  const own = { question: "Q?", mc1_targets: { a: 1, b: 0 } };
  deepEqual(truthfulqaMc1.parse(own), truthfulqaMc1.parse(hub));
  throws(() => truthfulqaMc1.parse({ ...own, mc1_targets: { a: 0, b: 1 } }), { name: "RowFault" });
  throws(() => truthfulqaMc1.parse({ ...own, mc1_targets: { a: 1, 5: 0 } }), { name: "RowFault" });
  throws(() => truthfulqaMc2.parse({ question: "Q?", mc2_targets: { a: 0, b: 0 } }), { name: "LeftOut" });
  throws(() => truthfulqaMc2.parse(own), { name: "RowFault" });
});

Deno.test("argmax() is numpy's", () => {
  equal(argmax([1, 3, 3]), 1);
  equal(argmax([1, NaN, 3, NaN]), 1);
  equal(argmax([-Infinity, -Infinity]), 0);
  throws(() => argmax([]), { name: "RangeError" });
});

Deno.test("tasksNamed() expands groups, each task once, and lists what it does not know", () => {
  equal(tasksNamed(["mmlu"]).length, 57);
  equal(tasksNamed(["mmlu_stem", "mmlu_anatomy", "mmlu"]).length, 57);
  equal(GROUPS.get("mmlu_humanities")!.length, 13);
  deepEqual(tasksNamed(["truthfulqa"]).map(({ name }) => name), ["truthfulqa_mc1", "truthfulqa_mc2"]);
  ok(tasksNamed(["all"]).length >= 57 + 6);
  equal(new Set(TASKS.map(({ name }) => name)).size, TASKS.length);
  ok(taskNames().includes("mmlu_SUBJECT"));
  throws(() => tasksNamed(["arc", "mmlu", "x"]), {
    name: "InputError",
    message: /^Cannot evaluate arc, x: there are no tasks of these names; choose from all, mmlu, /,
  });
  throws(() => tasksNamed([]), /Cannot evaluate nothing/);
});
