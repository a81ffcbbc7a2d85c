// The figure of held-out perplexity: one point a method, with its interval.
import type { Data } from "plotly.js-dist";
import { axis, type Figure, figure, needRows, short, styleOf } from "./figure.ts";

/** A method's perplexity of held-out response tokens and the ends of its interval, where there is one. */
export interface PerplexityRow {
  method: string;
  perplexity: number;
  low?: number;
  high?: number;
}

/**
 * Points with intervals, the first row on top, values written beside them. `interval` says what the bars are.
 * Throws InputError for an empty table.
 */
export function heldoutPerplexity(
  rows: readonly PerplexityRow[],
  { interval = "95% interval" }: { interval?: string } = {},
): Figure {
  needRows(rows, "the held-out perplexity");
  const methods = rows.map((row) => row.method), bars = rows.some((row) => row.low !== undefined);
  const data = rows.map(({ method, perplexity, low = perplexity, high = perplexity }): Data => {
    const { color, symbol } = styleOf(method, methods);
    return {
      type: "scatter",
      mode: "markers",
      name: method,
      x: [perplexity],
      y: [method],
      error_x: {
        type: "data",
        symmetric: false,
        array: [high - perplexity],
        arrayminus: [perplexity - low],
        color,
        thickness: 2,
        width: 6,
      },
      marker: { color, symbol, size: 11 },
      showlegend: false,
      hovertemplate: `${method}: %{x:.4g}<extra></extra>`,
    };
  });
  const note = bars ? `; bars: ${interval}` : "";
  return figure({
    title: "Perplexity of held-out answers (lower is better)",
    data,
    layout: {
      height: 170 + 52 * rows.length,
      margin: { l: 70, r: bars ? 160 : 80, t: 60, b: 64 },
      xaxis: axis(`Perplexity (per response token${note})`),
      yaxis: axis("Method", {
        type: "category",
        categoryorder: "array",
        categoryarray: methods,
        range: [rows.length - 0.5, -0.5], // the first on top
      }),
      annotations: rows.map((row) => ({
        text: values(row),
        showarrow: false,
        xref: "paper",
        yref: "y",
        x: 1.015,
        xanchor: "left",
        y: row.method,
      })),
    },
    alt: `Held-out perplexity per response token: ${rows.map((row) => describe(row, interval)).join("; ")}.`,
  });
}

/** "5.40 (5.03 to 5.80)" */
function values({ perplexity, low, high }: PerplexityRow): string {
  const three = (value: number) => value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return low === undefined || high === undefined
    ? three(perplexity)
    : `${three(perplexity)} (${three(low)} to ${three(high)})`;
}

function describe({ method, perplexity, low, high }: PerplexityRow, interval: string): string {
  const range = low === undefined || high === undefined
    ? ""
    : ` (${interval} ${short(low)} to ${short(high)})`;
  return `${method} ${short(perplexity)}${range}`;
}
