// The figure of training: loss and negative log-likelihood by step, one colour a method.
import type { Data } from "plotly.js-dist";
import {
  axis,
  distinct,
  type Figure,
  figure,
  legendAbove,
  listed,
  needRows,
  short,
  styleOf,
} from "./figure.ts";

/** One optimizer step of one method; rows of further seeds with the same method and step are averaged. */
export interface TrainingRow {
  method: string;
  step: number;
  /** What is minimised: smoothed cross-entropy, nats a token. */
  loss: number;
  /** The plain negative log-likelihood of the same tokens, nats a token. */
  nll: number;
}

interface Curve {
  method: string;
  steps: number[];
  loss: number[];
  nll: number[];
}

/** Fewer steps than this are drawn as they are. */
const FEW = 20;

/**
 * Two panels over the optimizer step. Above, the loss each method minimises, whose level depends on its smoothing and is not
 * comparable between methods; below, the negative log-likelihood, which is. Thin: each step; thick: a moving average.
 * Throws InputError for an empty table.
 */
export function trainingCurves(rows: readonly TrainingRow[]): Figure {
  needRows(rows, "the training curves");
  const curves = distinct(rows.map((row) => row.method)).map((method) => curve(rows, method));
  const methods = curves.map((one) => one.method);
  const longest = Math.max(...curves.map((one) => one.steps.length));
  const window = longest < FEW ? 1 : 2 * Math.round(longest / 24) + 1;
  const panels = [["loss", "y"], ["nll", "y2"]] as const;
  const data = panels.flatMap(([key, yaxis]) =>
    curves.flatMap((one) => lines(one, { key, yaxis, window, methods }))
  );
  const thick = window > 1 ? ` Thick: mean of ${window} steps.` : "";
  return figure({
    title: "Training: the loss, and the log-likelihood behind it",
    note: `Losses are not comparable between methods, log-likelihoods are.${thick}`,
    data,
    layout: {
      height: 560,
      legend: legendAbove,
      margin: { l: 70, r: 24, t: 100, b: 64 },
      xaxis: axis("Optimizer step (count)", { anchor: "y2", range: stepRange(curves) }),
      yaxis: axis("Loss minimised<br>(nats per token)", { domain: [0.54, 1] }),
      yaxis2: axis("Negative log-likelihood<br>(nats per token)", { domain: [0, 0.46] }),
    },
    alt: `Training curves of ${listed(methods)}. ${curves.map(describe).join(" ")} ` +
      `The loss is not comparable between methods, the negative log-likelihood is.`,
  });
}

function curve(rows: readonly TrainingRow[], method: string): Curve {
  const own = rows.filter((row) => row.method === method);
  const steps = distinct(own.map((row) => row.step)).sort((a, b) => a - b);
  const bySeed = Map.groupBy(own, (row) => row.step);
  const mean = (key: "loss" | "nll") =>
    steps.map((step) => {
      const values = bySeed.get(step)!.map((row) => row[key]);
      return values.reduce((a, b) => a + b, 0) / values.length;
    });
  return { method, steps, loss: mean("loss"), nll: mean("nll") };
}

function lines(
  { method, steps, ...values }: Curve,
  { key, yaxis, window, methods }: {
    key: "loss" | "nll";
    yaxis: "y" | "y2";
    window: number;
    methods: string[];
  },
): Data[] {
  const { color, dash, symbol } = styleOf(method, methods);
  const shared = { type: "scatter", name: method, legendgroup: method, x: steps, yaxis } as const;
  const first = key === "loss"; // one legend entry for both panels
  const hovertemplate = `${method}, step %{x}: %{y:.4f}<extra></extra>`;
  if (window === 1) {
    const marker = { color, symbol, size: 6 };
    const line = { color, dash, width: 2 };
    return [{
      ...shared,
      mode: "lines+markers",
      y: values[key],
      line,
      marker,
      showlegend: first,
      hovertemplate,
    }];
  }
  const smooth = movingMean(values[key], window);
  return [
    {
      ...shared,
      mode: "lines",
      y: values[key],
      line: { color, width: 1 },
      opacity: 0.3,
      showlegend: false,
      hoverinfo: "skip",
    },
    {
      ...shared,
      mode: "lines+markers",
      y: smooth,
      line: { color, dash, width: 2.5 },
      marker: { color, symbol, size: 7, maxdisplayed: 12 },
      showlegend: first,
      hovertemplate,
    },
  ];
}

/** The mean of the `window` values around each (fewer at the ends); values that are not finite are left out. */
export function movingMean(values: readonly number[], window: number): number[] {
  const half = window >> 1;
  return values.map((_, i) => {
    const near = values.slice(Math.max(0, i - half), i + half + 1).filter(Number.isFinite);
    return near.reduce((a, b) => a + b, 0) / near.length;
  });
}

function stepRange(curves: Curve[]): [number, number] {
  const first = Math.min(...curves.map((one) => one.steps[0]));
  const last = Math.max(...curves.map((one) => one.steps[one.steps.length - 1]));
  const pad = Math.max(0.5, (last - first) / 60);
  return [first - pad, last + pad];
}

function describe({ method, steps, loss, nll }: Curve): string {
  const last = steps.length - 1;
  return `${method}, steps ${steps[0]} to ${steps[last]}: loss from ${short(loss[0])} to ${
    short(loss[last])
  }, negative log-likelihood from ${short(nll[0])} to ${short(nll[last])}.`;
}
