// The figure of several mappings of the same uncertainties: what each makes of a sample, with their common mean marked.
import type { Data } from "plotly.js-dist";
import {
  axis,
  distinct,
  type Figure,
  figure,
  legendAbove,
  listed,
  needRows,
  REFERENCE,
  short,
  styleOf,
} from "./figure.ts";

/** One sample under one mapping. */
export interface MethodMappingRow {
  /** The mapping's name. */
  method: string;
  uncertainty: number;
  /** In [0, 1). */
  smoothing: number;
}

/** One line with points a mapping, sorted by uncertainty, and the mean. Throws InputError for an empty table. */
export function mappingMethods(rows: readonly MethodMappingRow[], { mean }: { mean: number }): Figure {
  needRows(rows, "the mappings");
  const methods = distinct(rows.map(({ method }) => method));
  const own = (method: string) =>
    rows.filter((row) => row.method === method).toSorted((a, b) => a.uncertainty - b.uncertainty);
  const data = methods.map((method): Data => {
    const sorted = own(method), { color, dash, symbol } = styleOf(method, methods);
    return {
      type: "scatter",
      mode: "lines+markers",
      name: method,
      x: sorted.map((row) => row.uncertainty),
      y: sorted.map((row) => row.smoothing),
      line: { color, dash, width: 2 },
      marker: { color, symbol, size: 6, opacity: 0.5 },
      cliponaxis: false,
      hovertemplate: `${method}: u %{x}, s %{y:.4f}<extra></extra>`,
    };
  });
  const inWords = methods.map((method) => {
    const s = own(method).map((row) => row.smoothing), middle = s[s.length >> 1];
    return `${method} from ${short(s[0], 3)} over ${short(middle, 3)} in the middle to ${
      short(s.at(-1)!, 3)
    }`;
  });
  return figure({
    title: `The same mean of ${short(mean)}, given out in ${methods.length} ways`,
    data,
    layout: {
      legend: legendAbove,
      xaxis: axis("Uncertainty u (rating, 0–99)", { range: [0, 100] }),
      yaxis: axis("Smoothing s (probability mass)", { rangemode: "tozero" }),
      shapes: [{
        type: "line",
        xref: "paper",
        x0: 0,
        x1: 1,
        y0: mean,
        y1: mean,
        line: { color: REFERENCE, width: 1.5, dash: "dash" },
      }],
      annotations: [{
        text: `mean ${short(mean)}`,
        showarrow: false,
        xref: "paper",
        x: 0.01,
        xanchor: "left",
        y: mean,
        yanchor: "bottom",
        font: { color: REFERENCE },
      }],
    },
    alt: `Smoothing over uncertainty by ${listed(methods)}, all with mean ${short(mean)}: ${
      listed(inWords)
    }.`,
  });
}
