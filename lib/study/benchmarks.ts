// The study's benchmarks: tasks by a preset's plans, and their items under models, kept in one ledger. All notebooks share it: what
// one has asked, no other asks again. Tables and claims: benchmark_results.ts.
import { join } from "node:path";
import { hasMirror } from "../data/mirror.ts";
import { evaluate } from "../evaluate/evaluate.ts";
import { ItemLedger } from "../evaluate/item_ledger.ts";
import type { ItemRow } from "../evaluate/item_row.ts";
import { type OpenTask, openTasks } from "../evaluate/mod.ts";
import type { Model } from "../model/mod.ts";
import { lockFolder } from "../run/lock.ts";
import { hashLib } from "../run/machine.ts";
import { progressBar } from "../show/mod.ts";
import { studyFolders } from "./folders.ts";
import { ended, kept } from "./kept.ts";
import type { Preset, TaskPlan } from "./presets.ts";
import { modelInputs, openModels, type StudyModels } from "./study_models.ts";

/** The tasks of some plans, ready to be asked. Throws as openTasks(). */
export async function benchmarkTasks(plans: readonly TaskPlan[]): Promise<OpenTask[]> {
  const opened: OpenTask[] = [];
  for (const { names, maxNew, mirror = false, ...options } of plans) {
    const tasks = await openTasks(names, { source: mirror && hasMirror() ? "mirror" : "bundled" }, options);
    opened.push(...tasks.map((task) => shortened(task, maxNew)));
  }
  return opened;
}

/** The task with answers of `maxNew` tokens at most. */
function shortened(task: OpenTask, maxNew = Infinity): OpenTask {
  const items = task.items.map((item) =>
    item.kind === "generation" ? { ...item, maxNew: Math.min(item.maxNew, maxNew) } : item
  );
  return { ...task, items };
}

/** All items of every task that the preset asks anywhere: what training data must have nothing of. */
export async function tasksToSpare({ evaluation, ablation }: Preset): Promise<OpenTask[]> {
  const known = new Set<string>(), opened: OpenTask[] = [];
  for (const { names, mirror } of [...evaluation.tasks, ...ablation.tasks, ...ablation.math]) {
    const fresh = names.filter((name) => !known.has(name));
    fresh.forEach((name) => known.add(name));
    if (fresh.length) opened.push(...await benchmarkTasks([{ names: fresh, mirror }]));
  }
  return opened;
}

/**
 * The rows of all items of `tasks` under each model, by task, model and item; kept in the run's folder `stage`. What the
 * ledger of the run has is not asked again, and a run that was killed goes on from it.
 */
export async function evaluateModels(
  p: Preset,
  model: Model,
  { models, tasks, stage }: { models: StudyModels; tasks: OpenTask[]; stage: string },
): Promise<ItemRow[]> {
  const { run } = studyFolders(p), { threads } = p.settings, names = Object.keys(models);
  const { adapters, hashes } = await openModels(models, model);
  const total = names.length * tasks.reduce((sum, { items }) => sum + items.length, 0);
  const bar = progressBar(`ask ${names.length} models`, total);
  const asked = tasks.map((
    { task, settings, shots, items },
  ) => [task.name, task.metrics, settings, shots, items]);
  const key = {
    inputs: modelInputs(model, hashes, asked),
    settings: { threads, models: names },
    code: hashLib(["data", "evaluate", "jit", "model", "run"]),
  };
  const rows = await kept<ItemRow>(join(run, "benchmarks", stage), "items.jsonl", key, async () => {
    const folder = join(run, "benchmarks/ledger");
    await Deno.mkdir(folder, { recursive: true });
    using _lock = lockFolder(folder);
    using ledger = await ItemLedger.open(folder);
    return {
      lines: await evaluate(model, adapters, tasks, {
        threads,
        ledger,
        adapterHashes: hashes,
        onItem: (done, _, task) => bar.update(done, { note: task }),
      }),
    };
  });
  await ended(bar, `${tasks.length} tasks`);
  return rows;
}
