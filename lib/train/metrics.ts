// metrics.jsonl, a line a step: reading it, and bringing it back to where a checkpoint stands. Lines are added by loop.ts.
import { join } from "node:path";
import { InputError, messageOf } from "../run/errors.ts";
import { dropTornLine, type JsonLine, readJsonl, writeFileAtomic } from "../run/files.ts";
import type { StepMetrics } from "./settings.ts";

/** Where a run's metrics lie. */
export const metricsPath = (dir: string): string => join(dir, "metrics.jsonl");

/** The lines of metrics.jsonl in `dir`. Throws InputError where it is missing or damaged. */
export async function readMetrics(dir: string): Promise<StepMetrics[]> {
  const lines = await readJsonl(metricsPath(dir));
  lines.forEach((line, i) => check(line, i + 1, dir));
  return lines.map(({ value }) => value as StepMetrics);
}

/**
 * Drops the lines after `step`, so that a resumed run's metrics are those of an uninterrupted one. Throws InputError
 * where those up to it are not all there: they cannot be made again.
 */
export async function keepMetrics(dir: string, step: number): Promise<void> {
  const path = metricsPath(dir);
  if (step === 0) return await writeFileAtomic(path, "");
  const remedy = "restore it, or delete the folder to start again";
  let lines: JsonLine[];
  try {
    await dropTornLine(path);
    lines = await readJsonl(path);
  } catch (error) {
    throw new InputError(`Cannot resume in ${dir}: ${messageOf(error)}; ${remedy}`, { cause: error });
  }
  const kept = lines.slice(0, step);
  kept.forEach((line, i) => check(line, i + 1, dir));
  if (kept.length < step) {
    throw new InputError(
      `Cannot resume in ${dir}: the checkpoint is of step ${step}, but metrics.jsonl ends at step ${kept.length}; ${remedy}`,
    );
  }
  await writeFileAtomic(path, kept.map(({ value }) => JSON.stringify(value) + "\n").join(""));
}

function check({ line, value }: JsonLine, step: number, dir: string): void {
  const found = (value as Partial<StepMetrics> | null)?.step;
  if (found === step) return;
  throw new InputError(
    `Cannot use ${metricsPath(dir)}:${line}: it should be of step ${step} and is ${
      found === undefined ? "of none" : `of step ${found}`
    }; restore the file, or delete the folder to start the run again`,
  );
}
