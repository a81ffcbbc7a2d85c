// Where the time of a LoRA step goes: one step of the default model under onnxruntime's profiler, by operator and by shapes.
// The step: bench/lora_step.ts in a process of its own; the arithmetic: bench/profile.ts.
import { join } from "node:path";
import { parseFlags } from "../bench/flags.ts";
import { lastRuns, type ProfileRow, profileRows } from "../bench/profile.ts";
import { columns } from "../bench/report.ts";
import { loadAverage, ownSide, runSide } from "../bench/side.ts";
import { writeTask } from "../bench/task.ts";
import { readProfile } from "../lib/jit/profile.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { runMain } from "./main.ts";
import { root } from "./setup.ts";

const help = `deno task profile [flags]

  --batch N    rows a step (default 4)
  --context N  tokens a row (default 256)
  --steps N    steps that are counted, after two that are not (default 2)
  --top N      lines of the table by shapes (default 25)
  --threads N  threads (default: the cores)
  --json       one JSON object on stdout

The profiler takes time itself: use bench for speeds. Times are of one step.`;

async function main(): Promise<number> {
  const flags = parseFlags(Deno.args, {
    numbers: { batch: 4, context: 256, steps: 2, top: 25, threads: navigator.hardwareConcurrency },
  });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const folder = await Deno.makeTempDir({ dir: join(root, ".ual"), prefix: "profile-" });
  try {
    const warmup = 2, load = loadAverage();
    const task = await writeTask(folder, { ...flags, warmup });
    const side = ownSide("lora_step.ts", join(folder, "task.json"), join(folder, "run"));
    const { sessionSeconds, traceSeconds, graphBytes } = await runSide("a step", side);
    const entries = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    const profile = await readProfile(join(folder, entries.find((name) => /^run.*\.json$/.test(name))!));
    const counted = lastRuns(profile, warmup), perRun = (sum: number) => sum / counted.runs.length / 1000;
    const operators = profileRows(counted, "operator"), shapes = profileRows(counted, "shapes");
    const report = {
      task: { batch: task.rows.length, context: flags.context, targets: task.targets },
      machine: { ...hardware(), load: undefined },
      versions: versions(),
      settings: { steps: flags.steps, threads: flags.threads },
      traceSeconds: traceSeconds!,
      sessionSeconds: sessionSeconds!,
      graphBytes: graphBytes!,
      calls: counted.calls.length / counted.runs.length,
      stepMilliseconds: perRun(counted.runs.reduce((a, b) => a + b, 0)),
      kernelMilliseconds: perRun(counted.calls.reduce((sum, call) => sum + call.microseconds, 0)),
      matrixProducts: operators.reduce((sum, row) => sum + (row.gigaflops ? row.share : 0), 0),
      operators,
      shapes,
      load,
    };
    console.log(flags.json ? JSON.stringify(report) : text(report, flags.top));
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Report {
  task: { batch: number; context: number; targets: number };
  machine: { cpu?: string; cores: number };
  settings: { steps: number; threads: number };
  traceSeconds: number;
  sessionSeconds: number;
  graphBytes: number;
  calls: number;
  stepMilliseconds: number;
  kernelMilliseconds: number;
  matrixProducts: number;
  operators: ProfileRow[];
  shapes: ProfileRow[];
  load: number[];
}

function text(report: Report, top: number): string {
  const { task, machine, settings, operators, shapes } = report;
  const line = (row: ProfileRow, name: string) => [
    name,
    String(row.calls),
    row.milliseconds.toFixed(1),
    `${(100 * row.share).toFixed(1)}%`,
    row.gigaflops?.toFixed(0) ?? "",
  ];
  const heads = ["calls", "ms", "share", "GFLOP/s"];
  return [
    `LoRA step, ${task.batch} × ${task.context} tokens, ${task.targets} targets; ` +
    `${machine.cpu ?? "unknown processor"} (${machine.cores} cores), ${settings.threads} threads, load ${
      report.load[0]
    }`,
    `graph ${(report.graphBytes / 1e6).toFixed(2)} MB, ${report.calls} calls; compile ` +
    `${report.traceSeconds.toFixed(2)} s, session ${report.sessionSeconds.toFixed(2)} s`,
    `step ${report.stepMilliseconds.toFixed(0)} ms under the profiler, kernels ${
      report.kernelMilliseconds.toFixed(0)
    } ms, ` +
    `matrix products ${(100 * report.matrixProducts).toFixed(0)}% of those`,
    "",
    ...columns([["by operator", ...heads], ...operators.map((row) => line(row, row.op))]),
    "",
    ...columns([
      ["by shapes", ...heads],
      ...shapes.slice(0, top).map((row) => line(row, `${row.op} ${row.shapes}`)),
    ]),
  ].join("\n");
}

await runMain(main);
