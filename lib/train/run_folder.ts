// Whose a run's folder is: run.json names everything that decides the run's result, so that another run is refused by the
// setting that differs. And what the run has made of its data before training: smoothing.jsonl. State is checkpoint.ts's.
import { join } from "node:path";
import type { Params } from "../jit/mod.ts";
import type { Base, Sequence } from "../model/mod.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { sha256Hex, writeFileAtomic } from "../run/files.ts";
import { type Json, sortedJson } from "../run/manifest.ts";
import { arrayHash, paramsHash } from "./checkpoint.ts";
import type { TrainSettings } from "./settings.ts";
import type { SampleSmoothing } from "./smoothing.ts";

/** Everything that decides a run's result. */
export interface RunIdentity {
  /** What the user can set, by its name on the command line. */
  settings: Record<string, Json>;
  /** SHA-256 by name of what goes in: model, dialogues, start adapter … */
  inputs: Record<string, string>;
  /** SHA-256 of our own code and the versions of what it runs on; "" where nobody said. */
  code: string;
}

const FILE = "run.json";

/** Names everything that decides a run's result. */
export function identityOf(
  base: Base,
  sequences: Sequence[],
  smoothing: SampleSmoothing,
  settings: TrainSettings,
  { init, heldout, code = "", made = {} }: {
    init: Params;
    heldout?: Sequence[];
    code?: string;
    made?: Record<string, Json>;
  },
): RunIdentity {
  const hash = (value: unknown) => sha256Hex(JSON.stringify(value));
  const dialogues = (list: Sequence[]) =>
    hash(list.map((s) => [s.id, arrayHash(s.ids), arrayHash(s.supervised)]));
  return {
    settings: flagNames({ weighting: "sample", fidelity: "paper", ...settings, ...made }),
    inputs: {
      model: hash([base.weights.hash, base.config]),
      "set of dialogues": dialogues(sequences),
      smoothing: hash("method" in smoothing ? smoothing : Array.from(smoothing)),
      "start adapter": paramsHash(init),
      ...(heldout ? { "set of held-out dialogues": dialogues(heldout) } : {}),
    },
    code,
  };
}

/** One hash over all of it. */
export function identityKey(identity: RunIdentity): string {
  return sha256Hex(sortedJson(identity));
}

/** Settings as one list, named as the command line's flags: {lora: {r: 8}, weightDecay: 0.1} → {rank: 8, "weight-decay": 0.1}. */
function flagNames(settings: object): Record<string, Json> {
  const rows = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.assign(
    {},
    ...rows.map(([name, value]) => {
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return flagNames(value);
      const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return { [name === "r" ? "rank" : dashed]: value };
    }),
  );
}

/** Which settings differ between the run in a folder and this one, in words; of the inputs only where no setting does. */
export function differences(there: RunIdentity, here: RunIdentity): string {
  const names = (key: "settings" | "inputs") =>
    [...new Set([...Object.keys(there[key]), ...Object.keys(here[key])])]
      .filter((name) => sortedJson(there[key][name] ?? null) !== sortedJson(here[key][name] ?? null));
  const show = (value: Json | undefined) => value === undefined ? "not set" : JSON.stringify(value);
  const settings = names("settings").map((name) =>
    `${name} is ${show(there.settings[name])} there and ${show(here.settings[name])} here`
  );
  if (settings.length) return settings.join(", ");
  const inputs = names("inputs");
  if (inputs.length) return `another ${inputs.join(", another ")}`;
  return there.code === here.code ? "" : "another version of our code or of what it runs on";
}

/** The identity of the run in `dir`; undefined where there is none or its file is damaged. */
export async function readIdentity(dir: string): Promise<RunIdentity | undefined> {
  try {
    const value = JSON.parse(await Deno.readTextFile(join(dir, FILE)));
    const isObject = (x: unknown) => typeof x === "object" && x !== null;
    return isObject(value?.settings) && isObject(value.inputs) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Deno.errors.NotFound) return undefined;
    throw new InputError(`Cannot read ${join(dir, FILE)}: ${messageOf(error)}; check the path`);
  }
}

/** Makes `dir` the folder of the run `identity`. */
export async function writeIdentity(dir: string, identity: RunIdentity): Promise<void> {
  await writeFileAtomic(join(dir, FILE), sortedJson(identity));
}

/** Throws InputError where a folder without a checkpoint holds what no training run of ours has left. */
export async function checkUnused(dir: string): Promise<void> {
  const metrics = await Deno.readTextFile(join(dir, "metrics.jsonl")).catch(() => "");
  const exists = (name: string) => Deno.stat(join(dir, name)).then(() => true, () => false);
  const foreign = metrics !== "" && !metrics.startsWith('{"step":1,')
    ? "metrics.jsonl"
    : await exists("adapter")
    ? "adapter/"
    : await exists("smoothing.jsonl") && !await exists(FILE)
    ? "smoothing.jsonl"
    : undefined;
  if (foreign === undefined) return;
  throw new InputError(
    `Cannot train into ${dir}: it holds ${foreign} but no checkpoint of this run; give an empty folder`,
  );
}
