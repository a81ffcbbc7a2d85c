// The figure of scores along training (the paper's figure 3): a panel a task, a line with a band a method.
import type { Data } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, legendAbove, listed, needRows, styleOf } from "./figure.ts";
import {
  band,
  curveOf,
  isNumber,
  type Maybe,
  type Panel,
  panelAxes,
  panelGrid,
  percent,
  percentText,
} from "./panels.ts";

/** A checkpoint's score on a task. Shares from 0 to 1; step 0 is the model before training. */
export interface CheckpointRow {
  method: string;
  task: string;
  metric: string;
  step: number;
  score: number;
  low?: Maybe;
  high?: Maybe;
}

const COLUMNS = 2;

/** Throws InputError for an empty table. */
export function checkpointsFigure(
  rows: readonly CheckpointRow[],
  { interval = "95% interval" }: { interval?: string } = {},
): Figure {
  needRows(rows, "the checkpoints");
  const methods = distinct(rows.map((row) => row.method));
  const groups = [...Map.groupBy(rows, (row) => `${row.task}: ${row.metric}`)];
  const down = Math.ceil(groups.length / COLUMNS), inner = down * 230 + (down - 1) * 76;
  const panels = panelGrid(groups.length, { columns: COLUMNS, gapX: 0.12, gapY: 76 / inner });
  const banded = rows.some((row) => isNumber(row.low));
  return figure({
    title: "Scores along training",
    note: banded ? `Bands: ${interval}. Step 0: before training.` : "Step 0: before training.",
    data: [
      ...groups.flatMap(([, own], i) => bands(own, panels[i], methods)),
      ...groups.flatMap(([, own], i) => lines(own, panels[i], methods)),
    ],
    layout: {
      width: groups.length > 1 ? 860 : 640,
      height: inner + 178,
      legend: legendAbove,
      margin: { l: 78, r: 24, t: 80 + 22 * Math.ceil(methods.length / 5), b: 64 },
      ...panelAxes(panels, ({ index }) => ({
        x: axis("Optimizer step (count)", { nticks: 6, rangemode: "tozero" }),
        y: axis(`${groups[index][0].replace(": ", "<br>")} (%)`, { nticks: 6 }),
      })),
    },
    alt: `Scores in percent along training of ${listed(methods)}. ${
      groups.map(([name, own]) => describe(name, own, methods)).join(" ")
    }`,
  });
}

/** Below the lines, so that no band covers one. */
function bands(rows: CheckpointRow[], panel: Panel, methods: string[]): Data[] {
  return methods.flatMap((method): Data[] => {
    const own = sorted(rows, method);
    const ends = { low: own.map((row) => percent(row.low)), high: own.map((row) => percent(row.high)) };
    const shade = band(own.map((row) => row.step), ends, styleOf(method, methods));
    return shade ? [{ ...shade, ...placeOf(panel, method) } as Data] : [];
  });
}

function lines(rows: CheckpointRow[], panel: Panel, methods: string[]): Data[] {
  return methods.flatMap((method): Data[] => {
    const own = sorted(rows, method);
    if (own.length === 0) return [];
    return [{
      ...curveOf(styleOf(method, methods)),
      ...placeOf(panel, method),
      showlegend: panel.index === 0,
      x: own.map((row) => row.step),
      y: own.map((row) => percent(row.score)),
      text: own.map((row) => percentText(row.score, row.low, row.high)),
      hovertemplate: `${method}, step %{x}: %{text}%<extra></extra>`,
    } as Data];
  });
}

function placeOf({ suffix }: Panel, method: string) {
  return { xaxis: `x${suffix}`, yaxis: `y${suffix}`, legendgroup: method, name: method };
}

function sorted(rows: CheckpointRow[], method: string): CheckpointRow[] {
  return rows.filter((row) => row.method === method).sort((a, b) => a.step - b.step);
}

function describe(name: string, rows: CheckpointRow[], methods: string[]): string {
  const parts = methods.flatMap((method) => {
    const own = sorted(rows, method);
    if (own.length === 0) return [];
    const first = own[0], last = own[own.length - 1];
    const end = `${percentText(last.score, last.low, last.high)} at step ${last.step}`;
    return own.length === 1
      ? [`${method} ${end}`]
      : [`${method} from ${percentText(first.score)} at step ${first.step} to ${end}`];
  });
  return `${name}: ${parts.join("; ")}.`;
}
