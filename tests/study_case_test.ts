// The case study's rows, and the calibration error's interval against a plain loop and against known coverage.
import * as assert from "node:assert/strict";
import type { ModelOutput } from "../lib/evaluate/mod.ts";
import type { Score } from "../lib/model/mod.ts";
import { stream } from "../lib/run/seed.ts";
import { interval } from "../lib/stats/mod.ts";
import { calibrationError } from "../lib/study/calibration_error.ts";
import { caseRows } from "../lib/study/case_rows.ts";
import type { JudgedPair } from "../lib/study/judging.ts";

const outputs = (generator: string): ModelOutput[] =>
  ["one", "two", "three"].map((instruction) => ({
    instruction,
    generator,
    output: `${generator} on ${instruction}`,
  }));

const pairs = (method: string, preferences: (number | null)[]): JudgedPair[] =>
  outputs(method).map(({ instruction, output }, i) => ({
    instruction,
    output_1: "",
    generator_1: "SFT",
    output_2: output,
    generator_2: method,
    annotator: "test",
    preference: preferences[i],
    showings: [],
  } as unknown as JudgedPair));

Deno.test("caseRows() are each method's answers with the verdicts against the reference", () => {
  const answers = { base: outputs("base"), SFT: outputs("SFT"), LS: outputs("LS"), UAL: outputs("UAL") };
  const judged = {
    "LS against SFT": pairs("LS", [1.5, 1.25, null]),
    "UAL against SFT": pairs("UAL", [2, 1, 1.75]),
    "UAL against LS": pairs("UAL", [1, 1, 1]),
  };
  const options = { methods: ["base", "SFT", "LS", "UAL"], reference: "SFT" };
  assert.deepEqual(caseRows(answers, judged, options), [
    { method: "base", prompt: "one", answer: "base on one" },
    { method: "SFT", prompt: "one", answer: "SFT on one" },
    {
      method: "LS",
      prompt: "one",
      answer: "LS on one",
      verdict: "no preference",
    },
    { method: "UAL", prompt: "one", answer: "UAL on one", verdict: "preferred to SFT's" },
  ]);
  const all = caseRows(answers, judged, { ...options, count: 3 });
  assert.deepEqual(all.filter(({ method }) => method === "LS").map(({ verdict }) => verdict), [
    "no preference",
    "SFT's preferred",
    "the judge gave no answer",
  ]);
});

/** `n` dialogues of 20 tokens, confidence 0.65 or 0.85, right with `gap` less than that; from a seed. */
function dialogues(n: number, gap: number, seed: number): Score[] {
  const random = stream(seed, "calibration test");
  return Array.from({ length: n }, (_, d) => {
    const confidence = Float32Array.from({ length: 20 }, (_, t) => t % 2 ? 0.65 : 0.85);
    const right = Array.from(confidence, (c, t) => random.uniform(20 * d + t) < c - gap);
    return {
      id: String(d),
      nll: new Float64Array(20),
      confidence,
      predicted: Int32Array.from(right, (yes) => yes ? 1 : 0),
      targets: new Int32Array(20).fill(1),
    };
  });
}

Deno.test("calibrationError() is the loop's error and the corrected percentiles of the same draws", () => {
  const own = dialogues(12, 0.1, 1);
  const loop = (drawn: Score[]) => {
    let error = 0;
    for (const level of [0.65, 0.85]) {
      let right = 0, count = 0;
      for (const { confidence, predicted } of drawn) {
        for (let t = 0; t < 20; t++) {
          if (Math.abs(confidence[t] - level) < 1e-3) {
            count++;
            right += predicted[t];
          }
        }
      }
      error += Math.abs(right / count - Math.fround(level)) * count / (20 * drawn.length);
    }
    return error;
  };
  const draws = Array.from(
    { length: 2000 },
    (_, b) => loop(stream(0, "bootstrap", b).ints(12, 12).map((i) => own[i])),
  );
  const value = loop(own), bias = draws.reduce((a, b) => a + b, 0) / draws.length - value;
  const [low, high] = interval(draws), found = calibrationError([own]);
  assert.ok(Math.abs(found.value - value) < 1e-9);
  assert.ok(
    Math.abs(found.low - Math.max(0, low - bias)) < 1e-9 && Math.abs(found.high - (high - bias)) < 1e-9,
  );
  assert.ok(Math.abs(calibrationError([own, own]).low - found.low) < 1e-12, "of two equal runs: the same");
});

Deno.test("calibrationError()'s interval holds the true error in about 95 of 100 samples", () => {
  let held = 0;
  for (let seed = 0; seed < 100; seed++) {
    const { low, high } = calibrationError([dialogues(30, 0.15, seed)]);
    if (low <= 0.15 && 0.15 <= high) held++;
  }
  assert.ok(held >= 88 && held <= 99, `${held} of 100`);
});
