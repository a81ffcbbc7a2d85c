// Features in a folder, made once: found there again where nothing that made them has changed.
import { join } from "node:path";
import { type Adapter, baseOf, type Model, type Sequence } from "../model/mod.ts";
import { sha256Hex } from "../run/files.ts";
import { hashLib } from "../run/machine.ts";
import { isCurrent, type StageKey, writeManifest } from "../run/manifest.ts";
import { featureFiles } from "./feature_files.ts";
import { extractMany, type FeatureOptions, type Features, openMany } from "./features.ts";

/** The folders of lib that decide features and scores of pairs. */
export const CLUSTER_CODE = ["cluster", "jit", "model", "run"];

/** Models whose features are wanted. */
export interface Models {
  /** Adapters by name; undefined: the base model alone. */
  adapters: Record<string, Adapter | undefined>;
  /** The SHA-256 of each adapter's files. */
  hashes: Record<string, string>;
}

/**
 * extractMany() into `dir`, but for models whose features lie there already, made from the same model, adapter, texts, settings and
 * code. The others are made together; a folder whose making was cut off is made again. Close what it returns.
 */
export async function keptFeatures(
  model: Model,
  sequences: Sequence[],
  dir: string,
  { adapters, hashes }: Models,
  options: Omit<FeatureOptions, "tokens"> = {},
): Promise<Record<string, Features>> {
  const { layers = ["final"], threads, maxRows } = options, keys: Record<string, StageKey> = {};
  const texts = sha256Hex(
    JSON.stringify(sequences.map(({ id, ids, supervised }) => [id, [...ids], [...supervised]])),
  );
  const missing: string[] = [], code = hashLib(CLUSTER_CODE);
  for (const name of Object.keys(adapters)) {
    const { hash, definition } = model,
      adapter: Record<string, string> = hashes[name] ? { adapter: hashes[name] } : {};
    keys[name] = {
      inputs: { model: hash, definition, texts, ...adapter },
      settings: { layers: [...layers], ...(threads ? { threads } : {}), ...(maxRows ? { maxRows } : {}) },
      code,
    };
    if (!await isCurrent(join(dir, name), keys[name])) missing.push(name);
  }
  if (missing.length) {
    const some = Object.fromEntries(missing.map((name) => [name, adapters[name]])), start = performance.now();
    const made = await extractMany(baseOf(model), sequences, dir, some, options);
    const volatile = { seconds: (performance.now() - start) / 1000 };
    for (const name of missing) {
      const results = { points: made[name].points.tokens.length };
      made[name].close();
      await writeManifest(join(dir, name), {
        ...keys[name],
        stage: "features",
        outputs: featureFiles(layers),
        results,
        volatile,
      });
    }
  }
  return await openMany(dir, Object.keys(adapters));
}
