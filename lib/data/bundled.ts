// The project's own dialogues (CC0), see data/dialogues.card.md.
import { join } from "node:path";
import type { Example } from "./example.ts";
import { readExamples } from "./source.ts";

/** The path of a bundled split. */
export function bundledPath(split: "train" | "heldout"): string {
  return join(import.meta.dirname!, "../../data", `dialogues_${split}.jsonl`);
}

/** The first `count` dialogues of a bundled split; categories alternate, so that a few already cover all. */
export async function bundled(split: "train" | "heldout", count = Infinity): Promise<Example[]> {
  return (await readExamples(bundledPath(split), { requireUncertainty: true })).slice(0, count);
}
