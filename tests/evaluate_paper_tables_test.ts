// lib/evaluate/paper_tables.ts: the numbers add up as the paper says, and stand beside the right ones of ours.
import assert from "node:assert/strict";
import {
  besidePaper,
  methodNamed,
  PAPER_MISPRINTS,
  PAPER_TABLE_2,
  PAPER_TABLE_3,
  PAPER_TABLE_4,
  paperAverage,
  paperMixRows,
} from "../lib/evaluate/paper_tables.ts";
import type { TaskScore } from "../lib/evaluate/scores/task_score.ts";

const two = (value: number) => Math.round(value * 100 + 1e-6) / 100;

Deno.test("PAPER_TABLE_2 has the averages that table 4 prints, but for the misprints", () => {
  const lima = (method: string) =>
    PAPER_TABLE_2.find((row) => row.model === "LIMA-7B" && row.method === method)!;
  assert.equal(two(paperAverage(lima("SFT"))), PAPER_TABLE_4[0].average);
  assert.equal(two(paperAverage(lima("UAL"))), 67.66);
  assert.equal(two(paperAverage(PAPER_TABLE_2[0])), 63.08);
  assert.equal(PAPER_TABLE_2[0].printedAverage, 60.08);
  for (const number of ["60.08", "63.08", "69.16", "67.66"]) {
    assert.ok(PAPER_MISPRINTS.some((note) => note.includes(number)), number);
  }
});

Deno.test("PAPER_TABLE_3's math is the mean of its two, and its gains are the printed ones", () => {
  for (const { metamath, gsm8k, math } of PAPER_TABLE_3) assert.equal(two((metamath + gsm8k) / 2), math);
  const [sft, ual] = PAPER_TABLE_3.slice(3);
  assert.equal(two(ual.math - sft.math), 1.81);
  assert.equal(two(ual.winRate! - sft.winRate!), 10.62);
  assert.deepEqual(paperMixRows()[4], {
    data: "mixed",
    method: "UAL",
    math: 0.4451,
    winRate: 0.657,
    panel: "in the paper",
  });
});

function score(model: string, task: string, metric: string, value: number): TaskScore {
  const level = task === "average" ? "average" : task === "mmlu" ? "group" : "task";
  return { model, task, level, metric, value, stderr: 0.05, low: value - 0.1, high: value + 0.1, n: 60 };
}

Deno.test("besidePaper() sets each method beside the paper's, with both gains over SFT", () => {
  const rows = besidePaper([
    score("base", "mmlu", "acc", 0.25),
    score("sft", "mmlu", "acc", 0.26),
    score("ual-0.1", "mmlu", "acc", 0.28),
    score("mine", "mmlu", "acc", 0.3),
    score("sft", "gsm8k", "exact_match_strict", 0.02),
    score("sft", "truthfulqa_mc2", "mc2", 0.4),
    score("ls", "average", "primary", 0.3),
  ]);
  assert.deepEqual(rows.map(({ task, method, paper }) => [task, method, paper]), [
    ["mmlu", "base", 60.61],
    ["mmlu", "SFT", 60.42],
    ["mmlu", "UAL", 65.7],
    ["mmlu", undefined, undefined],
    ["truthfulqa_mc2", "SFT", 64.01],
    ["average", "LS", 64.25],
  ]);
  assert.equal(two(rows[2].gain!), 2);
  assert.equal(two(rows[2].paperGain!), 5.28);
  assert.equal(rows[1].gain, undefined);
  assert.equal(rows[2].paperModel, "LIMA-7B, UAL");
  const deita = besidePaper([score("ppl-ual", "hellaswag", "acc_norm", 0.3)], {
    paper: "Deita-7B (Mistral)",
  });
  assert.equal(deita[0].paper, 76.86);
});

Deno.test("besidePaper() takes the metric it is told", () => {
  const all = [score("sft", "mmlu", "acc", 0.26), score("sft", "mmlu", "best_of_4", 0.7)];
  assert.equal(besidePaper(all)[0].metric, "acc");
  assert.equal(besidePaper(all, { metrics: { mmlu: "best_of_4" } })[0].ours, 70);
});

Deno.test("methodNamed() reads the method out of an adapter's name", () => {
  const named = ["base", "SFT", "ls", "ual", "ppl-ual", "ual_0.3", "PPL-UAL-2", "entropy-ual", "lima_sft"];
  assert.deepEqual(named.map(methodNamed), [
    "base",
    "SFT",
    "LS",
    "UAL",
    "PPL-UAL",
    "UAL",
    "PPL-UAL",
    undefined,
    "SFT",
  ]);
});
