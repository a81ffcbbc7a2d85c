// Bench: what `ual plan` estimates beside what the run then takes, in time and memory. Both in processes of their own,
// one after the other: plan_side.ts and lora_step.ts.
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import type { TrainEstimate } from "../lib/train/estimate.ts";
import { root } from "../tools/setup.ts";
import { parseFlags } from "./flags.ts";
import { columns, spread } from "./report.ts";
import { loadAverage, ownSide, runSide } from "./side.ts";
import { writeTask } from "./task.ts";

const help = `deno task bench plan [flags]

  --runs LIST   rows × tokens of each run's steps (default 1x256,4x256,2x512,1x1024)
  --steps N     steps of each run (default 6)
  --threads N   threads (default: the cores)
  --json        one JSON object on stdout`;

/** How far from 1 a ratio may be. */
const TOLERANCE = 0.15;
const folder = join(root, ".ual/bench/plan");

/** Runs the bench; 1 where an estimate is off by more than 15%. */
export async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args, {
    numbers: { steps: 6, threads: navigator.hardwareConcurrency },
    texts: ["runs"],
  });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const sizes = (flags.runs ?? "1x256,4x256,2x512,1x1024").split(",").map(sizeOf);
  const before = loadAverage(), runs: Run[] = [];
  for (const size of sizes) runs.push(await oneRun({ ...size, ...flags }));
  const report = {
    bench: "plan",
    machine: { ...hardware(), load: undefined },
    versions: versions(),
    settings: { steps: flags.steps, threads: flags.threads },
    runs,
    within: runs.every(({ ratios }) => Object.values(ratios).every((r) => Math.abs(r - 1) <= TOLERANCE)),
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : text(report));
  return report.within ? 0 : 1;
}

function sizeOf(text: string): { batch: number; context: number } {
  const match = /^([1-9]\d{0,3})x([1-9]\d{0,4})$/.exec(text);
  if (match) return { batch: Number(match[1]), context: Number(match[2]) };
  throw new InputError(`Cannot use a run of ${text}: write rows and tokens, as in 4x256`);
}

interface Figures {
  peakBytes: number;
  startSeconds: number;
  /** The median step. */
  stepSeconds: number;
  /** From the start of the process's own work to the end of the last step. */
  runSeconds: number;
}

interface Run {
  batch: number;
  context: number;
  estimated: Figures;
  measured: Figures;
  /** Estimated / measured. */
  ratios: { memory: number; step: number; run: number };
}

async function oneRun(
  size: { batch: number; context: number; steps: number; threads: number },
): Promise<Run> {
  const { batch, context } = size, title = `${batch} × ${context}`;
  await writeTask(folder, { ...size, warmup: 0 });
  const path = join(folder, "task.json");
  const plan = await runSide<TrainEstimate>(`the estimate of ${title}`, ownSide("plan_side.ts", path));
  const run = await runSide(title, ownSide("lora_step.ts", path));
  const { time, memory, batches, steps } = plan;
  const estimated = {
    peakBytes: memory.total,
    startSeconds: time.start,
    stepSeconds: time.batch * batches / steps + time.update,
    runSeconds: time.total,
  };
  const measured = {
    peakBytes: run.peakBytes,
    startSeconds: run.startSeconds,
    stepSeconds: spread(run.seconds).median,
    runSeconds: run.startSeconds + run.seconds.reduce((a, b) => a + b),
  };
  console.error(
    `${title}: a step ${estimated.stepSeconds.toFixed(2)} s estimated, ${
      measured.stepSeconds.toFixed(2)
    } s measured`,
  );
  const ratio = (of: (figures: Figures) => number) => of(estimated) / of(measured);
  const ratios = {
    memory: ratio((f) => f.peakBytes),
    step: ratio((f) => f.stepSeconds),
    run: ratio((f) => f.runSeconds),
  };
  return { batch, context, estimated, measured, ratios };
}

interface Report {
  machine: { cpu?: string; cores: number };
  settings: { steps: number; threads: number };
  runs: Run[];
  within: boolean;
  load: { before: number[]; after: number[] };
}

function text({ machine, settings, runs, within, load }: Report): string {
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2), seconds = (s: number) => s.toFixed(2);
  const rows = runs.map(({ batch, context, estimated: e, measured: m, ratios }) => [
    `${batch} × ${context}`,
    `${gigabytes(e.peakBytes)} / ${gigabytes(m.peakBytes)}`,
    ratios.memory.toFixed(2),
    `${seconds(e.startSeconds)} / ${seconds(m.startSeconds)}`,
    `${seconds(e.stepSeconds)} / ${seconds(m.stepSeconds)}`,
    ratios.step.toFixed(2),
    `${seconds(e.runSeconds)} / ${seconds(m.runSeconds)}`,
    ratios.run.toFixed(2),
  ]);
  return [
    `ual plan: estimated / measured, runs of ${settings.steps} steps; ${
      machine.cpu ?? "unknown processor"
    } ` +
    `(${machine.cores} cores), ${settings.threads} threads`,
    "",
    ...columns([["rows", "peak, GB", "ratio", "start, s", "step, s", "ratio", "run, s", "ratio"], ...rows]),
    "",
    `all within ${100 * TOLERANCE}%: ${within ? "yes" : "no"}; load average before ${
      load.before.join(" ")
    }, after ${load.after.join(" ")}`,
  ].join("\n");
}
