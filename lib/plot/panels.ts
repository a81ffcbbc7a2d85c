// Small panels in a grid within one figure, and the error bars and bands that figures of scores share. Draws nothing itself.
import type { Data, ErrorBar, Layout, LayoutAxis } from "plotly.js-dist";
import type { Style } from "./figure.ts";

/** A number that may be missing: JSON has no NaN. */
export type Maybe = number | null | undefined;

/** Where one panel lies, and the ending of its axes' names ("" for the first, "2", "3" …). */
export interface Panel {
  /** Counted from 0, left to right and top to bottom. */
  index: number;
  row: number;
  column: number;
  /** In shares of the plot's width and height. */
  x: [number, number];
  y: [number, number];
  suffix: string;
}

/** Panels of equal size, at most `columns` in a row; gaps are shares of the whole width and height. */
export function panelGrid(
  count: number,
  { columns = 3, gapX = 0.06, gapY = 0.14 }: { columns?: number; gapX?: number; gapY?: number } = {},
): Panel[] {
  const across = Math.min(columns, count), down = Math.ceil(count / across);
  const width = (1 - gapX * (across - 1)) / across, height = (1 - gapY * (down - 1)) / down;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / across), column = index % across;
    const left = column * (width + gapX), top = 1 - row * (height + gapY);
    return {
      index,
      row,
      column,
      x: [left, left + width],
      y: [Math.max(0, top - height), top],
      suffix: index === 0 ? "" : String(index + 1),
    };
  });
}

/** The layout of panels' axes: `axes` gives each panel's two, which are put in place here. */
export function panelAxes(
  panels: readonly Panel[],
  axes: (panel: Panel) => { x: Partial<LayoutAxis>; y: Partial<LayoutAxis> },
): Partial<Layout> {
  return Object.fromEntries(panels.flatMap((panel) => {
    const { x, y } = axes(panel), { suffix } = panel;
    return [
      [`xaxis${suffix}`, { ...x, domain: panel.x, anchor: `y${suffix}` }],
      [`yaxis${suffix}`, { ...y, domain: panel.y, anchor: `x${suffix}` }],
    ];
  })) as Partial<Layout>;
}

/** The y axis that the panels of a row share: its first panel's. */
export function rowAxis({ index, column }: Panel): "y" {
  const first = index - column;
  return `y${first === 0 ? "" : first + 1}` as "y";
}

/** Error bars from the ends of intervals, in the units of `values`; none where an end is missing. */
export function intervalBars(
  values: readonly number[],
  ends: { low: readonly Maybe[]; high: readonly Maybe[] },
  { color, width = 5 }: { color: string; width?: number },
): ErrorBar {
  if (!ends.low.some(isNumber) && !ends.high.some(isNumber)) {
    return { visible: false } as ErrorBar;
  }
  const length = (end: Maybe, value: number, sign: 1 | -1) =>
    isNumber(end) ? Math.max(0, sign * (end - value)) : 0;
  return {
    type: "data",
    symmetric: false,
    array: values.map((value, i) => length(ends.high[i], value, 1)),
    arrayminus: values.map((value, i) => length(ends.low[i], value, -1)),
    color,
    thickness: 2,
    width,
  };
}

/** An interval's band along x, as a filled outline in the method's colour; undefined where no point has an interval. */
export function band(
  x: readonly number[],
  { low, high }: { low: readonly Maybe[]; high: readonly Maybe[] },
  { color }: Pick<Style, "color">,
): Partial<Data> | undefined {
  const there = x.map((_, i) => i).filter((i) => isNumber(low[i]) && isNumber(high[i]));
  if (there.length < 2) return undefined;
  const back = there.toReversed();
  return {
    type: "scatter",
    mode: "lines",
    x: [...there, ...back].map((i) => x[i]),
    y: [...there.map((i) => high[i]!), ...back.map((i) => low[i]!)],
    fill: "toself",
    fillcolor: `${color}12`,
    line: { width: 1, color: `${color}66` },
    hoverinfo: "skip",
    showlegend: false,
  };
}

/** Whether a number is there and finite. */
export function isNumber(value: Maybe): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** 100 times a share; what is missing stays so. */
export function percent(share: Maybe): number | null {
  return isNumber(share) ? 100 * share : null;
}

/** "45.2 (41.0 to 49.4)" out of shares, in percent; without the interval where it is missing. */
export function percentText(share: Maybe, low?: Maybe, high?: Maybe, digits = 1): string {
  const text = (value: number) => minus((100 * value).toFixed(digits));
  if (!isNumber(share)) return "not known";
  return isNumber(low) && isNumber(high) ? `${text(share)} (${text(low)} to ${text(high)})` : text(share);
}

/** A typographic minus, and no minus before a zero. */
export function minus(number: string): string {
  return /^-[0.]*$/.test(number) ? number.slice(1) : number.replace("-", "−");
}

/** A method's line over points with bars or a band: what curves of scores share. */
export function curveOf({ color, dash, symbol }: Style): Partial<Data> {
  return {
    type: "scatter",
    mode: "lines+markers",
    line: { color, dash, width: 2 },
    marker: { color, symbol, size: 8 },
    cliponaxis: false,
  } as Partial<Data>;
}
