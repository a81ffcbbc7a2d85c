// ratings.jsonl and what is read from it: round trip, refusals with their line, agreement of raters against plain loops.
import assert from "node:assert/strict";
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";
import { pearson, quadraticKappa, spearman } from "../lib/stats/mod.ts";
import {
  agreement,
  agreementRows,
  bandOf,
  pairwise,
  ratingLines,
  type RatingRow,
  ratingRow,
  ratingsOf,
  readRatings,
  testRetest,
  withRatings,
} from "../lib/uncertainty/mod.ts";
import { inFolder } from "./folder.ts";

const as = { judge: "j", prompt: "abc" };
const row = (id: string, ...ratings: (number | undefined)[]): RatingRow =>
  ratingRow(
    id,
    ratings.map((rating) => rating === undefined ? { asked: 2, failed: "malformed" } : { rating, asked: 1 }),
    as,
  );

Deno.test("ratingLines() writes what readRatings() reads", () =>
  inFolder(async (folder) => {
    const path = join(folder, "ratings.jsonl");
    const rows = [
      ratingRow("a", [{ rating: 70, expected: 68.25, mass: 0.9, reason: "free", asked: 1 }, {
        rating: 75,
        asked: 2,
      }], as),
      row('"é"\n', undefined),
      row("c", 3, undefined, 4),
    ];
    await Deno.writeTextFile(path, ratingLines(rows));
    assert.deepEqual(await readRatings(path), rows);
    assert.equal(
      ratingLines(rows).split("\n")[0],
      '{"id":"a","rating":72.5,"expected":68.25,"sd":3.5355339059327378,"range":5,"reason":"free","repeats":' +
        '[{"rating":70,"expected":68.25,"mass":0.9,"reason":"free","asked":1},{"rating":75,"asked":2}],"judge":"j","prompt":"abc"}',
    );
  }));

Deno.test("readRatings() takes plain lines, such as a person's, and the recorded passes", () =>
  inFolder(async (folder) => {
    const path = join(folder, "mine.jsonl");
    await Deno.writeTextFile(path, '{"id":"a","rating":12.5,"note":1}\n{"id":"b","failed":"unclear"}\n');
    const rows = await readRatings(path);
    assert.deepEqual(rows[0], { id: "a", rating: 12.5, repeats: [], judge: "", prompt: "" });
    assert.deepEqual([...ratingsOf(rows)], [["a", 12.5]]);
    const pass = await readRatings(join(import.meta.dirname!, "../data/ratings_pass_1.jsonl"));
    assert.ok(pass.length >= 320 && pass.every(({ rating }) => rating !== undefined));
  }));

Deno.test("readRatings() refuses a wrong line with its number", () =>
  inFolder(async (folder) => {
    const path = join(folder, "ratings.jsonl"), good = '{"id":"a","rating":1}\n';
    const wrong: [string, RegExp][] = [
      [good + good, /:2: its id "a" is that of .*:1 too/],
      [good + '{"id":"b","rating":100}', /:2: its rating is wrong/],
      [good + '{"id":"b","rating":"7"}', /:2: its rating is wrong/],
      [good + '{"id":"b","rating":null}', /:2: its rating is wrong/],
      [good + '{"id":"b"}', /:2: it needs one of rating and failed/],
      [good + '{"id":"b","rating":1,"failed":"x"}', /:2: it needs one of/],
      [good + '{"rating":1}', /:2: its id is wrong/],
      [good + "[1]", /:2: /],
      [good + '{"id":"b","rating":1', /:2: not valid JSON/],
      ["", /empty/],
    ];
    for (const [text, message] of wrong) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(
        readRatings(path),
        (e) => e instanceof InputError && message.test(e.message),
        text,
      );
    }
  }));

Deno.test("withRatings() puts ratings on examples, leaves the failed out and refuses strangers", () => {
  const examples = [{ id: "a", uncertainty: 1, reason: "old" }, { id: "b" }, { id: "c" }];
  const rows = [
    row("c", 9),
    row("b", undefined),
    ratingRow("a", [{ rating: 5, expected: 5.5, reason: "new", asked: 1 }], as),
  ];
  assert.deepEqual(withRatings(examples, rows), {
    examples: [{ id: "a", uncertainty: 5, reason: "new" }, { id: "c", uncertainty: 9 }],
    unrated: ["b"],
  });
  assert.throws(
    () => withRatings(examples, rows, "expected"),
    /expected rating of "c".*no log-probabilities/,
  );
  assert.throws(() => withRatings([...examples, { id: "x" }, { id: "y" }], rows), /rating of "x" and 1 more/);
});

/** Two raters' ratings of some dialogues in common. */
function raters(): { a: Map<string, number>; b: Map<string, number>; x: number[]; y: number[] } {
  const random = stream(3, "raters"), x = random.ints(60, 100);
  const y = x.map((v, i) => Math.max(0, Math.min(99, Math.round(v + 12 * random.normal(100 + i)))));
  const a = new Map(x.map((v, i) => [`d${i}`, v])), b = new Map(y.map((_, i) => [`d${59 - i}`, y[59 - i]]));
  a.set("only a", 4);
  return { a, b, x, y };
}

Deno.test("agreement() pairs by id and measures as plain loops do, with intervals around", () => {
  const { a, b, x, y } = raters(), got = agreement(a, b);
  assert.deepEqual([got.both, got.onlyA, got.onlyB], [60, 1, 0]);
  let difference = 0, distance = 0, exact = 0, band = 0;
  for (let i = 0; i < 60; i++) {
    difference += (y[i] - x[i]) / 60;
    distance += Math.abs(y[i] - x[i]) / 60;
    exact += Number(x[i] === y[i]) / 60;
    band += Number(bandOf(x[i]) === bandOf(y[i])) / 60;
  }
  const want = {
    spearman: spearman(x, y),
    kappa: quadraticKappa(x, y),
    bandKappa: quadraticKappa(x.map(bandOf), y.map(bandOf)),
    difference,
    distance,
    exact,
    band,
  };
  for (const [name, value] of Object.entries(want)) {
    const { value: found, low, high, samples } = got[name as keyof typeof want];
    assert.ok(Math.abs(found - value) < 1e-12, `${name}: ${found} ≠ ${value}`);
    assert.ok(low <= found && found <= high && low < high && samples === 60, name);
  }
  assert.deepEqual(agreement(a, b), got);
  assert.equal(agreementRows(got).length, 7);
  assert.throws(() => agreement(new Map([["q", 1]]), b), /no dialogue in common/);
});

Deno.test("bandOf() has the rubric's bands, fractions below a limit in the lower one", () => {
  assert.deepEqual([0, 39, 39.5, 40, 69.9, 70, 99].map(bandOf), [0, 0, 0, 1, 1, 2, 2]);
});

Deno.test("pairwise() measures every pair of columns once, over what both have", () => {
  const { a, b, x, y } = raters(), columns = { a, b, c: new Map([["d0", 1], ["d1", 5], ["d2", 2]]) };
  const rows = pairwise(columns);
  assert.deepEqual(rows.map((r) => [r.a, r.b, r.samples]), [["a", "b", 60], ["a", "c", 3], ["b", "c", 3]]);
  assert.ok(Math.abs(rows[0].value - spearman(x, y)) < 1e-12);
  assert.ok(Math.abs(rows[1].value - spearman(x.slice(0, 3), [1, 5, 2])) < 1e-12);
  assert.ok(Math.abs(pairwise(columns, { measure: "kappa" })[0].value - quadraticKappa(x, y)) < 1e-12);
  assert.ok(Math.abs(pairwise(columns, { measure: "pearson" })[0].value - pearson(x, y)) < 1e-12);
  assert.ok(Number.isNaN(pairwise({ a, z: new Map([["z", 1]]) })[0].value));
});

Deno.test("testRetest() sums up a judge's repeats, and ignores what was rated once", () => {
  const rows = [
    row("a", 10, 20),
    row("b", 50, 50),
    row("c", 7),
    row("d", 90, undefined, 94),
    row("e", undefined),
  ];
  const got = testRetest(rows);
  assert.equal(got.samples, 3);
  assert.ok(Math.abs(got.sd.value - Math.sqrt((50 + 0 + 8) / 3)) < 1e-12);
  assert.ok(Math.abs(got.same.value - 1 / 3) < 1e-12 && got.band.value === 1);
  assert.equal(got.largestRange, 10);
  assert.equal(got.spearman.value, 1);
  assert.ok(Math.abs(got.kappa.value - quadraticKappa([10, 50, 90], [20, 50, 94])) < 1e-12);
  assert.throws(() => testRetest([row("a", 1)]), /no dialogue was rated twice/);
});
