// What stands first on the figures' page: what was done, with the preset's own settings, and how to read the page.
import { escapeHtml } from "../../show/mod.ts";
import type { Provenance } from "../provenance.ts";

/** The introduction's HTML; settings are told where provenance is there. */
export function introduction(preset: string, provenance: Provenance | undefined): string {
  const paragraphs = [
    "Uncertainty-aware learning (UAL) fine-tunes a language model with label smoothing that differs per sample: more for " +
    "dialogues whose answer is open, less for those with one right answer. These are all figures and tables of one run that " +
    "compares it with plain fine-tuning (SFT), the same smoothing for all (LS), smoothing by perplexity (PPL-UAL) and the " +
    "untrained base model.",
    ...(/^quick\b/.test(preset)
      ? ["This is the preset quick: it shows that everything runs, its numbers say nothing of the methods."]
      : []),
    ...(provenance ? [settingsText(provenance.preset as unknown as Known)] : []),
    "How to read it: every figure has its table and its numbers in words below it. Intervals are 95%. What cannot be told apart " +
    "is called not distinguishable; that is no proof that it is equal. A run of this size neither confirms nor refutes the paper, " +
    "whose models have 7 billion parameters.",
  ];
  const last = paragraphs.length - 1;
  return paragraphs.map((text, i) => `<p${i === last ? ' class="hint"' : ""}>${escapeHtml(text)}</p>`)
    .join("\n");
}

/** Settings of a preset that a reader wants first. */
interface Known {
  name: string;
  trainCount: number;
  heldoutCount: number;
  context: number;
  mean: number;
  ceiling: number;
  settings: {
    steps?: number;
    epochs?: number;
    batch: number;
    lr: number;
    seed: number;
    lora: { r: number; alpha: number };
  };
}

function settingsText({ name, trainCount, heldoutCount, context, mean, ceiling, settings }: Known): string {
  const { steps, epochs = 1, batch, lr, seed, lora } = settings;
  const length = steps ? `${steps} steps` : epochs === 1 ? "one pass" : `${epochs} passes`;
  return `The preset ${name}: ${trainCount} training dialogues of at most ${context} tokens, ${length} with ${batch} dialogues a ` +
    `step, learning rate ${lr}, LoRA of rank ${lora.r} and α ${lora.alpha}, mean smoothing ${mean} with a ceiling of ${ceiling}, ` +
    `seed ${seed}; ${heldoutCount} held-out dialogues.`;
}
