// `ual watch`: a training run's metrics as they come, a line a step, from its files alone; the run may be anybody's.
import { join } from "node:path";
import type { Output } from "../cli.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { holderOf } from "../run/lock.ts";
import { clock } from "../run/progress.ts";
import type { StepMetrics } from "../train/settings.ts";
import type { Flags } from "./flags.ts";

/** Milliseconds between two looks at the file. */
const PAUSE = 500;
/** Steps of the moving mean and of the speed. */
const WINDOW = 10;

/** How far a run is. */
interface Progress {
  metrics: StepMetrics[];
  total?: number;
  state: "running" | "complete" | "not running";
}

/** Prints every step of `--run` until it ends, or with `--once` only where it stands. */
export async function watch(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("run"));
  let run = await look(dir);
  if (run.metrics.length === 0 && run.state !== "running") {
    throw new InputError(
      `Cannot watch ${dir}: there is no training run in it; give the folder of ual train --out`,
    );
  }
  for (let printed = 0; !flags.flag("once");) {
    for (; printed < run.metrics.length; printed++) {
      if (!flags.json) console.log(lineOf(run.metrics.slice(0, printed + 1), run.total));
    }
    if (run.state !== "running") break;
    await new Promise((done) => setTimeout(done, PAUSE));
    const now = await look(dir);
    if (now.metrics.length < printed) printed = now.metrics.length; // it went back to a checkpoint
    run = now;
  }
  const { metrics, total, state } = run, last = metrics.at(-1);
  const json = {
    run: dir,
    state,
    step: last?.step ?? 0,
    total: total ?? null,
    loss: last?.loss ?? null,
    ...pace(metrics, total),
  };
  return { json, text: `${state}${last ? `: ${lineOf(metrics, total)}` : ""}` };
}

async function look(dir: string): Promise<Progress> {
  const running = holderOf(dir) !== undefined; // first: what ends meanwhile is then complete
  const text = await Deno.readTextFile(join(dir, "metrics.jsonl")).catch(() => "");
  const settings = await Deno.readTextFile(join(dir, "run.json")).then(JSON.parse).catch(() => undefined);
  const complete = await Deno.stat(join(dir, "manifest.json")).then(() => true, () => false);
  return {
    metrics: wholeLines(text),
    total: settings?.settings?.steps,
    state: running ? "running" : complete ? "complete" : "not running",
  };
}

/** The steps in `text`; a line that is being written, or was torn, is left out. */
export function wholeLines(text: string): StepMetrics[] {
  return text.split("\n").slice(0, -1).flatMap((line) => {
    try {
      return [JSON.parse(line) as StepMetrics];
    } catch {
      return [];
    }
  });
}

/** "step 12 of 100 · loss 1.2345, mean of 10 1.3012 · lr 3.00e-4 · 210 tokens/s · 1:28 left" for the last of `metrics`. */
export function lineOf(metrics: StepMetrics[], total?: number): string {
  const last = metrics.at(-1)!, recent = metrics.slice(-WINDOW);
  const mean = recent.reduce((sum, m) => sum + m.loss, 0) / recent.length;
  const { tokens_per_second: speed, seconds_left: left } = pace(metrics, total);
  const parts = [
    `step ${last.step}${total ? ` of ${total}` : ""}`,
    `loss ${last.loss.toFixed(4)}, mean of ${recent.length} ${mean.toFixed(4)}`,
    `lr ${last.lr.toExponential(2)}`,
  ];
  if (speed !== null) parts.push(`${Math.round(speed)} tokens/s`);
  if (left !== null && left > 0) parts.push(`${clock(left)} left`);
  if (last.heldout !== undefined) parts.push(`held-out perplexity ${last.heldout.toFixed(3)}`);
  return parts.join(" · ");
}

/** Over the last steps. */
function pace(
  metrics: StepMetrics[],
  total?: number,
): { tokens_per_second: number | null; seconds_left: number | null } {
  const recent = metrics.slice(-WINDOW), seconds = recent.reduce((sum, m) => sum + m.seconds, 0);
  if (!(seconds > 0)) return { tokens_per_second: null, seconds_left: null };
  const left = total === undefined ? null : (total - metrics.at(-1)!.step) * seconds / recent.length;
  return { tokens_per_second: recent.reduce((sum, m) => sum + m.tokens, 0) / seconds, seconds_left: left };
}
