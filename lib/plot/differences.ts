// The figure of paired differences between models on the same items, with intervals and verdicts.
import type { Data } from "plotly.js-dist";
import {
  axis,
  distinct,
  type Figure,
  figure,
  legendAbove,
  namesAxis,
  needRows,
  type Style,
  styleOf,
} from "./figure.ts";
import { intervalBars, isNumber, type Maybe, minus, percent } from "./panels.ts";

/** a − b on one task, paired by item. Shares from −1 to 1. */
export interface DifferenceRow {
  task: string;
  metric: string;
  a: string;
  b: string;
  difference: number;
  low?: Maybe;
  high?: Maybe;
  /** Holm's p-value over the table, where there is one. */
  p?: Maybe;
  /** Whether the difference stands after Holm's correction. */
  distinguishable: boolean;
  /** Items both answered. */
  n?: number;
}

/**
 * Tasks from top to bottom, one colour a pair of models; filled where the difference stands after correction, hollow where the two
 * are not distinguishable. Throws InputError for an empty table.
 */
export function differencesFigure(
  rows: readonly DifferenceRow[],
  { interval = "95% interval", level = 0.05 }: { interval?: string; level?: number } = {},
): Figure {
  needRows(rows, "the differences");
  const tasks = distinct(rows.map(taskOf)), pairs = distinct(rows.map(pairOf));
  const step = 0.8 / pairs.length;
  const shift = (pair: string) => step * (pairs.indexOf(pair) - (pairs.length - 1) / 2);
  const data = pairs.map((pair): Data => {
    const own = rows.filter((row) => pairOf(row) === pair), { color, symbol } = styleOfPair(own[0], rows);
    const values = own.map((row) => 100 * row.difference);
    return {
      type: "scatter",
      mode: "markers",
      name: pair,
      legendgroup: pair,
      showlegend: false, // its first marker may be hollow: legendKey() stands for it
      x: values,
      y: own.map((row) => tasks.indexOf(taskOf(row)) + shift(pair)),
      error_x: intervalBars(values, {
        low: own.map((row) => percent(row.low)),
        high: own.map((row) => percent(row.high)),
      }, { color }),
      marker: {
        color: own.map((row) => row.distinguishable ? color : "#ffffff"),
        symbol,
        size: 10,
        line: { color, width: 2 },
      },
      text: own.map((row) => `${pair}, ${describe(row)}`),
      hovertemplate: "%{text}<extra></extra>",
    };
  });
  return figure({
    title: "Differences between models on the same items",
    note: `Bars: ${interval}. Filled: stands after Holm's correction at ${
      100 * level
    }%; hollow: not distinguishable.`,
    data: [
      ...data,
      ...pairs.map((pair) => {
        const { color, symbol } = styleOfPair(rows.find((row) => pairOf(row) === pair)!, rows);
        return legendKey(pair, { color, fill: color, symbol });
      }),
      legendKey("not distinguishable", { color: "#6b6b6b", fill: "#ffffff", symbol: "circle" }),
    ],
    layout: {
      width: 760,
      height: 176 + Math.max(44, 24 * pairs.length + 12) * tasks.length,
      legend: legendAbove,
      margin: { l: 90, r: 24, t: 80 + 22 * Math.ceil((pairs.length + 1) / 4), b: 64 },
      xaxis: axis("Difference (percentage points)", {
        zeroline: true,
        zerolinecolor: "#222222",
        zerolinewidth: 1.5,
      }),
      yaxis: namesAxis("Task (metric)", tasks),
    },
    alt: `Paired differences in percentage points. ${
      pairs.map((pair) => `${pair}: ${rows.filter((row) => pairOf(row) === pair).map(describe).join("; ")}.`)
        .join(" ")
    }`,
  });
}

const taskOf = (row: DifferenceRow) => `${row.task} (${row.metric})`;
const pairOf = (row: DifferenceRow) => `${row.a} − ${row.b}`;

/** The first model's look where no two pairs share it, otherwise a look of the pair's own. */
function styleOfPair(row: DifferenceRow, rows: readonly DifferenceRow[]): Style {
  const pairs = distinct(rows.map(pairOf)), first = distinct(rows.map((one) => one.a));
  return first.length === pairs.length ? styleOf(row.a, first) : styleOf(pairOf(row), pairs);
}

/** An entry of the legend without a point. */
function legendKey(
  name: string,
  { color, fill, symbol }: Pick<Style, "color" | "symbol"> & { fill: string },
): Data {
  return {
    type: "scatter",
    mode: "markers",
    name,
    legendgroup: name,
    x: [null],
    y: [null],
    marker: { color: fill, symbol, size: 10, line: { color, width: 2 } },
  };
}

function describe(row: DifferenceRow): string {
  const points = (share: number) => minus((100 * share).toFixed(1));
  const range = isNumber(row.low) && isNumber(row.high) ? ` (${points(row.low)} to ${points(row.high)})` : "";
  const verdict = !row.distinguishable
    ? "not distinguishable"
    : row.difference > 0
    ? `${row.a} better`
    : `${row.b} better`;
  const p = isNumber(row.p) ? `, p = ${Number(row.p.toPrecision(2))}` : "";
  return `${row.task} ${points(row.difference)}${range}, ${verdict}${p}`;
}
