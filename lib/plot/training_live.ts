// The figure of a training run under way: each method's loss and its moving mean, the learning rate, and in one line how far
// it is. The figure that stays, without anything of the clock, is training_curves.ts.
import type { Data } from "plotly.js-dist";
import { axis, distinct, type Figure, figure, legendAbove, needRows, styleOf } from "./figure.ts";
import { movingMean, type TrainingRow } from "./training_curves.ts";

/** A step under way, with its learning rate. */
export interface LiveRow extends TrainingRow {
  lr: number;
}

/** How far a run is. */
export interface LiveStatus {
  method: string;
  step: number;
  total: number;
  tokensPerSecond?: number;
  secondsLeft?: number;
  /** Bytes that the process holds. */
  memory?: number;
}

/** Steps of the moving mean. */
const WINDOW = 9;

/** Above the loss (thin: each step, thick: mean of 9 steps), below the learning rate. Throws InputError for an empty table. */
export function trainingLive(rows: readonly LiveRow[], status: LiveStatus): Figure {
  needRows(rows, "the training under way");
  const methods = distinct(rows.map((row) => row.method));
  const data = methods.flatMap((method): Data[] => {
    const own = rows.filter((row) => row.method === method), { color, dash } = styleOf(method, methods);
    const shared = {
      type: "scatter",
      mode: "lines",
      name: method,
      legendgroup: method,
      x: own.map((row) => row.step),
    } as const;
    const loss = own.map((row) => row.loss);
    return [
      { ...shared, y: loss, line: { color, width: 1 }, opacity: 0.4, showlegend: false },
      { ...shared, y: movingMean(loss, WINDOW), line: { color, dash, width: 2.5 } },
      {
        ...shared,
        y: own.map((row) => row.lr),
        yaxis: "y2",
        line: { color, dash, width: 2 },
        showlegend: false,
      },
    ];
  });
  const line = statusLine(status);
  return figure({
    title: "Training under way",
    note: line,
    data,
    layout: {
      height: 440,
      legend: legendAbove,
      margin: { l: 76, r: 24, t: 100, b: 60 },
      xaxis: axis("Optimizer step (count)", { anchor: "y2", range: [0.5, status.total + 0.5] }),
      yaxis: axis("Loss minimised<br>(nats per token)", { domain: [0.36, 1] }),
      yaxis2: axis("Learning rate<br>(per step)", {
        domain: [0, 0.24],
        rangemode: "tozero",
        tickformat: ".1e",
      }),
    },
    alt: `Training under way: ${line}.`,
  });
}

/** "UAL: step 5 of 20 · 212 tokens/s · 1:20 left · 2.3 GB" */
export function statusLine(
  { method, step, total, tokensPerSecond, secondsLeft, memory }: LiveStatus,
): string {
  const parts = [`${method}: step ${step} of ${total}`];
  if (tokensPerSecond !== undefined) parts.push(`${Math.round(tokensPerSecond)} tokens/s`);
  if (secondsLeft !== undefined) {
    const seconds = Math.round(secondsLeft);
    parts.push(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`);
  }
  if (memory !== undefined) parts.push(`${(memory / 1e9).toFixed(1)} GB`);
  return parts.join(" · ");
}
