// A run's state on disk, one safetensors file: adapter, AdamW's moments and how far the run has come. Replaced whole,
// so that a kill at any moment leaves the previous one.
import { join } from "node:path";
import type { Params } from "../jit/mod.ts";
import { openSafetensors, writeSafetensors } from "../model/mod.ts";
import { InputError, messageOf } from "../run/errors.ts";
import type { AdamWState } from "./adamw.ts";

/** Everything a run needs to go on bit-exactly; randomness and order follow from the step. */
export interface Checkpoint {
  params: Params;
  optimizer: AdamWState;
  /** Samples and tokens seen so far. */
  samples: number;
  tokens: number;
}

const FILE = "checkpoint.safetensors";

/** Writes the checkpoint of the run whose settings and data `key` names. */
export async function writeCheckpoint(dir: string, key: string, state: Checkpoint): Promise<void> {
  const { params, optimizer: { m, v, step }, samples, tokens } = state;
  const all: Params = {};
  for (const [group, tensors] of Object.entries({ params, m, v })) {
    for (const [name, data] of Object.entries(tensors)) all[`${group}/${name}`] = data;
  }
  const metadata = { key, step: String(step), samples: String(samples), tokens: String(tokens) };
  await writeSafetensors(join(dir, FILE), all, { metadata });
}

/** The checkpoint in `dir`, if there is one. Throws InputError where it belongs to another run or is damaged. */
export async function readCheckpoint(dir: string, key: string): Promise<Checkpoint | undefined> {
  const path = join(dir, FILE);
  try {
    await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const file = await openSafetensors(path).catch((error) => {
    throw new InputError(
      `Cannot resume in ${dir}: ${messageOf(error)} (or delete the checkpoint to start the run again)`,
    );
  });
  try {
    const { key: found, step, samples, tokens } = file.metadata;
    if (found !== key) {
      throw new InputError(
        `Cannot resume in ${dir}: its checkpoint is of a run with other settings, data or model ` +
          `(threads and our own version count); give another folder, or delete this one to start again`,
      );
    }
    const groups: Record<string, Params> = { params: {}, m: {}, v: {} };
    for (const full of file.tensors.keys()) {
      const cut = full.indexOf("/");
      groups[full.slice(0, cut)][full.slice(cut + 1)] = await file.read(full);
    }
    const { params, m, v } = groups;
    return {
      params,
      optimizer: { m, v, step: Number(step) },
      samples: Number(samples),
      tokens: Number(tokens),
    };
  } finally {
    file.close();
  }
}
