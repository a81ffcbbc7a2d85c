// The figure of training dynamics: how the loss of held-out dialogues changed, by how uncertain they are, one colour a method.
import type { Data } from "plotly.js-dist";
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

/** A third of the dialogues by uncertainty under one method. */
export interface TercileChangeRow {
  method: string;
  /** "low", "middle" or "high", and the uncertainties in it. */
  tercile: string;
  from: number;
  to: number;
  samples: number;
  /** Mean of (after − before) over its dialogues, nats a token, and the ends of its 95% interval. */
  change: number;
  low: number;
  high: number;
}

/** Points with intervals around 0, methods side by side in each tercile. Throws InputError for an empty table. */
export function lossByTercileFigure(rows: readonly TercileChangeRow[]): Figure {
  needRows(rows, "the change of the loss by tercile");
  const methods = distinct(rows.map((row) => row.method)),
    terciles = distinct(rows.map((row) => row.tercile));
  const data = methods.map((method, m): Data => {
    const own = rows.filter((row) => row.method === method), { color, symbol } = styleOf(method, methods);
    return {
      type: "scatter",
      mode: "markers",
      name: method,
      x: own.map((row) => terciles.indexOf(row.tercile) + 0.16 * (m - (methods.length - 1) / 2)),
      y: own.map((row) => row.change),
      error_y: {
        type: "data",
        symmetric: false,
        array: own.map((row) => row.high - row.change),
        arrayminus: own.map((row) => row.change - row.low),
        color,
        thickness: 2,
        width: 5,
      },
      marker: { color, symbol, size: 10 },
      hovertemplate: `${method}: %{y:.4f}<extra></extra>`,
    };
  });
  const label = (tercile: string) => {
    const { from, to, samples } = rows.find((row) => row.tercile === tercile)!;
    return `${tercile}<br>(${short(from)} to ${short(to)}, ${samples} dialogues)`;
  };
  return figure({
    title: "What training did to each third of the held-out dialogues",
    note: "Below 0 the answers became more likely. Bars: 95% interval over dialogues.",
    data,
    layout: {
      height: 420,
      legend: legendAbove,
      margin: { l: 84, r: 24, t: 100, b: 84 },
      xaxis: axis("Rated uncertainty (tercile)", {
        tickmode: "array",
        tickvals: terciles.map((_, i) => i),
        ticktext: terciles.map(label),
        range: [-0.5, terciles.length - 0.5],
      }),
      yaxis: axis("Change of the loss<br>(nats per token)", { zeroline: true }),
    },
    alt: `Change of the held-out loss of ${listed(methods)} by tercile of uncertainty. ` +
      rows.map((row) =>
        `${row.method}, ${row.tercile}: ${short(row.change)} (${short(row.low)} to ${short(row.high)})`
      )
        .join("; ") +
      ".",
  });
}
