// The bar and the chart that move while the methods train. They end in a state that holds no times and is the same
// whether a run was trained, resumed or found complete.
import { liveTraining, type TrainingRow } from "./plot/training_curves.ts";
import { type LiveFigure, showLiveFigure } from "./plot/display.ts";
import type { Progress } from "./run/progress.ts";
import { progressBar } from "./show/mod.ts";
import type { StepMetrics } from "./train/mod.ts";

/** Milliseconds between two drawings of the chart. */
const PAUSE = 1000;

/** Shown from the first step on; call start(), step() and done() for each method, and at the end finish(). */
export class LiveTraining {
  #rows = new Map<string, TrainingRow[]>();
  #bar?: Progress;
  #chart?: LiveFigure;
  #drawn = -Infinity;

  constructor(private readonly methods: readonly string[]) {}

  /** `method` begins, or goes on after the steps `before`; `total` steps in all. */
  async start(method: string, before: StepMetrics[], total: number): Promise<void> {
    this.#rows.set(method, trainingRows({ [method]: { metrics: before } }));
    this.#bar ??= progressBar(`train ${this.methods.join(", ")}`, this.methods.length * total);
    await this.#bar.update(this.#table().length, { note: method });
  }

  /** One step is done. */
  async step(method: string, metrics: StepMetrics): Promise<void> {
    this.#rows.get(method)!.push(...trainingRows({ [method]: { metrics: [metrics] } }));
    const note = `${method}: loss ${metrics.loss.toFixed(3)}`;
    await this.#bar!.update(this.#table().length, { tokens: metrics.tokens, note });
    if (performance.now() - this.#drawn < PAUSE) return;
    const figure = liveTraining(this.#table());
    if (this.#chart) await this.#chart.update(figure);
    else this.#chart = await showLiveFigure(figure);
    this.#drawn = performance.now();
  }

  /** All steps of `method`, whoever computed them. */
  async done(method: string, metrics: StepMetrics[]): Promise<void> {
    if (!this.#bar) await this.start(method, [], metrics.length);
    this.#rows.set(method, trainingRows({ [method]: { metrics } }));
  }

  /** The last state. */
  async finish(): Promise<void> {
    await this.#bar!.update(this.#bar!.state.total);
    await this.#bar!.finish("done");
    const figure = liveTraining(this.#table());
    this.#chart ??= await showLiveFigure(figure);
    await this.#chart.finish(figure);
  }

  #table(): TrainingRow[] {
    return [...this.#rows.values()].flat();
  }
}

/** The training curves' table from runs by method. */
export function trainingRows(runs: Record<string, { metrics: StepMetrics[] }>): TrainingRow[] {
  return Object.entries(runs).flatMap(([method, { metrics }]) =>
    metrics.map(({ step, loss, nll }) => ({ method, step, loss, nll }))
  );
}
