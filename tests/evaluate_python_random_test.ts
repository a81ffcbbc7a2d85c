// lib/evaluate/harness/python_random.ts against stored output of CPython 3.11, and the draws that benchmarks are known by.
import { deepEqual, equal, throws } from "node:assert/strict";
import { join } from "node:path";
import { PythonRandom } from "../lib/evaluate/harness/python_random.ts";

const stored = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/cpython/random.json")),
);

const bigOf = (hex: string) => hex.startsWith("-") ? -BigInt(hex.slice(1)) : BigInt(hex);

Deno.test("PythonRandom() gives CPython's numbers for whole numbers and texts as seeds", () => {
  for (const { seed, text, ...want } of stored.cases) {
    const r = new PythonRandom(text ? seed : bigOf(seed)), name = `${seed.slice(0, 40)}`;
    deepEqual([1, 5, 13, 31, 32, 33, 48, 53].map((k) => r.getrandbits(k)), want.bits, name);
    deepEqual([1, 2, 3].map(() => r.random()), want.random, name);
    const limits = [1, 2, 3, 64, 1000, 7473, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 50];
    deepEqual(limits.map((n) => r.randbelow(n)), want.below, name);
    deepEqual(stored.samples.map(([n, k]: number[]) => r.sampleIndices(n, k)), want.samples, name);
    deepEqual([1, 2, 3, 4, 5].map(() => r.choices([..."abcdefg"])), want.choices, name);
    for (const items of want.shuffles) {
      const own = Array.from(items, (_, i) => i);
      r.shuffle(own);
      deepEqual(own, items, name);
    }
    let last = 0;
    for (let i = 0; i < 700; i++) last = r.getrandbits(32);
    equal(last, want.last, name);
  }
});

Deno.test("PythonRandom() takes small numbers as their bigint", () => {
  for (const seed of [0, 1234, -7]) {
    equal(new PythonRandom(seed).random(), new PythonRandom(BigInt(seed)).random());
  }
});

Deno.test("PythonRandom() draws the few-shot examples of the known tasks", () => {
  const words = new PythonRandom(1234);
  deepEqual([1, 2, 3, 4].map(() => words.getrandbits(32)), [4150886329, 3342196574, 1892932127, 501869158]);
  const gsm8k = new PythonRandom(1234);
  deepEqual(gsm8k.sampleIndices(7473, 5), [6374, 3610, 957, 61, 742]);
  deepEqual(gsm8k.sampleIndices(7473, 5), [7462, 6610, 4769, 286, 5501]);
  deepEqual(new PythonRandom(1234).sampleIndices(1119, 25).slice(0, 5), [902, 239, 15, 185, 71]);
  const openllm = new PythonRandom(1234), plain = new PythonRandom(1234);
  const first = [28883, 7657, 490, 5940, 38156, 2288, 5500, 6450, 23241, 15519];
  deepEqual(openllm.sampleIndices(39905, 10), first);
  equal(openllm.sampleIndices(39905, 10)[0], 1142);
  plain.sampleIndices(39905, 11);
  equal(plain.sampleIndices(39905, 11)[0], 2019);
});

Deno.test("PythonRandom() decides the order of answers as AlpacaEval does", () => {
  const question = "What are the names of some famous actors that started their careers on Broadway?";
  const seed = `is_switched_outputs${question}0`;
  equal(new PythonRandom(seed).random(), 0.7568804589113483);
  equal(new PythonRandom(seed).choices([false, true]), true);
});

Deno.test("sample() draws the items and refuses more than there are", () => {
  deepEqual(
    new PythonRandom(5).sample(["a", "b", "c"], 3).sort(),
    ["a", "b", "c"],
  );
  throws(() => new PythonRandom(5).sample([1, 2], 3), {
    message: "Cannot draw 3 of 2: give a number from 0 to 2",
  });
  throws(() => new PythonRandom(5).choices([]), /Cannot choose from nothing/);
  throws(() => new PythonRandom(1.5), /Cannot seed with 1.5/);
  throws(() => new PythonRandom("\ud83d"), /no valid Unicode/);
  throws(() => new PythonRandom(1).randbelow(0), /Cannot draw below 0/);
  throws(() => new PythonRandom(1).getrandbits(54), /Cannot draw 54 bits/);
});
