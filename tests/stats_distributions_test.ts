// lib/stats/distributions.ts against what scipy gave, and what must hold of tails and quantiles anywhere.
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  binomialCdf,
  incompleteBeta,
  logGamma,
  normalCdf,
  normalQuantile,
  studentQuantile,
  studentTwoSided,
} from "../lib/stats/mod.ts";

const { distributions: want } = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/stats/paired.json")),
);

/** Each case is the arguments and, last, what scipy gave: 1e-10 relative, and below 1e-12 absolute near 0. */
function agrees(name: string, f: (...args: number[]) => number) {
  const cases: number[][] = want[name];
  assert.ok(cases.length > 5, name);
  for (const one of cases) {
    const args = one.slice(0, -1), expected = one.at(-1)!, actual = f(...args);
    const off = Math.abs(actual - expected), allowed = 1e-10 * Math.abs(expected) || 1e-12;
    assert.ok(off <= allowed, `${name}(${args}): ${actual}, scipy ${expected}`);
  }
}

Deno.test("logGamma() and incompleteBeta() agree with scipy", () => {
  agrees("log_gamma", logGamma);
  agrees("beta", incompleteBeta);
});

Deno.test("normalCdf() and normalQuantile() agree with scipy, far tails included", () => {
  agrees("normal_cdf", normalCdf);
  agrees("normal_quantile", normalQuantile);
});

Deno.test("studentTwoSided() and studentQuantile() agree with scipy from 0.7 to 14,041 degrees of freedom", () => {
  agrees("student_two_sided", studentTwoSided);
  agrees("student_quantile", studentQuantile);
});

Deno.test("binomialCdf() agrees with scipy", () => agrees("binomial_cdf", binomialCdf));

Deno.test("binomialCdf() is the plain sum of probabilities", () => {
  for (const p of [0.1, 0.5, 0.83]) {
    let mass = (1 - p) ** 12, sum = 0;
    for (let k = 0; k <= 12; k++) {
      sum += mass;
      assert.ok(Math.abs(binomialCdf(k, 12, p) - sum) < 1e-13);
      mass *= (12 - k) / (k + 1) * p / (1 - p);
    }
  }
  assert.equal(binomialCdf(-1, 12, 0.5), 0);
  assert.equal(binomialCdf(0, 0, 0.5), 1);
});

Deno.test("studentTwoSided() and studentQuantile() go over to the normal and undo each other", () => {
  for (const t of [0, 0.5, 1.96, 6]) {
    assert.equal(studentTwoSided(t, Infinity), 2 * normalCdf(-t));
    assert.ok(Math.abs(studentTwoSided(t, 1e7) - 2 * normalCdf(-t)) < 1e-6);
    for (const df of [1, 4, 300]) {
      const p = 1 - studentTwoSided(t, df) / 2;
      if (p < 1 - 1e-6) assert.ok(Math.abs(studentQuantile(p, df) - t) < 1e-7 * Math.max(1, t));
    }
  }
});

Deno.test("normalQuantile() and studentQuantile() have ends and refuse what is no share", () => {
  assert.equal(normalQuantile(0), -Infinity);
  assert.equal(normalQuantile(1), Infinity);
  assert.equal(studentQuantile(0.975, 0), NaN);
  assert.equal(studentTwoSided(NaN, 3), NaN);
  assert.equal(normalCdf(NaN), NaN);
  assert.throws(() => normalQuantile(1.2), /^RangeError: Cannot take the quantile at 1.2/);
  assert.throws(() => studentQuantile(NaN, 3), RangeError);
});
