// A run's state on disk, one safetensors file: adapter, AdamW's moments, how far the run has come, and the best adapter so
// far. Replaced whole, so that a kill at any moment leaves the previous one.
import { join } from "node:path";
import type { Params } from "../jit/mod.ts";
import { openSafetensors, type Safetensors, writeSafetensors } from "../model/mod.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { sha256Hex } from "../run/files.ts";
import type { AdamWState } from "./adamw.ts";
import type { Evaluation } from "./heldout.ts";

/** Everything a run needs to go on bit-exactly; randomness and order follow from the step. */
export interface Checkpoint {
  params: Params;
  optimizer: AdamWState;
  /** Samples and tokens seen so far. */
  samples: number;
  tokens: number;
  /** The sum over those samples of each one's mean nll when it was trained on, in nats: what PPL-UAL compares with. */
  nll: number;
  /** The SHA-256 of the smoothing values that the run started with; "" where the graph makes them. */
  smoothing: string;
  /** Held-out evaluations so far, and the adapter at the best of them. */
  evaluations: Evaluation[];
  best?: Params;
}

const FILE = "checkpoint.safetensors";

/** Writes the checkpoint of the run that `key` names. */
export async function writeCheckpoint(dir: string, key: string, state: Checkpoint): Promise<void> {
  const { params, optimizer: { m, v, step }, best = {}, ...counts } = state;
  const all: Params = {};
  for (const [group, tensors] of Object.entries({ params, m, v, best })) {
    for (const [name, data] of Object.entries(tensors)) all[`${group}/${name}`] = data;
  }
  const progress = JSON.stringify({ step, ...counts });
  const metadata = { key, progress, sha256: contentHash(progress, all) };
  await writeSafetensors(join(dir, FILE), all, { metadata });
}

/**
 * The checkpoint in `dir`, if there is one. Throws InputError where it is damaged, or belongs to another run than `key`:
 * `why` says what differs.
 */
export async function readCheckpoint(
  dir: string,
  key: string,
  why: () => string = () => "",
): Promise<Checkpoint | undefined> {
  const path = join(dir, FILE);
  if (!await exists(path)) return undefined;
  const damaged = (what: string) =>
    new InputError(
      `Cannot resume in ${dir}: ${what} (or delete the checkpoint to start the run again)`,
    );
  const file = await openSafetensors(path).catch((error) => {
    throw damaged(messageOf(error));
  });
  try {
    if (file.metadata.key !== key) {
      throw new InputError(
        `Cannot resume in ${dir}: its checkpoint is of a run with other settings, data or model (${
          why() || "its own record of them is lost"
        }); give another folder, or delete this one to start again`,
      );
    }
    const state = await content(file);
    if (!state) throw damaged(`${path} is damaged, its content is not what was written; restore it`);
    return state;
  } finally {
    file.close();
  }
}

/** What the file holds; undefined where that is not what was written. */
async function content(file: Safetensors): Promise<Checkpoint | undefined> {
  const { progress = "", sha256 } = file.metadata;
  const all: Params = {};
  for (const name of file.tensors.keys()) all[name] = await file.read(name);
  if (contentHash(progress, all) !== sha256) return undefined;
  const groups: Record<string, Params> = { params: {}, m: {}, v: {}, best: {} };
  for (const [full, tensor] of Object.entries(all)) {
    const cut = full.indexOf("/");
    groups[full.slice(0, cut)][full.slice(cut + 1)] = tensor;
  }
  const { params, m, v, best } = groups, { step, ...rest } = JSON.parse(progress);
  return {
    params,
    optimizer: { m, v, step },
    ...rest,
    ...(Object.keys(best).length ? { best } : {}),
  };
}

/** The SHA-256 of named tensors, names and shapes included. */
export function paramsHash(params: Params): string {
  const tensors = Object.entries(params).map(([name, { shape, data }]) => [name, shape, arrayHash(data)]);
  return sha256Hex(JSON.stringify(tensors));
}

/** The SHA-256 of an array's bytes. */
export function arrayHash({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return sha256Hex(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
}

/** The same whatever the order of the tensors, which the file changes. */
function contentHash(progress: string, all: Params): string {
  const sorted = Object.entries(all).sort(([a], [b]) => a < b ? -1 : 1);
  return sha256Hex(progress + paramsHash(Object.fromEntries(sorted)));
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
