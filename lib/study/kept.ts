// Stages of the study whose result is one file of lines: made once, read wherever nothing that made them has changed.
import { join } from "node:path";
import { readJsonl, writeFileAtomic } from "../run/files.ts";
import { isCurrent, type Json, type StageKey, writeManifest } from "../run/manifest.ts";
import type { Progress } from "../run/progress.ts";

/** The lines of `dir`/`name`: read where the stage is current, else made, written and read. */
export async function kept<T>(
  dir: string,
  name: string,
  key: StageKey,
  make: () => Promise<{ lines: T[]; results?: Record<string, Json> }>,
): Promise<T[]> {
  const path = join(dir, name);
  if (!await isCurrent(dir, key)) {
    const start = performance.now();
    const { lines, results } = await make();
    await writeFileAtomic(path, lines.map((line) => JSON.stringify(line) + "\n").join(""));
    const volatile = { seconds: (performance.now() - start) / 1000 };
    await writeManifest(dir, {
      ...key,
      stage: name.replace(/\.jsonl$/, ""),
      outputs: [name],
      results,
      volatile,
    });
  }
  return (await readJsonl(path)).map(({ value }) => value as T);
}

/** The last state of a bar: the same whether the stage ran or was skipped. */
export async function ended(bar: Progress, note = "done"): Promise<void> {
  await bar.update(bar.state.total);
  await bar.finish(note);
}
