// lib/evaluate/fewshot.ts against what the harness's own samplers drew.
import { deepEqual, equal, throws } from "node:assert/strict";
import { join } from "node:path";
import { Shots } from "../lib/evaluate/fewshot.ts";

const { cases, lm_eval } = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/lmeval/samplers.json")),
);

Deno.test(`Shots() draws what lm_eval ${lm_eval} draws, document by document`, () => {
  equal(cases.length, 11);
  for (const [i, { pool, count, sampler, drop, seed, documents, drawn }] of cases.entries()) {
    const pick = sampler === "first_n" ? "first" : "sample";
    const shots = new Shots<number>(pool, String, { count, pick, dropOwn: drop, seed });
    deepEqual(documents.map((n: number) => shots.next(n)), drawn, `case ${i}`);
  }
});

Deno.test("Shots() draws with the seed 1234 by default", () => {
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
