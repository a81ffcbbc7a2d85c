// Bench: how the cost of a LoRA step grows with context, batch, depth and width. Each line is a process of its own; depths
// and widths beyond the default model's have random weights. The work itself: lora_step.ts.
import { join } from "node:path";
import { traceGraph } from "../lib/jit/mod.ts";
import { type Base, baseOf, initLora, type LlamaConfig, openModel } from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { cacheDir, writeFileAtomic } from "../lib/run/files.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { estimateMemory, stepSpecs } from "../lib/train/estimate.ts";
import { trainingProgram } from "../lib/train/program.ts";
import { parseFlags } from "./flags.ts";
import { lora } from "./lora_step.ts";
import { parameterCount, shapeOf, SHAPES, writeRandomBase } from "./random_model.ts";
import { columns } from "./report.ts";
import { loadAverage, ownSide, runSide, type SideResult, type Task } from "./side.ts";

const help = `deno task bench growth [flags]

  --contexts LIST  tokens a row, with the default model (default 128,256,512,1024)
  --batches LIST   rows a step, for each of them (default 1,4)
  --depths LIST    layers of the default model's width, random weights, 1 × 256 (default 6,12,24,48)
  --shapes LIST    larger models with random weights, 1 × 256 (default 360M,1.7B); "none" for none
  --memory N       GiB that a step may take; what is estimated above is left out (default 24)
  --steps N        timed steps (default 2, after one)
  --threads N      threads (default: the cores)
  --json           one JSON object on stdout

Random weights are written to the cache folder (7 GB for 1.7B) and removed.`;

const folder = join(cacheDir(), "bench-growth");

/** One line of the table. */
export interface GrowthRow
  extends Partial<Pick<SideResult, "graphBytes" | "traceSeconds" | "sessionSeconds">> {
  model: string;
  parameters: number;
  layers: number;
  batch: number;
  context: number;
  /** The fastest timed step. */
  stepSeconds?: number;
  peakBytes?: number;
  /** Estimated, where the step was left out for want of memory. */
  neededBytes?: number;
}

/** Runs the bench; 1 where the graph or its compilation does not grow linearly in depth. */
export async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args, {
    numbers: { memory: 24, steps: 2, threads: navigator.hardwareConcurrency },
    texts: ["contexts", "batches", "depths", "shapes"],
  });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const contexts = numbers("contexts", flags.contexts ?? "128,256,512,1024");
  const batches = numbers("batches", flags.batches ?? "1,4");
  const depths = numbers("depths", flags.depths ?? "6,12,24,48");
  const shapes = (flags.shapes ?? "360M,1.7B").split(",").filter((name) => name !== "none");
  const unknown = shapes.find((name) => !Object.hasOwn(SHAPES, name));
  if (unknown) {
    throw new InputError(`Cannot use shape ${unknown}: choose from ${Object.keys(SHAPES).join(", ")}, none`);
  }
  const before = loadAverage();
  const measure = (name: string, base: Base, batch: number, context: number) =>
    measured({ name, base, batch, context, ...flags });
  const model = await openModel();
  model.weights.close();
  const size: GrowthRow[] = [];
  for (const batch of batches) {
    for (const context of contexts) size.push(await measure("135M", baseOf(model), batch, context));
  }
  const random = (name: string, config: LlamaConfig) =>
    withRandom(name, config, (base) => measure(name, base, 1, 256));
  const depth: GrowthRow[] = [];
  for (const layers of depths) depth.push(await random(`${layers} layers`, shapeOf({ layers })));
  const width: GrowthRow[] = [];
  for (const name of shapes) width.push(await random(name, SHAPES[name]));
  const report = {
    bench: "growth",
    machine: { ...hardware(), load: undefined },
    versions: versions(),
    settings: { steps: flags.steps, threads: flags.threads, lora },
    size,
    depth,
    width,
    linear: linearity(depth),
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : text(report));
  return report.linear?.holds === false ? 1 : 0;
}

function numbers(flag: string, list: string): number[] {
  return list.split(",").map((item) => {
    if (/^[1-9]\d{0,4}$/.test(item)) return Number(item);
    throw new InputError(`Cannot use --${flag} ${list}: give whole numbers with commas between them`);
  });
}

/** Runs `body` with random weights in a file that is removed after it, also on Ctrl-C. */
async function withRandom<T>(
  name: string,
  config: LlamaConfig,
  body: (base: Base) => Promise<T>,
): Promise<T> {
  console.error(`${name}: writing ${(parameterCount(config) * 4 / 1e9).toFixed(1)} GB of random weights`);
  const stop = () => {
    Deno.removeSync(folder, { recursive: true });
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", stop);
  try {
    await Deno.mkdir(folder, { recursive: true });
    return await body(await writeRandomBase(join(folder, "model.safetensors"), config));
  } finally {
    await Deno.remove(folder, { recursive: true });
    Deno.removeSignalListener("SIGINT", stop);
  }
}

interface Measurement {
  name: string;
  base: Base;
  batch: number;
  context: number;
  memory: number;
  steps: number;
  threads: number;
}

async function measured(
  { name, base, batch, context, memory, steps, threads }: Measurement,
): Promise<GrowthRow> {
  const { config } = base;
  const row = { model: name, parameters: parameterCount(config), layers: config.layers, batch, context };
  const neededBytes = needed(base, batch, context);
  if (neededBytes > memory * 2 ** 30) return { ...row, neededBytes };
  const task: Task = {
    model: "",
    base,
    rows: Array.from({ length: batch }, (_, b) => randomIds(context, b, config.vocabSize)),
    targets: batch * (context - 1),
    steps,
    warmup: 1,
    threads,
  };
  const path = join(cacheDir(), "bench-growth.json");
  await writeFileAtomic(path, JSON.stringify(task));
  const result = await runSide(`${name}, ${batch} × ${context}`, ownSide("lora_step.ts", path)).finally(() =>
    Deno.remove(path)
  );
  const { graphBytes, traceSeconds, sessionSeconds, peakBytes, seconds } = result;
  const stepSeconds = Math.min(...seconds);
  console.error(
    `${name}, ${batch} × ${context}: ${stepSeconds.toFixed(2)} s a step, load ${loadAverage()[0]}`,
  );
  return { ...row, graphBytes, traceSeconds, sessionSeconds, stepSeconds, peakBytes };
}

function randomIds(count: number, seed: number, vocabulary: number): number[] {
  let x = seed + 1;
  return Array.from({ length: count }, () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) % vocabulary);
}

/** Bytes that a step is estimated to take. */
function needed(base: Base, batch: number, context: number): number {
  const layout = { B: batch, T: Math.ceil(context / 16) * 16, R: Math.ceil(batch * (context - 1) / 32) * 32 };
  const specs = stepSpecs(base, { lora, seed: 0 }, layout);
  const graph = traceGraph(trainingProgram(base.config, lora), specs, { weights: base.weights });
  const parameters = Object.values(initLora(base.config, lora, 0)).reduce(
    (n, { data }) => n + data.length,
    0,
  );
  return estimateMemory(graph, parameters, Deno.memoryUsage().rss).total;
}

/** How much bytes and compile time may differ from layer to layer and still count as linear. */
const TOLERANCE = { bytes: 0.03, seconds: 0.5 };

/** What each further layer costs between neighbouring depths, and whether all cost the same; undefined below three depths. */
export function linearity(rows: GrowthRow[]) {
  const done = rows.filter((row) => row.graphBytes !== undefined);
  if (done.length < 3) return;
  const perLayer = (of: (row: GrowthRow) => number) =>
    done.slice(1).map((row, i) => (of(row) - of(done[i])) / (row.layers - done[i].layers));
  const bytes = perLayer((row) => row.graphBytes!), seconds = perLayer((row) => row.traceSeconds!);
  const even = (values: number[], tolerance: number) => {
    const mean = values.reduce((a, b) => a + b) / values.length;
    return values.every((v) => Math.abs(v / mean - 1) <= tolerance);
  };
  // compile time: that a layer's share does not grow; in small graphs it is mostly noise
  const grows = seconds.at(-1)! > (1 + TOLERANCE.seconds) * done.at(-1)!.traceSeconds! / done.at(-1)!.layers;
  return { bytesPerLayer: bytes, secondsPerLayer: seconds, holds: even(bytes, TOLERANCE.bytes) && !grows };
}

interface Report {
  machine: { cpu?: string; cores: number };
  settings: { threads: number };
  size: GrowthRow[];
  depth: GrowthRow[];
  width: GrowthRow[];
  linear: ReturnType<typeof linearity>;
  load: { before: number[]; after: number[] };
}

function text({ machine, settings, size, depth, width, linear, load }: Report): string {
  const heads = ["model", "weights", "rows", "compile", "graph", "session", "step", "tokens/s", "peak"];
  const line = (row: GrowthRow) => [
    row.model,
    `${(row.parameters / 1e6).toFixed(0)}M`,
    `${row.batch} × ${row.context}`,
    ...(row.stepSeconds === undefined
      ? ["", "", "", "left out", "", `needs ${(row.neededBytes! / 1e9).toFixed(1)} GB`]
      : [
        `${row.traceSeconds!.toFixed(2)} s`,
        `${(row.graphBytes! / 1e6).toFixed(2)} MB`,
        `${row.sessionSeconds!.toFixed(1)} s`,
        `${row.stepSeconds.toFixed(2)} s`,
        (row.batch * row.context / row.stepSeconds).toFixed(0),
        `${(row.peakBytes! / 1e9).toFixed(2)} GB`,
      ]),
  ];
  const list = (values: number[], digits: number) => values.map((v) => v.toFixed(digits)).join(", ");
  return [
    `LoRA steps; ${machine.cpu ?? "unknown processor"} (${machine.cores} cores), ${settings.threads} threads`,
    "",
    ...columns([heads, ...[...size, ...depth, ...width].map(line)]),
    "",
    ...(linear
      ? [
        `each further layer: ${list(linear.bytesPerLayer, 0)} bytes of graph, ` +
        `${list(linear.secondsPerLayer.map((s) => 1000 * s), 1)} ms of compiling; linear in depth ` +
        `(bytes within ${100 * TOLERANCE.bytes}%, time within ${100 * TOLERANCE.seconds}%): ${
          linear.holds ? "yes" : "no"
        }`,
      ]
      : []),
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}
