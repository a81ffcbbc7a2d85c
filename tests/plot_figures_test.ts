// The figures of lib/plot: stored JSON, the counts and averages against plain loops, and the rules every figure keeps.
import assert from "node:assert/strict";
import { join } from "node:path";
import { styleOf } from "../lib/plot/figure.ts";
import {
  calibration,
  type Figure,
  figureJson,
  heldoutPerplexity,
  mappingCurve,
  movingMean,
  ratingsHistogram,
  trainingCurves,
} from "../lib/plot/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { bins, ece, figures, mapped, perplexities, ratings, training } from "./plot_tables.ts";

// deno-lint-ignore no-explicit-any
type Trace = any;

/** JSON with numbers rounded to 3 decimals: what a snapshot compares. */
function coarse(figure: Figure): string {
  const round = (value: unknown) => typeof value === "number" ? Number(value.toFixed(3)) : value;
  return figureJson(JSON.parse(JSON.stringify(figure), (_, value) => round(value)));
}

for (const [name, figure] of Object.entries(figures())) {
  Deno.test(`figure ${name} is the stored one (UAL_UPDATE_SNAPSHOTS=1 stores it anew)`, async () => {
    const path = join(import.meta.dirname!, "snapshots", `plot_${name}.snap`);
    if (Deno.env.get("UAL_UPDATE_SNAPSHOTS") === "1") await Deno.writeTextFile(path, coarse(figure));
    assert.equal(coarse(figure), await Deno.readTextFile(path));
  });

  Deno.test(`figure ${name} has a title, a unit on every axis, an alt text, and short numbers`, () => {
    const { layout, alt } = figure as Trace;
    assert.ok(layout.title.text.length > 10 && layout.width > 0 && layout.height > 0);
    assert.ok(alt.length > 60 && alt.endsWith(".") && !/NaN|undefined|Infinity/.test(alt), alt);
    for (const key of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
      const title: string = layout[key].title.text;
      assert.ok(
        title === "Method" || title === "Model" || /\(.+\)$/.test(title),
        `${key}: "${title}" names no unit`,
      );
    }
    JSON.stringify(figure, (_, value) => {
      if (typeof value === "number" && !Number.isInteger(value)) {
        assert.equal(value, Number(value.toPrecision(6)));
      }
      return value;
    });
  });
}

Deno.test("figures are pure: the same again, their tables untouched", () => {
  const before = JSON.stringify([ratings, perplexities, bins]);
  assert.deepEqual(figures(), figures());
  assert.equal(JSON.stringify([ratings, perplexities, bins]), before);
});

Deno.test("styleOf() tells methods apart in colour, in grey and by marker", () => {
  const grey = (color: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => (parseInt(color.slice(i, i + 2), 16) / 255) ** 2.2);
    return 116 * Math.cbrt(0.2126 * r + 0.7152 * g + 0.0722 * b) - 16; // CIE lightness, 0 to 100
  };
  const main = ["SFT", "LS", "UAL"].map((method) => styleOf(method, []));
  for (const a of main) {
    for (const b of main) if (a !== b) assert.ok(Math.abs(grey(a.color) - grey(b.color)) > 20);
  }
  const all = ["base", "SFT", "LS", "UAL", "PPL-UAL", "Entropy-UAL"];
  assert.equal(new Set(all.map((method) => styleOf(method, all).symbol)).size, all.length);
  assert.equal(new Set(all.map((method) => styleOf(method, all).color)).size, all.length);
  const own = ["mine", "yours"];
  assert.notDeepEqual(styleOf("mine", own), styleOf("yours", own));
});

Deno.test("ratingsHistogram() counts as a plain loop does", () => {
  const { data, layout } = ratingsHistogram(ratings) as Trace;
  for (const trace of data) {
    const name = trace.name.replace(/ \(\d+\)$/, "");
    for (let bin = 0; bin < 20; bin++) {
      let count = 0;
      for (const row of ratings) {
        if (row.category === name && row.uncertainty >= 5 * bin && row.uncertainty < 5 * bin + 5) count++;
      }
      assert.equal(trace.y[bin], count, `${name}, bin ${bin}`);
    }
  }
  const bands = layout.annotations.map((one: { text: string }) => Number(/\((\d+)\)/.exec(one.text)![1]));
  assert.equal(bands.reduce((a: number, b: number) => a + b), ratings.length);
});

Deno.test("ratingsHistogram() puts the rarest of many categories together and loses none", () => {
  const rows = Array.from(
    { length: 90 },
    (_, i) => ({ category: `kind ${Math.floor(Math.sqrt(i * 3))}`, uncertainty: i }),
  );
  const { data } = ratingsHistogram(rows) as Trace;
  assert.equal(data.length, 9);
  assert.ok(data.some((trace: Trace) => /^\d+ others/.test(trace.name)));
  const total = data.flatMap((trace: Trace) => trace.y).reduce((a: number, b: number) => a + b);
  assert.equal(total, 90);
});

Deno.test("mappingCurve() bends where the ceiling cuts and names it", () => {
  const cut = mapped(0.6) as Trace, straight = mapped(0.1) as Trace;
  assert.equal(cut.data[0].x.length, 3);
  assert.equal(straight.data[0].x.length, 2);
  assert.match(cut.layout.title.text, /\d+ at the ceiling/);
  assert.match(straight.layout.title.text, /not reached/);
  assert.deepEqual(cut.layout.annotations.map((one: Trace) => one.text), ["mean 0.6", "ceiling 0.99"]);
  assert.equal(cut.data[2].y.reduce((a: number, b: number) => a + b), ratings.length);
});

Deno.test("movingMean() is the mean of the neighbours, ends and gaps included", () => {
  const values = [3, 1, NaN, 8, 5, 5, 2];
  const got = movingMean(values, 3);
  values.forEach((_, i) => {
    let sum = 0, count = 0;
    for (let j = i - 1; j <= i + 1; j++) {
      if (j < 0 || j >= values.length || Number.isNaN(values[j])) continue;
      sum += values[j];
      count++;
    }
    assert.equal(got[i], sum / count);
  });
});

Deno.test("trainingCurves() averages seeds, leaves a gap for NaN and smooths only long runs", () => {
  const seeds = [1, 3].flatMap((loss) =>
    [1, 2].map((step) => ({ method: "UAL", step, loss: loss * step, nll: loss }))
  );
  const { data } = trainingCurves(seeds) as Trace;
  assert.deepEqual(data.map((trace: Trace) => trace.y), [[2, 4], [2, 2]]);
  const broken = trainingCurves([{ method: "SFT", step: 1, loss: NaN, nll: 2 }, {
    method: "SFT",
    step: 2,
    loss: 1,
    nll: 2,
  }]);
  assert.deepEqual((broken as Trace).data[0].y, [null, 1]);
  assert.equal(trainingCurves(training(19)).data.length, 6);
  assert.equal(trainingCurves(training(20)).data.length, 12);
});

Deno.test("heldoutPerplexity() draws intervals where there are some", () => {
  const [{ error_x }] = heldoutPerplexity(perplexities).data as Trace;
  assert.ok(Math.abs(error_x.array[0] - 1.329) < 1e-9 && Math.abs(error_x.arrayminus[0] - 0.971) < 1e-9);
  const bare = heldoutPerplexity([{ method: "UAL", perplexity: 123.4 }]) as Trace;
  assert.equal(bare.layout.annotations[0].text, "123");
  assert.doesNotMatch(bare.layout.xaxis.title.text, /interval/);
});

Deno.test("calibration() leaves empty bins out and sums the tokens to 100%", () => {
  const rows = [...bins, { method: "UAL", bin: 10, confidence: NaN, accuracy: NaN, count: 0 }];
  const { data } = calibration(rows, ece) as Trace;
  const shares = data.filter((trace: Trace) => trace.yaxis === "y2");
  assert.equal(shares.length, 4);
  for (const { y } of shares) {
    assert.equal(y.length, 10);
    assert.ok(Math.abs(y.reduce((a: number, b: number) => a + b) - 100) < 1e-3);
  }
  assert.ok(data.some((trace: Trace) => trace.name === "UAL (ECE 0.023)"));
});

Deno.test("figures refuse empty tables and impossible ratings", () => {
  const empty = /table has no row/;
  assert.throws(() => ratingsHistogram([]), empty);
  assert.throws(() => mappingCurve([], { mean: 0.1, ceiling: 0.99, alpha: 1 }), empty);
  assert.throws(() => trainingCurves([]), empty);
  assert.throws(() => heldoutPerplexity([]), empty);
  assert.throws(() => calibration([{ ...bins[0], count: 0 }]), empty);
  for (const uncertainty of [-1, 100, NaN]) {
    assert.throws(() => ratingsHistogram([{ category: "x", uncertainty }]), InputError);
  }
});

Deno.test("figureJson() sorts keys and keeps lists of numbers on one line", () => {
  const figure = {
    layout: { b: 1, a: [1, 2] },
    data: [{ y: [1, null], x: [] }],
    alt: "x",
  } as unknown as Figure;
  assert.equal(
    figureJson(figure),
    '{\n "alt": "x",\n "data": [\n  {\n   "x": [],\n   "y": [1,null]\n  }\n ],\n "layout": {\n  "a": [1,2],\n  "b": 1\n }\n}\n',
  );
});
