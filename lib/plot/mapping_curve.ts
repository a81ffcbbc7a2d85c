// The figure of the mapping: uncertainty in, smoothing out, with the samples that went through it.
import type { Data, Layout } from "plotly.js-dist";
import { axis, type Figure, figure, legendAbove, needRows, REFERENCE, short, styleOf } from "./figure.ts";

/** One mapped sample. */
export interface MappingRow {
  uncertainty: number;
  /** In [0, 1). */
  smoothing: number;
}

/** The curve's settings; `unit` says what the uncertainty is measured in. */
export interface MappingCurveOptions {
  mean: number;
  ceiling: number;
  alpha: number;
  unit?: string;
}

/**
 * The line s = min(α·u, ceiling) with the samples on it, the mean and (where it is reached) the ceiling; below, how the
 * uncertainties are spread. Throws InputError for an empty table.
 */
export function mappingCurve(rows: readonly MappingRow[], options: MappingCurveOptions): Figure {
  needRows(rows, "the mapping");
  const { mean, ceiling, alpha, unit = "rating, 0–99" } = options;
  const largest = Math.max(...rows.map((row) => row.uncertainty));
  const right = unit.startsWith("rating") && largest <= 99 ? 100 : largest * 1.04 || 1;
  const cut = alpha * right > ceiling;
  const top = cut ? ceiling * 1.12 : Math.min(1, Math.max(alpha * right, mean) * 1.15 || 1);
  const notes = [...reference("mean", mean, "dash"), ...(cut ? reference("ceiling", ceiling, "dot") : [])];
  const cutCount = rows.filter((row) => row.smoothing >= ceiling).length;
  const reached = cut ? `, ${cutCount} at the ceiling` : "; the ceiling is not reached";
  return figure({
    title: `From uncertainty to smoothing: mean ${short(mean)}${reached}`,
    data: traces(rows, { alpha, ceiling, right }),
    layout: {
      height: 500,
      legend: legendAbove,
      bargap: 0,
      xaxis: axis(`Uncertainty u (${unit})`, { range: [0, right], anchor: "y2" }),
      yaxis: axis("Smoothing s (probability mass)", { range: [0, top], domain: [0.3, 1] }),
      yaxis2: axis("Samples<br>(count)", {
        domain: [0, 0.22],
        rangemode: "tozero",
        tickformat: "d",
        nticks: 4,
      }),
      shapes: notes.map((note) => note.line),
      annotations: notes.map((note) => note.label),
    },
    alt: describe(rows, options, cut ? `; ${cutCount} samples at` : "; none reaches"),
  });
}

/** The curve, the samples on it, and below how they are spread. */
function traces(
  rows: readonly MappingRow[],
  { alpha, ceiling, right }: { alpha: number; ceiling: number; right: number },
): Data[] {
  const { color } = styleOf("UAL", []);
  const u = rows.map((row) => row.uncertainty);
  const ends = alpha * right > ceiling ? [0, ceiling / alpha, right] : [0, right];
  return [
    {
      type: "scatter",
      mode: "lines",
      name: `s = min(${short(alpha, 3)}·u, ${short(ceiling)})`,
      x: ends,
      y: ends.map((value) => Math.min(alpha * value, ceiling)),
      line: { color, width: 2 },
      hoverinfo: "skip",
    },
    {
      type: "scatter",
      mode: "markers",
      name: `samples (${rows.length})`,
      x: u,
      y: rows.map((row) => row.smoothing),
      marker: { color, size: 7, opacity: 0.45, symbol: "circle" },
      cliponaxis: false,
      hovertemplate: "u %{x}, s %{y:.4f}<extra></extra>",
    },
    { ...histogram(u, right), xaxis: "x", yaxis: "y2" },
  ];
}

function describe(
  rows: readonly MappingRow[],
  { mean, ceiling, alpha }: MappingCurveOptions,
  atCeiling: string,
): string {
  const s = rows.map((row) => row.smoothing);
  return `Line of smoothing over uncertainty with slope ${short(alpha)}, from ${short(Math.min(...s))} to ${
    short(Math.max(...s))
  } over ${rows.length} samples; mean ${short(mean)}${atCeiling} the ceiling ${short(ceiling)}.`;
}

type Note = {
  line: NonNullable<Layout["shapes"]>[number];
  label: NonNullable<Layout["annotations"]>[number];
};

/** A horizontal reference line with its name at the left end, above the line. */
function reference(name: string, at: number, dash: "dash" | "dot"): Note[] {
  return [{
    line: {
      type: "line",
      xref: "paper",
      yref: "y",
      x0: 0,
      x1: 1,
      y0: at,
      y1: at,
      line: { color: REFERENCE, width: 1.5, dash },
    },
    label: {
      text: `${name} ${short(at)}`,
      showarrow: false,
      xref: "paper",
      yref: "y",
      x: 0.01,
      xanchor: "left",
      y: at,
      yanchor: "bottom",
      font: { color: REFERENCE },
    },
  }];
}

function histogram(u: readonly number[], right: number, bins = 20): Data {
  const counts = new Array<number>(bins).fill(0);
  for (const value of u) counts[Math.min(bins - 1, Math.floor((value / right) * bins))]++;
  return {
    type: "bar",
    name: "how the samples are spread",
    showlegend: false,
    x: counts.map((_, i) => ((i + 0.5) * right) / bins),
    y: counts,
    width: right / bins,
    marker: { color: "#9aa5ad", line: { color: "#ffffff", width: 1 } },
    hovertemplate: "%{y} samples<extra></extra>",
  };
}
