// What a figure is, and the look all of them share: one font, one palette, titles and units on every axis.
// The figures themselves stand in files of their own; drawing them is display.ts and export.ts.
import type { Data, Layout, LayoutAxis } from "plotly.js-dist";
import { InputError } from "../run/errors.ts";

/** A plotly figure with its description in words. Plain JSON: no typed arrays, no functions. */
export interface Figure {
  data: Data[];
  /** Always with `width` and `height` in pixels. */
  layout: Partial<Layout>;
  /** What the figure shows, for readers who do not see it; made from the table. */
  alt: string;
}

/** The font that the packaged Chromium carries, and what a reader's browser may take instead. */
export const FONT = "Open Sans, Arial, sans-serif";

const INK = "#222222", GRID = "#e2e2e2";

/** Grey for what is not data: reference lines and their labels. */
export const REFERENCE = "#6b6b6b";

/** How one method is drawn everywhere. */
export interface Style {
  color: string;
  dash: "solid" | "dash" | "dot" | "dashdot" | "longdash";
  symbol: "circle" | "square" | "diamond" | "triangle-up" | "cross" | "x";
}

/** Okabe and Ito's colours, which colour-blind readers tell apart, in an order that also steps through the greys. */
const STYLES: Record<string, Style> = {
  "base": { color: "#7f7f7f", dash: "dot", symbol: "x" },
  "sft": { color: "#000000", dash: "solid", symbol: "circle" },
  "ls": { color: "#e69f00", dash: "dash", symbol: "square" },
  "ual": { color: "#0072b2", dash: "solid", symbol: "diamond" },
  "ppl-ual": { color: "#009e73", dash: "dashdot", symbol: "triangle-up" },
  "entropy-ual": { color: "#cc79a7", dash: "longdash", symbol: "cross" },
};

const OTHERS: Style[] = [
  { color: "#d55e00", dash: "dash", symbol: "triangle-up" },
  { color: "#56b4e9", dash: "dashdot", symbol: "cross" },
  { color: "#009e73", dash: "longdash", symbol: "x" },
  { color: "#cc79a7", dash: "dot", symbol: "square" },
];

/** The same look for a method in every figure; unknown names get the remaining styles in the order of `methods`. */
export function styleOf(method: string, methods: readonly string[]): Style {
  const known = STYLES[method.toLowerCase()];
  if (known) return known;
  const unknown = methods.filter((name) => !STYLES[name.toLowerCase()]);
  return OTHERS[Math.max(0, unknown.indexOf(method)) % OTHERS.length];
}

/** The distinct values of a column in order of appearance. */
export function distinct<T>(values: Iterable<T>): T[] {
  return [...new Set(values)];
}

/** Throws InputError where the table of the figure `name` has no row. */
export function needRows(rows: readonly unknown[], name: string) {
  if (rows.length === 0) {
    throw new InputError(`Cannot draw ${name}: its table has no row; run the stage that writes it first`);
  }
}

/** An axis in the shared look. `title` names the quantity and its unit. */
export function axis(title: string, extra: Partial<LayoutAxis> = {}): Partial<LayoutAxis> {
  return {
    title: { text: title, standoff: 10, font: { size: 14 } },
    automargin: true,
    showline: true,
    linecolor: INK,
    ticks: "outside",
    tickcolor: INK,
    ticklen: 4,
    gridcolor: GRID,
    zeroline: false,
    ...extra,
  };
}

/** An axis that gives a place and nothing else: a title, no line, ticks or grid. */
export function blankAxis(title: string, range: [number, number]): Partial<LayoutAxis> {
  const { title: shown } = axis(title);
  return {
    title: shown,
    range,
    automargin: true,
    showline: false,
    showticklabels: false,
    showgrid: false,
    zeroline: false,
    ticks: "",
  };
}

/** A y axis of names, the first on top; `air` above the first and below the last, in rows. */
export function namesAxis(
  title: string,
  names: string[],
  { air = [0.5, 0.5], ...extra }: { air?: [number, number] } & Partial<LayoutAxis> = {},
): Partial<LayoutAxis> {
  const places = names.map((_, i) => i), range: [number, number] = [names.length - 1 + air[1], -air[0]];
  return axis(title, { tickmode: "array", tickvals: places, ticktext: names, range, ...extra });
}

/** A legend in one row above the plot; for more than five entries use legendRight. */
export const legendAbove: Partial<Layout["legend"]> = {
  orientation: "h",
  x: 0,
  xanchor: "left",
  y: 1.01,
  yanchor: "bottom",
  traceorder: "normal",
  itemwidth: 40,
};

/** A legend to the right of the plot. */
export const legendRight: Partial<Layout["legend"]> = { x: 1.02, xanchor: "left", y: 1, yanchor: "top" };

/** A figure in the shared look, its numbers rounded to six significant digits. */
export function figure(
  { title, note, data, layout, alt }: {
    title: string;
    /** A line under the title. */
    note?: string;
    data: Data[];
    layout: Partial<Layout>;
    alt: string;
  },
): Figure {
  const shared: Partial<Layout> = {
    width: 720,
    height: 440,
    title: {
      text: note ? `${title}<br><span style="font-size:13px;color:${REFERENCE}">${note}</span>` : title,
      font: { size: 17 },
      x: 0,
      xref: "paper",
      xanchor: "left",
      y: 1,
      yref: "container",
      yanchor: "top",
      pad: { t: note ? 28 : 16 },
    },
    font: { family: FONT, size: 13, color: INK },
    paper_bgcolor: "#ffffff",
    plot_bgcolor: "#ffffff",
    margin: { l: 70, r: 24, t: 84, b: 64 },
    hovermode: "closest",
    hoverlabel: { font: { family: FONT, size: 12 } },
  };
  return { data: rounded(data), layout: rounded({ ...shared, ...layout }), alt };
}

/** Numbers to six significant digits; whole ones stay whole, those that JSON cannot hold become null (a gap). */
export function rounded<T>(value: T): T {
  if (typeof value === "number") return roundNumber(value) as T;
  if (Array.isArray(value)) return value.map(rounded) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, rounded(part)])) as T;
}

function roundNumber(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  return Number.isSafeInteger(value) ? value : Number(value.toPrecision(6));
}

/** A number for a reader: four significant digits, no exponent where it can be helped. */
export function short(value: number, digits = 4): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6
    ? String(value)
    : String(Number(value.toPrecision(digits)));
}

/** Text that plotly shows as it is: its labels are a small HTML. */
export function plainText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The median of numbers; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** "a", "a and b", "a, b and c". */
export function listed(parts: readonly string[]): string {
  return parts.length < 2
    ? parts.join("")
    : `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}`;
}
