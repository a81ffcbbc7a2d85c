// The models of the study by name: adapters' folders, opened, and as hashes.
import { join } from "node:path";
import { type Adapter, type Model, readAdapter } from "../model/mod.ts";
import { sha256File, sha256Hex } from "../run/files.ts";
import type { StageKey } from "../run/manifest.ts";
import { keptFolder, keptSteps } from "../train/mod.ts";
import { METHODS, type Preset } from "./presets.ts";
import { trainFolder } from "./training.ts";

/** Each model's adapter folder; undefined: the base model alone. */
export type StudyModels = Record<string, string | undefined>;

/** The base model and some of the methods (default: all), in the order of tables and figures. */
export function methodModels(
  p: Preset,
  names: readonly string[] = METHODS.map(({ name }) => name),
): StudyModels {
  return {
    base: undefined,
    ...Object.fromEntries(names.map((name) => [name, join(trainFolder(p, name), "adapter")])),
  };
}

/** Models that runs of the ablations left. */
export function ablationModels(p: Preset, names: readonly string[]): StudyModels {
  return Object.fromEntries(names.map((name) => [name, join(trainFolder(p, name, "ablate"), "adapter")]));
}

/** Models along the training of `methods`, of `steps` steps: "UAL@8" is UAL's after 8. */
export function checkpointModels(p: Preset, methods: readonly string[], steps: number): StudyModels {
  return Object.fromEntries(
    methods.flatMap((method) =>
      keptSteps(p.keepEvery, steps).map((
        step,
      ) => [`${method}@${step}`, join(trainFolder(p, method), keptFolder(step))])
    ),
  );
}

/** The models' adapters, and the SHA-256 of their files. */
export async function openModels(models: StudyModels, { config }: Model): Promise<{
  adapters: Record<string, Adapter | undefined>;
  hashes: Record<string, string>;
}> {
  const adapters: Record<string, Adapter | undefined> = {}, hashes: Record<string, string> = {};
  for (const [name, folder] of Object.entries(models)) {
    adapters[name] = folder ? await readAdapter(folder, config) : undefined;
    if (!folder) continue;
    const files = ["adapter_config.json", "adapter_model.safetensors"];
    hashes[name] = sha256Hex((await Promise.all(files.map((file) => sha256File(join(folder, file))))).join());
  }
  return { adapters, hashes };
}

/** The inputs of a stage that runs some models on `data`. */
export function modelInputs(
  model: Model,
  hashes: Record<string, string>,
  data: unknown,
): StageKey["inputs"] {
  return {
    model: model.hash,
    definition: model.definition,
    template: sha256Hex(model.chatTemplate),
    data: sha256Hex(JSON.stringify(data)),
    ...hashes,
  };
}
