// The figure of the mixed scenario (the paper's table 3): math accuracy against preference win rate.
import type { Data, Layout } from "plotly.js-dist";
import {
  axis,
  distinct,
  type Figure,
  figure,
  legendAbove,
  needRows,
  REFERENCE,
  type Style,
} from "./figure.ts";
import {
  intervalBars,
  isNumber,
  type Maybe,
  type Panel,
  panelAxes,
  panelGrid,
  percentText,
} from "./panels.ts";
import { percent } from "./panels.ts";

/** One trained model. Shares from 0 to 1; a model that was not judged has no win rate. */
export interface EntropyMixRow {
  /** "base", "high", "low", "mixed": what the model was trained on. */
  data: string;
  /** "SFT", "UAL"; empty for the base model. */
  method: string;
  math: number;
  mathLow?: Maybe;
  mathHigh?: Maybe;
  winRate?: Maybe;
  winLow?: Maybe;
  winHigh?: Maybe;
  /** Whose numbers, where the table holds several: a panel each ("here", "the paper"). */
  panel?: string;
}

const STYLES: Record<string, Pick<Style, "color" | "symbol">> = {
  "base": { color: "#7f7f7f", symbol: "x" },
  "high SFT": { color: "#e69f00", symbol: "triangle-up" },
  "low SFT": { color: "#009e73", symbol: "square" },
  "mixed SFT": { color: "#000000", symbol: "circle" },
  "mixed UAL": { color: "#0072b2", symbol: "diamond" },
};

const OTHERS: Pick<Style, "color" | "symbol">[] = [
  { color: "#d55e00", symbol: "cross" },
  { color: "#cc79a7", symbol: "square" },
  { color: "#56b4e9", symbol: "triangle-up" },
];

/**
 * Points with both intervals and an arrow from SFT to UAL on the same data: up and to the right is better at both. Models without a
 * win rate are a dotted line at their math accuracy. Throws InputError for an empty table.
 */
export function entropyMixFigure(
  rows: readonly EntropyMixRow[],
  { interval = "95% interval", math = "Math accuracy", preference = "Preference win rate" }: {
    interval?: string;
    math?: string;
    preference?: string;
  } = {},
): Figure {
  needRows(rows, "the entropy mix");
  const names = distinct(rows.map(nameOf));
  const groups = [...Map.groupBy(rows, (row) => row.panel ?? "")];
  const panels = panelGrid(groups.length, { columns: 2, gapX: 0.13 });
  const bars = rows.some((row) => isNumber(row.mathLow) || isNumber(row.winLow));
  return figure({
    title: "Low-entropy math against high-entropy dialogue",
    note: `${bars ? `Bars: ${interval}. ` : ""}Arrow: from SFT to UAL on the mixed data.`,
    data: groups.flatMap(([, own], i) => points(own, panels[i], { names, seen: seenBefore(groups, i) })),
    layout: {
      width: groups.length > 1 ? 900 : 680,
      height: 500,
      legend: legendAbove,
      margin: { l: 78, r: 24, t: 80 + 22 * Math.ceil(names.length / (groups.length > 1 ? 5 : 3)), b: 64 },
      ...panelAxes(panels, ({ index }) => {
        const panel = groups[index][0], of = panel ? ` ${panel}` : "";
        return {
          x: axis(`${math}${of} (%)`, { nticks: 6 }),
          y: axis(`${preference}${of} (%)`, { nticks: 6 }),
        };
      }),
      shapes: groups.flatMap(([, own], i) => baseLines(own, panels[i])),
      annotations: groups.flatMap(([, own], i) => arrows(own, panels[i])),
    },
    alt: `Math accuracy against preference win rate, in percent. ${
      groups.map(([panel, own]) => `${panel ? `${panel}: ` : ""}${own.map(describe).join("; ")}.`).join(" ")
    }`,
  });
}

const nameOf = ({ data, method }: EntropyMixRow) => method ? `${data} ${method}` : data;

function styleOfMix(name: string, names: string[]): Pick<Style, "color" | "symbol"> {
  const unknown = names.filter((one) => !STYLES[one]);
  return STYLES[name] ?? OTHERS[Math.max(0, unknown.indexOf(name)) % OTHERS.length];
}

/** The names that panels before this one have put into the legend. */
function seenBefore(groups: [string, EntropyMixRow[]][], index: number): Set<string> {
  return new Set(groups.slice(0, index).flatMap(([, rows]) => rows.map(nameOf)));
}

function points(
  rows: EntropyMixRow[],
  panel: Panel,
  { names, seen }: { names: string[]; seen: Set<string> },
): Data[] {
  return rows.map((row): Data => {
    const name = nameOf(row), { color, symbol } = styleOfMix(name, names), judged = isNumber(row.winRate);
    const x = 100 * row.math, y = judged ? 100 * row.winRate! : null;
    const ends = (low: Maybe, high: Maybe) => ({ low: [percent(low)], high: [percent(high)] });
    return {
      type: "scatter",
      mode: judged ? "markers" : "lines",
      name: judged ? name : `${name} (not judged)`,
      legendgroup: name,
      showlegend: !seen.has(name),
      xaxis: `x${panel.suffix}`,
      yaxis: `y${panel.suffix}`,
      x: [x],
      y: [y],
      ...(judged
        ? {
          marker: { color, symbol, size: 12 },
          error_x: intervalBars([x], ends(row.mathLow, row.mathHigh), { color }),
          error_y: intervalBars([y!], ends(row.winLow, row.winHigh), { color }),
        }
        : { line: { color: REFERENCE, width: 1.5, dash: "dot" } }),
      hovertemplate: `${describe(row)}<extra></extra>`,
    } as Data;
  });
}

/** A dotted line at the math accuracy of what was not judged. */
function baseLines(rows: EntropyMixRow[], panel: Panel): NonNullable<Layout["shapes"]> {
  return rows.filter((row) => !isNumber(row.winRate)).map((row) => ({
    type: "line",
    xref: `x${panel.suffix}` as "x",
    yref: "paper",
    x0: 100 * row.math,
    x1: 100 * row.math,
    y0: panel.y[0],
    y1: panel.y[1],
    line: { color: REFERENCE, width: 1.5, dash: "dot" },
    layer: "below",
  }));
}

/** From SFT to UAL where both were trained on the same data and judged. */
function arrows(rows: EntropyMixRow[], panel: Panel): NonNullable<Layout["annotations"]> {
  return rows.filter((row) => row.method === "UAL" && isNumber(row.winRate)).flatMap((to) => {
    const from = rows.find((row) => row.method === "SFT" && row.data === to.data && isNumber(row.winRate));
    if (!from) return [];
    return [{
      text: "",
      showarrow: true,
      arrowhead: 2,
      arrowwidth: 1.5,
      arrowcolor: REFERENCE,
      standoff: 8,
      startstandoff: 8,
      xref: `x${panel.suffix}` as "x",
      yref: `y${panel.suffix}` as "y",
      axref: `x${panel.suffix}` as "x",
      ayref: `y${panel.suffix}` as "y",
      x: 100 * to.math,
      y: 100 * to.winRate!,
      ax: 100 * from.math,
      ay: 100 * from.winRate!,
    }];
  });
}

function describe(row: EntropyMixRow): string {
  const math = `math ${percentText(row.math, row.mathLow, row.mathHigh)}`;
  return isNumber(row.winRate)
    ? `${nameOf(row)}: ${math}, win rate ${percentText(row.winRate, row.winLow, row.winHigh)}`
    : `${nameOf(row)}: ${math}, not judged`;
}
