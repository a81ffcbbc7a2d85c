// The figures of evaluation: what they draw against the tables they are given, and what they do with missing numbers.
import assert from "node:assert/strict";
import {
  checkpointsFigure,
  differencesFigure,
  drawFigures,
  entropyMixFigure,
  judgedFigure,
  scoresFigure,
  smoothingMeansFigure,
} from "../lib/plot/mod.ts";
import { intervalBars, panelGrid, percentText } from "../lib/plot/panels.ts";
import { checkpoints, differences, entropyMix, judged, scores, smoothingMeans } from "./plot_tables.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

Deno.test("scoresFigure() draws each row once, in percent, in the panel of its task", () => {
  const { data, layout } = scoresFigure(scores) as Any;
  assert.equal(data.length, scores.length);
  for (const trace of data) {
    const title: string = layout[trace.xaxis.replace("x", "xaxis")].title.text;
    const row = scores.find((one) => one.model === trace.name && title.startsWith(`${one.task}<br>`))!;
    assert.ok(Math.abs(trace.x[0] - 100 * row.score) < 1e-3);
    assert.ok(Math.abs(trace.x[0] + trace.error_x.array[0] - 100 * row.high!) < 1e-3);
    assert.ok(Math.abs(trace.x[0] - trace.error_x.arrayminus[0] - 100 * row.low!) < 1e-3);
    const [low, high] = layout[trace.xaxis.replace("x", "xaxis")].range;
    assert.ok(low < 100 * row.low! + 1e-9 && high > 100 * row.high! - 1e-9);
  }
  assert.equal(layout.shapes.length, 4, "chance where there is one");
});

Deno.test("differencesFigure() fills the markers of what stands, and only those", () => {
  const { data, alt } = differencesFigure(differences) as Any;
  const pairs = data.filter((trace: Any) => trace.showlegend === false);
  let filled = 0;
  for (const trace of pairs) {
    const own = differences.filter(({ a, b }) => trace.name === `${a} − ${b}`);
    own.forEach((row, i) => {
      assert.ok(Math.abs(trace.x[i] - 100 * row.difference) < 1e-3);
      assert.equal(trace.marker.color[i] !== "#ffffff", row.distinguishable);
      filled += Number(row.distinguishable);
    });
  }
  assert.ok(filled > 0 && filled < differences.length);
  assert.equal(alt.match(/not distinguishable/g).length, differences.length - filled);
});

Deno.test("checkpointsFigure() orders steps and bands enclose their lines", () => {
  const { data } = checkpointsFigure(checkpoints.toReversed()) as Any;
  const lines = data.filter((trace: Any) => trace.fill === undefined);
  assert.equal(lines.length, 9);
  for (const { x } of lines) assert.deepEqual(x, [0, 10, 20, 30, 40]);
  const shades = data.filter((trace: Any) => trace.fill === "toself");
  assert.equal(shades.length, 9);
  for (const shade of shades) {
    const line = lines.find((one: Any) => one.name === shade.name && one.xaxis === shade.xaxis);
    line.y.forEach((y: number, i: number) => assert.ok(shade.y[i] > y && shade.y[9 - i] < y));
  }
});

Deno.test("smoothingMeansFigure() gives a level to a method without smoothing", () => {
  const { layout, data } = smoothingMeansFigure(smoothingMeans) as Any;
  assert.deepEqual(layout.shapes.map((shape: Any) => shape.y0), [26, 0.35]);
  assert.deepEqual(data[0].x, [0]);
});

Deno.test("judgedFigure() stacks to 100% and leaves a pair without verdicts empty", () => {
  const { data, layout } = judgedFigure(judged) as Any;
  const bars = data.filter((trace: Any) => trace.type === "bar");
  judged.forEach((row, i) => {
    const total = bars.reduce((sum: number, bar: Any) => sum + bar.x[i], 0);
    assert.ok(Math.abs(total - (row.wins + row.draws + row.losses > 0 ? 100 : 0)) < 1e-3);
  });
  assert.equal(layout.annotations[3].text, "not known");
  assert.equal(data[3].x[3], null);
});

Deno.test("entropyMixFigure() draws an arrow in each panel from SFT to UAL on the same data", () => {
  const { layout, data } = entropyMixFigure(entropyMix) as Any;
  assert.deepEqual(layout.annotations.map((one: Any) => [one.xref, one.ax, one.x]), [
    ["x", 5, 6.3],
    ["x2", 42.7, 44.51],
  ]);
  const inLegend = data.filter((trace: Any) => trace.showlegend).map((trace: Any) => trace.name);
  assert.deepEqual(inLegend, ["base (not judged)", "high SFT", "low SFT", "mixed SFT", "mixed UAL"]);
});

Deno.test("panelGrid() tiles without overlap, first panel on top left", () => {
  const panels = panelGrid(5, { columns: 3 });
  assert.deepEqual(panels.map(({ suffix }) => suffix), ["", "2", "3", "4", "5"]);
  assert.deepEqual([panels[0].x[0], panels[0].y[1]], [0, 1]);
  for (const a of panels) {
    assert.ok(a.x[0] >= 0 && a.x[1] <= 1 + 1e-9 && a.y[0] >= 0 && a.y[1] <= 1);
    for (const b of panels) {
      if (a === b) continue;
      const apart = a.x[1] <= b.x[0] || b.x[1] <= a.x[0] || a.y[1] <= b.y[0] || b.y[1] <= a.y[0];
      assert.ok(apart, `${a.index} and ${b.index}`);
    }
  }
});

Deno.test("intervalBars() and percentText() pass over missing ends", () => {
  assert.equal(intervalBars([1], { low: [null], high: [NaN] }, { color: "#000000" }).visible, false);
  const bars: Any = intervalBars([5, 6], { low: [4, null], high: [7, undefined] }, { color: "#000000" });
  assert.deepEqual([bars.array, bars.arrayminus], [[2, 0], [1, 0]]);
  assert.equal(percentText(0.4521, 0.41, 0.494), "45.2 (41.0 to 49.4)");
  assert.equal(percentText(-0.0001), "0.0");
  assert.equal(percentText(-0.021), "−2.1");
  assert.equal(percentText(NaN), "not known");
});

Deno.test("drawFigures() knows evaluation's tables as they come back from JSON, gaps and all", () => {
  const tables = JSON.parse(JSON.stringify({
    scores: { rows: scores.map((row) => ({ ...row, low: NaN, high: NaN })) },
    differences: { rows: differences },
    checkpoints: { rows: checkpoints.map(({ low: _, ...row }) => row) },
    smoothing_means: { rows: smoothingMeans },
    judged: { rows: judged },
    entropy_mix: { rows: entropyMix },
  }));
  const figures = drawFigures(tables);
  assert.equal(Object.keys(figures).length, 6);
  for (const { alt } of Object.values(figures)) assert.doesNotMatch(alt, /NaN|undefined|null/);
});
