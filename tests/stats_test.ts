// lib/stats: correlations and kappa against what scipy and scikit-learn gave, against plain loops, and their intervals.
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  estimate,
  estimates,
  kappaEstimate,
  midRanks,
  pearson,
  quadraticKappa,
  spearman,
  spearmanEstimate,
  spearmanMeasure,
} from "../lib/stats/mod.ts";
import { stream } from "../lib/run/seed.ts";

const { cases, fractions } = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/stats/reference.json")),
);

function near(actual: number, expected: number | null, what: string, tolerance = 1e-12) {
  if (expected === null) return assert.ok(Number.isNaN(actual), `${what}: ${actual} is not NaN`);
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} ≠ ${expected}`);
}

const band = (rating: number) => rating < 40 ? 0 : rating < 70 ? 1 : 2;

Deno.test("midRanks(), pearson(), spearman() agree with scipy, ties and constant columns included", () => {
  assert.equal(cases.length, 7);
  for (const [i, { a, b, ranks, ...want }] of cases.entries()) {
    assert.deepEqual([...midRanks(a)], ranks);
    near(pearson(a, b), want.pearson, `pearson, case ${i}`);
    near(spearman(a, b), want.spearman, `spearman, case ${i}`);
  }
  near(pearson(fractions.a, fractions.b), fractions.pearson, "pearson of fractions");
  near(spearman(fractions.a, fractions.b), fractions.spearman, "spearman of fractions");
});

Deno.test("quadraticKappa() agrees with scikit-learn on ratings from 0 to 99 and on bands", () => {
  for (const [i, { a, b, kappa, band_kappa }] of cases.entries()) {
    near(quadraticKappa(a, b), kappa, `kappa, case ${i}`);
    near(quadraticKappa(a.map(band), b.map(band)), band_kappa, `kappa of bands, case ${i}`);
  }
});

/** Cohen's weighted kappa by its table of categories 0 … K − 1. */
function kappaByTable(a: number[], b: number[], K: number): number {
  const n = a.length, observed = Array.from({ length: K }, () => new Array(K).fill(0));
  a.forEach((x, i) => observed[x][b[i]]++);
  const row = observed.map((cells) => cells.reduce((s, c) => s + c, 0));
  const column = observed.map((_, j) => observed.reduce((s, cells) => s + cells[j], 0));
  let apart = 0, chance = 0;
  for (let i = 0; i < K; i++) {
    for (let j = 0; j < K; j++) {
      const weight = (i - j) ** 2 / (K - 1) ** 2;
      apart += weight * observed[i][j] / n;
      chance += weight * row[i] * column[j] / n / n;
    }
  }
  return 1 - apart / chance;
}

Deno.test("quadraticKappa() is that of the table of categories", () => {
  for (const { a, b } of cases) near(quadraticKappa(a, b), kappaByTable(a, b, 100), "table");
});

Deno.test("the measures refuse columns that do not fit and say NaN where nothing can be told", () => {
  for (const f of [pearson, spearman, quadraticKappa]) {
    assert.throws(() => f([1, 2], [1]), /Cannot compare 2 values with 1/);
    assert.throws(() => f([1, 2], [1, NaN]), /value 1: it is NaN/);
    assert.ok(Number.isNaN(f([], [])));
    assert.ok(Number.isNaN(f([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])));
  }
  assert.equal(spearman([1, 2, 3], [10, 20, 1e300]), 1);
  near(pearson([0, 1e100, 2e100], [0, -1e100, -2e100]), -1, "huge values");
  assert.equal(quadraticKappa([1, 2, 3], [1, 2, 3]), 1);
});

Deno.test("estimates() are percentiles of plain resampling, from the same draws for every measure", () => {
  const n = 30, x = Array.from({ length: n }, (_, i) => 50 + 40 * Math.sin(i));
  const y = x.map((v, i) => v + 30 * Math.cos(3 * i));
  const all: number[] = [];
  for (let b = 0; b < 2000; b++) {
    const draw = stream(4, "bootstrap", b).ints(n, n);
    all.push(spearman(draw.map((i) => x[i]), draw.map((i) => y[i])));
  }
  all.sort((p, q) => p - q);
  const at = (q: number) => {
    const place = q * 1999, i = Math.floor(place);
    return all[i] + (place - i) * (all[i + 1] - all[i]);
  };
  const got = spearmanEstimate(x, y, { seed: 4 });
  near(got.value, spearman(x, y), "value");
  near(got.low, at(0.025), "low");
  near(got.high, at(0.975), "high");
  const both = estimates(n, { rho: spearmanMeasure(x, y), again: spearmanMeasure(x, y) }, { seed: 4 });
  assert.deepEqual([both.rho, both.again], [got, got]);
  assert.notDeepEqual(spearmanEstimate(x, y, { seed: 5 }).low, got.low);
});

Deno.test("estimate() covers the truth about as often as it says", () => {
  let covered = 0;
  for (let round = 0; round < 100; round++) {
    const random = stream(round, "coverage"), x = Array.from({ length: 40 }, (_, i) => random.normal(i));
    const { low, high } = estimate(40, (draw) => Array.from(draw, (i) => x[i]).reduce((s, v) => s + v) / 40);
    if (low <= 0 && high >= 0) covered++;
  }
  assert.ok(covered >= 87 && covered <= 99, `${covered} of 100`);
});

Deno.test("estimates() leave out resamples without a value, and say NaN where those are most", () => {
  const rare = [0, 0, 0, 0, 0, 0, 1], other = [1, 2, 3, 4, 5, 6, 9];
  const some = spearmanEstimate(rare, other); // a draw without the 1 is constant: (6/7)^7 = 34% of them
  assert.ok(some.low < some.high && some.value > 0.5);
  const constant = spearmanEstimate([1, 1, 1], [1, 2, 3]);
  assert.ok([constant.value, constant.low, constant.high].every(Number.isNaN));
  const none = kappaEstimate([], []);
  assert.ok(Number.isNaN(none.value) && none.samples === 0);
});
