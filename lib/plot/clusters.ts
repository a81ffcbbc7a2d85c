// The figure of features (the paper's figure 5): two tokens in the plane of a PCA, a row a pair and a column a model.
import type { Data, Layout, LayoutAxis } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, needRows, plainText } from "./figure.ts";
import { minus, type Panel, panelAxes, panelGrid } from "./panels.ts";

/** One token's feature in the plane of its pair and model. */
export interface ClusterPoint {
  /** The pair's two tokens, as `"," | " the"`. */
  pair: string;
  method: string;
  /** Which of the two. */
  token: string;
  /** Coordinates along the two first principal components, in the features' own unit. */
  x: number;
  y: number;
  /** The text around the token, that one between ⟦ and ⟧. */
  context: string;
  /** Of the pair under the model, in the plane; the same in all of their rows. */
  silhouette: number;
}

/** The two tokens of a pair: apart by colour, shape and filling. */
const MARKS = [
  { color: "#0072b2", symbol: "circle" },
  { color: "#d55e00", symbol: "diamond-open" },
] as const;

const TOP = 116, BOTTOM = 62, SIDE = 176, GAP_X = 52, GAP_Y = 96;

/** Point at a dot to read its context. Throws InputError for an empty table. */
export function clustersFigure(rows: readonly ClusterPoint[]): Figure {
  needRows(rows, "the clusters");
  const pairs = distinct(rows.map((row) => row.pair)), methods = distinct(rows.map((row) => row.method));
  const across = methods.length * SIDE + (methods.length - 1) * GAP_X;
  const down = pairs.length * SIDE + (pairs.length - 1) * GAP_Y;
  const panels = panelGrid(pairs.length * methods.length, {
    columns: methods.length,
    gapX: GAP_X / across,
    gapY: GAP_Y / down,
  });
  const at = ({ row, column }: Panel) =>
    rows.filter((one) => one.pair === pairs[row] && one.method === methods[column]);
  return figure({
    title: "Features of two tokens in the plane of their PCA",
    note:
      "s: silhouette in the plane. h: the features. A row a pair, a column a model; axes fitted anew in each panel.",
    data: panels.flatMap((panel) => points(at(panel), panel, tokensOf(rows, pairs[panel.row]))),
    layout: {
      width: Math.max(560, across + 108),
      height: down + TOP + BOTTOM,
      margin: { l: 82, r: 26, t: TOP, b: BOTTOM },
      showlegend: false,
      ...panelAxes(panels, () => ({
        x: smallAxis("Component 1 (unit of h)"),
        y: smallAxis("Component 2 (unit of h)"),
      })),
      annotations: panels.flatMap((panel) => labels(at(panel), panel, { pairs, methods, all: rows })),
    },
    alt: `Features of two tokens in two principal components. ${
      pairs.map((pair) => describe(rows, pair)).join(" ")
    }`,
  });
}

function smallAxis(title: string): Partial<LayoutAxis> {
  const shared = axis(title, { nticks: 4, tickfont: { size: 10 } });
  return { ...shared, title: { text: title, standoff: 6, font: { size: 10 } } };
}

function tokensOf(rows: readonly ClusterPoint[], pair: string): string[] {
  return distinct(rows.filter((row) => row.pair === pair).map((row) => row.token));
}

function points(rows: ClusterPoint[], { suffix }: Panel, tokens: string[]): Data[] {
  return tokens.map((token, t): Data => {
    const own = rows.filter((row) => row.token === token), { color, symbol } = MARKS[t % 2];
    return {
      type: "scatter",
      mode: "markers",
      name: token,
      x: own.map((row) => row.x),
      y: own.map((row) => row.y),
      xaxis: `x${suffix}`,
      yaxis: `y${suffix}`,
      marker: { color, symbol, size: 6, opacity: 0.8, line: { width: 1.2, color } },
      text: own.map((row) => wrapped(row.context)),
      hovertemplate: "%{text}<extra></extra>",
    };
  });
}

/** Lines of about 60 letters, safe for plotly's small HTML. */
function wrapped(text: string): string {
  return plainText(text).replace(/(.{40,60})\s/g, "$1<br>");
}

/** The method over the first row, the tokens with their marks at the row's left, the silhouette over each panel. */
function labels(
  rows: ClusterPoint[],
  panel: Panel,
  { pairs, methods, all }: { pairs: string[]; methods: string[]; all: readonly ClusterPoint[] },
): NonNullable<Layout["annotations"]> {
  const { x: [left, right], y: [, top], row, column } = panel;
  const shared = { showarrow: false, xref: "paper", yref: "paper" } as const;
  const own = [{
    ...shared,
    text: rows.length
      ? `<b>${methods[column]}</b>  s = ${minus(rows[0].silhouette.toFixed(3))}`
      : "no features",
    x: (left + right) / 2,
    xanchor: "center" as const,
    y: top,
    yanchor: "bottom" as const,
    font: { size: 12 },
  }];
  if (column > 0) return own;
  const tokens = tokensOf(all, pairs[row]);
  const text = tokens.map((token, t) =>
    `<span style="color:${TEXT[t % 2]}">${plainText(token)} (${t % 2 ? "open" : "filled"})</span>`
  );
  return [...own, {
    ...shared,
    text: text.join("    "),
    x: 0,
    xanchor: "left" as const,
    y: top,
    yshift: 18,
    yanchor: "bottom" as const,
    font: { size: 13 },
  }];
}

/** The marks' colours, dark enough for text. */
const TEXT = ["#005b8f", "#a84a00"];

function describe(all: readonly ClusterPoint[], pair: string): string {
  const rows = all.filter((row) => row.pair === pair), first = rows[0];
  const counts = tokensOf(all, pair).map((token) =>
    `${rows.filter((row) => row.token === token && row.method === first.method).length} of ${token}`
  );
  const methods = distinct(rows.map((row) => row.method)).map((method) => {
    const { silhouette } = rows.find((row) => row.method === method)!;
    return `${method} ${minus(silhouette.toFixed(3))}`;
  });
  return `${counts.join(" and ")}: silhouette ${methods.join(", ")}.`;
}
