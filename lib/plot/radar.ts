// The figure of benchmarks by method as a radar, drawn on cartesian axes: a spoke a task, a closed line a method.
import type { Data, Layout } from "plotly.js-dist";
import {
  blankAxis,
  distinct,
  type Figure,
  figure,
  legendAbove,
  listed,
  needRows,
  REFERENCE,
  styleOf,
} from "./figure.ts";
import { curveOf, isNumber, type Maybe, percentText } from "./panels.ts";

/** The score of one method on one task. Shares from 0 to 1. */
export interface RadarRow {
  method: string;
  task: string;
  score: number;
  low?: Maybe;
  high?: Maybe;
}

const RINGS = 4, SIZE = 560;

/**
 * Spokes start at the middle with 0 and end at the same share on each task, the smallest round one that holds all scores. Tasks that a method
 * was not asked are gaps. Throws InputError for an empty table and for fewer than three tasks, which make no radar.
 */
export function radarFigure(rows: readonly RadarRow[]): Figure {
  needRows(rows, "the radar");
  const methods = distinct(rows.map((row) => row.method)), tasks = distinct(rows.map((row) => row.task));
  const end = outerShare(rows),
    angle = (task: string) => Math.PI / 2 - 2 * Math.PI * tasks.indexOf(task) / tasks.length;
  const at = (task: string, share: number) => ({
    x: share / end * Math.cos(angle(task)),
    y: share / end * Math.sin(angle(task)),
  });
  const hidden = (title: string) => blankAxis(title, [-1.32, 1.32]);
  return figure({
    title: "Benchmarks by method",
    note: `Middle: 0%, outer ring: ${100 * end}%. Point at a corner for its interval.`,
    data: methods.map((method) =>
      outline(rows.filter((row) => row.method === method), at, { method, methods, tasks })
    ),
    layout: {
      width: SIZE + 60,
      height: SIZE + 110,
      margin: { l: 34, r: 34, t: 110, b: 46 },
      legend: legendAbove,
      xaxis: {
        ...hidden("Score, outwards from the middle (%)"),
        constrain: "domain",
        showline: false,
      },
      yaxis: { ...hidden("Score, outwards (%)"), scaleanchor: "x" },
      shapes: [...rings(), ...tasks.map((task) => spoke(at(task, end)))],
      annotations: [...ringLabels(end), ...tasks.map((task) => taskLabel(task, at(task, end)))],
    },
    alt: `Radar of ${listed(tasks)} in percent. ${
      methods.map((method) => {
        const own = rows.filter((row) => row.method === method);
        return `${method}: ${
          own.map((row) => `${row.task} ${percentText(row.score, row.low, row.high)}`).join(", ")
        }.`;
      }).join(" ")
    }`,
  });
}

/** The smallest multiple of 20% that holds all scores. */
function outerShare(rows: readonly RadarRow[]): number {
  const most = Math.max(...rows.map((row) => row.score).filter(isNumber));
  return Math.min(1, Math.max(0.2, Math.ceil(most * 5 - 1e-9) / 5));
}

type At = (task: string, share: number) => { x: number; y: number };

function outline(
  rows: RadarRow[],
  at: At,
  { method, methods, tasks }: { method: string; methods: string[]; tasks: string[] },
): Data {
  const found = tasks.map((task) => rows.find((row) => row.task === task && isNumber(row.score)));
  const closed = [...found, found[0]], corners = closed.map((row) => row && at(row.task, row.score));
  return {
    ...curveOf(styleOf(method, methods)),
    name: method,
    x: corners.map((corner) => corner?.x ?? null),
    y: corners.map((corner) => corner?.y ?? null),
    text: closed.map((row) => row ? `${row.task}: ${percentText(row.score, row.low, row.high)}%` : ""),
    hovertemplate: `${method}, %{text}<extra></extra>`,
  } as Data;
}

function rings(): NonNullable<Layout["shapes"]> {
  return Array.from({ length: RINGS }, (_, i) => (i + 1) / RINGS).map((r) => ({
    type: "circle",
    x0: -r,
    x1: r,
    y0: -r,
    y1: r,
    line: { color: "#e2e2e2", width: 1 },
    layer: "below",
  }));
}

function spoke({ x, y }: { x: number; y: number }): NonNullable<Layout["shapes"]>[number] {
  return { type: "line", x0: 0, y0: 0, x1: x, y1: y, line: { color: "#e2e2e2", width: 1 }, layer: "below" };
}

function ringLabels(end: number): NonNullable<Layout["annotations"]> {
  return Array.from({ length: RINGS }, (_, i) => (i + 1) / RINGS).map((r) => ({
    text: `${Math.round(100 * end * r)}`,
    showarrow: false,
    x: r * Math.sin(Math.PI / 16), // beside the first spoke, where no corner is
    y: r * Math.cos(Math.PI / 16),
    xanchor: "center",
    yanchor: "middle",
    bgcolor: "#ffffff",
    font: { size: 11, color: REFERENCE },
  }));
}

function taskLabel(
  task: string,
  { x, y }: { x: number; y: number },
): NonNullable<Layout["annotations"]>[number] {
  return {
    text: task.replaceAll("_", " ").replace(/ (?=\S{4,}$)/, "<br>"),
    showarrow: false,
    x: 1.06 * x,
    y: 1.06 * y,
    xanchor: x > 0.2 ? "left" : x < -0.2 ? "right" : "center",
    yanchor: y > 0.2 ? "bottom" : y < -0.2 ? "top" : "middle",
    font: { size: 12 },
  };
}
