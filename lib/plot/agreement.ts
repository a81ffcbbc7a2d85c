// The figure of two raters: each dialogue's rating by one over its rating by the other, with the rubric's bands.
import type { Layout } from "plotly.js-dist";
import { axis, type Figure, figure, needRows, REFERENCE, short, styleOf } from "./figure.ts";

/** One dialogue, rated by both. */
export interface AgreementRow {
  id: string;
  /** From 0 to 99. */
  a: number;
  b: number;
}

/** Who they are, and what was measured of their agreement. */
export interface AgreementOptions {
  a: string;
  b: string;
  /** Spearman's correlation with its 95% interval. */
  spearman: { value: number; low: number; high: number };
}

/** The rubric's bands, as half-open ranges. */
const BANDS = [[0, 40], [40, 70], [70, 100]];

/**
 * One point a dialogue; grey squares where both raters are in the same band, a line where they say the same. Throws InputError
 * for an empty table.
 */
export function agreementFigure(rows: readonly AgreementRow[], options: AgreementOptions): Figure {
  needRows(rows, "the agreement of two raters");
  const { a, b, spearman } = options, { color } = styleOf("UAL", []);
  const interval = `${short(spearman.value, 3)} (95% interval ${short(spearman.low, 3)} to ${
    short(spearman.high, 3)
  })`;
  const same = rows.filter((row) => bandOf(row.a) === bandOf(row.b)).length;
  const range: Partial<Layout["xaxis"]> = { range: [-3, 102], tickvals: [0, 20, 40, 60, 80, 99] };
  return figure({
    title: `${a} and ${b} on the same ${rows.length} dialogues`,
    note: `Rank correlation ${interval}. Grey: both in the same band.`,
    data: [{
      type: "scatter",
      mode: "markers",
      name: "dialogues",
      x: rows.map((row) => row.a),
      y: rows.map((row) => row.b),
      text: rows.map((row) => row.id),
      marker: { color, size: 7, opacity: 0.5, symbol: "circle" },
      cliponaxis: false,
      hovertemplate: `%{text}: %{x} and %{y}<extra></extra>`,
    }],
    layout: {
      width: 560,
      height: 560,
      showlegend: false,
      margin: { l: 76, r: 24, t: 92, b: 68 },
      xaxis: axis(`${a} (rating, 0–99)`, range),
      yaxis: axis(`${b} (rating, 0–99)`, range),
      shapes: [...BANDS.map(square), diagonal],
    },
    alt: `Ratings of ${rows.length} dialogues by ${a} and ${b}: rank correlation ${interval}; ` +
      `${same} of them in the same band by both.`,
  });
}

const bandOf = (rating: number) => BANDS.findIndex(([from, to]) => rating >= from && rating < to);

type Shape = NonNullable<Layout["shapes"]>[number];

function square([from, to]: number[]): Shape {
  const ends = { x0: from, x1: Math.min(to, 99), y0: from, y1: Math.min(to, 99) };
  return { type: "rect", layer: "below", ...ends, fillcolor: "#f0f0f0", line: { width: 0 } };
}

const diagonal: Shape = {
  type: "line",
  layer: "below",
  x0: 0,
  y0: 0,
  x1: 99,
  y1: 99,
  line: { color: REFERENCE, width: 1.5, dash: "dot" },
};
