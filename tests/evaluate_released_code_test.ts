// The released code's measures against plain counting and sampling, its letter prompts, metamath's grading.
import { deepEqual, equal, notDeepEqual, ok, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import { bestOf, lastWord, RELEASED, substringHit } from "../lib/evaluate/grading/released_code.ts";
import type { ChoiceAnswer, ChoiceItem, Item, Task } from "../lib/evaluate/task.ts";
import { GROUPS, tasksNamed } from "../lib/evaluate/tasks/mod.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";

Deno.test("bestOf() is the share of n samples in which an answer occurs", () => {
  const uniform = stream(3, "best-of").uniform, rounds = 40_000;
  for (const [p, n] of [[0.25, 4], [0.7, 4], [0.1, 2]]) {
    let hits = 0;
    for (let round = 0; round < rounds; round++) {
      const hit = Array.from({ length: n }, (_, i) => uniform(round * n + i) < p);
      if (hit.includes(true)) hits++;
    }
    const se = Math.sqrt(bestOf(p, n) * (1 - bestOf(p, n)) / rounds);
    ok(Math.abs(hits / rounds - bestOf(p, n)) < 4 * se, `${p} ${n}`);
  }
});

Deno.test("bestOf() is exact for guessing among four, small probabilities and certainty", () => {
  equal(bestOf(0.25).toFixed(4), "0.6836"); // the 68.4% of uniform guessing
  ok(Math.abs(bestOf(1e-12) / 4e-12 - 1) < 1e-9);
  deepEqual([bestOf(0), bestOf(1), bestOf(1 + 1e-9), bestOf(0.3, 1)], [0, 1, 1, 0.3]);
  throws(() => bestOf(-0.1), RangeError);
  throws(() => bestOf(NaN), RangeError);
});

Deno.test("substringHit() and lastWord() take what the released code takes", () => {
  equal(substringHit("18 - 3 = 15", "8"), 1);
  equal(substringHit("", "8"), 0);
  equal(lastWord("Work.\nThe answer is: \\frac{1}{2}. "), "\\frac{1}{2}");
  equal(lastWord("The answer is: 5\n"), "5");
  equal(lastWord("The answer is: 3 cm"), "cm");
});

/** An answer to `item` in which every letter has a probability. */
const said = (probabilities: number[]): ChoiceAnswer => ({
  loglikelihoods: probabilities.map(Math.log),
  isGreedy: probabilities.map(() => false),
});

const itemOf = (task: Task, row: Record<string, unknown>): ChoiceItem => {
  const before = task.description?.() as string;
  return { docIndex: 0, ...task.item(task.parse(row), before) } as ChoiceItem;
};

Deno.test("letter tasks give plain accuracy beside best-of-4, and ARC's numeric keys never match", () => {
  const [arc] = tasksNamed(["released_arc_challenge"]);
  const row = (labels: string[], answerKey: string) => ({
    id: "own-1",
    question: "Which one floats?",
    choices: { text: ["a nail", "a cork", "a coin"], label: labels },
    answerKey,
  });
  const item = itemOf(arc, row(["A", "B", "C"], "B"));
  ok(
    item.contexts[0].endsWith(
      "\n\n# Question:\nWhich one floats?\n\n# Choices:\nA. a nail\nB. a cork\nC. a coin\n\n# Answer:\n",
    ),
  );
  deepEqual([item.continuations, item.gold], [["A", "B", "C"], 1]);
  const { metrics } = arc.grade(item, said([0.2, 0.5, 0.1]));
  equal(metrics.acc, 1);
  equal(metrics[RELEASED.bestOf4].toFixed(6), (1 - 0.5 ** 4).toFixed(6));
  const numeric = itemOf(arc, row(["1", "2", "3"], "2"));
  deepEqual(arc.grade(numeric, said([0.2, 0.5, 0.1])).metrics, { acc: 1, [RELEASED.bestOf4]: 0 });
});

const question = {
  question: "Do fish sleep?",
  mc1_targets: {
    choices: ["They rest.", "They never do.", "Only at sea.", "Only at night."],
    labels: [1, 0, 0, 0],
  },
};

Deno.test("released_truthfulqa's answer is always A, truthfulqa_letters' is not", async () => {
  const [released, honest] = tasksNamed(["released_truthfulqa", "truthfulqa_letters"]);
  const alwaysA = said([0.9, 0.05, 0.03, 0.02]);
  const item = itemOf(released, question);
  equal(item.gold, 0);
  deepEqual(Object.keys(released.grade(item, alwaysA).metrics), [
    RELEASED.goldAAccuracy,
    RELEASED.goldABestOf4,
  ]);
  equal(released.grade(item, alwaysA).metrics[RELEASED.goldAAccuracy], 1);

  const [{ items }] = await openTasks(["truthfulqa_letters"]);
  const golds = items.map((one) => (one as ChoiceItem).gold);
  const share = golds.filter((gold) => gold === 0).length / golds.length;
  ok(share > 0.05 && share < 0.5, `A is right in ${share}`);
  deepEqual(itemOf(honest, question), itemOf(honest, question));
  const gold = itemOf(honest, question);
  ok(gold.contexts[0].includes(`${"ABCD"[gold.gold]}. They rest.`));
  deepEqual(gold.contexts[0].match(/[A-D]\. .*/g)!.map((line) => line.slice(3)).sort(), [
    "Only at night.",
    "Only at sea.",
    "They never do.",
    "They rest.",
  ]);
});

Deno.test("truthfulqa_letters' order hangs on the question alone, not on the row", async () => {
  const [{ items }] = await openTasks(["truthfulqa_letters"]);
  const [task] = tasksNamed(["truthfulqa_letters"]);
  const other = itemOf(task, { ...question, question: "Do birds sleep?" });
  notDeepEqual(other.contexts, itemOf(task, question).contexts);
  equal(new Set(items.map(({ contexts }) => contexts[0])).size, items.length);
});

Deno.test("released tasks are a group of their own, apart from all", () => {
  ok(GROUPS.get("all")!.every((name) => !name.startsWith("released_")));
  const released = GROUPS.get("released")!;
  equal(released.length, 61);
  equal(GROUPS.get("released_mmlu")!.length, 57);
  for (const name of ["gsm8k", "gsm8k_cot", "metamath", "winogrande", "piqa"]) {
    ok(GROUPS.get("all")!.includes(name));
  }
});

Deno.test("released tasks read the validation splits of the mirror", async () => {
  const data = mirror("data");
  if (!data) return;
  const open = await openTasks(["released_arc_challenge", "released_mmlu_anatomy"], {
    source: "mirror",
    mirror: data,
  });
  deepEqual(open.map(({ total, files }) => [total, files[0].name]), [[294, "ARC-Challenge-Dev.jsonl"], [
    14,
    "mmlu.zip",
  ]]);
});

Deno.test("openTasks() scores validation splits on demand, no document before itself", async () => {
  const data = mirror("data");
  if (!data) return;
  const from = { source: "mirror", mirror: data } as const, split = "validation";
  const names = ["arc_challenge", "mmlu_anatomy", "truthfulqa_mc1"];
  const open = await openTasks(names, from, { split, limit: 2 });
  deepEqual(open.map(({ total }) => total), [294, 14, 817]);
  // the mirror has no train split of ARC: its shots are drawn from what is scored
  const [arc] = await openTasks(["arc_challenge"], from, { split, shots: 293 });
  for (const { contexts, question } of arc.items) {
    equal(contexts[0].split(`Question: ${question}\nAnswer:`).length, 2, question);
  }
  await rejects(openTasks(["gsm8k"], from, { split }), /there is no validation split of it/);
});

Deno.test("metamath takes the last thousand rows of the mirror's file", async () => {
  await inFolder(async (folder) => {
    const row = (i: number) => ({ query: `${i}?`, response: `The answer is: ${i}`, type: "GSM_AnsAug" });
    await Deno.mkdir(join(folder, "metamath"));
    const rows = Array.from({ length: 1003 }, (_, i) => row(i));
    await Deno.writeTextFile(join(folder, "metamath/MetaMathQA-395K.json"), JSON.stringify(rows));
    const [{ items, total }] = await openTasks(["metamath"], { source: "mirror", mirror: folder });
    deepEqual([total, items[0].docIndex, items[999].docIndex], [1000, 3, 1002]);
  });
});

Deno.test("metamath compares whole numbers as numbers, others as LaTeX, and keeps the substring rule apart", () => {
  const [task] = tasksNamed(["metamath"]);
  const asked = (row: Record<string, unknown>): Item => ({ docIndex: 0, ...task.item(task.parse(row), "") });
  const whole = asked({ query: "How many?", response: "3 * 7 = 21.\nThe answer is: 21", type: "GSM_AnsAug" });
  deepEqual(task.grade(whole, { text: " So it is. The answer is: 21 eggs." }), {
    metrics: { exact_match: 1, [RELEASED.substring]: 1 },
    extracted: { extracted_answer: "21 eggs", gold_answer: "21" },
  });
  deepEqual(task.grade(whole, { text: " 210 - 9 = 201" }).metrics, {
    exact_match: 0,
    [RELEASED.substring]: 1,
  });
  const half = asked({ query: "Which part?", response: "Half.\nThe answer is: \\frac{1}{2}" });
  equal(task.grade(half, { text: "The answer is: $0.5$" }).metrics.exact_match, 0);
  equal(task.grade(half, { text: "The answer is: \\dfrac12.\nMore." }).metrics.exact_match, 1);
  const gsm = asked({ question: "How many?", answer: "3 * 7 = <<3*7=21>>21\n#### 1,021" });
  equal(task.grade(gsm, { text: "The answer is: 1,021." }).metrics.exact_match, 1);
  throws(() => task.parse({ query: "q", response: "no mark" }), /nothing after "The answer is: "/);
  ok(whole.contexts[0].endsWith("### Response: Let's think step by step."));
});
