// lib/evaluate/harness/fewshot.ts: the documents that lm-evaluation-harness draws, read from the contexts that openTasks() writes.
import { deepEqual, equal, throws } from "node:assert/strict";
import { join } from "node:path";
import { Shots } from "../lib/evaluate/harness/fewshot.ts";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import { inFolder } from "./folder.ts";
import { writeRows } from "./oracles/benchmark_rows.ts";

const { cases, seed, documents, versions } = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/lmeval/fewshot.json")),
);

/** The documents of make_fewshot.py, and the files that they stand in. */
const MADE: Record<string, { test: string; shots: string; row: (i: number) => Record<string, unknown> }> = {
  arc_challenge: {
    test: "arc_challenge/test.jsonl",
    shots: "arc_challenge/train.jsonl",
    row: (i) => ({
      id: String(i),
      question: `w${i}w`,
      choices: { text: ["a", "b"], label: ["A", "B"] },
      answerKey: "A",
    }),
  },
  hellaswag: {
    test: "hellaswag/validation.jsonl",
    shots: "hellaswag/train.jsonl",
    row: (i) => ({
      activity_label: "x",
      ctx_a: `w${i}w`,
      ctx_b: "b",
      ctx: "",
      endings: ["a", "b"],
      label: "0",
    }),
  },
  piqa: {
    test: "piqa/validation.jsonl",
    shots: "piqa/train.jsonl",
    row: (i) => ({ goal: `w${i}w`, sol1: "a", sol2: "b", label: 0 }),
  },
  mmlu_anatomy: {
    test: "mmlu/test.jsonl",
    shots: "mmlu/dev.jsonl",
    row: (i) => ({ question: `w${i}w`, choices: ["a", "b", "c", "d"], answer: 0 }),
  },
};

Deno.test(`openTasks() draws the shots that lm_eval ${versions.lm_eval} draws`, async () => {
  equal(seed, 1234);
  for (const { task, shots, pool, from, openllm, numbers, draws } of cases) {
    const { test, shots: train, row } = MADE[task];
    const rows = (numbers ?? Array.from({ length: pool }, (_, i) => i)).map(row);
    const others = Array.from({ length: documents }, (_, i) => row(1e6 + i));
    await inFolder(async (mirror) => {
      await writeRows(join(mirror, test), from === "evaluated" ? rows : others);
      if (from === "shots") await writeRows(join(mirror, train), rows);
      const settings = openllm ? "openllm" as const : "harness" as const;
      const [open] = await openTasks([task], { mirror }, { settings, shots, limit: documents });
      const found = open.items.map(({ contexts }) =>
        [...contexts[0].matchAll(/w(\d+)w/g)].map(([, n]) => Number(n)).slice(0, -1)
      );
      deepEqual(found, draws, `${task}, ${shots} of ${pool} from ${from}`);
    });
  }
});

Deno.test("Shots() draws the published examples with the seed 1234 by default", () => {
  const pool = Array.from({ length: 7473 }, (_, i) => i);
  const shots = new Shots(pool, String, { count: 5, pick: "sample", dropOwn: false });
  deepEqual(shots.next(0), [6374, 3610, 957, 61, 742]);
  deepEqual(shots.next(0), [7462, 6610, 4769, 286, 5501]);
});

Deno.test("Shots() refuses more than there are", () => {
  const rules = { pick: "sample", dropOwn: true } as const;
  throws(() => new Shots([1, 2, 3], String, { ...rules, count: 3 }), {
    name: "RangeError",
    message: "Cannot draw 3 shots: there are 3 documents to draw from, fewer than 4",
  });
  throws(() => new Shots([1], String, { ...rules, count: -1 }), /Cannot draw -1 shots/);
  deepEqual(new Shots([], String, { ...rules, count: 0 }).next("x"), []);
});
