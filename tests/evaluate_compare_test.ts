// Paired comparisons and verdicts against plain loops, on unequal items, and where there is no difference.
import assert from "node:assert/strict";
import type { ItemRow, TaskInfo } from "../lib/evaluate/item_row.ts";
import {
  claimVerdict,
  compareModels,
  comparisonTable,
  type ModelComparison,
  scoreTable,
  summarise,
  verdictInWords,
} from "../lib/evaluate/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";
import {
  averageError,
  clusteredMean,
  detectableShare,
  holm,
  mcnemar,
  meanInterval,
  meanWithError,
  pairedBootstrap,
  studentTwoSided,
} from "../lib/stats/mod.ts";
import { info, itemRows } from "./item_rows.ts";

/** itemRows() by one measure. */
const rowsOf = (model: string, task: string, values: ArrayLike<number>, metric = "acc"): ItemRow[] =>
  itemRows(model, task, values, [metric]);

/** n hits and misses: `both` that every model has, and then those at which model m is good. */
const hits = (n: number, from: number, to: number) =>
  Array.from({ length: n }, (_, i) => Number(i < 20 || (i >= from && i < to)));

const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-12, `${a} ≠ ${b}`);

Deno.test("compareModels() compares every pair on the same items: McNemar, paired bootstrap, Holm over the table", () => {
  const columns = { base: hits(100, 40, 50), SFT: hits(100, 40, 75), UAL: hits(100, 45, 80) };
  const rows = Object.entries(columns).flatMap(([model, values]) => rowsOf(model, "arc", values));
  const found = compareModels(rows, [info("arc")], { seed: 7 });
  assert.deepEqual(found.map(({ a, b }) => [a, b]), [["base", "SFT"], ["base", "UAL"], ["SFT", "UAL"]]);
  const pairs = [[columns.base, columns.SFT], [columns.base, columns.UAL], [columns.SFT, columns.UAL]];
  const differences = pairs.map(([a, b]) => b.map((x, i) => x - a[i]));
  const drawn = pairedBootstrap(differences, { seed: 7 });
  const ps = differences.map((d) => mcnemar(d.filter((x) => x < 0).length, d.filter((x) => x > 0).length).p);
  found.forEach((one, i) => {
    const { value, stderr } = meanWithError(differences[i]);
    assert.deepEqual([one.difference, one.stderr, one.n, one.test], [value, stderr, 100, "mcnemar"]);
    close(one.valueB - one.valueA, one.difference);
    assert.deepEqual([one.low, one.high, one.pBootstrap], [drawn[i].low, drawn[i].high, drawn[i].p]);
    assert.deepEqual([one.p, one.pHolm], [ps[i], holm(ps)[i]]);
    assert.equal(one.minimumDetectable, detectableShare(one.onlyA! + one.onlyB!, 100));
  });
  assert.deepEqual(found.map(({ onlyA, onlyB }) => [onlyA, onlyB]), [[0, 25], [5, 30], [5, 5]]);
  assert.deepEqual(found.map(({ verdict }) => verdict), ["better", "better", "not distinguishable"]);
  const back = compareModels(rows, [info("arc")], { pairs: [["UAL", "base"]] })[0];
  assert.ok(back.verdict === "worse" && back.difference === -found[1].difference && back.p === found[1].p);
});

Deno.test("compareModels() takes Student's t for measures between 0 and 1, the named measure, and the seed", () => {
  const random = stream(5, "mc2"), n = 80;
  const a = Array.from({ length: n }, (_, i) => random.uniform(i)),
    b = a.map((x, i) => 0.9 * x + 0.1 * random.uniform(n + i));
  const rows = [["a", a], ["b", b]].flatMap(([model, values]) =>
    rowsOf(model as string, "t", values as number[], "mc2").map((row) => ({ ...row, acc: 1 }))
  );
  const tasks = [info("t", ["acc", "mc2"])], metrics = { t: "mc2" };
  const [one] = compareModels(rows, tasks, { metrics }),
    { value, stderr } = meanWithError(b.map((x, i) => x - a[i]));
  assert.deepEqual([one.metric, one.test, one.onlyA, one.difference], ["mc2", "t", undefined, value]);
  close(one.p, studentTwoSided(value / stderr, n - 1));
  assert.notEqual(compareModels(rows, tasks, { metrics, seed: 1 })[0].low, one.low);
  assert.deepEqual(compareModels(rows, tasks, { metrics }), [one]);
  assert.throws(
    () => compareModels(rows, tasks, { metrics: { t: "f1" } }),
    /Cannot show f1 of t: it has acc, mc2/,
  );
});

/** Three subjects under two models; `gain` items a subject are better under b. */
function subjects(gains: number[]): { rows: ItemRow[]; tasks: TaskInfo[] } {
  const names = gains.map((_, i) => `mmlu_${i}`);
  const rows = names.flatMap((task, i) => [
    ...rowsOf("a", task, Array.from({ length: 20 }, (_, k) => Number(k < 8))),
    ...rowsOf("b", task, Array.from({ length: 20 }, (_, k) => Number(k < 8 + gains[i]))),
  ]);
  return {
    rows,
    tasks: names.map((task) =>
      info(task, ["acc"], { group: "mmlu", subgroup: task === "mmlu_0" ? "x" : "y" })
    ),
  };
}

Deno.test("compareModels() compares groups over clusters of tasks, and tasks or subgroups where asked", () => {
  const { rows, tasks } = subjects([4, 6, 2, 5]);
  const [one, ...more] = compareModels(rows, tasks);
  const differences = [4, 6, 2, 5].flatMap((gain) =>
    Array.from({ length: 20 }, (_, k) => Number(k >= 8 && k < 8 + gain))
  );
  const paired = clusteredMean(differences, differences.map((_, i) => Math.floor(i / 20)));
  assert.deepEqual([one.task, one.level, one.n, one.clusters, one.test, more.length], [
    "mmlu",
    "group",
    80,
    4,
    "t",
    0,
  ]);
  assert.deepEqual([one.onlyA, one.onlyB, one.pBootstrap], [0, 17, undefined]);
  close(one.stderr, paired.stderr);
  const [low, high] = meanInterval(paired);
  assert.deepEqual([one.low, one.high], [low, high]);
  close(one.p, studentTwoSided(paired.value / paired.stderr, 3));
  assert.ok(one.p > mcnemar(0, 17).p, "four subjects show less than 80 items would");
  const tasksOnly = compareModels(rows, tasks, { level: "task" });
  assert.deepEqual(tasksOnly.map((c) => [c.task, c.test]), tasks.map(({ task }) => [task, "mcnemar"]));
  tasksOnly.forEach((c, i) => assert.equal(c.pHolm, holm(tasksOnly.map(({ p }) => p))[i]));
  assert.deepEqual(compareModels(rows, tasks, { level: "subgroup" }).map((c) => c.task), [
    "mmlu_x",
    "mmlu_y",
  ]);
});

Deno.test("compareModels() without spread between clusters says what their number can show", () => {
  const three = subjects([5, 5, 5]), [one] = compareModels(three.rows, three.tasks);
  assert.ok(one.stderr < 1e-15 && one.difference === 0.25);
  close(one.p, 0.25); // 2 · 2⁻³
  assert.equal(one.verdict, "not distinguishable");
  const tenths = subjects([2, 2, 2]); // sums that are 0 but for rounding
  close(compareModels(tenths.rows, tenths.tasks)[0].p, 0.25);
  const none = subjects([0, 0, 0]);
  assert.equal(compareModels(none.rows, none.tasks)[0].p, 1);
});

Deno.test("compareModels() compares averages, each part paired", () => {
  const { rows, tasks } = subjects([4, 6, 2, 5]);
  rows.push(...rowsOf("a", "arc", hits(60, 30, 40)), ...rowsOf("b", "arc", hits(60, 30, 45)));
  const found = compareModels(rows, [...tasks, info("arc")], { average: ["mmlu", "arc"] });
  assert.deepEqual(found.map(({ task }) => task), ["mmlu", "arc", "average"]);
  const [mmlu, arc, average] = found;
  close(average.difference, (mmlu.difference + arc.difference) / 2);
  close(average.stderr, averageError([mmlu.stderr, arc.stderr]));
  assert.deepEqual([average.n, average.metric, average.test, average.onlyA], [140, "acc", "t", undefined]);
  assert.ok(average.low < average.difference && average.difference < average.high && average.p < 0.05);
  const scores = summarise(rows, [...tasks, info("arc")], { average: ["mmlu", "arc"] });
  const of = (model: string) => scores.find((s) => s.model === model && s.level === "average")!.value;
  close(of("b") - of("a"), average.difference);
});

Deno.test("compareModels() refuses models that were not scored on the same items, or not asked the same", () => {
  const a = rowsOf("a", "arc", [1, 0, 1]),
    b = rowsOf("b", "arc", [1, 1, 1]),
    tasks = [info("arc"), info("hs")];
  const refused = (rows: ItemRow[], message: RegExp, options = {}) =>
    assert.throws(
      () => compareModels(rows, tasks, options),
      (e) => e instanceof InputError && message.test(e.message),
    );
  refused(
    [...a, ...b.slice(1)],
    /^Cannot compare b with a on arc: they were scored on 2 and 3 items, .*\(arc 1 against arc 0\)/,
  );
  refused([...a, ...b.slice(0, 2)], /\(none against arc 2\)/);
  refused(
    [...a, ...b, ...rowsOf("b", "hs", [1])],
    /^Cannot compare b with a on hs: they were scored on 1 and 0 items/,
  );
  const other = b.map((row) => ({ ...row, context_sha256: "another" }));
  refused([...a, ...other], /^Cannot compare b with a on arc: item 0 was asked with another context/);
  assert.equal(compareModels([...a, ...other], tasks, { anyContext: true }).length, 1);
  refused([...a, ...b], /^Cannot compare c: there are scores of a, b/, { pairs: [["a", "c"]] });
  assert.equal(
    compareModels([...a, ...b].reverse(), tasks)[0].difference,
    -1 / 3,
    "the first to come up is compared with",
  );
});

Deno.test("compareModels() of one item, equal models, one model, no rows", () => {
  const single = compareModels([...rowsOf("a", "arc", [0]), ...rowsOf("b", "arc", [1])], [info("arc")])[0];
  assert.deepEqual([single.stderr, single.p, single.minimumDetectable, single.verdict], [
    NaN,
    1,
    NaN,
    "not distinguishable",
  ]);
  const mc = compareModels([...rowsOf("a", "t", [0.5], "mc2"), ...rowsOf("b", "t", [0.7], "mc2")], [
    info("t", ["mc2"]),
  ])[0];
  assert.deepEqual([mc.p, mc.pHolm, mc.verdict], [NaN, NaN, "not distinguishable"]);
  assert.deepEqual([mc.low, mc.high, mc.pBootstrap], [NaN, NaN, NaN]);
  const same = compareModels([...rowsOf("a", "arc", hits(50, 0, 0)), ...rowsOf("b", "arc", hits(50, 0, 0))], [
    info("arc"),
  ])[0];
  assert.deepEqual([same.difference, same.low, same.high, same.p, same.pBootstrap], [0, 0, 0, 1, 1]);
  assert.ok(same.minimumDetectable > 0.13 && same.minimumDetectable < 0.16); // about 7.3 of 50 items
  const twice = ["arc", "hs"].flatMap((task) =>
    ["a", "b"].flatMap((model) => rowsOf(model, task, hits(50, 0, 0)))
  );
  const average = compareModels(twice, [info("arc"), info("hs")], { average: ["arc", "hs"] }).at(-1)!;
  close(average.minimumDetectable, same.minimumDetectable / Math.sqrt(2)); // equal answers hide a difference still
  assert.deepEqual(compareModels(rowsOf("a", "arc", [1, 0]), [info("arc")]), []);
  assert.deepEqual(compareModels([], []), []);
});

Deno.test("compareModels() finds a difference anywhere in a table in at most 5% of runs without one", () => {
  const random = stream(9, "null table"), tasks = [info("x", ["mc2"]), info("m_1", ["acc"], { group: "m" })];
  for (let i = 2; i < 9; i++) tasks.push(info(`m_${i}`, ["acc"], { group: "m" }));
  let i = 0, wrong = 0;
  const runs = 60;
  for (let run = 0; run < runs; run++) {
    const rows = ["a", "b"].flatMap((model) =>
      tasks.flatMap(({ task, metrics: [metric] }) => {
        const values = Array.from({ length: 12 }, () => random.uniform(i++));
        return rowsOf(model, task, metric === "acc" ? values.map((u) => Number(u < 0.5)) : values, metric);
      })
    );
    if (compareModels(rows, tasks).some(({ verdict }) => verdict !== "not distinguishable")) wrong++;
  }
  assert.ok(wrong <= 6, `${wrong} of ${runs}`);
});

/** A comparison as verdictInWords() reads it. */
const comparison: ModelComparison = {
  task: "arc",
  level: "task",
  metric: "acc",
  a: "SFT",
  b: "UAL",
  n: 300,
  valueA: 0.5,
  valueB: 0.523,
  difference: 0.023,
  stderr: 0.008,
  low: 0.008,
  high: 0.038,
  test: "mcnemar",
  p: 0.002,
  pHolm: 0.004,
  minimumDetectable: 0.024,
  verdict: "better",
};

Deno.test("verdictInWords() says confirmed, contradicted or not distinguishable, whichever way round the models stand", () => {
  const said = verdictInWords(comparison, { better: "UAL", than: "SFT" });
  assert.deepEqual(said, {
    verdict: "confirmed",
    text:
      "UAL better than SFT on arc (acc): confirmed. Difference +2.3 points (95% interval +0.8 to +3.8), " +
      "p = 0.004 after Holm's correction, 300 items.",
  });
  const other = verdictInWords(comparison, { better: "SFT", than: "UAL" });
  assert.equal(other.verdict, "contradicted");
  assert.match(other.text, /Difference −2\.3 points \(95% interval −3\.8 to −0\.8\)/);
  const unsure = verdictInWords({ ...comparison, pHolm: 0.2 }, { better: "UAL", than: "SFT" });
  assert.equal(unsure.verdict, "not distinguishable");
  assert.match(unsure.text, /; a true difference of 2\.4 points would be found in 4 of 5 such runs\.$/);
  assert.throws(
    () => verdictInWords(comparison, { better: "UAL", than: "base" }),
    /^InputError: Cannot judge UAL against base/,
  );
});

Deno.test("claimVerdict() needs a p below α, and a direction", () => {
  assert.equal(claimVerdict({ difference: 0.1, p: 0.01 }, "higher"), "confirmed");
  assert.equal(claimVerdict({ difference: 0.1, p: 0.01 }, "lower"), "contradicted");
  assert.equal(claimVerdict({ difference: -0.1, p: 0.01 }, "lower"), "confirmed");
  for (const p of [0.05, 0.6, NaN]) {
    assert.equal(claimVerdict({ difference: 0.1, p }, "higher"), "not distinguishable");
  }
  assert.equal(claimVerdict({ difference: 0.1, p: 0.03 }, "higher", 0.01), "not distinguishable");
});

Deno.test("comparisonTable() and scoreTable() say in a cell each what was found", () => {
  const rows = [...rowsOf("base", "arc", hits(100, 40, 50)), ...rowsOf("UAL", "arc", hits(100, 40, 75))];
  const tasks = [info("arc")], compared = compareModels(rows, tasks), [row] = comparisonTable(compared).rows;
  assert.deepEqual({ ...row, difference: "" }, {
    task: "arc (acc)",
    comparison: "UAL − base",
    difference: "",
    p: "< 0.001",
    pHolm: "< 0.001",
    discordant: "25 / 0",
    n: "100",
    detectable: "13.8",
    verdict: "UAL better",
  });
  assert.match(row.difference, /^\+25\.0 \(\+1[67]\.\d to \+3[34]\.\d\)$/);
  const made = scoreTable(summarise(rows, tasks), compared);
  assert.match(made.rows[1].arc, /^55\.0 ± 5\.0 \(45\.2 to 64\.4\) ▲$/);
  assert.ok(!/[▲▼≈]/.test(made.rows[0].arc));
  assert.match(made.caption, /▲ better, ▼ worse than base, ≈ not distinguishable/);
});
