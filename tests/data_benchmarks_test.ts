// The bundled benchmarks in data/benchmarks: schema, sizes, one right answer each, evenly placed and no longer than the wrong
// ones, and no words in common with training data or with the real benchmarks.
import assert from "node:assert/strict";
import { BENCHMARKS, readBenchmark } from "../lib/curate/benchmarks.ts";
import { findOverlaps } from "../lib/curate/decontaminate.ts";
import type { Example } from "../lib/data/example.ts";
import {
  type Asked,
  askedOf,
  benchmarkPath,
  benchmarkRows,
  CHOICE_SETS,
  type ChoiceSet,
  OPEN_SETS,
  promptsOf,
} from "./benchmark_sets.ts";
import { all, bundled } from "./bundled.ts";
import { mirror } from "./mirror.ts";

const SETS = { ...CHOICE_SETS, ...OPEN_SETS };
const FILES = Object.entries(SETS).flatMap(([set, { files }]) => files.map((file) => ({ set, file })));
const CHOICE_FILES = (Object.keys(CHOICE_SETS) as ChoiceSet[]).flatMap((set) => {
  return CHOICE_SETS[set].files.map((file) => ({ set, file, tested: file === CHOICE_SETS[set].files[0] }));
});

/** A text as it counts when two are the same: case and spaces aside. */
const folded = (text: string) => text.toLowerCase().replace(/\s+/g, " ");
const length = (text: string) => [...text].length;
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** A file's rows as training examples, each text a turn of its own, so that findOverlaps() looks into all of them. */
async function asExamples(set: string, file: string): Promise<Example[]> {
  return (await readBenchmark(benchmarkPath(set, file))).map(({ id, texts }) => {
    return {
      id: `${set}/${file} ${id}`,
      turns: texts.map((content, i) => ({ role: i % 2 ? "assistant" : "user", content })),
    };
  });
}

/** The overlaps of `examples` with items, however common, as lines to read. */
async function overlapsOf(examples: Example[], items: Awaited<ReturnType<typeof readBenchmark>>) {
  const { overlaps } = await findOverlaps(examples, items, { common: Infinity });
  return overlaps.map(({ id, item, words }) => `${id} | ${item} | ${words}`);
}

Deno.test("bundled benchmarks have the hub's layouts and at least 60 items to test, dialogues of two turns 40", () => {
  for (const [set, { schema, files }] of Object.entries(SETS)) {
    for (const file of files) {
      const { length } = benchmarkRows<unknown>(set, file, schema);
      const least = file !== files[0] ? 20 : set === "two_turns" ? 40 : 60;
      assert.ok(length >= least, `${set}/${file}: ${length} rows`);
    }
  }
});

Deno.test("the card of the bundled benchmarks states the number of rows of every file", () => {
  const card = Deno.readTextFileSync(bundled("benchmarks.card.md"));
  const stated = [...card.matchAll(/^\| `(\w+)\/(\w+)\.jsonl` \| (\d+) \|/gm)].map(([, ...cells]) => cells);
  const counted = FILES.map(({ set, file }) => {
    return [
      set,
      file,
      String(benchmarkRows<unknown>(set, file, SETS[set as keyof typeof SETS].schema).length),
    ];
  });
  assert.deepEqual(stated.sort(), counted.sort());
});

Deno.test("the card of the bundled benchmarks shows how a small model answered them, as stored", () => {
  const { sets } = JSON.parse(
    Deno.readTextFileSync(new URL("parity/transformers/choices_alone.json", import.meta.url)),
  );
  const card = Deno.readTextFileSync(bundled("benchmarks.card.md"));
  for (const set of Object.keys(CHOICE_SETS) as ChoiceSet[]) {
    const { items, chance, acc, acc_norm, alone, alone_norm } = sets[set];
    const numbers = [chance, acc, acc_norm, alone, alone_norm].map((score) => score?.toFixed(3) ?? "–");
    assert.ok(card.includes(`\n| ${[set, items, ...numbers].join(" | ")} |\n`), set);
    assert.equal(items, askedOf(set, CHOICE_SETS[set].files[0]).length, set);
  }
});

Deno.test("bundled benchmarks ask each question once over the files of a set", () => {
  for (const set of Object.keys(CHOICE_SETS) as ChoiceSet[]) {
    const questions = CHOICE_SETS[set].files.flatMap((file) => askedOf(set, file)).map((a) =>
      folded(a.question)
    );
    assert.deepEqual(questions.filter((q, i) => questions.indexOf(q) !== i), [], set);
  }
  for (const set of Object.keys(OPEN_SETS) as (keyof typeof OPEN_SETS)[]) {
    const questions = OPEN_SETS[set].files.flatMap((file) => promptsOf(set, file)).map(folded);
    assert.equal(new Set(questions).size, questions.length, set);
  }
});

Deno.test("bundled benchmarks have different choices within an item, and one of them is right", () => {
  for (const { set, file } of CHOICE_FILES) {
    for (const { question, choices, gold } of askedOf(set, file)) {
      assert.equal(new Set(choices.map(folded)).size, choices.length, `${set}/${file}: ${question}`);
      assert.ok(gold in choices, `${set}/${file}: ${question}`);
    }
  }
});

/** χ² of the right answers' positions, among items of as many choices as most have. */
function positionsChi2(items: Asked[]): { chi2: number; choices: number } {
  const choices = items.map((a) => a.choices.length).sort((a, b) => a - b)[items.length >> 1];
  const usual = items.filter((a) => a.choices.length === choices);
  const expected = usual.length / choices;
  const counts = Array.from({ length: choices }, (_, at) => usual.filter(({ gold }) => gold === at).length);
  return { chi2: counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0), choices };
}

Deno.test("bundled benchmarks have right answers at every position alike, but for TruthfulQA's mc1", () => {
  for (const { set, file } of CHOICE_FILES) {
    const items = askedOf(set, file);
    if (set === "truthfulqa") {
      assert.ok(items.every(({ gold }) => gold === 0), "the right one first, as in the original");
      continue;
    }
    const { chi2, choices } = positionsChi2(items);
    // the median of χ² with 1 and with 3 degrees of freedom: no less even than half of all random placings
    assert.ok(chi2 < (choices === 2 ? 0.455 : 2.366), `${set}/${file}: χ² = ${chi2.toFixed(2)}`);
  }
});

Deno.test("bundled benchmarks do not give the right answer away by its length", () => {
  for (const { set, file, tested } of CHOICE_FILES) {
    const items = askedOf(set, file);
    const right = mean(items.map(({ choices, gold }) => length(choices[gold])));
    const wrong = mean(
      items.flatMap(({ choices, gold }) => choices.filter((_, i) => i !== gold).map(length)),
    );
    assert.ok(
      Math.abs(right / wrong - 1) < 0.15,
      `${set}/${file}: ${right.toFixed(1)} to ${wrong.toFixed(1)}`,
    );
    if (!tested) continue;
    for (const sign of [1, -1]) {
      const found = items.filter(({ choices, gold }) => {
        return choices.every((choice, i) =>
          i === gold || sign * (length(choices[gold]) - length(choice)) > 0
        );
      }).length;
      const chance = mean(items.map(({ choices }) => 1 / choices.length));
      const bound = items.length * chance + 2 * Math.sqrt(items.length * chance * (1 - chance));
      assert.ok(
        found <= bound,
        `${set}/${file}: the ${sign > 0 ? "longest" : "shortest"} is right ${found} times`,
      );
    }
  }
});

Deno.test("bundled ARC has a few items with three and five choices, and with numbers as labels, as the original", () => {
  for (const set of ["arc_challenge", "arc_easy"] as const) {
    const rows = benchmarkRows(set, "test", CHOICE_SETS[set].schema);
    for (const size of [3, 5]) {
      const { length } = rows.filter(({ choices }) => choices.text.length === size);
      assert.ok(length >= 1 && length <= 4, `${set}: ${length} items of ${size} choices`);
    }
    const { length } = rows.filter(({ choices }) => choices.label[0] === "1");
    assert.ok(length >= 3 && length <= 8, `${set}: ${length} items with numbers as labels`);
    assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
  }
});

Deno.test("bundled MMLU has eleven questions a subject to test and five as shots, in the original's four groups", () => {
  const subjects = (file: string) => {
    const rows = benchmarkRows("mmlu", file, CHOICE_SETS.mmlu.schema);
    return Object.fromEntries(
      [...Map.groupBy(rows, (r) => r.subject)].map(([name, { length }]) => [name, length]),
    );
  };
  const named = [
    "elementary_mathematics",
    "high_school_biology",
    "world_religions",
    "philosophy",
    "high_school_geography",
    "marketing",
  ];
  assert.deepEqual(subjects("test"), Object.fromEntries(named.map((name) => [name, 11])));
  assert.deepEqual(subjects("dev"), Object.fromEntries(named.map((name) => [name, 5])));
});

Deno.test("bundled TruthfulQA has mc1's choices among mc2's, with two to four true and two to five false ones", () => {
  for (const row of benchmarkRows("truthfulqa", "validation", CHOICE_SETS.truthfulqa.schema)) {
    const { question, mc1_targets: mc1, mc2_targets: mc2 } = row;
    const truths = mc2.labels.filter((label) => label === 1).length, falsehoods = mc2.labels.length - truths;
    assert.ok(truths >= 2 && truths <= 4 && falsehoods >= 2 && falsehoods <= 5, question);
    assert.ok(mc1.choices.length >= 4 && mc1.choices.length <= 6, question);
    assert.equal(mc1.labels.filter((label) => label === 1).length, 1, question);
    assert.equal(new Set(mc2.choices.map(folded)).size, mc2.choices.length, question);
    mc1.choices.forEach((choice, i) => {
      assert.equal(mc2.labels[mc2.choices.indexOf(choice)], mc1.labels[i], `${question} ${choice}`);
    });
  }
});

Deno.test("bundled benchmarks have letters beyond ASCII and choices with more UTF-16 units than code points", () => {
  const texts = CHOICE_FILES.flatMap(({ set, file }) => askedOf(set, file)).flatMap((
    a,
  ) => [a.question, ...a.choices]);
  for (const found of [/é/u, /°/u, /[\u0370-\u03ff]/u, /[\u{10000}-\u{10ffff}]/u]) {
    assert.ok(texts.some((text) => found.test(text)), String(found));
  }
  for (const set of ["arc_challenge", "arc_easy", "truthfulqa"] as const) {
    const choices = askedOf(set, CHOICE_SETS[set].files[0]).flatMap((a) => a.choices);
    assert.ok(choices.some((choice) => length(choice) < choice.length), set);
  }
});

Deno.test("bundled benchmarks share no 13 words in a row between test and shots, or with the bundled dialogues", async () => {
  for (const [set, { files: [tested, ...others] }] of Object.entries(SETS)) {
    const items = await readBenchmark(benchmarkPath(set, tested));
    const shots = (await Promise.all(others.map((file) => asExamples(set, file)))).flat();
    assert.deepEqual(await overlapsOf([...shots, ...all], items), [], set);
  }
});

/** The value of a sum of numbers, signs and brackets. */
function valueOf(sum: string): number {
  assert.match(sum, /^[\d.+\-*/() ]+$/);
  return new Function(`return ${sum}`)();
}

const number = (text: string) => Number(text.replaceAll(",", ""));

Deno.test("bundled GSM8K's annotations are right sums, and the last of each answer is the final one", () => {
  for (const file of OPEN_SETS.gsm8k.files) {
    for (const { question, answer } of benchmarkRows("gsm8k", file, OPEN_SETS.gsm8k.schema)) {
      const sums = [...answer.matchAll(/<<([^=<>]+)=([^=<>]+)>>/g)];
      assert.ok(sums.length > 0, question);
      for (const [whole, sum, result] of sums) {
        assert.ok(Math.abs(valueOf(sum) - Number(result)) < 1e-9, `${question} ${whole}`);
      }
      assert.equal(number(answer.split("#### ")[1]), Number(sums.at(-1)![2]), question);
    }
  }
});

Deno.test("bundled MetaMath has right sums, one final answer, and all five types", () => {
  const rows = benchmarkRows("metamath", "test", OPEN_SETS.metamath.schema);
  const sums = /(?<![\w.])(\d[\d.,]*(?: [-+*/] \d[\d.,]*)+) = [$€£]?(-?\d(?:[\d.,]*\d)?)/g;
  let checked = 0;
  for (const { query, response, type } of rows) {
    const final = response.split("\nThe answer is: ").at(-1)!;
    const marked = type.startsWith("GSM") ? `\n#### ${final}\n` : `\\boxed{${final}}`;
    assert.ok(response.includes(marked), query);
    for (const [whole, sum, result] of response.matchAll(sums)) {
      assert.ok(Math.abs(valueOf(sum.replaceAll(",", "")) - number(result)) < 1e-6, `${query} ${whole}`);
      checked++;
    }
    if (/SV|FOBAR/.test(type)) assert.match(query, /what is the value of unknown variable x\b.*\?$/i);
  }
  assert.ok(checked > 100, `${checked} sums`);
  assert.equal(new Set(rows.map(({ type }) => type)).size, 5);
});

Deno.test("bundled dialogues of two turns have five of each category, and references where an answer is right or wrong", () => {
  const rows = benchmarkRows("two_turns", "test", OPEN_SETS.two_turns.schema);
  assert.deepEqual([...Map.groupBy(rows, (r) => r.category).values()].map((r) => r.length), Array(8).fill(5));
  assert.equal(new Set(rows.map((r) => r.question_id)).size, rows.length);
  for (const { question_id, category, reference } of rows) {
    assert.equal(["reasoning", "math", "coding"].includes(category), !!reference, String(question_id));
  }
});

const real = mirror("data");

Deno.test({
  name: "bundled benchmarks share no 13 words in a row with the real ones",
  ignore: !real,
  fn: async () => {
    const own = (await Promise.all(FILES.map(({ set, file }) => asExamples(set, file)))).flat();
    const more = [
      "arc/ARC-Challenge-Dev.jsonl",
      "gsm8k/train.jsonl",
      "lima/lima_test_set.jsonl",
      "alpaca_eval/text_davinci_003_model_outputs.json",
      "mt_bench/question.jsonl",
      "vicuna_bench/question.jsonl",
    ].map((path) => `mirror:${path}`);
    const items = (await Promise.all([...BENCHMARKS, ...more].map(readBenchmark))).flat();
    assert.deepEqual(await overlapsOf(own, items), []);
    const copied = items.slice(0, 50).map(({ id, texts }): Example => {
      return { id, turns: [{ role: "user", content: `Well: ${texts[0]}` }] };
    });
    assert.ok((await overlapsOf(copied, items)).length >= 40, "copies would be found, but for the shortest");
  },
});
