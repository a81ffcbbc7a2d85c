// An adapter's card: README.md beside its weights, as Hugging Face's tools show it. What the adapter is and where it comes
// from, from the run's own records; equal runs have equal cards.
import type { Json, StageKey } from "../run/manifest.ts";

/** What a card says beside the run's key. */
export interface CardOptions {
  /** The base model's name. */
  model: string;
  /** "ual", "onnxruntime-node" … → version. */
  versions: Record<string, string>;
  results: Record<string, Json>;
  /** Mean loss without smoothing over all steps, nats a token. */
  nll: number;
}

/** The text of the card. */
export function adapterCard(
  { inputs, settings }: StageKey,
  { model, versions, results, nll }: CardOptions,
): string {
  const { smoothing, lora, ...rest } = settings as Record<string, Record<string, Json>>;
  const { targets, ...loraRest } = lora;
  const rows = (list: Record<string, Json>) =>
    Object.entries(list).filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => `| ${name} | ${typeof value === "object" ? JSON.stringify(value) : value} |`);
  const { steps, samples, tokens, heldout } = results as Record<string, Record<string, number>>;
  const method = METHODS[String(smoothing.method)] ?? String(smoothing.method);
  return [
    "---",
    `base_model: ${JSON.stringify(model)}`,
    "library_name: peft",
    "tags: [lora, label-smoothing]",
    "---",
    "",
    `# LoRA adapter for ${model}`,
    "",
    `Trained with ${method}: ${steps} steps over ${samples} samples (${tokens} tokens). Mean loss without smoothing over ` +
    `the steps: ${nll.toFixed(4)} nats a token.` +
    (heldout ? ` Held-out perplexity of this adapter: ${perplexity(heldout)}.` : ""),
    "",
    "## Settings",
    "",
    "| setting | value |",
    "| --- | --- |",
    ...rows({ ...loraRest, targets: (targets as string[]).join(", ") }),
    ...rows({ ...rest, smoothing: smoothing.method, mean: smoothing.mean, ceiling: smoothing.ceiling }),
    "",
    "## Where it comes from (SHA-256)",
    "",
    "| input | hash |",
    "| --- | --- |",
    ...rows(inputs),
    "",
    `Made by ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}.`,
    "",
  ].join("\n");
}

const METHODS: Record<string, string> = {
  "truncated-linear": "uncertainty-aware learning: label smoothing by each sample's rated uncertainty",
  entropy: "uncertainty-aware learning: label smoothing by the base model's predictive entropy",
  perplexity: "uncertainty-aware learning: label smoothing by each sample's perplexity in training",
  constant: "constant label smoothing",
  none: "plain supervised fine-tuning",
  file: "label smoothing values from a file",
};

function perplexity(heldout: Record<string, unknown>): string {
  const { step, perplexity } = heldout.best as Record<string, number>;
  return `${perplexity.toFixed(4)} (after step ${step})`;
}
