// The figure of one of the paper's tables with our numbers beside it: a panel a column, a row a model; ours filled, the paper's open.
import type { Data, Layout } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, namesAxis, needRows } from "./figure.ts";
import { intervalBars, isNumber, type Maybe, minus, type Panel, panelGrid } from "./panels.ts";

/** One cell of a table. Ours and the paper's are of other models and data, so only what stands within one of them compares. */
export interface PaperCell {
  /** The row's name, a method as a rule. */
  row: string;
  /** The column's, a benchmark as a rule. */
  column: string;
  ours?: Maybe;
  low?: Maybe;
  high?: Maybe;
  /** As printed. */
  paper?: Maybe;
}

/** What paperTableFigure() must be told. */
export interface PaperTableOptions {
  /** As "Table 2: benchmarks". */
  title: string;
  /** Of all numbers, or by column: "%", "−1 to 1". */
  unit: string | Record<string, string>;
  /** Which of the paper's models its numbers are of. */
  paper: string;
  /** Digits after the point, of all numbers or by column; default 1. */
  digits?: number | Record<string, number>;
}

const OURS = { color: "#0072b2", symbol: "circle" }, PAPER = { color: "#8a5f00", symbol: "diamond-open" };
const TOP = 118, BOTTOM = 62, ROW = 46, LEFT = 92;

/** Throws InputError for an empty table. */
export function paperTableFigure(rows: readonly PaperCell[], options: PaperTableOptions): Figure {
  const { title, unit, paper, digits = 1 } = options;
  const unitOf = (column: string) => typeof unit === "string" ? unit : unit[column];
  needRows(rows, title);
  const names = distinct(rows.map((row) => row.row)), columns = distinct(rows.map((row) => row.column));
  const panels = panelGrid(columns.length, { columns: columns.length, gapX: 0.03 });
  const own = (column: string) => rows.filter((row) => row.column === column);
  const textOf = (column: string) => (value: number) =>
    minus(value.toFixed(typeof digits === "number" ? digits : digits[column] ?? 1));
  return figure({
    title,
    note: `Filled: ours, with 95% intervals. Open: the paper, ${paper}.<br>` +
      "Other models and data: compare within one of them only.",
    data: columns.flatMap((column, i) => [
      marks(own(column), panels[i], { names, text: textOf(column), ours: true }),
      marks(own(column), panels[i], { names, text: textOf(column), ours: false }),
    ]),
    layout: {
      width: Math.max(560, LEFT + 24 + 196 * columns.length),
      height: TOP + BOTTOM + ROW * names.length,
      margin: { l: LEFT, r: 24, t: TOP, b: BOTTOM },
      showlegend: false,
      yaxis: namesAxis("Model", names, { air: [0.6, 0.65] }), // room for the numbers
      ...Object.fromEntries(columns.map((column, i) => [
        `xaxis${panels[i].suffix}`,
        axis(`${column} (${unitOf(column)})`, {
          domain: panels[i].x,
          anchor: "y",
          nticks: 4,
          range: rangeOf(own(column)),
        }),
      ])),
    } as Partial<Layout>,
    alt: `${title}${typeof unit === "string" ? ` (${unit})` : ""}. ${
      columns.map((column) => {
        const name = typeof unit === "string" ? column : `${column} (${unitOf(column)})`;
        return describe(name, own(column), textOf(column));
      }).join(" ")
    }`,
  });
}

/** The column's numbers with room for their texts. */
function rangeOf(rows: PaperCell[]): [number, number] {
  const ends = rows.flatMap((row) => [row.ours, row.low, row.high, row.paper]).filter(isNumber);
  const low = Math.min(...ends),
    high = Math.max(...ends),
    air = 0.22 * (high - low) || 0.1 * Math.abs(high) || 1;
  return [low - air, high + air];
}

function marks(
  rows: PaperCell[],
  { suffix }: Panel,
  { names, text, ours }: { names: string[]; text: (value: number) => string; ours: boolean },
): Data {
  const { color, symbol } = ours ? OURS : PAPER, valueOf = (row: PaperCell) => ours ? row.ours : row.paper;
  const there = rows.filter((row) => isNumber(valueOf(row))), values = there.map((row) => valueOf(row)!);
  const ends = { low: there.map((row) => row.low), high: there.map((row) => row.high) };
  return {
    type: "scatter",
    mode: "text+markers",
    name: ours ? "ours" : "the paper",
    x: values,
    y: there.map((row) => names.indexOf(row.row) + (ours ? -0.14 : 0.2)),
    xaxis: `x${suffix}`,
    yaxis: "y",
    text: values.map(text),
    textposition: ours ? "top center" : "bottom center",
    textfont: { size: 11, color: ours ? "#005b8f" : PAPER.color },
    cliponaxis: false,
    ...(ours ? { error_x: intervalBars(values, ends, { color }) } : {}),
    marker: { color, symbol, size: 9, line: { width: 2, color } },
    hovertemplate: there.map((row) =>
      `${row.row}, ${row.column}: ${
        ours ? oursText(row, text) : `the paper ${text(row.paper!)}`
      }<extra></extra>`
    ),
  } as Data;
}

function oursText({ ours, low, high }: PaperCell, text: (value: number) => string): string {
  if (!isNumber(ours)) return "not measured";
  return isNumber(low) && isNumber(high)
    ? `ours ${text(ours)} (${text(low)} to ${text(high)})`
    : `ours ${text(ours)}`;
}

function describe(column: string, rows: PaperCell[], text: (value: number) => string): string {
  const cells = rows.map((row) =>
    `${row.row} ${oursText(row, text)}${isNumber(row.paper) ? `, the paper ${text(row.paper)}` : ""}`
  );
  return `${column}: ${cells.join("; ")}.`;
}
