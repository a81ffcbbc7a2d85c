// The figure of silhouettes (the paper's tables 4 and 5): a panel a space, a point with its interval a model; pairs that were
// chosen, and the paper's values, stand apart.
import type { Data, Layout } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, namesAxis, needRows, REFERENCE, styleOf } from "./figure.ts";
import { intervalBars, isNumber, type Maybe, minus, type Panel, panelGrid, rowAxis } from "./panels.ts";

/** The mean silhouette of one model over pairs of tokens. */
export interface SilhouetteRow {
  method: string;
  /** Where distances were measured: "2-D PCA", "full space", …; with ", less base" of differences from the base model's. */
  space: string;
  /** How the pairs came about: "random", "chosen" and the like. */
  pairs: string;
  /** −1 to 1. */
  value: number;
  low?: Maybe;
  high?: Maybe;
  /** How many pairs. */
  count: number;
}

/** Values that others printed, without intervals. */
export interface PaperSilhouettes {
  /** As "the paper, Llama-2-7B". */
  label: string;
  /** By method, −1 to 1. */
  values: Record<string, number>;
}

/** What silhouettesFigure() can be told. */
export interface SilhouettesOptions {
  paper?: PaperSilhouettes[];
  interval?: string;
}

/** Throws InputError for an empty table. */
export function silhouettesFigure(
  rows: readonly SilhouetteRow[],
  { paper = [], interval = "95% interval" }: SilhouettesOptions = {},
): Figure {
  needRows(rows, "the silhouettes");
  const groups = [
    ...groupsOf(rows),
    ...paper.map(({ label, values }) => ({ label, rows: paperRows(label, values) })),
  ];
  const methods = distinct([
    ...rows.map((row) => row.method),
    ...paper.flatMap(({ values }) => Object.keys(values)),
  ]);
  const columns = Math.min(3, groups.length), down = Math.ceil(groups.length / columns);
  const height = 44 + 30 * methods.length, inner = down * height + (down - 1) * 96;
  const panels = panelGrid(groups.length, { columns, gapX: 0.05, gapY: 96 / inner });
  return figure({
    title: "How well the features of two tokens are told apart",
    note:
      `Mean silhouette over pairs of tokens. Bars: ${interval}, tokens drawn. Every panel has a scale of its own.`,
    data: groups.flatMap((group, i) => points(group.rows, panels[i], methods)),
    layout: {
      width: 150 + 232 * Math.max(2, columns),
      height: inner + 160,
      margin: { l: 92, r: 24, t: 96, b: 64 },
      ...Object.fromEntries(panels.flatMap((panel) => axes(groups[panel.index].rows, panel, methods))),
      annotations: groups.flatMap(({ label }, i) => heading(label, panels[i])),
    },
    alt: `Mean silhouettes. ${
      groups.map(({ label, rows: own }) => `${label.replace("<br>", ", ")}: ${own.map(describe).join(", ")}.`)
        .join(" ")
    }`,
  });
}

/** The x axis of a panel, and one y axis for a row of panels. */
function axes(rows: SilhouetteRow[], panel: Panel, methods: string[]): [string, unknown][] {
  const title = isDifference(rows) ? "Difference of silhouettes (−2 to 2)" : "Silhouette (−1 to 1)";
  const x = axis(title, { domain: panel.x, anchor: rowAxis(panel), nticks: 4, range: rangeOf(rows) });
  if (panel.column > 0) return [[`xaxis${panel.suffix}`, x]];
  const y = namesAxis("Model", methods, { domain: panel.y, anchor: `x${panel.suffix}` as "x" });
  return [[`xaxis${panel.suffix}`, x], [`yaxis${panel.suffix}`, y]];
}

function groupsOf(rows: readonly SilhouetteRow[]): { label: string; rows: SilhouetteRow[] }[] {
  const label = ({ space, pairs, count }: SilhouetteRow) => `${space}<br>${count} ${pairs} pairs`;
  const spaces = distinct(rows.map(({ space }) => space)),
    at = (own: SilhouetteRow[]) => spaces.indexOf(own[0].space);
  const groups = [...Map.groupBy(rows, label)].map(([label, own]) => ({ label, rows: own }));
  return groups.sort((a, b) => at(a.rows) - at(b.rows)); // pairs of both kinds side by side
}

const isDifference = (rows: SilhouetteRow[]) => rows.every((row) => row.space.endsWith(", less base"));

const PAPER = "the paper";

const paperRows = (space: string, values: Record<string, number>): SilhouetteRow[] =>
  Object.entries(values).map(([method, value]) => ({ method, space, pairs: PAPER, value, count: 100 }));

function rangeOf(rows: SilhouetteRow[]): [number, number] {
  const ends = rows.flatMap((row) => [row.value, row.low, row.high]).filter(isNumber);
  const low = Math.min(...ends), high = Math.max(...ends), air = 0.15 * (high - low) || 0.01;
  return [low - air, high + air];
}

function points(rows: SilhouetteRow[], panel: Panel, methods: string[]): Data[] {
  return rows.map((row): Data => {
    const { color, symbol } = styleOf(row.method, methods), printed = row.pairs === PAPER;
    return {
      type: "scatter",
      mode: "markers",
      name: row.method,
      x: [row.value],
      y: [methods.indexOf(row.method)],
      xaxis: `x${panel.suffix}`,
      yaxis: rowAxis(panel),
      error_x: intervalBars([row.value], { low: [row.low], high: [row.high] }, { color }),
      marker: {
        color,
        symbol: (printed ? `${symbol}-open` : symbol) as string,
        size: 10,
        line: { width: 2, color },
      },
      showlegend: false,
      hovertemplate: `${describe(row)}${printed ? "" : `, ${row.count} pairs`}<extra></extra>`,
    } as Data;
  });
}

function heading(label: string, { x: [left, right], y: [, top] }: Panel): NonNullable<Layout["annotations"]> {
  return [{
    text: label,
    showarrow: false,
    xref: "paper",
    yref: "paper",
    x: (left + right) / 2,
    xanchor: "center",
    y: top,
    yanchor: "bottom",
    font: { size: 12, color: REFERENCE },
  }];
}

const number = (value: number) => minus(value.toFixed(3));

function describe({ method, value, low, high }: SilhouetteRow): string {
  const interval = isNumber(low) && isNumber(high) ? ` (${number(low)} to ${number(high)})` : "";
  return `${method} ${number(value)}${interval}`;
}
