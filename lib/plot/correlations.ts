// The figure of several scores: the correlation of every two with its interval, as a matrix of coloured cells.
import { INK_ON_COLOR, WHITE_ON_COLOR } from "./theme.ts";
import type { Layout } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, needRows, short } from "./figure.ts";

/** Two scores of the same samples. */
export interface CorrelationRow {
  a: string;
  b: string;
  /** From −1 to 1, with the ends of its 95% interval; null or NaN where it is not defined. */
  value: number | null;
  low: number | null;
  high: number | null;
  samples: number;
}

/**
 * From −1 to 1: blue over white to orange, which colour-blind readers tell apart; the sign is in the text for readers in grey. The
 * middle is white in the dark look too, so that one ink can be read on all cells.
 */
const SCALE: [number, string][] = [[0, "#0072b2"], [0.5, WHITE_ON_COLOR], [1, "#e69f00"]];

/** The lower triangle of the matrix; each cell holds the correlation and its interval. Throws InputError for an empty table. */
export function correlationsFigure(rows: readonly CorrelationRow[]): Figure {
  needRows(rows, "correlations");
  const names = distinct(rows.flatMap(({ a, b }) => [a, b])), n = names.length;
  const across = names.slice(0, -1), down = names.slice(1);
  const cell = (x: string, y: string) => rows.find(({ a, b }) => a === x && b === y);
  const values = down.map((y) => across.map((x) => defined(cell(x, y)) ? cell(x, y)!.value! : null));
  return figure({
    title: "Which scores say the same?",
    note: "Spearman's rank correlation over the dialogues, with its 95% interval.",
    data: [{
      type: "heatmap",
      x: across,
      y: down,
      z: values,
      zmin: -1,
      zmax: 1,
      colorscale: SCALE,
      xgap: 2,
      ygap: 2,
      hovertemplate: "%{x} and %{y}: %{z:.3f}<extra></extra>",
      colorbar: { title: { text: "Correlation" }, thickness: 14, tickvals: [-1, -0.5, 0, 0.5, 1] },
    }],
    layout: {
      height: 170 + 66 * (n - 1),
      margin: { l: 110, r: 24, t: 92, b: 76 },
      xaxis: axis("Score (name)", { gridcolor: "#ffffff", type: "category" }),
      yaxis: axis("Score (name)", { gridcolor: "#ffffff", type: "category", autorange: "reversed" }),
      annotations: rows.filter(defined).map(label),
    },
    alt: `Rank correlations of ${n} scores. ` + rows.map(inWords).join("; ") + ".",
  });
}

const defined = (row?: CorrelationRow) => row !== undefined && row.value !== null && !Number.isNaN(row.value);

function label(row: CorrelationRow): NonNullable<Layout["annotations"]>[number] {
  const number = (x: number | null) => (x ?? NaN).toFixed(2).replace("-", "−");
  return {
    x: row.a,
    y: row.b,
    text: `<b>${number(row.value)}</b><br><span style="font-size:10px">${number(row.low)} to ${
      number(row.high)
    }</span>`,
    showarrow: false,
    font: { size: 13, color: inkOn(row) },
  };
}

/** The text's colour: a cell that is not defined has none of its own. */
function inkOn(row: CorrelationRow): string {
  if (!defined(row)) return "#222222";
  return row.value! < -0.85 ? "#ffffff" : INK_ON_COLOR;
}

function inWords(row: CorrelationRow): string {
  const pair = `${row.a} and ${row.b}`;
  if (!defined(row)) return `${pair}: not defined`;
  return `${pair}: ${short(row.value!, 2)} (${short(row.low!, 2)} to ${short(row.high!, 2)})`;
}
