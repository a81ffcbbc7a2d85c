// The bundled dialogues in data/ for the tests of them: both files read once, and a look into one dialogue by its id.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Example } from "../lib/data/example.ts";
import { readExamples } from "../lib/data/source.ts";

/** The path of a file in data/. */
export const bundled = (name: string): string => fileURLToPath(new URL(`../data/${name}`, import.meta.url));

export const TRAIN: string = bundled("dialogues_train.jsonl");
export const HELDOUT: string = bundled("dialogues_heldout.jsonl");
export const train: Example[] = await readExamples(TRAIN, { requireUncertainty: true });
export const heldout: Example[] = await readExamples(HELDOUT, { requireUncertainty: true });
export const all: Example[] = [...train, ...heldout];

/** What one side says in the dialogue `id`, in order. */
function said(id: string, role: string): string[] {
  const example = all.find((e) => e.id === id);
  assert.ok(example, `there is a dialogue ${id}`);
  return example.turns.filter((t) => t.role === role).map((t) => t.content);
}

/** The assistant's answers of one dialogue, by id. */
export const answers = (id: string): string[] => said(id, "assistant");

/** The user's requests of one dialogue, by id. */
export const requests = (id: string): string[] => said(id, "user");

/** Lower-case words and numbers of a text, apostrophes kept. */
export const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
