// The figure of benchmark scores: a panel a task, a point with its interval a model, and what guessing gives.
import type { Data, Layout } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, namesAxis, needRows, REFERENCE, styleOf } from "./figure.ts";
import {
  intervalBars,
  isNumber,
  type Maybe,
  type Panel,
  panelGrid,
  percent,
  percentText,
  rowAxis,
} from "./panels.ts";

/** The score of one model on one task. Shares from 0 to 1; intervals may be missing. */
export interface ScorePoint {
  model: string;
  task: string;
  /** The metric's name, as "acc_norm". */
  metric: string;
  score: number;
  low?: Maybe;
  high?: Maybe;
  /** Items that were scored. */
  n?: number;
  /** What guessing scores. */
  chance?: Maybe;
}

const COLUMNS = 3, TOP = 92, BOTTOM = 60;

/**
 * Panels of dots, models from top to bottom in the order of the rows, each panel with a range of its own. `interval` says what the
 * bars are. Throws InputError for an empty table.
 */
export function scoresFigure(
  rows: readonly ScorePoint[],
  { interval = "95% interval" }: { interval?: string } = {},
): Figure {
  needRows(rows, "the scores");
  const models = distinct(rows.map((row) => row.model));
  const groups = [...Map.groupBy(rows, (row) => `${row.task}: ${row.metric}`)];
  const down = Math.ceil(groups.length / COLUMNS), panelHeight = 46 + 30 * models.length;
  const inner = down * panelHeight + (down - 1) * 92;
  const panels = panelGrid(groups.length, { columns: COLUMNS, gapX: 0.05, gapY: 92 / inner });
  const bars = rows.some((row) => isNumber(row.low));
  return figure({
    title: "Scores of each task",
    note: [bars && `Bars: ${interval}.`, "Dotted: guessing.", "Every panel has a scale of its own."]
      .filter(Boolean).join(" "),
    data: groups.flatMap(([, own], i) => points(own, panels[i], models)),
    layout: {
      width: 140 + 210 * Math.min(COLUMNS, Math.max(2, groups.length)),
      height: inner + TOP + BOTTOM,
      margin: { l: 90, r: 24, t: TOP, b: BOTTOM },
      ...axes(groups, panels, models),
      shapes: groups.flatMap(([, own], i) => chanceLine(own, panels[i])),
      annotations: groups.flatMap(([, own], i) => chanceLabel(own, panels[i])),
    },
    alt: `Scores in percent. ${groups.map(([name, own]) => describe(name, own)).join(" ")}`,
  });
}

/** The x axis of each panel, and one y axis for a row of panels. */
function axes(groups: [string, ScorePoint[]][], panels: Panel[], models: string[]): Partial<Layout> {
  return Object.fromEntries(panels.flatMap((panel) => {
    const [name, own] = groups[panel.index];
    const x = axis(`${name.replace(": ", "<br>")} (%)`, {
      domain: panel.x,
      anchor: rowAxis(panel),
      range: rangeOf(own),
      nticks: 5,
    });
    const all: [string, unknown][] = [[`xaxis${panel.suffix}`, x]];
    if (panel.column > 0) return all;
    const y = namesAxis("Model", models, { domain: panel.y, anchor: `x${panel.suffix}` as "x" });
    return [...all, [`yaxis${panel.suffix}`, y]];
  })) as Partial<Layout>;
}

/** The panel's data with some air, within 0 to 100%. */
function rangeOf(rows: ScorePoint[]): [number, number] {
  const ends = rows.flatMap((row) => [row.score, row.low, row.high, row.chance]).filter(isNumber);
  const low = 100 * Math.min(...ends), high = 100 * Math.max(...ends), air = Math.max(2, 0.12 * (high - low));
  return [Math.max(low === 0 ? -air : 0, low - air), Math.min(100 + air, high + air)];
}

function points(rows: ScorePoint[], panel: Panel, models: string[]): Data[] {
  return rows.filter((row) => isNumber(row.score)).map((row): Data => {
    const { color, symbol } = styleOf(row.model, models), value = 100 * row.score;
    return {
      type: "scatter",
      mode: "markers",
      name: row.model,
      x: [value],
      y: [models.indexOf(row.model)],
      xaxis: `x${panel.suffix}`,
      yaxis: rowAxis(panel),
      error_x: intervalBars([value], { low: [percent(row.low)], high: [percent(row.high)] }, { color }),
      marker: { color, symbol, size: 10 },
      showlegend: false,
      hovertemplate: `${row.model}, ${row.task} ${row.metric}: ${percentText(row.score, row.low, row.high)}%${
        row.n === undefined ? "" : `, ${row.n} items`
      }<extra></extra>`,
    };
  });
}

function chanceOf(rows: ScorePoint[]): number | undefined {
  return rows.map((row) => row.chance).find(isNumber);
}

function chanceLine(rows: ScorePoint[], panel: Panel): NonNullable<Layout["shapes"]> {
  const chance = chanceOf(rows);
  if (chance === undefined) return [];
  return [{
    type: "line",
    xref: `x${panel.suffix}` as "x",
    yref: "paper",
    x0: 100 * chance,
    x1: 100 * chance,
    y0: panel.y[0],
    y1: panel.y[1],
    line: { color: REFERENCE, width: 1.5, dash: "dot" },
    layer: "below",
  }];
}

function chanceLabel(rows: ScorePoint[], panel: Panel): NonNullable<Layout["annotations"]> {
  const chance = chanceOf(rows);
  if (chance === undefined) return [];
  return [{
    text: `guessing ${(100 * chance).toFixed(0)}`,
    showarrow: false,
    xref: `x${panel.suffix}` as "x",
    yref: "paper",
    x: 100 * chance,
    xanchor: anchorAt(100 * chance, rangeOf(rows)),
    y: panel.y[1],
    yanchor: "bottom",
    font: { size: 11, color: REFERENCE },
  }];
}

/** A label near an end of the panel turns inwards. */
function anchorAt(x: number, [low, high]: [number, number]): "left" | "center" | "right" {
  const share = (x - low) / (high - low);
  return share < 0.3 ? "left" : share > 0.7 ? "right" : "center";
}

function describe(name: string, rows: ScorePoint[]): string {
  const chance = chanceOf(rows);
  const scores = rows.map((row) => `${row.model} ${percentText(row.score, row.low, row.high)}`);
  return `${name}: ${scores.join(", ")}${
    chance === undefined ? "" : `; guessing ${(100 * chance).toFixed(0)}`
  }.`;
}
