// What the study trains on: bundled dialogues without those that share words with a benchmark's items.
import { bundled, type Example } from "../data/mod.ts";
import { type TaskContamination, taskContamination } from "../evaluate/contamination.ts";
import type { OpenTask } from "../evaluate/mod.ts";
import { tasksToSpare } from "./benchmarks.ts";
import type { Preset } from "./presets.ts";

/** The preset's training dialogues, decontaminated against all tasks that it asks anywhere. */
export async function trainingSet(p: Preset): Promise<{ train: Example[]; found: TaskContamination }> {
  return await decontaminated(await bundled("train", p.trainCount), await tasksToSpare(p));
}

/** Training dialogues without those that share a run of 13 words with an item of `tasks`, and what was found. */
export async function decontaminated(
  examples: readonly Example[],
  tasks: readonly OpenTask[],
): Promise<{ train: Example[]; found: TaskContamination }> {
  const found = await taskContamination(examples, tasks),
    seen = new Set(found.seen.map((one) => one.example));
  return { train: examples.filter(({ id }) => !seen.has(id)), found };
}

/** What decontaminated() found, in one line. */
export function contaminationText({ n, examples, hit, tasks, seen }: TaskContamination): string {
  const all = Object.values(tasks),
    sum = (of: (one: typeof all[number]) => number) => all.reduce((total, one) => total + of(one), 0);
  const unchecked = sum((one) => one.unchecked);
  const what = hit
    ? `${hit} share one and were left out (${[...new Set(seen.map((one) => one.example))].join(", ")})`
    : "none shares one";
  return `${examples} training dialogues searched for runs of ${n} words of the ${
    sum((one) => one.items)
  } items of ` +
    `${all.length} tasks: ${what}. ${unchecked} items are too short to be looked for.`;
}
