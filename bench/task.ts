// The task of the benches on full rows: our own dialogues' tokens, cut into rows of one length, and a start adapter.
import { join } from "node:path";
import { readExamples } from "../lib/data/source.ts";
import { baseOf, initLora, type Model, openModel, toSequences, writeAdapter } from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { writeFileAtomic } from "../lib/run/files.ts";
import { root } from "../tools/setup.ts";
import { lora } from "./lora_step.ts";
import type { Task } from "./side.ts";

/** The size of a task. */
export interface TaskSize extends Pick<Task, "steps" | "warmup" | "threads"> {
  /** Rows a step, and tokens a row. */
  batch: number;
  context: number;
  limitSeconds?: number;
}

/** Writes task.json and the start adapter into `folder`, for the default model; every token but a row's first is a target. */
export async function writeTask(folder: string, size: TaskSize): Promise<Task> {
  const { batch, context, steps, warmup, threads, limitSeconds } = size;
  const model = await openModel();
  try {
    const adapter = { params: initLora(baseOf(model).config, lora, 0), lora };
    await writeAdapter(join(folder, "adapter"), adapter, model.dir);
    const task: Task = {
      model: model.dir,
      adapter: join(folder, "adapter"),
      rows: await fullRows(model, batch, context),
      targets: batch * (context - 1),
      steps,
      warmup,
      threads,
      limitSeconds,
    };
    await writeFileAtomic(join(folder, "task.json"), JSON.stringify(task) + "\n");
    return task;
  } finally {
    model.weights.close();
  }
}

async function fullRows(model: Model, batch: number, context: number): Promise<number[][]> {
  const examples = await readExamples(join(root, "data/dialogues_train.jsonl"));
  const whole = { context: model.config.maxPositions, supervise: "all" } as const;
  const ids = toSequences(model, examples, whole).sequences.flatMap((s) => [...s.ids]);
  if (ids.length < batch * context) {
    throw new InputError(
      `Cannot fill ${batch} rows of ${context} tokens: our dialogues have ${ids.length}; ask for less`,
    );
  }
  return Array.from({ length: batch }, (_, i) => ids.slice(i * context, (i + 1) * context));
}
