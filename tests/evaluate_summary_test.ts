// Scores and their tables against plain loops, what lm-evaluation-harness pooled, and what is hardly there.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { ItemRow } from "../lib/evaluate/item_row.ts";
import { scoreTable, summarise, type TaskScore } from "../lib/evaluate/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { table } from "../lib/show/mod.ts";
import { meanWithError, wilsonInterval } from "../lib/stats/mod.ts";
import { info, itemRows } from "./item_rows.ts";

const { pooled } = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/stats/paired.json")),
);

/** itemRows() by acc, with more fields. */
const rowsOf = (model: string, task: string, values: number[], more: Partial<ItemRow> = {}): ItemRow[] =>
  itemRows(model, task, values, ["acc"], more);

const find = (scores: TaskScore[], task: string, metric = "acc") =>
  scores.find((s) => s.task === task && s.metric === metric)!;

Deno.test("summarise() gives each model, task and measure its mean, the harness's stderr and Wilson's interval", () => {
  const acc = [1, 0, 0, 1, 1, 0, 1, 1], norm = [0, 0, 0, 1, 1, 0, 1, 0.5];
  const rows = ["base", "UAL"].flatMap((model) =>
    rowsOf(model, "arc", acc).map((row, i) => ({ ...row, acc_norm: norm[i] }))
  );
  const scores = summarise(rows, [info("arc", ["acc", "acc_norm"])]);
  assert.deepEqual(scores.map((s) => `${s.model} ${s.task} ${s.metric} ${s.level}`), [
    "base arc acc task",
    "base arc acc_norm task",
    "UAL arc acc task",
    "UAL arc acc_norm task",
  ]);
  const [low, high] = wilsonInterval(5 / 8, 8), stderr = meanWithError(acc).stderr;
  assert.deepEqual(scores[0], {
    model: "base",
    task: "arc",
    level: "task",
    metric: "acc",
    value: 5 / 8,
    stderr,
    low,
    high,
    n: 8,
  });
  assert.ok(scores[1].low >= 0 && scores[1].high <= 1 && scores[1].value === 3.5 / 8);
  const shuffled = summarise([...rows].reverse(), [info("arc", ["acc", "acc_norm"])]);
  assert.deepEqual(shuffled.filter((s) => s.model === "base"), scores.slice(0, 2));
});

Deno.test("summarise() weighs a group's tasks by size, pools as the harness does, and clusters by task", () => {
  for (const { columns, sizes, pooled: stderr } of pooled) {
    const names = columns.map((_: unknown, i: number) => `mmlu_${i}`);
    const tasks = names.map((task: string, i: number) =>
      info(task, ["acc"], { group: "mmlu", subgroup: i === 0 ? "stem" : "other" })
    );
    const rows = columns.flatMap((values: number[], i: number) =>
      rowsOf("base", names[i], values, { cluster: names[i] })
    );
    const scores = summarise(rows, tasks), whole = find(scores, "mmlu"), all: number[] = columns.flat();
    assert.deepEqual(scores.map((s) => s.task), ["mmlu", "mmlu_stem", "mmlu_other", ...names]);
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    assert.ok(Math.abs(whole.value - mean) < 1e-15 && Math.abs(whole.stderr - stderr) < 1e-15);
    assert.deepEqual([whole.n, whole.tasks, whole.clusters], [all.length, names.length, names.length]);
    const sums = columns.map((values: number[]) => values.reduce((a, x) => a + x - mean, 0));
    const squares = sums.reduce((a: number, s: number) => a + s * s, 0), G = sizes.length;
    assert.ok(Math.abs(whole.stderrClustered! - Math.sqrt(G / (G - 1) * squares) / all.length) < 1e-15);
    assert.ok(whole.low < mean && mean < whole.high);
    const stem = find(scores, "mmlu_stem"), first = find(scores, names[0]);
    assert.deepEqual([stem.value, stem.stderr, stem.low, stem.high], [
      first.value,
      first.stderr,
      first.low,
      first.high,
    ]);
    assert.deepEqual([stem.group, stem.tasks, first.group, first.clusters], ["mmlu", 1, "mmlu", undefined]);
  }
});

Deno.test("summarise() clusters items that share a passage, and widens the interval where they err alike", () => {
  const values = [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1];
  const alone = summarise(rowsOf("base", "arc", values), [info("arc")])[0];
  const rows = rowsOf("base", "arc", values).map((row, i) => ({ ...row, cluster: `p${Math.floor(i / 3)}` }));
  const shared = summarise(rows, [info("arc")])[0];
  assert.equal(alone.stderrClustered, undefined);
  assert.deepEqual([shared.clusters, shared.stderr], [6, alone.stderr]);
  assert.ok(shared.stderrClustered! > 1.5 * alone.stderr);
  assert.ok(shared.high - shared.low > 1.5 * (alone.high - alone.low));
  const single = rows.map((row, i) => ({ ...row, cluster: `p${i}` }));
  assert.equal(summarise(single, [info("arc")])[0].clusters, undefined);
});

Deno.test("summarise() averages named tasks and groups alike, the errors with them", () => {
  const tasks = [
    info("a"),
    info("m_x", ["acc"], { group: "m" }),
    info("m_y", ["acc"], { group: "m" }),
    info("t", ["mc2"]),
  ];
  const rows = [
    ...rowsOf("base", "a", [1, 0, 1, 1]),
    ...rowsOf("base", "m_x", [1, 0, 0]),
    ...rowsOf("base", "m_y", [1, 1, 0, 1, 0]),
    ...rowsOf("base", "t", [0, 0, 0]).map((row, i) => ({ ...row, mc2: [0.2, 0.5, 0.8][i] })),
    ...rowsOf("UAL", "a", [1, 0, 1, 1]),
  ];
  const scores = summarise(rows, tasks, { average: ["a", "m", "t"] }),
    average = find(scores, "average", "mixed");
  const parts = [find(scores, "a"), find(scores, "m"), find(scores, "t", "mc2")];
  const mean = (0.75 + 4 / 8 + 0.5) / 3;
  assert.ok(Math.abs(average.value - mean) < 1e-15 && average.n === 15 && average.tasks === 3);
  const error = (of: (s: TaskScore) => number) =>
    Math.sqrt(parts.reduce((sum, s) => sum + of(s) ** 2, 0)) / 3;
  assert.ok(Math.abs(average.stderr - error((s) => s.stderr)) < 1e-15);
  assert.ok(Math.abs(average.stderrClustered! - error((s) => s.stderrClustered ?? s.stderr)) < 1e-15);
  assert.equal(scores.filter((s) => s.level === "average").length, 1, "UAL was not asked all of them");
  const refused = (average: string[]) => () => summarise(rows, tasks, { average });
  assert.throws(
    refused(["a", "b"]),
    /^InputError: Cannot average a, b: b has no scores; choose among a, m, t/,
  );
  assert.throws(refused(["a"]), /an average is of two or more/);
  assert.throws(refused(["m", "m_x"]), /m_x would count twice/);
});

Deno.test("summarise() gives an average of tasks without any hit the width that these have", () => {
  const rows = [...rowsOf("base", "a", [0, 0, 0]), ...rowsOf("base", "b", [0, 0, 0, 0, 0])];
  const scores = summarise(rows, [info("a"), info("b")], { average: ["a", "b"] });
  const average = find(scores, "average");
  const [highA, highB] = [wilsonInterval(0, 3)[1], wilsonInterval(0, 5)[1]];
  assert.deepEqual([average.value, average.low], [0, 0]);
  assert.ok(Math.abs(average.high - Math.sqrt(highA ** 2 + highB ** 2) / 2) < 1e-12);
});

Deno.test("summarise() of one item, all right, all wrong, no rows, and a group without a common measure", () => {
  const one = summarise(rowsOf("base", "a", [1]), [info("a")])[0];
  assert.deepEqual([one.value, one.stderr, one.n, one.high], [1, NaN, 1, 1]);
  assert.ok(one.low > 0.2 && one.low < 0.21); // 1/(1 + z²)
  const right = summarise(rowsOf("base", "a", [1, 1, 1, 1]), [info("a")])[0];
  assert.ok(right.stderr === 0 && right.low > 0.5 && right.low < 0.52 && right.high === 1);
  const wrong = summarise(rowsOf("base", "a", [0, 0, 0, 0]), [info("a")])[0];
  assert.ok(wrong.stderr === 0 && wrong.low === 0 && Math.abs(wrong.high - (1 - right.low)) < 1e-15);
  const wide = summarise(rowsOf("base", "a", [0.9, 1, 0.5]), [info("a")])[0]; // 0.8 ± 4.3 · 0.15
  assert.deepEqual([wide.high, wide.low > 0.1 && wide.low < 0.2], [1, true]);
  const beyond = summarise(rowsOf("base", "a", [0.9, 1.1, 0.5]), [info("a")])[0];
  assert.ok(beyond.high > 1.5, "a measure that goes beyond 1 keeps its interval");
  assert.deepEqual(summarise([], [info("a")]), []);
  assert.deepEqual(summarise([], []), []);
  const mixed = [info("mc1", ["acc"], { group: "t" }), info("mc2", ["mc2"], { group: "t" })];
  const rows = [
    ...rowsOf("base", "mc1", [1, 0]),
    ...rowsOf("base", "mc2", [0, 0]).map((r) => ({ ...r, mc2: 0.3 })),
  ];
  assert.deepEqual(summarise(rows, mixed).map((s) => s.task), ["mc1", "mc2"]);
  const cells = Object.keys(scoreTable(summarise(rows, mixed)).rows[0]);
  assert.deepEqual(cells, ["model", "mc1", "mc2"], "they stand in the table for themselves");
});

Deno.test("summarise() refuses what is no score, a task that it was not given, and an item that stands twice", () => {
  const rows = rowsOf("base", "a", [1, 0, 1]);
  const refused = (rows: ItemRow[], message: RegExp) =>
    assert.throws(
      () => summarise(rows, [info("a")]),
      (e) => e instanceof InputError && message.test(e.message),
    );
  refused([{ ...rows[0], acc: null }], /^Cannot summarise acc of a, item 0 under base: it is null; grade/);
  refused([{ ...rows[0], acc: NaN }], /it is NaN/);
  refused([{ ...rows[0], acc: undefined }], /it is undefined/);
  refused(rowsOf("base", "b", [1]), /^Cannot summarise b of base: it is not among the tasks given/);
  refused([...rows, rows[1]], /^Cannot summarise a: item 1 stands twice under base/);
});

Deno.test("scoreTable() is a table of models and tasks that lib/show draws, groups in place of their members", () => {
  const tasks = [
    info("arc", ["acc", "acc_norm"]),
    info("mmlu_x", ["acc"], { group: "mmlu", subgroup: "stem" }),
  ];
  const rows = ["base", "UAL"].flatMap((model, m) => [
    ...rowsOf(model, "arc", [1, 0, 1, m]).map((row) => ({ ...row, acc_norm: 1 })),
    ...(m === 0 ? rowsOf(model, "mmlu_x", [1, 0]) : []),
  ]);
  const scores = summarise(rows, tasks), made = scoreTable(scores);
  assert.deepEqual(made.rows, [
    { model: "base", arc: "50.0 ± 28.9 (15.0 to 85.0)", mmlu: "50.0 ± 50.0 (9.5 to 90.5)" },
    { model: "UAL", arc: "75.0 ± 25.0 (30.1 to 95.4)", mmlu: "–" },
  ]);
  assert.deepEqual(made.columns.map((c) => c.label), [undefined, "arc (acc)", "mmlu (acc)"]);
  assert.match(
    made.caption,
    /^Percent ± standard error \(95% interval\), clustered .* acc: the right choice has/,
  );
  assert.deepEqual(scoreTable(scores, [], { members: true }).columns.map((c) => c.key).slice(1), [
    "arc",
    "mmlu",
    "mmlu_stem",
    "mmlu_x",
  ]);
  const norm = scoreTable(scores, [], { metrics: { arc: "acc_norm" } });
  assert.equal(norm.rows[1].arc, "100.0 ± 0.0 (51.0 to 100.0)");
  assert.match(norm.caption, /acc_norm: the right choice has the highest log-likelihood per code point/);
  assert.throws(
    () => scoreTable(scores, [], { metrics: { arc: "mc2" } }),
    /^InputError: Cannot show mc2 of arc/,
  );
  const text = table(made.rows, made)["text/plain"] as string;
  assert.match(text, /^Percent.*\nmodel {2}arc \(acc\)/);
  assert.deepEqual(scoreTable([]).rows, []);
});
