// Our side of the benches that train: runs the task's steps with the library's own loop and prints what they took as one
// JSON line. deno run -A bench/lora_step.ts TASK.json [PROFILE-PREFIX] [--engine=tfjs-node]
import { baseOf, openModel, readAdapter, type Sequence } from "../lib/model/mod.ts";
import { peakMemory } from "../lib/run/machine.ts";
import { stepBatches } from "../lib/train/estimate.ts";
import { type StepMetrics, train, type TrainSettings } from "../lib/train/mod.ts";
import type { SideResult, Task } from "./side.ts";

/** The adapter that the benches train: the paper's modules and rank, without dropout, so that losses can be compared. */
export const lora = { r: 8, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] };

/** The samples of a task as the library takes them. */
export function sequencesOf({ rows, supervised }: Task): Sequence[] {
  return rows.map((row, i) => ({
    id: String(i),
    ids: Int32Array.from(row),
    supervised: supervised ? Uint8Array.from(supervised[i]) : new Uint8Array(row.length).fill(1, 1),
  }));
}

/** The settings that a task trains with. */
export function settingsOf(task: Task): TrainSettings {
  const batch = task.batch ?? task.rows.length;
  return {
    lora,
    batch,
    steps: task.warmup + task.steps,
    lr: 3e-4,
    weightDecay: 0.01,
    maxRows: batch,
    warmup: 0,
    schedule: "constant",
    clip: 0,
    seed: 0,
    shuffle: false,
    threads: task.threads,
    ...task.settings,
  };
}

async function main(task: Task, profilePrefix?: string): Promise<SideResult> {
  const start = performance.now();
  const model = task.base ? undefined : await openModel(task.model);
  const base = task.base ?? baseOf(model!);
  const init = task.adapter ? (await readAdapter(task.adapter, base.config)).params : undefined;
  const sequences = sequencesOf(task), settings = settingsOf(task);
  const metrics: StepMetrics[] = [], ends: number[] = [];
  const dir = await Deno.makeTempDir();
  try {
    const result = await train(base, sequences, sequences.map(() => 0), settings, {
      dir,
      init,
      checkpointEvery: settings.steps,
      onStart: () => void ends.push(performance.now()),
      onStep: (m) => {
        metrics.push(m);
        ends.push(performance.now());
      },
      jit: { cache: false, profilePrefix },
    });
    const { traceSeconds, sessionSeconds, bytes } = result.compile;
    const seconds = ends.slice(1).map((end, i) => (end - ends[i]) / 1000);
    return {
      seconds: seconds.slice(task.warmup),
      losses: metrics.map((m) => m.loss),
      samples: metrics.map((m) => m.samples.map((s) => s.nll)),
      peakBytes: peakMemory(),
      startSeconds: (ends[0] - start) / 1000,
      traceSeconds,
      sessionSeconds,
      graphBytes: bytes,
      layout: result.layout,
      places: stepBatches(sequences, settings, result.layout).reduce((a, b) => a + b) * result.layout.B *
        result.layout.T,
    };
  } finally {
    await Deno.remove(dir, { recursive: true });
    model?.weights.close();
  }
}

if (import.meta.main) {
  const eager = Deno.args.includes("--engine=tfjs-node");
  const [path, profilePrefix] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const task: Task = JSON.parse(await Deno.readTextFile(path));
  if (eager) task.settings = { ...task.settings, engine: "tfjs-node" };
  console.log(JSON.stringify(await main(task, profilePrefix)));
}
