// Our side of train.ts: trains the task's adapter with the library's own loop and prints what it took as one JSON line.
// deno run -A bench/lora_step.ts TASK.json [PROFILE-PREFIX]
import { baseOf, openModel, readAdapter, type Sequence } from "../lib/model/mod.ts";
import { peakMemory } from "../lib/run/machine.ts";
import { type StepMetrics, train } from "../lib/train/mod.ts";
import type { SideResult, Task } from "./side.ts";

async function main(task: Task, profilePrefix?: string): Promise<SideResult> {
  const start = performance.now();
  const model = await openModel(task.model);
  const { params, lora } = await readAdapter(task.adapter, model.config);
  const sequences: Sequence[] = task.rows.map((row, i) => {
    const ids = Int32Array.from(row);
    return { id: String(i), ids, supervised: new Uint8Array(ids.length).fill(1, 1) };
  });
  const batch = sequences.length, steps = task.warmup + task.steps;
  const plain = { warmup: 0, schedule: "constant", clip: 0, seed: 0, shuffle: false } as const;
  const settings = { lora, batch, steps, lr: 3e-4, weightDecay: 0.01, maxRows: batch, ...plain };
  const metrics: StepMetrics[] = [];
  let startSeconds = 0;
  const dir = await Deno.makeTempDir();
  try {
    const result = await train(baseOf(model), sequences, sequences.map(() => 0), {
      ...settings,
      threads: task.threads,
    }, {
      dir,
      init: params,
      checkpointEvery: steps,
      onStart: () => void (startSeconds = (performance.now() - start) / 1000),
      onStep: (m) => void metrics.push(m),
      jit: { cache: false, profilePrefix },
    });
    const { traceSeconds, sessionSeconds } = result.compile;
    return {
      seconds: metrics.slice(task.warmup).map((m) => m.seconds),
      losses: metrics.map((m) => m.loss),
      peakBytes: peakMemory(),
      startSeconds,
      traceSeconds,
      sessionSeconds,
    };
  } finally {
    await Deno.remove(dir, { recursive: true });
    model.weights.close();
  }
}

const [task, profilePrefix] = Deno.args;
console.log(JSON.stringify(await main(JSON.parse(await Deno.readTextFile(task)), profilePrefix)));
