// lib/stats: errors, intervals and paired tests against scipy, statsmodels, the harness, loops and simulation.
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  averageError,
  averageFreedom,
  clusteredMean,
  clusteredShareInterval,
  detectableMean,
  detectableShare,
  holm,
  mcnemar,
  meanInterval,
  meanWithError,
  normalQuantile,
  pairedBootstrap,
  pooledError,
  proportionError,
  studentQuantile,
  studentTwoSided,
  wilsonInterval,
} from "../lib/stats/mod.ts";
import { stream } from "../lib/run/seed.ts";

const want = JSON.parse(await Deno.readTextFile(join(import.meta.dirname!, "parity/stats/paired.json")));

function near(actual: number, expected: number, what: string, tolerance = 1e-10) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} ≠ ${expected}`);
}

function nearBoth([low, high]: number[], [a, b]: number[], what: string) {
  near(low, a, `${what}, low`);
  near(high, b, `${what}, high`);
}

Deno.test("meanWithError() and meanInterval() agree with scipy's sem and t, and with lm-evaluation-harness", () => {
  for (const [i, one] of want.clustered.entries()) {
    const found = meanWithError(one.values);
    near(found.value, one.mean, `mean ${i}`, 1e-14);
    near(found.stderr, one.stderr, `stderr ${i}`, 1e-14);
    near(found.stderr, one.harness_stderr, `the harness's ${i}`, 1e-14);
    nearBoth(meanInterval(found), one.interval, `interval ${i}`);
    near(studentTwoSided(found.value / found.stderr, found.df), one.p, `p ${i}`, 1e-10 * one.p);
  }
});

Deno.test("clusteredMean() agrees with statsmodels' cluster-robust errors, interval and p", () => {
  for (const [i, one] of want.clustered.entries()) {
    const found = clusteredMean(one.values, one.clusters);
    near(found.stderr, one.clustered_stderr, `stderr ${i}`, 1e-13);
    nearBoth(meanInterval(found), one.clustered_interval, `interval ${i}`);
    near(studentTwoSided(found.value / found.stderr, found.df), one.clustered_p, `p ${i}`, 1e-9);
  }
});

Deno.test("clusteredMean() is Miller's double sum over pairs, but for the factor of few clusters", () => {
  const { values, clusters } = want.clustered[0], n = values.length;
  const { value, stderr } = clusteredMean(values, clusters), G = new Set(clusters).size;
  let diagonal = 0, pairs = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const product = (values[i] - value) * (values[j] - value);
      if (i === j) diagonal += product;
      else if (clusters[i] === clusters[j]) pairs += product;
    }
  }
  near(stderr ** 2, G / (G - 1) * (diagonal + pairs) / n ** 2, "CR1", 1e-15);
  const miller = diagonal / (n - 1) / n + pairs / n ** 2;
  assert.ok(miller < stderr ** 2 && miller > (G - 1) / G * stderr ** 2);
});

Deno.test("clusteredMean() of clusters of one item is meanWithError(), and of one cluster NaN", () => {
  const values = [0, 1, 1, 0, 1];
  near(clusteredMean(values, [1, 2, 3, 4, 5]).stderr, meanWithError(values).stderr, "single items", 1e-15);
  const one = clusteredMean(values, ["a", "a", "a", "a", "a"]);
  assert.deepEqual([one.value, one.stderr, one.df, one.clusters], [0.6, NaN, 0, 1]);
  assert.deepEqual(clusteredShareInterval(one), [NaN, NaN]);
  assert.throws(() => clusteredMean(values, ["a"]), /^RangeError: Cannot cluster 5 values by 1 names/);
});

Deno.test("proportionError() is meanWithError() of ones and zeros", () => {
  for (const [right, n] of [[0, 4], [3, 7], [7, 7], [600, 1172]]) {
    const hits = Array.from({ length: n }, (_, i) => i < right ? 1 : 0);
    near(proportionError(right, n), meanWithError(hits).stderr, `${right} of ${n}`, 1e-15);
  }
  assert.equal(proportionError(1, 1), NaN);
});

Deno.test("pooledError() agrees with lm-evaluation-harness, and averageError() with its plain formula", () => {
  for (const [i, { columns, stderrs, sizes, pooled }] of want.pooled.entries()) {
    near(pooledError(stderrs, sizes), pooled, `pooled ${i}`, 1e-15);
    near(
      pooledError(columns.map((c: number[]) => meanWithError(c).stderr), sizes),
      pooled,
      `columns ${i}`,
      1e-15,
    );
  }
  near(averageError([0.03, 0.04]), 0.025, "√(9 + 16)/2", 1e-15);
  near(averageError([0.1, 0.1, 0.1]), pooledError([0.1, 0.1, 0.1], [8, 8, 8]), "equal sizes", 1e-15);
  assert.throws(() => pooledError([0.1], [3, 4]), RangeError);
});

Deno.test("averageFreedom() agrees with scipy's Welch test", () => {
  for (const [ses, dfs, df] of want.welch) near(averageFreedom(ses, dfs), df, `df of ${ses}`, 1e-9);
  assert.equal(averageFreedom([0, 0], [4, 5]), Infinity);
});

Deno.test("wilsonInterval() agrees with statsmodels and never leaves 0 to 1", () => {
  for (const [right, n, low, high] of want.wilson) {
    nearBoth(wilsonInterval(right / n, n), [low, high], `${right} of ${n}`);
  }
  assert.deepEqual(wilsonInterval(0, 60)[0], 0);
  assert.deepEqual(wilsonInterval(1, 60)[1], 1);
  assert.deepEqual(wilsonInterval(NaN, 0), [0, 1]);
});

Deno.test("clusteredShareInterval() nears wilsonInterval() where clusters are single items, and widens where they err alike", () => {
  const hits = Array.from({ length: 400 }, (_, i) => i % 10 < 7 ? 1 : 0);
  const single = clusteredShareInterval(clusteredMean(hits, hits.map((_, i) => i)));
  wilsonInterval(0.7, 400).forEach((end, i) => near(single[i], end, "single items", 1e-3));
  const alike = hits.map((_, i) => i < 280 ? 1 : 0), tens = hits.map((_, i) => Math.floor(i / 10));
  const [low, high] = clusteredShareInterval(clusteredMean(alike, tens));
  assert.ok(high - low > 2.5 * (single[1] - single[0]), "ten items that err alike are one");
  const even = clusteredMean(hits.map((_, i) => i % 10 < 6 + (Math.floor(i / 10) % 2) ? 1 : 0), tens);
  assert.ok(
    even.stderr < 0.01,
    "clusters more alike than chance would have them count as independent items, not more",
  );
  clusteredShareInterval(even).forEach((end, i) =>
    near(end, wilsonInterval(0.65, 400, studentQuantile(0.975, 39))[i], "even clusters")
  );
  const all = clusteredShareInterval(clusteredMean(hits.map(() => 1), tens));
  assert.ok(all[1] === 1 && all[0] > 0.985 && all[0] < wilsonInterval(1, 400)[0]);
});

Deno.test("mcnemar() agrees with statsmodels' exact test and scipy's mid-p", () => {
  for (const [b, c, p, mid] of want.mcnemar) {
    near(mcnemar(b, c).p, p, `exact ${b}, ${c}`, 1e-10);
    near(mcnemar(b, c).midP, mid, `mid-p ${b}, ${c}`, 1e-10);
  }
  assert.deepEqual(mcnemar(0, 0), { p: 1, midP: 1 });
  near(mcnemar(0, 6).p, 2 / 64, "six of one side", 1e-15);
});

Deno.test("holm() agrees with statsmodels, keeps the order and passes over NaN", () => {
  for (const [ps, raised] of want.holm) {
    holm(ps).forEach((p, i) => near(p, raised[i], `holm of ${ps[i]}`, 1e-15));
  }
  assert.deepEqual(holm([0.01, NaN, 0.03]), [0.02, NaN, 0.03]);
  assert.deepEqual(holm([]), []);
});

/** Plain resampling with the same stream: what the paired bootstrap promises. */
function bootstrapByLoop(column: number[], seed: number): { low: number; high: number; p: number } {
  const means: number[] = [];
  for (let b = 0; b < 2000; b++) {
    const s = stream(seed, "bootstrap", b);
    let sum = 0;
    for (let i = 0; i < column.length; i++) sum += column[Math.floor(s.uniform(i) * column.length)];
    means.push(sum / column.length);
  }
  const below = means.filter((m) => m <= 0).length, above = means.filter((m) => m >= 0).length;
  const p = Math.min(1, 2 * (Math.min(below, above) + 1) / 2001);
  means.sort((a, b) => a - b); // numpy's linear quantile at 0.025 · 1999 = 49.975 and 0.975 · 1999 = 1949.025
  const at = (x: number) =>
    means[Math.floor(x)] + (x % 1) * (means[Math.floor(x) + 1] - means[Math.floor(x)]);
  return { low: at(49.975), high: at(1949.025), p };
}

Deno.test("pairedBootstrap() is the plain loop, its columns are on the same draws, and its seed changes it", () => {
  const random = stream(3, "columns");
  const a = Array.from({ length: 50 }, (_, i) => Math.round(random.uniform(i) * 2.6 - 1.1));
  const b = a.map((x, i) => x / 3 + random.normal(100 + i) / 5);
  const found = pairedBootstrap([a, b, a], { seed: 4 });
  [a, b].forEach((column, c) => {
    const loop = bootstrapByLoop(column, 4);
    nearBoth([found[c].low, found[c].high], [loop.low, loop.high], `column ${c}`);
    near(found[c].p, loop.p, `p ${c}`);
    near(found[c].difference, column.reduce((s, x) => s + x, 0) / 50, `difference ${c}`, 1e-14);
  });
  assert.deepEqual(found[0], found[2]);
  assert.notDeepEqual(pairedBootstrap([a], { seed: 5 })[0], found[0]);
});

Deno.test("pairedBootstrap() of no, one, equal and unequal columns", () => {
  assert.deepEqual(pairedBootstrap([]), []);
  assert.deepEqual(pairedBootstrap([[]]), [{ difference: NaN, low: NaN, high: NaN, p: NaN }]);
  assert.deepEqual(pairedBootstrap([[0, 0, 0]]), [{ difference: 0, low: 0, high: 0, p: 1 }]);
  const [sure] = pairedBootstrap([[1, 1, 1]]);
  assert.deepEqual(sure, { difference: 1, low: 1, high: 1, p: 2 / 2001 });
  assert.throws(() => pairedBootstrap([[1], [1, 2]]), /^RangeError: Cannot pair 1 samples with 2/);
});

Deno.test("detectableShare() solves Connor's equation, or asks for as many discordant items as it takes", () => {
  const za = normalQuantile(0.975), zb = normalQuantile(0.8);
  for (const [discordant, n] of [[300, 1172], [20, 100], [5, 60], [0, 60], [3, 10_042], [4, 4]]) {
    const d = detectableShare(discordant, n), psi = Math.max(discordant / n, d);
    near(d * Math.sqrt(n), za * Math.sqrt(psi) + zb * Math.sqrt(psi - d * d), `${discordant} of ${n}`, 1e-9);
  }
  near(detectableShare(0, 10_000) * 10_000, (za + zb) ** 2, "about 7.8 items of one side", 0.01);
  assert.equal(detectableShare(1, 3), NaN);
  assert.equal(detectableShare(0, 0), NaN);
});

Deno.test("detectableShare() and detectableMean() name the difference that is found 4 times in 5", () => {
  const n = 400, discordant = 80, d = detectableShare(discordant, n), random = stream(8, "power");
  const found = { exact: 0, t: 0 }, runs = 1500;
  for (let run = 0; run < runs; run++) {
    let onlyA = 0, onlyB = 0;
    for (let i = 0; i < n; i++) {
      const u = random.uniform(run * n + i) * 2;
      if (u < 0.2 + d) onlyB++;
      else if (u < 0.4) onlyA++;
    }
    if (mcnemar(onlyA, onlyB).p < 0.05) found.exact++;
    const difference = (onlyB - onlyA) / n;
    const stderr = Math.sqrt(((onlyA + onlyB) / n - difference ** 2) / n);
    if (studentTwoSided(difference / stderr, n - 1) < 0.05) found.t++;
  }
  near(found.exact / runs, 0.78, "power of the exact test", 0.035); // a little cautious
  near(found.t / runs, 0.8, "power of the t test", 0.035);
  near(detectableMean(Math.sqrt(discordant / n / n), Infinity), d, "the simple formula", 0.002);
  assert.equal(detectableMean(0, 5), NaN);
});

/** How often each interval covers the truth in `runs` made-up runs. */
function coverage(runs: number, draw: (run: number) => { interval: number[]; truth: number }): number {
  let covered = 0;
  for (let run = 0; run < runs; run++) {
    const { interval: [low, high], truth } = draw(run);
    if (low <= truth && truth <= high) covered++;
  }
  return covered / runs;
}

Deno.test("wilsonInterval() and meanInterval() cover the truth in 95% of runs", () => {
  const random = stream(1, "coverage");
  for (const [n, truth] of [[60, 0.25], [60, 0.5], [300, 0.7], [40, 0.9]]) {
    let i = 0;
    const share = coverage(2000, () => {
      let right = 0;
      for (let k = 0; k < n; k++) if (random.uniform(i++) < truth) right++;
      return { interval: wilsonInterval(right / n, n), truth };
    });
    near(share, 0.95, `Wilson, n ${n}, p ${truth}`, 0.02);
  }
  let i = 0;
  const share = coverage(1500, () => {
    const values = Array.from({ length: 12 }, () => random.normal(i++));
    return { interval: meanInterval(meanWithError(values)), truth: 0 };
  });
  near(share, 0.95, "Student, n 12", 0.018);
});

Deno.test("clusteredMean() covers the truth where items err alike, and the plain error does not", () => {
  const random = stream(2, "clusters");
  let i = 0;
  const run = () => {
    const values: number[] = [], clusters: number[] = [];
    for (let c = 0; c < 12; c++) {
      const shift = random.normal(i++), size = 4 + Math.floor(random.uniform(i++) * 12);
      for (let k = 0; k < size; k++) {
        values.push(shift + random.normal(i++));
        clusters.push(c);
      }
    }
    return { values, clusters };
  };
  const runs = Array.from({ length: 800 }, run);
  const clustered = coverage(
    800,
    (r) => ({ interval: meanInterval(clusteredMean(runs[r].values, runs[r].clusters)), truth: 0 }),
  );
  const plain = coverage(800, (r) => ({ interval: meanInterval(meanWithError(runs[r].values)), truth: 0 }));
  near(clustered, 0.94, "clustered", 0.025);
  assert.ok(plain < 0.65, `plain ${plain}`);
});

Deno.test("clusteredShareInterval() covers the truth where subjects are of different difficulty", () => {
  const random = stream(12, "subjects");
  let i = 0;
  const share = coverage(800, () => {
    const hits: number[] = [], clusters: number[] = [];
    for (let c = 0; c < 12; c++) {
      const ease = 0.75 + (random.uniform(i++) - 0.5) * 0.4;
      for (let k = 0; k < 25; k++) {
        hits.push(random.uniform(i++) < ease ? 1 : 0);
        clusters.push(c);
      }
    }
    return { interval: clusteredShareInterval(clusteredMean(hits, clusters)), truth: 0.75 };
  });
  near(share, 0.95, "12 subjects of 25 items", 0.025);
});

Deno.test("mcnemar() is false in at most 5% of runs without a difference, pairedBootstrap() in about 5%", () => {
  const random = stream(6, "null");
  let i = 0, exact = 0, midP = 0, boot = 0;
  for (let run = 0; run < 1500; run++) {
    const differences = Array.from({ length: 60 }, () => {
      const u = random.uniform(i++);
      return u < 0.15 ? 1 : u < 0.3 ? -1 : 0;
    });
    const found = mcnemar(differences.filter((d) => d < 0).length, differences.filter((d) => d > 0).length);
    if (found.p < 0.05) exact++;
    if (found.midP < 0.05) midP++;
    if (run < 50 && pairedBootstrap([differences], { seed: run })[0].p < 0.05) boot++;
  }
  assert.ok(exact / 1500 <= 0.05, `exact ${exact}`);
  near(midP / 1500, 0.045, "mid-p", 0.015);
  assert.ok(boot <= 6, `bootstrap ${boot} of 50`);
});
