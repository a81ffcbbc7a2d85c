// The figure of pairwise judging (the paper's figure 6): won, drawn and lost, and the win rate with its interval.
import type { Data } from "plotly.js-dist";
import { INK_ON_COLOR } from "./theme.ts";
import { axis, type Figure, figure, legendAbove, namesAxis, needRows, REFERENCE } from "./figure.ts";
import { intervalBars, isNumber, type Maybe, percent, percentText } from "./panels.ts";

/** The verdicts on a's answers against b's. */
export interface JudgedRow {
  a: string;
  b: string;
  wins: number;
  draws: number;
  losses: number;
  /** (wins + draws / 2) / n, or the mean of weighted preferences, from 0 to 1, and its interval. */
  winRate: number;
  low?: Maybe;
  high?: Maybe;
  /** Which prompts or model, where the table holds several. */
  set?: string;
}

const PARTS = [
  { key: "wins", name: "a won", color: "#0072b2", ink: "#ffffff" },
  { key: "draws", name: "drawn", color: "#c9c9c9", ink: "#222222" },
  { key: "losses", name: "a lost", color: "#e69f00", ink: INK_ON_COLOR },
] as const;

/** The height of the judge's line under the title: names of models are long. */
const LINE = 18;

/**
 * One bar a pair with the counts in it and the win rate under it. `judge` names who judged. Throws InputError for an empty table.
 */
export function judgedFigure(
  rows: readonly JudgedRow[],
  { judge, interval = "95% interval" }: { judge?: string; interval?: string } = {},
): Figure {
  needRows(rows, "the judged pairs");
  const names = rows.map(nameOf);
  return figure({
    title: "Which answer did the judge prefer? (a against b)",
    note: `${
      judge ? `Judge: ${judge}.<br>` : ""
    }Diamond: win rate of a, draws counted half; bar: ${interval}.`,
    data: [...PARTS.map((part) => bars(rows, part)), rates(rows)],
    layout: {
      width: 800,
      height: 190 + (judge ? LINE : 0) + 56 * rows.length,
      barmode: "stack",
      bargap: 0.4,
      legend: { ...legendAbove, traceorder: "normal" },
      margin: { l: 90, r: 150, t: 102 + (judge ? LINE : 0), b: 64 },
      xaxis: axis("Prompts (%)", { range: [0, 100.5], dtick: 25 }),
      yaxis: namesAxis("Pair (a against b)", names),
      shapes: [{
        type: "line",
        xref: "x",
        yref: "paper",
        x0: 50,
        x1: 50,
        y0: 0,
        y1: 1,
        line: { color: REFERENCE, width: 1.5, dash: "dot" },
      }],
      annotations: rows.map((row, i) => ({
        text: percentText(row.winRate, row.low, row.high),
        showarrow: false,
        xref: "paper",
        yref: "y",
        x: 1.01,
        xanchor: "left",
        y: i,
      })),
    },
    alt: `Pairwise verdicts${judge ? ` of ${judge}` : ""}. ${rows.map(describe).join(" ")}`,
  });
}

function nameOf({ a, b, set }: JudgedRow): string {
  return `${a} against ${b}${set ? `<br>${set}` : ""}`;
}

const total = ({ wins, draws, losses }: JudgedRow) => Math.max(1, wins + draws + losses);

function bars(rows: readonly JudgedRow[], { key, name, color, ink }: typeof PARTS[number]): Data {
  const shares = rows.map((row) => (100 * row[key]) / total(row));
  return {
    type: "bar",
    orientation: "h",
    name,
    x: shares,
    y: rows.map((_, i) => i),
    marker: { color, line: { color: "#ffffff", width: 1 } },
    text: rows.map((row, i) => shares[i] < 4 ? "" : String(row[key])),
    textposition: "inside",
    insidetextanchor: key === "wins" ? "start" : key === "losses" ? "end" : "middle",
    textangle: 0,
    insidetextfont: { color: ink, size: 12 },
    hovertemplate: `${name}: %{x:.1f}%<extra></extra>`,
  };
}

function rates(rows: readonly JudgedRow[]): Data {
  const values = rows.map((row) => 100 * row.winRate), color = "#000000";
  return {
    type: "scatter",
    mode: "markers",
    name: "win rate",
    x: values,
    y: rows.map((_, i) => i + 0.38), // under the bar's counts
    error_x: intervalBars(values, {
      low: rows.map((row) => percent(row.low)),
      high: rows.map((row) => percent(row.high)),
    }, { color }),
    marker: { color, symbol: "diamond", size: 9 },
    hovertemplate: "win rate %{x:.1f}%<extra></extra>",
  };
}

function describe(row: JudgedRow): string {
  const { a, b, set, wins, draws, losses } = row;
  const rate = isNumber(row.winRate) ? percentText(row.winRate, row.low, row.high) + "%" : "not known";
  return `${a} against ${b}${
    set ? ` on ${set}` : ""
  }: ${wins} won, ${draws} drawn, ${losses} lost; win rate ${rate}.`;
}
