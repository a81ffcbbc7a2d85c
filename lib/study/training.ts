// The study's training runs, each in a folder of its own that is skipped, resumed or replaced. Training itself is lib/train's; the
// models that runs leave: study_models.ts.
import { join } from "node:path";
import type { Example } from "../data/mod.ts";
import type { Model } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { sha256Hex, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { hashLib, versions } from "../run/machine.ts";
import { readMetrics, TRAIN_CODE, type TrainedRun, type TrainJob, trainStage } from "../train/mod.ts";
import { studyFolders } from "./folders.ts";
import { LiveTraining } from "./live.ts";
import { type MethodName, METHODS, type Preset } from "./presets.ts";

/** One run; what it does not name is as the preset's. */
export interface StudyRun {
  examples: Example[];
  method: MethodName;
  /** Mean smoothing of the methods that smooth. */
  mean?: number;
  /** The smoothing of each example, in their order, in place of the method's own mapping of ratings. */
  smoothing?: ArrayLike<number>;
  settings?: Partial<Preset["settings"]>;
  keepEvery?: number;
}

/** The folder of a run's files; `of` is "train" for the methods' own runs, "ablate" for those of the ablations. */
export function trainFolder(p: Preset, name: string, of: "train" | "ablate" = "train"): string {
  const { run } = studyFolders(of === "train" && p.trained ? { ...p, name: p.trained } : p);
  return join(run, of, name);
}

/** Trains some of the methods (default: all) on `examples`, as trainRuns(). Each keeps adapters along the way. */
export async function trainMethods(
  p: Preset,
  model: Model,
  examples: Example[],
  names: readonly MethodName[] = METHODS.map(({ name }) => name),
): Promise<Record<string, TrainedRun>> {
  const { keepEvery } = p;
  const runs = names.map((method): [string, StudyRun] => [method, { examples, method, keepEvery }]);
  return await trainRuns(p, model, Object.fromEntries(runs), "train");
}

/**
 * Trains one run after the other, with one bar and one chart that move meanwhile. Runs that are complete are skipped, a broken
 * one goes on from its checkpoint, one of other settings is replaced. Throws InputError where a run was stopped by its flag.
 */
export async function trainRuns(
  p: Preset,
  model: Model,
  runs: Record<string, StudyRun>,
  of: "train" | "ablate" = "ablate",
): Promise<Record<string, TrainedRun>> {
  const trained: Record<string, TrainedRun> = {};
  const live = new LiveTraining(Object.keys(runs));
  for (const [name, run] of Object.entries(runs)) {
    const job = jobOf(p, run), dir = trainFolder(p, name, of);
    const { hash, definition, chatTemplate } = model;
    const made = [job, hash, definition, chatTemplate, hashLib(TRAIN_CODE), versions()];
    await claimFolder(dir, sha256Hex(JSON.stringify(made)));
    const done = trained[name] = await trainStage({
      model,
      ...job,
      dir,
      onStart: async (done, total) => await live.start(name, dir, done ? await readMetrics(dir) : [], total),
      onStep: (metrics, total) => live.step(name, metrics, total),
    }).catch(async (error) => {
      await live.abandon();
      throw error;
    });
    if (done.stopped) {
      await live.abandon();
      const { step } = done.metrics.at(-1)!;
      throw new InputError(`Cannot go on: ${name} was stopped at step ${step}; run the cell again to resume`);
    }
    await live.done(name, done.metrics);
  }
  await live.finish();
  return trained;
}

/** What decides a run. */
function jobOf(
  p: Preset,
  { examples, method, mean = p.mean, smoothing, settings, keepEvery }: StudyRun,
): Omit<TrainJob, "model" | "dir"> {
  const { smoothing: mapping } = METHODS.find(({ name }) => name === method)!;
  return {
    examples,
    smoothing: smoothing
      ? { method: "file", rows: examples.map(({ id }, i) => ({ id, smoothing: smoothing[i] })) }
      : { method: mapping, mean: mapping === "none" ? 0 : mean, ceiling: p.ceiling },
    settings: { ...p.settings, ...settings },
    context: p.context,
    supervise: "response",
    ...(keepEvery ? { keepEvery } : {}),
  };
}

/**
 * Makes `dir` the folder of the run `key`: what another run left there (other settings, data or code) is removed, so that
 * a changed study runs again by itself. Throws InputError where a process is at work in it.
 */
export async function claimFolder(dir: string, key: string): Promise<void> {
  const mark = join(dir, "study_key");
  if (await Deno.readTextFile(mark).catch(() => "") === key) return;
  using _lock = lockFolder(dir);
  for await (const { name } of Deno.readDir(dir)) {
    if (name !== ".lock") await Deno.remove(join(dir, name), { recursive: true });
  }
  await writeFileAtomic(mark, key);
}
