// The bar, the chart and the stop button while the methods train. They end in a state that holds no times and is the same
// whether a run was trained, resumed or found complete.
import { type LiveRow, trainingLive } from "../plot/training_live.ts";
import { trainingCurves, type TrainingRow } from "../plot/training_curves.ts";
import { type LiveFigure, showLiveFigure } from "../plot/display.ts";
import type { Progress } from "../run/progress.ts";
import { requestStop } from "../run/stop.ts";
import { type ButtonPlace, buttonPlace, progressBar, type StopButton } from "../show/mod.ts";
import type { StepMetrics } from "../train/mod.ts";

/** Milliseconds between two drawings of the chart. */
const PAUSE = 1000;

/** Shown from the first step on; call start(), step() and done() for each method, and at the end finish() or abandon(). */
export class LiveTraining {
  #rows = new Map<string, LiveRow[]>();
  #bar?: Progress;
  #chart?: LiveFigure;
  #place?: ButtonPlace;
  #button?: StopButton;
  #dir = "";
  #drawn = -Infinity;

  constructor(private readonly methods: readonly string[]) {}

  /** `method` begins in the folder `dir`, or goes on after the steps `before`; `total` steps in all. */
  async start(method: string, dir: string, before: StepMetrics[], total: number): Promise<void> {
    this.#dir = dir;
    this.#rows.set(method, before.map((m) => liveRow(method, m)));
    await this.#show(method, total);
    this.#button ??= await this.#place!.open("Stop after this step", () => requestStop(this.#dir));
  }

  /** One step is done, of `total`. */
  async step(method: string, metrics: StepMetrics, total: number): Promise<void> {
    this.#rows.get(method)!.push(liveRow(method, metrics));
    const note = `${method}: loss ${metrics.loss.toFixed(3)}`;
    await this.#bar!.update(this.#table().length, { tokens: metrics.tokens, note });
    if (performance.now() - this.#drawn < PAUSE) return;
    const { tokensPerSecond, secondsLeft } = this.#bar!.state, memory = Deno.memoryUsage().rss;
    const figure = trainingLive(this.#table(), {
      method,
      step: metrics.step,
      total,
      tokensPerSecond,
      secondsLeft,
      memory,
    });
    if (this.#chart) await this.#chart.update(figure);
    else this.#chart = await showLiveFigure(figure);
    this.#drawn = performance.now();
  }

  /** All steps of `method`, whoever computed them. */
  async done(method: string, metrics: StepMetrics[]): Promise<void> {
    this.#rows.set(method, metrics.map((m) => liveRow(method, m)));
    await this.#show(method, metrics.length);
  }

  /** The last state. */
  async finish(): Promise<void> {
    await this.abandon();
    await this.#bar!.update(this.#bar!.state.total);
    await this.#bar!.finish("done");
    const figure = trainingCurves(this.#table());
    this.#chart ??= await showLiveFigure(figure);
    await this.#chart.finish(figure);
  }

  /** Takes the button away: nothing trains any more. */
  async abandon(): Promise<void> {
    await this.#button?.close();
    this.#button = undefined;
  }

  /** The bar as it stands, and the button's place below it. */
  async #show(method: string, total: number): Promise<void> {
    this.#bar ??= progressBar(`train ${this.methods.join(", ")}`, this.methods.length * total);
    await this.#bar.update(this.#table().length, { note: method });
    this.#place ??= await buttonPlace();
  }

  #table(): LiveRow[] {
    return [...this.#rows.values()].flat();
  }
}

const liveRow = (method: string, { step, loss, nll, lr }: StepMetrics): LiveRow => ({
  method,
  step,
  loss,
  nll,
  lr,
});

/** The training curves' table from runs by method. */
export function trainingRows(runs: Record<string, { metrics: StepMetrics[] }>): TrainingRow[] {
  return Object.entries(runs).flatMap(([method, { metrics }]) =>
    metrics.map(({ step, loss, nll }) => ({ method, step, loss, nll }))
  );
}
