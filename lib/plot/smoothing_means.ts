// The figure of a score, or the silhouette, over the mean smoothing: a line with intervals a method.
import type { Data, Layout } from "plotly.js-dist";
import {
  axis,
  distinct,
  type Figure,
  figure,
  legendAbove,
  listed,
  needRows,
  short,
  styleOf,
} from "./figure.ts";
import { curveOf, intervalBars, isNumber, type Maybe, type Panel, panelAxes, panelGrid } from "./panels.ts";

/** One measure of one method at one mean smoothing. */
export interface SmoothingMeanRow {
  method: string;
  /** Mean smoothing over the data, 0 to 1; 0 for a method without smoothing, which is drawn as a level. */
  mean: number;
  /** What is measured, with its unit: "mmlu: acc (%)", "Silhouette (−1 to 1)". One panel each. */
  measure: string;
  /** In the measure's unit. */
  value: number;
  low?: Maybe;
  high?: Maybe;
}

const COLUMNS = 2;

/** Throws InputError for an empty table. */
export function smoothingMeansFigure(
  rows: readonly SmoothingMeanRow[],
  { interval = "95% interval" }: { interval?: string } = {},
): Figure {
  needRows(rows, "the smoothing means");
  const methods = distinct(rows.map((row) => row.method));
  const groups = [...Map.groupBy(rows, (row) => row.measure)];
  const down = Math.ceil(groups.length / COLUMNS), inner = down * 240 + (down - 1) * 76;
  const panels = panelGrid(groups.length, { columns: COLUMNS, gapX: 0.12, gapY: 76 / inner });
  const largest = Math.max(...rows.map((row) => row.mean)), levels = rows.some((row) => row.mean === 0);
  const bars = rows.some((row) => isNumber(row.low));
  return figure({
    title: "How strong should the smoothing be?",
    note: [bars && `Bars: ${interval}.`, levels && "Dotted level: no smoothing."].filter(Boolean).join(" "),
    data: groups.flatMap(([, own], i) => lines(own, panels[i], { methods, largest })),
    layout: {
      width: groups.length > 1 ? 860 : 640,
      height: inner + 178,
      legend: legendAbove,
      margin: { l: 78, r: 24, t: 80 + 22 * Math.ceil(methods.length / 5), b: 64 },
      shapes: groups.flatMap(([, own], i) => level(own, panels[i], methods)),
      ...panelAxes(panels, ({ index }) => ({
        x: axis("Mean smoothing (share of the target's mass)", { range: [-0.03 * largest, 1.06 * largest] }),
        y: axis(groups[index][0].replace(": ", "<br>"), { nticks: 6 }),
      })),
    },
    alt: `Measures of ${listed(methods)} over the mean smoothing. ${
      groups.map(([measure, own]) => describe(measure, own, methods)).join(" ")
    }`,
  });
}

function lines(
  rows: SmoothingMeanRow[],
  panel: Panel,
  { methods, largest }: { methods: string[]; largest: number },
): Data[] {
  return methods.flatMap((method, m): Data[] => {
    const own = sorted(rows, method);
    if (own.length === 0) return [];
    const style = styleOf(method, methods), values = own.map((row) => row.value);
    const shift = 0.02 * largest * (m - (methods.length - 1) / 2); // bars of equal means side by side
    return [{
      ...curveOf(style),
      name: method,
      legendgroup: method,
      showlegend: panel.index === 0,
      xaxis: `x${panel.suffix}`,
      yaxis: `y${panel.suffix}`,
      x: own.map((row) => row.mean + (row.mean === 0 ? 0 : shift)),
      y: values,
      error_y: intervalBars(values, { low: own.map((r) => r.low), high: own.map((r) => r.high) }, style),
      text: own.map((row) => `mean ${short(row.mean)}: ${valueText(row)}`),
      hovertemplate: `${method}, %{text}<extra></extra>`,
    } as Data];
  });
}

/** A dotted line at the height of each method without smoothing. */
function level(rows: SmoothingMeanRow[], panel: Panel, methods: string[]): NonNullable<Layout["shapes"]> {
  return rows.filter((row) => row.mean === 0 && isNumber(row.value)).map((row) => ({
    type: "line",
    xref: "paper",
    yref: `y${panel.suffix}` as "y",
    x0: panel.x[0],
    x1: panel.x[1],
    y0: row.value,
    y1: row.value,
    line: { color: styleOf(row.method, methods).color, width: 1.5, dash: "dot" },
    layer: "below",
  }));
}

function sorted(rows: SmoothingMeanRow[], method: string): SmoothingMeanRow[] {
  return rows.filter((row) => row.method === method).sort((a, b) => a.mean - b.mean);
}

function valueText({ value, low, high }: SmoothingMeanRow): string {
  if (!isNumber(value)) return "not known";
  return isNumber(low) && isNumber(high)
    ? `${short(value, 3)} (${short(low, 3)} to ${short(high, 3)})`
    : short(value, 3);
}

function describe(measure: string, rows: SmoothingMeanRow[], methods: string[]): string {
  const parts = methods.flatMap((method) => {
    const own = sorted(rows, method).map((row) => `${valueText(row)} at ${short(row.mean)}`);
    return own.length === 0 ? [] : [`${method} ${own.join(", ")}`];
  });
  return `${measure}: ${parts.join("; ")}.`;
}
