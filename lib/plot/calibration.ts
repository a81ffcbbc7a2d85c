// The figure of calibration, a reliability diagram: is a token predicted with 80% confidence right 80% of the time?
import type { Data } from "plotly.js-dist";
import {
  axis,
  distinct,
  type Figure,
  figure,
  legendAbove,
  needRows,
  REFERENCE,
  short,
  styleOf,
} from "./figure.ts";

/** One bin of one method; bins without tokens may be left out or have count 0. */
export interface CalibrationRow {
  method: string;
  /** The bin's number, rising with confidence. */
  bin: number;
  /** The mean probability of the likeliest token, 0 to 1. */
  confidence: number;
  /** The share of tokens where the likeliest token was right, 0 to 1. */
  accuracy: number;
  /** Tokens in the bin. */
  count: number;
}

/**
 * Accuracy over confidence with the diagonal of perfect calibration; below, the share of tokens in each bin. `ece` is the
 * expected calibration error by method, 0 to 1. Throws InputError for an empty table.
 */
export function calibration(rows: readonly CalibrationRow[], ece: Record<string, number> = {}): Figure {
  const filled = rows.filter((row) => row.count > 0);
  needRows(filled, "the calibration");
  const methods = distinct(filled.map((row) => row.method));
  const diagonal: Data = {
    type: "scatter",
    mode: "lines",
    name: "perfect",
    showlegend: false,
    x: [0, 1],
    y: [0, 1],
    line: { color: REFERENCE, width: 1.5, dash: "dot" },
    hoverinfo: "skip",
  };
  const data = methods.flatMap((method) => curves(filled, { method, methods, ece }));
  return figure({
    title: "Calibration on held-out answers (dotted: perfect)",
    data: [diagonal, ...data],
    layout: {
      height: 620,
      legend: legendAbove,
      margin: { l: 70, r: 24, t: 64 + 22 * Math.ceil(methods.length / 4), b: 64 },
      xaxis: axis("Confidence (probability of the likeliest token)", {
        range: [0, 1],
        dtick: 0.2,
        anchor: "y2",
      }),
      yaxis: axis("Accuracy<br>(share of tokens right)", { range: [0, 1], dtick: 0.2, domain: [0.32, 1] }),
      yaxis2: axis("Tokens<br>(% per bin)", { domain: [0, 0.22], rangemode: "tozero", nticks: 4 }),
    },
    alt: `Reliability diagram. ${methods.map((method) => describe(filled, method, ece[method])).join(" ")}`,
  });
}

function curves(
  rows: readonly CalibrationRow[],
  { method, methods, ece }: { method: string; methods: string[]; ece: Record<string, number> },
): Data[] {
  const own = binsOf(rows, method), total = own.reduce((sum, row) => sum + row.count, 0);
  const { color, dash, symbol } = styleOf(method, methods);
  const shared = {
    type: "scatter",
    mode: "lines+markers",
    legendgroup: method,
    x: own.map((row) => row.confidence),
    line: { color, dash, width: 2 },
    marker: { color, symbol, size: 7 },
    cliponaxis: false,
  } as const;
  const error = method in ece ? ` (ECE ${ece[method].toFixed(3)})` : "";
  return [
    {
      ...shared,
      name: method + error,
      y: own.map((row) => row.accuracy),
      hovertemplate: `${method}: confidence %{x:.3f}, accuracy %{y:.3f}<extra></extra>`,
    },
    {
      ...shared,
      name: method,
      showlegend: false,
      yaxis: "y2",
      y: own.map((row) => (100 * row.count) / total),
      hovertemplate: `${method}: %{y:.1f}% of ${total} tokens<extra></extra>`,
    },
  ];
}

function binsOf(rows: readonly CalibrationRow[], method: string): CalibrationRow[] {
  return rows.filter((row) => row.method === method).sort((a, b) => a.bin - b.bin);
}

function describe(rows: readonly CalibrationRow[], method: string, ece?: number): string {
  const own = binsOf(rows, method), total = own.reduce((sum, row) => sum + row.count, 0);
  const mean = (key: "confidence" | "accuracy") =>
    short(own.reduce((sum, row) => sum + row[key] * row.count, 0) / total, 3);
  const error = ece === undefined ? "" : `, expected calibration error ${short(ece, 3)}`;
  return `${method}: mean confidence ${mean("confidence")}, accuracy ${
    mean("accuracy")
  } over ${total} tokens${error}.`;
}
