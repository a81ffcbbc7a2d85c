// gsm8k, gsm8k_cot, winogrande and piqa against what lm-evaluation-harness asks and how it grades.
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { join } from "node:path";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import type { ChoiceItem, GenerationItem, OpenTask, Settings } from "../lib/evaluate/task.ts";
import { chains } from "../lib/evaluate/tasks/gsm8k_cot.ts";
import { tasksNamed } from "../lib/evaluate/tasks/mod.ts";
import { sha256Hex } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";

interface Case {
  task: string;
  settings: Settings;
  shots: number;
  test: unknown[];
  from: unknown[] | null;
  items: {
    contexts?: string[];
    context_sha256?: string;
    continuations?: string[];
    stop?: string[];
    answers: {
      text?: string;
      extracted?: Record<string, string>;
      loglikelihoods?: number[];
      metrics: Record<string, number>;
    }[];
  }[];
}
const { cases }: { cases: Case[] } = JSON.parse(
  Deno.readTextFileSync(join(import.meta.dirname!, "parity/lmeval/prompts.json")),
);

const jsonl = (rows: unknown[]) => rows.map((row) => JSON.stringify(row) + "\n").join("");

/** The task opened on the case's rows. */
async function opened({ task, settings, shots, test, from }: Case): Promise<OpenTask> {
  const [set, split] = task.startsWith("gsm8k") ? ["gsm8k", "test"] : [task, "validation"];
  let open: OpenTask[] = [];
  await inFolder(async (mirror) => {
    await Deno.mkdir(join(mirror, set));
    await Deno.writeTextFile(join(mirror, set, `${split}.jsonl`), jsonl(test));
    if (from) await Deno.writeTextFile(join(mirror, set, "train.jsonl"), jsonl(from));
    open = await openTasks([task], { source: "mirror", mirror }, { settings, shots });
  });
  return open[0];
}

for (const kase of cases) {
  const { task, settings, shots, from } = kase;
  const name = `${task} with ${shots} shots from ${from ? "train" : "what is scored"}, ${settings}`;
  Deno.test(`openTasks() asks as the harness does: ${name}`, async () => {
    const { items, leftOut } = await opened(kase);
    deepEqual(leftOut, []);
    equal(items.length, kase.items.length);
    for (const [i, item] of items.entries()) {
      const expected = kase.items[i];
      if (expected.context_sha256) equal(sha256Hex(item.contexts[0]), expected.context_sha256);
      if (item.kind === "generation") {
        if (expected.contexts) deepEqual(item.contexts, expected.contexts);
        deepEqual([item.stop, item.maxNew], [expected.stop, 256]);
      } else {
        const contexts = item.continuations.map((_, k) => item.contexts[k] ?? item.contexts[0]);
        deepEqual([contexts, item.continuations], [expected.contexts, expected.continuations]);
      }
    }
  });
}

Deno.test("grade() gives a choice the harness's acc and acc_norm", async () => {
  for (const kase of cases.filter(({ task }) => !task.startsWith("gsm8k"))) {
    const { task, items } = await opened(kase);
    for (const [i, item] of items.entries()) {
      for (const { loglikelihoods, metrics } of kase.items[i].answers) {
        const answer = { loglikelihoods: loglikelihoods!, isGreedy: loglikelihoods!.map(() => false) };
        deepEqual(task.grade(item, answer), { metrics });
      }
    }
  }
});

Deno.test("grade() extracts and compares a worked-out answer as the harness does", async () => {
  for (const kase of cases.filter(({ task }) => task.startsWith("gsm8k"))) {
    const { task, items } = await opened(kase);
    for (const [i, item] of items.entries()) {
      for (const { text, extracted, metrics } of kase.items[i].answers) {
        const grade = task.grade(item, { text: text! });
        deepEqual(grade.extracted, {
          strict_match: extracted!["strict-match"],
          flexible_extract: extracted!["flexible-extract"],
        });
        equal(grade.metrics.exact_match_strict, metrics["strict-match"], JSON.stringify([text, item]));
        equal(grade.metrics.exact_match_flexible, metrics["flexible-extract"], JSON.stringify([text, item]));
      }
    }
  }
});

Deno.test("gsm8k on the real files: contexts, extracted answers and scores are the harness's", async () => {
  const parity = mirror("parity");
  if (!parity) return;
  const rows = Deno.readTextFileSync(join(parity, "lmeval/gsm8k.jsonl")).trim().split("\n")
    .map((line) => JSON.parse(line));
  const [{ task, items }] = await openTasks(["gsm8k"], { source: "mirror", mirror: mirror("data") }, {
    limit: Math.max(...rows.map((row) => row.doc_index)) + 1,
  });
  for (const row of rows) {
    const item = items.find(({ docIndex }) => docIndex === row.doc_index) as GenerationItem;
    equal(sha256Hex(item.contexts[0]), row.context_sha256);
    equal(item.target, row.target);
    const { metrics, extracted } = task.grade(item, { text: row.generated });
    deepEqual(extracted, { strict_match: row.strict_match, flexible_extract: row.flexible_extract });
    const { exact_match_strict, exact_match_flexible } = row;
    deepEqual(
      [metrics.exact_match_strict, metrics.exact_match_flexible],
      [exact_match_strict, exact_match_flexible],
    );
  }
});

Deno.test("chains() reads eight examples that end in an answer", async () => {
  const text = await chains();
  equal(text.match(/^Q: /gm)?.length, 8);
  equal(text.match(/^A: .* The answer is \d+\.\n\n/gm)?.length, 8);
  ok(text.endsWith(".\n\n"));
});

Deno.test("parse() leaves out rows without answer, blank or end, and refuses malformed ones", () => {
  const [gsm8k, winogrande, piqa] = tasksNamed(["gsm8k", "winogrande", "piqa"]);
  throws(() => gsm8k.parse({ question: "q", answer: "five" }), /no number after "####"/);
  throws(() => gsm8k.parse({ question: "q", answer: "five\n#### " }), /no number after "####"/);
  throws(() => gsm8k.parse({ question: 3, answer: "#### 5" }), /question is 3, not a text/);
  const row = { sentence: "a _ b", option1: "x", option2: "y", answer: "1" };
  throws(() => winogrande.parse({ ...row, answer: "" }), /answer "" is neither 1 nor 2/);
  throws(() => winogrande.parse({ ...row, sentence: "a b" }), /no blank/);
  throws(() => winogrande.parse({ ...row, sentence: "a _ " }), /nothing follows the blank/);
  throws(() => winogrande.parse({ ...row, option2: undefined }), /option2 is missing/);
  throws(() => piqa.parse({ goal: "g", sol1: "a", sol2: "b", label: -1 }), /label is -1/);
});

Deno.test("the bundled rows can be scored, all of them", async () => {
  for (const name of ["gsm8k", "winogrande", "piqa", "metamath"]) {
    const [{ items, leftOut, total }] = await openTasks([name], {}, { settings: "openllm" });
    deepEqual(leftOut, []);
    ok(total >= 60 && items.length === total, name);
    const golds = new Set(items.map((item) => (item as ChoiceItem).gold));
    if (items[0].kind === "choice") equal(golds.size, 2);
  }
});
