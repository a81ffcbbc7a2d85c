// A reader's own dialogues through the pipeline (07_your_own_data): sizes, a held-out part, ratings, an exported model.
import { isAbsolute, join } from "node:path";
import { openChat } from "../chat/mod.ts";
import { type Example, readExamples } from "../data/mod.ts";
import { exportModel, type Model, readAdapter } from "../model/mod.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { sha256Hex, writeFileAtomic } from "../run/files.ts";
import { hashLib } from "../run/machine.ts";
import { isCurrent, type StageKey, writeManifest } from "../run/manifest.ts";
import { stream } from "../run/seed.ts";
import { progressBar } from "../show/mod.ts";
import { elicit, type RatingRow } from "../uncertainty/mod.ts";
import { judgeLocally } from "./elicitation.ts";
import { studyFolders } from "./folders.ts";
import { ended } from "./kept.ts";
import { type Preset, preset } from "./presets.ts";
import { methodModels, openModels } from "./study_models.ts";
import type { StudyRun } from "./training.ts";

/** The path of `file`: from the project's root, unless it is absolute. */
export const fromRoot = (file: string): string =>
  isAbsolute(file) ? file : join(import.meta.dirname!, "../..", file);

/**
 * The preset `size` for a run on own data, in a folder of its own: runs/SIZE/own_data. `steps` and `mean` replace the preset's,
 * and all dialogues are taken; but "quick", which only shows that everything works, takes 8 dialogues and 2 steps at most.
 * Throws InputError for a number of steps that is none.
 */
export function ownPreset(size: string, { steps, mean }: { steps?: number; mean?: number } = {}): Preset {
  const p = preset(size);
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps > 0)) {
    throw new InputError(`Cannot train for ${steps} steps: give a whole number above 0`);
  }
  const quick = p.name === "quick", most = quick ? 2 : Infinity;
  const settings = steps === undefined
    ? p.settings
    : { ...p.settings, steps: Math.min(steps, most), epochs: undefined };
  const trainCount = quick ? 8 : Infinity;
  return { ...p, name: `${p.name}/own_data`, settings, trainCount, mean: mean ?? p.mean };
}

/**
 * Sets a share of the dialogues (at least one) aside for measuring, drawn with a seed; both parts keep the file's order.
 * Throws InputError where one of the parts would be empty.
 */
export function splitOff(
  examples: readonly Example[],
  { share = 0.25, seed = 0 }: { share?: number; seed?: number } = {},
): { train: Example[]; heldout: Example[] } {
  const count = Math.max(1, Math.round(share * examples.length));
  if (!(share > 0) || count >= examples.length) {
    throw new InputError(
      `Cannot hold out a share of ${share} of ${examples.length} dialogues: nothing would be left for one part; ` +
        `give more dialogues or another share`,
    );
  }
  const out = new Set(stream(seed, "held out").shuffle(examples.length).slice(0, count));
  return { train: examples.filter((_, i) => !out.has(i)), heldout: examples.filter((_, i) => out.has(i)) };
}

/**
 * A judge's rating of each dialogue: by the model itself, or by the one that UAL_JUDGE names behind an OpenAI-compatible endpoint
 * (OPENAI_BASE_URL, OPENAI_API_KEY). Answers are kept in a ledger in the run's folder and not asked for twice.
 */
export async function rateOwn(p: Preset, model: Model, examples: Example[]): Promise<RatingRow[]> {
  const other = Deno.env.get("UAL_JUDGE");
  if (!other) return await judgeLocally(p, model, examples);
  const bar = progressBar(`ask ${other}`, examples.length);
  const ledger = join(studyFolders(p).run, "elicit", "ledger_endpoint.jsonl");
  await using chat = await openChat({ model: other }, { ledger });
  const rows = await elicit(examples, chat, { onRating: (_, done) => bar.update(done) });
  await ended(bar, `${rows.filter(({ rating }) => rating !== undefined).length} rated`);
  return rows;
}

/** SFT and UAL on the same dialogues; UAL with the smoothing of each, in their order. */
export function ownRuns(examples: Example[], smoothing: ArrayLike<number>): Record<"SFT" | "UAL", StudyRun> {
  return { SFT: { examples, method: "SFT" }, UAL: { examples, method: "UAL", smoothing } };
}

/** Files that a run on own data leaves, from the run's folder. */
export interface OwnFiles {
  /** A folder in PEFT's format. */
  adapter: string;
  /** The model with the adapter merged, one GGUF file with 8-bit matrices. */
  model: string;
  /** Megabytes of that file. */
  megabytes: number;
}

/** Merges the adapter of `method` into the model and writes it as GGUF; a file that is there and current is left alone. */
export async function exportOwn(p: Preset, model: Model, method: "SFT" | "UAL"): Promise<OwnFiles> {
  const { run } = studyFolders(p), name = `${method}.gguf`, dir = join(run, "export", method);
  const models = methodModels(p, [method]);
  const { hashes } = await openModels(models, model);
  const key: StageKey = {
    inputs: { model: model.hash, adapter: hashes[method], template: sha256Hex(model.chatTemplate) },
    settings: { format: "gguf", type: "Q8_0" },
    code: hashLib(["data", "jit", "model", "run"]),
  };
  const bar = progressBar(`export ${method}`, 1), path = join(dir, name);
  if (!await isCurrent(dir, key)) {
    await Deno.mkdir(dir, { recursive: true });
    await Deno.remove(path).catch(() => {}); // of another adapter
    const adapter = await readAdapter(models[method]!, model.config);
    await exportModel(model, adapter, path, {
      format: "gguf",
      type: "Q8_0",
      adapterHash: hashes[method],
      jit: { threads: p.settings.threads },
    });
    await writeManifest(dir, { ...key, stage: "export", outputs: [name] });
  }
  await ended(bar, "checked against the model with its adapter");
  const megabytes = Math.round((await Deno.stat(path)).size / 1e6);
  return { adapter: `train/${method}/adapter`, model: `export/${method}/${name}`, megabytes };
}

/** What reading a file says that holds `line` behind a good one: its error, or that there is none. */
export async function readingError(line: string): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "ual-own-" }), path = join(dir, "my.jsonl");
  const good = JSON.stringify({ id: "1", prompt: "Is it open?", response: "Yes." });
  try {
    await writeFileAtomic(path, `${good}\n${line}\n`);
    await readExamples(path);
    return "no error";
  } catch (error) {
    return messageOf(error).replaceAll(`${dir}/`, "");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
