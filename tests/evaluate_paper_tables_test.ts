// lib/evaluate/paper: the numbers add up as the paper says, and stand beside the right ones of ours.
import assert from "node:assert/strict";
import { besidePaper, methodNamed, paperMixRows } from "../lib/evaluate/paper/beside_paper.ts";
import {
  printedTable,
  table2Cells,
  table3Cells,
  table4Cells,
  table5Cells,
} from "../lib/evaluate/paper/paper_cells.ts";
import {
  PAPER_MISPRINTS,
  PAPER_TABLE_2,
  PAPER_TABLE_3,
  PAPER_TABLE_4,
  PAPER_TABLE_5,
  paperAverage,
} from "../lib/evaluate/paper/paper_tables.ts";
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

const cellsOf = (rows: { row: string; column: string; paper?: number }[]) =>
  rows.map(({ row, column, paper }) => `${row} / ${column}: ${paper}`);

Deno.test("PAPER_TABLE_5 has the silhouettes of table 4 in its first row", () => {
  assert.deepEqual(PAPER_TABLE_5.map(({ silhouettes }) => Object.values(silhouettes)), [
    [0.354, 0.406, 0.446],
    [0.053, 0.061, 0.084],
  ]);
  const [lima] = PAPER_TABLE_5;
  for (const { method, silhouette } of PAPER_TABLE_4) {
    if (method !== "LS") assert.equal(lima.silhouettes[method], silhouette);
  }
});

Deno.test("table2Cells() has methods as rows, benchmarks as columns, and mc2 of TruthfulQA's two", () => {
  const { rows, options } = table2Cells([
    score("UAL", "truthfulqa_mc1", "acc", 0.3),
    score("UAL", "truthfulqa_mc2", "mc2", 0.4),
    score("UAL", "arc_challenge", "acc_norm", 0.5),
    score("base", "arc_challenge", "acc_norm", 0.45),
    score("PPL-UAL", "arc_challenge", "acc_norm", 0.55),
    score("mine", "arc_challenge", "acc_norm", 0.7),
    score("UAL", "average", "mixed", 0.6),
  ]);
  assert.deepEqual(cellsOf(rows), [
    "base / ARC-Challenge: 63.21",
    "UAL / ARC-Challenge: 58.89",
    "UAL / TruthfulQA: 66.16",
    "UAL / average: 67.66",
    "PPL-UAL / ARC-Challenge: undefined",
  ]);
  assert.equal(two(rows[2].ours!), 40);
  assert.deepEqual([two(rows[2].low!), two(rows[2].high!)], [30, 50]);
  assert.equal(options.paper, "LIMA-7B");
});

Deno.test("table3Cells() sets ours beside the paper's mixtures", () => {
  const math = { value: 0.1, low: 0, high: 0.2 }, winRate = { value: 0.5, low: null, high: null };
  const { rows } = table3Cells([
    { data: "mixed", method: "UAL", math, winRate, gsm8k: math },
    { data: "base", method: "", math, winRate: null },
  ]);
  assert.deepEqual(cellsOf(rows), [
    "base / mathematics: 29.4",
    "mixed, UAL / GSM8K: 44.35",
    "mixed, UAL / mathematics: 44.51",
    "mixed, UAL / preference: 65.7",
  ]);
  assert.deepEqual(rows[3], { row: "mixed, UAL", column: "preference", ours: 50, paper: 65.7 });
  assert.deepEqual([rows[2].ours, rows[2].low, rows[2].high], [10, 0, 20]);
});

Deno.test("table4Cells() has the silhouettes as they are and averages in percent, with the misprint noted", () => {
  const silhouettes = ["base", "SFT", "LS", "UAL"].map((model, i) => ({
    model,
    value: [0.3, 0.31, 0.32, 0.33][i],
  }));
  const { rows } = table4Cells(silhouettes, [
    score("UAL", "average", "mixed", 0.4),
    score("UAL", "mmlu", "acc", 0.9),
  ]);
  assert.deepEqual(cellsOf(rows), [
    "SFT / silhouette: 0.406",
    "SFT / average: 64.89",
    "LS / silhouette: 0.427",
    "LS / average: 64.25",
    "UAL / silhouette: 0.446",
    "UAL / average: 69.16",
  ]);
  assert.deepEqual(rows.map(({ ours }) => ours), [0.31, undefined, 0.32, undefined, 0.33, 40]);
  assert.equal(rows[5].note, "table 2's four scores give 67.66");
});

Deno.test("table5Cells() has a column for ours and one for each of the paper's models", () => {
  const { rows } = table5Cells([{ model: "SFT", value: 0.2, low: 0.1, high: 0.3 }], "SmolLM2-135M");
  assert.deepEqual(cellsOf(rows), [
    "base / LIMA-7B: 0.354",
    "base / Deita-7B (Mistral): 0.053",
    "SFT / SmolLM2-135M: undefined",
    "SFT / LIMA-7B: 0.406",
    "SFT / Deita-7B (Mistral): 0.061",
    "UAL / LIMA-7B: 0.446",
    "UAL / Deita-7B (Mistral): 0.084",
  ]);
  assert.deepEqual(rows[2], { row: "SFT", column: "SmolLM2-135M", ours: 0.2, low: 0.1, high: 0.3 });
});

Deno.test("printedTable() holds all that the paper prints", () => {
  const of = (number: 2 | 3 | 4 | 5) => printedTable(number).map(({ paper }) => paper);
  assert.equal(of(2).length, 12 * 5);
  assert.deepEqual(of(2).slice(0, 5), [63.21, 75.12, 60.61, 53.37, 60.08]);
  assert.deepEqual(
    of(3),
    [29.4, 38.27, 46.51, 42.7, 44.51].flatMap((math, i) => {
      const { metamath, gsm8k, winRate } = PAPER_TABLE_3[i];
      return [metamath, gsm8k, math, ...(winRate === null ? [] : [winRate])];
    }),
  );
  assert.deepEqual(of(4), [0.406, 64.89, 0.427, 64.25, 0.446, 69.16]);
  assert.deepEqual(of(5), [0.354, 0.406, 0.446, 0.053, 0.061, 0.084]);
});
