// Stages of the study whose result is one file of lines: made once, read wherever nothing that made them has changed.
import { join } from "node:path";
import { readJsonl, writeFileAtomic } from "../run/files.ts";
import { isCurrent, type Json, type StageKey, writeManifest } from "../run/manifest.ts";
import type { Progress } from "../run/progress.ts";

/** What a stage makes: its lines, and its figures of merit. */
export interface Made<T> {
  lines: T[];
  results?: Record<string, Json>;
}

/** The lines of `dir`/`name`: read where the stage is current, else made, written and read. */
export async function kept<T>(
  dir: string,
  name: string,
  key: StageKey,
  make: () => Promise<Made<T>>,
): Promise<T[]> {
  const { only } = await keptEach<T>({ only: { dir, key } }, name, async () => ({ only: await make() }));
  return only;
}

/** kept() of several stages at once: `make` gets the names of those that are not current, and makes them together. */
export async function keptEach<T>(
  parts: Record<string, { dir: string; key: StageKey }>,
  name: string,
  make: (missing: string[]) => Promise<Record<string, Made<T>>>,
): Promise<Record<string, T[]>> {
  const missing: string[] = [];
  for (const [part, { dir, key }] of Object.entries(parts)) {
    if (!await isCurrent(dir, key)) missing.push(part);
  }
  const start = performance.now(), made = missing.length ? await make(missing) : {};
  for (const part of missing) {
    const { dir, key } = parts[part], { lines, results } = made[part];
    await writeFileAtomic(join(dir, name), lines.map((line) => JSON.stringify(line) + "\n").join(""));
    const volatile = { seconds: (performance.now() - start) / 1000 };
    const stage = name.replace(/\.jsonl$/, "");
    await writeManifest(dir, { ...key, stage, outputs: [name], results, volatile });
  }
  const found: Record<string, T[]> = {};
  for (const [part, { dir }] of Object.entries(parts)) {
    found[part] = (await readJsonl(join(dir, name))).map(({ value }) => value as T);
  }
  return found;
}

/** The last state of a bar: the same whether the stage ran or was skipped. */
export async function ended(bar: Progress, note = "done"): Promise<void> {
  await bar.update(bar.state.total);
  await bar.finish(note);
}
