// Where a preset's tables come from: its settings and the manifests of the stages behind each table, stored beside them.
// Nothing in it varies from run to run; times, memory and hardware stay in the run's volatile.json.
import { join } from "node:path";
import { InputError, messageOf } from "../run/errors.ts";
import { readBytes, writeFileAtomic } from "../run/files.ts";
import { type Json, type Manifest, sortedJson, stagesTouched } from "../run/manifest.ts";
import type { Preset } from "./presets.ts";

/** A stage as its manifest has it, without its results. */
export type Stage = Omit<Manifest, "results">;

/** The content of tables/provenance.json. */
export interface Provenance {
  /** The preset with all of its settings. */
  preset: { name: string; [setting: string]: Json | undefined };
  /** By table: paths inside the run's folder of the stages that its notebook had used until then. */
  tables: Record<string, string[]>;
  /** By path: the stages that tables name. */
  stages: Record<string, Stage>;
}

const NAME = "provenance.json";

/**
 * Writes into `tables`/provenance.json that the tables `names` rest on the stages below `run` that this process used. What is known of
 * other tables stays; stages that no table names any more are left out.
 */
export async function keepProvenance(
  p: Preset,
  { names, run, tables }: { names: readonly string[]; run: string; tables: string },
): Promise<Provenance> {
  const before = await readProvenance(tables), used = stagesTouched(run);
  const own = Object.fromEntries(names.map((name) => [name, Object.keys(used)]));
  const now = { ...before?.tables, ...own };
  const known: Record<string, Stage> = { ...before?.stages, ...withoutResults(used) };
  const wanted = [...new Set(Object.values(now).flat())].filter((path) => path in known);
  const provenance: Provenance = {
    preset: JSON.parse(JSON.stringify(p, (_, value) => value === Infinity ? "all" : value)),
    tables: now,
    stages: Object.fromEntries(wanted.map((path) => [path, known[path]])),
  };
  await writeFileAtomic(join(tables, NAME), sortedJson(provenance));
  return provenance;
}

function withoutResults(manifests: Record<string, Manifest>): Record<string, Stage> {
  return Object.fromEntries(
    Object.entries(manifests).map(([path, { results: _results, ...stage }]) => [path, stage]),
  );
}

/** What is stored beside the tables in `dir`; undefined where there is nothing. Throws InputError where it is no JSON. */
export async function readProvenance(dir: string): Promise<Provenance | undefined> {
  const path = join(dir, NAME);
  if (!await Deno.stat(path).then(() => true, () => false)) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    throw new InputError(`Cannot read ${path}: ${messageOf(error)}; run the notebooks again`);
  }
}

/** A file of numbers that a run left: adapters by the stage that trained them. */
export interface AdapterHash {
  path: string;
  sha256: string;
}

/** The adapters that training stages wrote, of each run the last. */
export function adaptersOf({ stages }: Provenance): AdapterHash[] {
  return Object.entries(stages).flatMap(([path, { outputs }]) => {
    const sha256 = outputs["adapter/adapter_model.safetensors"];
    return sha256 ? [{ path: `${path}/adapter`, sha256 }] : [];
  });
}

/** The different inputs of all stages: name, hash, and how many stages took it. */
export function inputsOf({ stages }: Provenance): { input: string; sha256: string; stages: number }[] {
  const counts = new Map<string, number>();
  for (const { inputs } of Object.values(stages)) {
    for (const [name, hash] of Object.entries(inputs)) {
      const key = `${name}\n${hash}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([key, stages]) => {
    const [input, sha256] = key.split("\n");
    return { input, sha256, stages };
  });
}

/** The seeds that stages name, sorted. */
export function seedsOf({ stages }: Provenance): number[] {
  const seeds = Object.values(stages).map(({ settings }) => settings.seed);
  return [...new Set(seeds.filter((seed) => typeof seed === "number"))].sort((a, b) => a - b);
}

/** The different values of a part that all stages have, as "1.2.3". */
export function versionsOf({ stages }: Provenance): Record<string, string> {
  const all: Record<string, Set<string>> = {};
  for (const { versions } of Object.values(stages)) {
    for (const [name, version] of Object.entries(versions)) (all[name] ??= new Set()).add(version);
  }
  return Object.fromEntries(Object.entries(all).sort().map(([name, found]) => [name, [...found].join(", ")]));
}
