// The study's own logic: worked examples against plain sums, results against loops, texts, and where files go. The whole
// study runs for real in reproduce_test.ts.
import * as assert from "node:assert/strict";
import { join } from "node:path";
import { bundled, type Example } from "../lib/data/mod.ts";
import { openModel, type Score, toSequences } from "../lib/model/mod.ts";
import { preset } from "../lib/study/presets.ts";
import { lockFolder } from "../lib/run/lock.ts";
import { stream } from "../lib/run/seed.ts";
import { claimFolder } from "../lib/study/training.ts";
import {
  adapterSize,
  answerGrid,
  dialogues,
  errorOf,
  learntText,
  lossByDefinition,
  lossByTraining,
  mappedRows,
  mean,
  pick,
  setSizes,
  smoothedTarget,
  softmax,
} from "../lib/study/examples.ts";
import {
  byBand,
  calibrations,
  chanceEce,
  comparisons,
  comparisonsByBand,
  perplexityRows,
  trainingSummary,
  verdict,
} from "../lib/study/results.ts";
import { mapUncertainty } from "../lib/uncertainty/mod.ts";
import { inFolder } from "./folder.ts";

const near = (a: number, b: number, tolerance: number, what = "") =>
  assert.ok(Math.abs(a - b) <= tolerance, `${what} ${a} is not ${b}`);

Deno.test("smoothedTarget() keeps 1 − s on the token and shares s among the others", () => {
  assert.deepEqual(smoothedTarget(3, 1, 0), [0, 1, 0]);
  assert.deepEqual(smoothedTarget(5, 0, 0.4), [0.6, 0.1, 0.1, 0.1, 0.1]);
});

Deno.test("lossByTraining() is the loss by definition, and its gradient p − q", async () => {
  const logits = [2, 1, 0.5, 0, -1];
  for (const [y, s] of [[0, 0], [0, 0.1], [3, 0.3], [4, 0.99]]) {
    const { loss, nll, gradient } = await lossByTraining(logits, y, s);
    near(loss, lossByDefinition(logits, y, s), 2e-6, "loss");
    near(nll, lossByDefinition(logits, y, 0), 2e-6, "nll");
    const p = softmax(logits), q = smoothedTarget(5, y, s);
    gradient.forEach((g, j) => near(g, p[j] - q[j], 1e-6, `gradient ${j}`));
  }
});

/** Scores with the given nll, confidence and hits. */
function scored(id: string, nll: number[], confidence: number[], right: number[]): Score {
  return {
    id,
    nll: Float64Array.from(nll),
    confidence: Float32Array.from(confidence),
    predicted: Int32Array.from(right),
    targets: new Int32Array(nll.length).fill(1),
  };
}

Deno.test("verdict() says lower or higher only where the interval leaves 0 out", () => {
  assert.equal(verdict(["UAL", "SFT"], { low: -0.2, high: -0.1 }), "UAL: lower perplexity than SFT");
  assert.equal(verdict(["UAL", "SFT"], { low: 0.1, high: 0.2 }), "UAL: higher perplexity than SFT");
  for (const [low, high] of [[-0.1, 0.1], [0, 0.1], [-0.1, 0]]) {
    assert.equal(verdict(["UAL", "LS"], { low, high }), "UAL and LS: not distinguishable");
  }
});

Deno.test("comparisons() and perplexityRows() put methods side by side", () => {
  const of = (shift: number) =>
    [[1, 2], [3, 4, 5]].map((nll, i) => scored(`${i}`, nll.map((x) => x + shift), nll, nll));
  const scores = { base: of(0), UAL: of(-0.25) };
  const [row] = comparisons(scores, [["UAL", "base"]]);
  assert.equal(row.comparison, "UAL − base");
  for (const value of [row.difference, row.low, row.high]) near(value, -0.25, 1e-12);
  assert.equal(row.verdict, "UAL: lower perplexity than base");
  const rows = perplexityRows(scores);
  assert.deepEqual(rows.map(({ method, tokens }) => [method, tokens]), [["base", 5], ["UAL", 5]]);
  near(rows[0].perplexity, Math.exp(3), 1e-9);
});

Deno.test("trainingSummary() takes means over steps, and over samples for the smoothing", () => {
  const step = (loss: number, tokens: number, smoothing: number[]) => ({
    step: 1,
    loss,
    nll: loss / 2,
    grad_norm: 1,
    lr: 1,
    tokens,
    targets: 1,
    samples: smoothing.map((smoothing, i) => ({ id: `${i}`, loss, nll: loss, smoothing, targets: 1 })),
    seconds: 1,
  });
  const metrics = [step(1, 10, [0, 0.5]), step(4, 5, [0.1])];
  const run = { skipped: false, stopped: false, resumedFrom: 0, metrics };
  const [row] = trainingSummary({ LS: run });
  near(row["mean smoothing"] as number, 0.2, 1e-12);
  assert.deepEqual({ ...row, "mean smoothing": 0 }, {
    method: "LS",
    steps: 2,
    tokens: 15,
    "mean smoothing": 0,
    "mean loss": 2.5,
    "mean nll": 1.25,
  });
});

Deno.test("chanceEce() is the mean error of calibrated tokens in simulation", () => {
  const random = stream(1, "calibrated tokens"), runs = 400;
  const counts = [30, 80, 200], levels = [0.15, 0.5, 0.9], total = 310;
  let sum = 0, counter = 0;
  for (let run = 0; run < runs; run++) {
    counts.forEach((n, b) => {
      let right = 0;
      for (let i = 0; i < n; i++) right += Number(random.uniform(counter++) < levels[b]);
      sum += Math.abs(right - n * levels[b]) / total / runs;
    });
  }
  const bins = counts.map((count, b) => ({ count, confidence: levels[b], accuracy: 0, low: 0, high: 1 }));
  const empty = { count: 0, confidence: 0, accuracy: 0, low: 0, high: 1 };
  near(chanceEce({ bins: [...bins, empty], count: total }) / sum, 1, 0.03);
});

Deno.test("calibrations() and byBand() agree with loops", () => {
  const ratings = [5, 39.5, 40, 95];
  const examples = ratings.map((uncertainty, i): Example => ({ id: `${i}`, turns: [], uncertainty }));
  const own = ratings.map((_, i) => scored(`${i}`, [i, 2 * i], [0.25, 0.85], [0, 1]));
  const scores = { base: own, UAL: own.toReversed() };
  const bands = byBand(examples, scores, "perplexity");
  assert.deepEqual(bands.map((row) => [row.band, row.dialogues, row.tokens]), [
    ["exact (0–39)", 2, 4],
    ["semi-open (40–69)", 1, 2],
    ["open (70–99)", 1, 2],
  ]);
  for (const [i, expected] of [3 / 4, 3, 4.5].entries()) {
    near(Math.log(bands[i].base as number), expected, 1e-12);
    near(Math.log(bands[i].UAL as number), expected, 1e-12);
  }
  near(byBand(examples, scores, "confidence")[0].base as number, 0.55, 1e-6);
  const [exact, , open] = comparisonsByBand(examples, { ...scores, UAL: own }, ["UAL", "base"]);
  assert.deepEqual([exact.band, exact.difference, open.comparison], ["exact (0–39)", 0, "UAL − base"]);
  assert.equal(open.verdict, "UAL and base: not distinguishable");
  assert.equal(byBand(examples.slice(0, 1), { base: own.slice(0, 1) }, "confidence").length, 1);
  const { table, summary } = calibrations(scores);
  near(summary[0].ECE as number, (0.25 + 0.15) / 2, 1e-6);
  near(table.ece.base, (0.25 + 0.15) / 2, 1e-6);
  assert.equal(summary[1].accuracy, 0.5);
  const filled = table.rows.filter(({ method, count }) => method === "base" && count > 0);
  assert.deepEqual(filled.map(({ bin, count, accuracy }) => [bin, count, accuracy]), [[2, 4, 0], [8, 4, 1]]);
});

const example = (id: string, content: string): Example => ({
  id,
  turns: [{ role: "user", content: "a < b?" }, { role: "assistant", content }],
  category: "facts",
  uncertainty: 7,
  reason: 'one "right" answer',
});

Deno.test("pick(), mappedRows(), mean() and errorOf() do what cells need", () => {
  const list = [example("x", "yes"), example("y", "no")];
  assert.deepEqual(pick(list, "y", "x").map(({ id }) => id), ["y", "x"]);
  assert.equal(
    errorOf(() => pick(list, "z")),
    "InputError: Cannot pick dialogue z: it is not among the 2 given; they are x, y …",
  );
  assert.equal(errorOf(() => 1), "no error");
  const mapping = mapUncertainty([7, 7], { method: "constant", mean: 0.1 });
  assert.deepEqual(mappedRows(list, mapping)[1], { id: "y", uncertainty: 7, smoothing: 0.1 });
  assert.equal(mean([1, 2, 6]), 3);
});

Deno.test("dialogues() and answerGrid() keep lines and make text safe", () => {
  const list = [example("x", "yes\nindeed"), example("y", "no")];
  const html = String(dialogues(list)["text/html"]);
  assert.match(html, /assistant: yes\nindeed/);
  assert.match(html, /user: a &lt; b\?/);
  assert.match(html, /<th[^>]*>facts, rated 7<\/th>/);
  const answers = [
    { method: "base", id: "y", text: "<b>", tokens: 1, finished: false },
    { method: "base", id: "x", text: "ok", tokens: 1, finished: true },
  ];
  const grid = answerGrid(list, answers);
  assert.match(String(grid["text/html"]), /<td[^>]*>ok<\/td><td[^>]*>&lt;b&gt; …<\/td>/);
  assert.match(String(grid["text/plain"]), /rated 7: a < b\? · the data's answer\nyes\nindeed/);
});

Deno.test("learntText(), setSizes() and adapterSize() count the real model's tokens", async () => {
  const model = await openModel();
  try {
    const options = { context: 256, supervise: "response" } as const;
    const examples = await bundled("train", 3);
    const { sequences } = toSequences(model, examples, options);
    const text = String(learntText(model, sequences[0])["text/plain"]);
    const answer = examples[0].turns[1].content;
    assert.ok(text.endsWith(`<|im_start|>assistant\n⟦${answer}<|im_end|>⟧\n`), text.slice(-200));
    assert.equal(text.match(/⟦/g)!.length, 1);
    const [row] = setSizes(model, { some: examples }, options);
    assert.equal(row.tokens, sequences.reduce((sum, { ids }) => sum + ids.length, 0));
    assert.equal(
      row["answer tokens"],
      sequences.reduce((sum, s) => sum + s.supervised.join("").split("1").length - 1, 0),
    );
    assert.deepEqual([row.set, row.dialogues, row["cut at the context"]], ["some", 3, 0]);
    const size = adapterSize(model, preset("quick").settings.lora);
    assert.deepEqual(
      [size["adapted projections"], size["trained numbers"], size["numbers in the model"]],
      [60, 30 * (8 * (576 + 576) + 8 * (576 + 192)), 134_515_008],
    );
  } finally {
    model.weights.close();
  }
});

Deno.test("claimFolder() keeps a run of the same key, removes another, and waits for nobody", () =>
  inFolder(async (folder) => {
    const dir = join(folder, "train/SFT"), metrics = join(dir, "metrics.jsonl");
    const isThere = () => Deno.stat(metrics).then(() => true, () => false);
    await claimFolder(dir, "a");
    await Deno.writeTextFile(metrics, "{}\n");
    await Deno.mkdir(join(dir, "adapter"));
    await claimFolder(dir, "a");
    assert.ok(await isThere());
    {
      using _lock = lockFolder(dir);
      await assert.rejects(claimFolder(dir, "b"), /Cannot use .*SFT: process \d+ is at work in it/);
      assert.ok(await isThere());
    }
    await claimFolder(dir, "b");
    assert.equal(await isThere(), false);
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), [".lock", "study_key"]);
  }));
