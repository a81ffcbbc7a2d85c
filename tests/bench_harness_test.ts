// What the bench beside lm-evaluation-harness calls equal, and how its workloads are written.
import assert from "node:assert/strict";
import { agrees, compareRows, type HarnessRow } from "../bench/harness_compare.ts";
import { parseWorkload } from "../bench/harness_work.ts";
import type { ItemRow } from "../lib/evaluate/item_row.ts";

const theirs: HarnessRow = {
  task: "t",
  doc_index: 3,
  context_sha256: "aa",
  n_context_tokens: 5,
  continuation_token_ids: [[1], [2, 3]],
  loglikelihoods: [-1, -2],
  is_greedy: [true, false],
  acc: 1,
};
const ours = {
  ...theirs,
  model: "base",
  question: "?",
  truncated: 0,
  loglikelihoods: [-1.0004, -2],
} as ItemRow;

Deno.test("compareRows() agrees up to rounding", () => {
  const found = compareRows([ours], [theirs]);
  assert.ok(agrees(found));
  assert.ok(Math.abs(found.maxDifference - 0.0004) < 1e-12);
  assert.deepEqual([found.items, found.loglikelihoods, found.unmatched], [1, 2, 0]);
  assert.deepEqual(found.metrics, { "t acc": { ours: 1, theirs: 1, differ: 0 } });
});

Deno.test("compareRows() counts each kind of difference", () => {
  const cases: [Partial<ItemRow>, string][] = [
    [{ context_sha256: "bb" }, "contexts"],
    [{ n_context_tokens: 6 }, "tokens"],
    [{ continuation_token_ids: [[1], [2, 4]] }, "tokens"],
    [{ loglikelihoods: [-3, -2] }, "choices"],
    [{ is_greedy: [false, false] }, "greedy"],
  ];
  for (const [change, name] of cases) {
    const found = compareRows([{ ...ours, ...change }], [theirs]);
    assert.equal(found[name as "contexts"], 1, name);
    assert.ok(!agrees(found), name);
  }
  for (const change of [{ loglikelihoods: [-1.002, -2] }, { loglikelihoods: [-1] }, { acc: 0 }]) {
    assert.ok(!agrees(compareRows([{ ...ours, ...change } as ItemRow], [theirs])), JSON.stringify(change));
  }
  assert.equal(compareRows([{ ...ours, doc_index: 4 }], [theirs]).unmatched, 2);
  assert.ok(!agrees(compareRows([], [])));
});

Deno.test("compareRows() compares texts and extracted answers", () => {
  const text = { ...theirs, loglikelihoods: undefined, generated: " 18", strict_match: "18" };
  const own = { ...text, model: "base", question: "?", truncated: 0 } as ItemRow;
  assert.ok(agrees(compareRows([own], [text])));
  for (const change of [{ generated: " 17" }, { strict_match: "[invalid]" }]) {
    const found = compareRows([{ ...own, ...change }], [text]);
    assert.deepEqual([found.generations, found.texts], [1, 1]);
    assert.deepEqual(found.examples, ["t row 3: texts"]);
  }
});

Deno.test("parseWorkload() reads tasks, shots and items", () => {
  assert.deepEqual(parseWorkload("a+b:5/40"), { label: "a+b:5", names: ["a", "b"], shots: 5, limit: 40 });
  assert.deepEqual(parseWorkload("a"), { label: "a", names: ["a"] });
  assert.deepEqual(parseWorkload("a/3", 7), { label: "a", names: ["a"], limit: 7 });
  assert.throws(() => parseWorkload("a:x"), /TASK\[\+TASK…\]\[:SHOTS\]\[\/ITEMS\]/);
});
