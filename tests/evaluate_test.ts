// Perplexity, calibration and training dynamics against plain loops.
import assert from "node:assert/strict";
import {
  calibrate,
  comparePerplexity,
  lossByTercile,
  lossChanges,
  perplexity,
  sampleNll,
} from "../lib/evaluate/mod.ts";
import type { Score } from "../lib/model/score.ts";

const score = (
  id: string,
  nll: number[],
  confidence: number[] = nll.map(() => 0.5),
  right: boolean[] = nll.map(() => true),
): Score => ({
  id,
  nll: Float64Array.from(nll),
  confidence: Float32Array.from(confidence),
  predicted: Int32Array.from(right, (r) => r ? 1 : 0),
  targets: Int32Array.from(right, () => 1),
});

Deno.test("perplexity() is exp of the mean over tokens, not over samples", () => {
  const samples = sampleNll([score("a", [1, 2, 3]), score("b", [4])]);
  assert.deepEqual(samples, [{ id: "a", nll: 6, tokens: 3 }, { id: "b", nll: 4, tokens: 1 }]);
  const { perplexity: p, nll, tokens, low, high } = perplexity(samples);
  assert.deepEqual([p, nll, tokens], [Math.exp(10 / 4), 10, 4]);
  assert.ok(low >= Math.exp(2) - 1e-9 && high <= Math.exp(4) + 1e-9 && low < p && p < high);
  assert.deepEqual(perplexity(samples), perplexity(samples));
  assert.throws(() => perplexity([]), /no supervised tokens/);
});

Deno.test("perplexity() has an interval as wide as the normal theory says", () => {
  // 400 samples of 10 tokens, mean nll by sample spread with standard deviation 0.5.
  const samples = Array.from(
    { length: 400 },
    (_, i) => ({ id: String(i), nll: 10 * (2 + 0.5 * Math.sqrt(2) * Math.sin(i)), tokens: 10 }),
  );
  const { perplexity: p, low, high } = perplexity(samples);
  const expected = 1.96 * 0.5 / Math.sqrt(400);
  assert.ok(Math.abs((Math.log(high) - Math.log(p)) / expected - 1) < 0.15);
  assert.ok(Math.abs((Math.log(p) - Math.log(low)) / expected - 1) < 0.15);
});

Deno.test("comparePerplexity() is paired: equal shifts leave no doubt", () => {
  const a = Array.from({ length: 30 }, (_, i) => ({ id: String(i), nll: 5 + 3 * Math.sin(i), tokens: 5 }));
  const b = a.map((s) => ({ ...s, nll: s.nll + 0.5 }));
  const { difference, low, high } = comparePerplexity(a, b);
  for (const x of [difference, low, high]) assert.ok(Math.abs(x + 0.1) < 1e-12);
  assert.throws(() => comparePerplexity(a, b.slice(1)), /not of the same samples/);
});

Deno.test("calibrate() bins by confidence and sums the gaps as Guo et al. (2017)", () => {
  const scores = [
    score("a", [0, 0, 0, 0], [0.1, 0.05, 0.55, 1], [false, true, true, true]),
    score("b", [0, 0], [0.52, 0.99], [false, false]),
  ];
  const { bins, ece, accuracy, count } = calibrate(scores, 10);
  const filled = bins.filter((b) => b.count).map((
    b,
  ) => [b.low, b.count, b.accuracy, Number(b.confidence.toFixed(6))]);
  assert.deepEqual(filled, [[0, 1, 1, 0.05], [0.1, 1, 0, 0.1], [0.5, 2, 0.5, 0.535], [0.9, 2, 0.5, 0.995]]);
  const expected = (0.95 + 0.1 + 2 * 0.035 + 2 * 0.495) / 6;
  assert.ok(Math.abs(ece - expected) < 1e-6);
  assert.deepEqual([accuracy, count], [0.5, 6]);
  assert.throws(() => calibrate([]), /no predictions/);
});

Deno.test("lossByTercile() means each tercile's losses before and after over its samples", () => {
  const u = [5, 90, 40, 40, 10, 70, 99]; // sorted 5 10 40 40 70 90 99: cut at 40 and 70
  const terciles = ["low", "high", "low", "low", "low", "middle", "high"];
  const before = u.map((_, i) => score(`s${i}`, Array(i + 1).fill(3 + 0.1 * i)));
  const after = u.map((value, i) => score(`s${i}`, Array(i + 1).fill(2 + 0.1 * i + value / 100)));
  const uncertainty = new Map(u.map((value, i) => [`s${i}`, value]));
  const changes = lossChanges(before, after, uncertainty);
  assert.deepEqual(changes.map((c) => c.tercile), terciles);
  changes.forEach((c, i) => assert.ok(Math.abs(c.after - c.before - (u[i] / 100 - 1)) < 1e-12));
  const rows = lossByTercile(before, after, uncertainty);
  assert.deepEqual(rows.map((r) => [r.tercile, r.from, r.to, r.samples, r.tokens]), [
    ["low", 5, 40, 4, 1 + 3 + 4 + 5],
    ["middle", 70, 70, 1, 6],
    ["high", 90, 99, 2, 2 + 7],
  ]);
  for (const row of rows) {
    let change = 0, start = 0, n = 0;
    for (let i = 0; i < u.length; i++) {
      if (terciles[i] !== row.tercile) continue;
      change += u[i] / 100 - 1;
      start += 3 + 0.1 * i;
      n++;
    }
    assert.ok(Math.abs(row.change - change / n) < 1e-12 && Math.abs(row.before - start / n) < 1e-12);
    assert.ok(Math.abs(row.after - row.before - row.change) < 1e-12);
    assert.ok(row.low <= row.change + 1e-12 && row.high >= row.change - 1e-12);
  }
  assert.ok(rows[0].low < rows[0].high && Math.abs(rows[1].low - rows[1].high) < 1e-12);
});

Deno.test("lossByTercile() keeps equal uncertainties together and refuses what does not fit", () => {
  const scores = ["a", "b", "c"].map((id) => score(id, [1, 2]));
  const same = new Map([["a", 7], ["b", 7], ["c", 7]]);
  assert.deepEqual(lossByTercile(scores, scores, same).map((r) => [r.tercile, r.samples, r.change]), [[
    "low",
    3,
    0,
  ]]);
  assert.throws(() => lossChanges(scores, scores.slice(1), same), /not of the same samples/);
  assert.throws(
    () => lossChanges(scores, scores, new Map([["a", 1]])),
    /sample b: its uncertainty is missing/,
  );
});
