// `ual export`: an adapter worked into its base, as a model of its own for other programs.
import { dirname, join } from "node:path";
import type { Output } from "../cli.ts";
import { comparisonJson, exportModel, type GgufType, type Model } from "../model/mod.ts";
import { resolveUser, sha256File } from "../run/files.ts";
import { readManifest } from "../run/manifest.ts";
import type { Flags } from "./flags.ts";
import { adapterOf, jitOf, modelOf } from "./model.ts";

/** Writes `--out` and says how far its logits are from the adapter's. */
export async function exportAdapter(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("adapter")), out = resolveUser(flags.required("out"));
  const format = flags.required("format") as "safetensors" | "gguf";
  const type = flags.text("type")?.toUpperCase() as GgufType | undefined;
  const { model, template } = await modelOf(flags);
  const adapter = (await adapterOf(flags, model))!;
  await noteOtherBase(dir, model);
  const adapterHash = await sha256File(join(dir, "adapter_model.safetensors"));
  const options = { format, type, template, adapterHash, jit: jitOf(flags) };
  const { sha256, comparison: c, fallback } = await exportModel(model, adapter, out, options);
  model.weights.close();
  if (fallback.length) {
    console.error(
      `${fallback.length} tensors stored as f16, their rows are no whole blocks of 32: ${fallback[0]} …`,
    );
  }
  const stored = flags.text("type") ?? (format === "gguf" ? "f16" : "as the base");
  return {
    json: {
      out,
      format,
      type: stored,
      model: model.name,
      adapter: dir,
      sha256,
      fallback,
      comparison: comparisonJson(c),
    },
    text: [
      `wrote ${out} (${format}, ${stored})`,
      `against the adapter, ${c.positions} tokens of ${c.texts} held-out dialogues:`,
      `  largest difference of a logit           ${number(c.maxLogitDifference)} (logits up to ${
        number(c.maxLogit)
      })`,
      `  largest difference of a log-likelihood  ${number(c.maxLikelihoodDifference)}`,
      `  mean difference of the log-likelihood   ${number(c.meanLikelihoodDifference)}`,
      `  same most likely token                  ${(100 * c.top1Agreement).toFixed(2)} %`,
      `  perplexity                              ${perplexity(c.nll)} adapter, ${
        perplexity(c.otherNll)
      } exported`,
    ].join("\n"),
  };
}

const number = (x: number) => x.toPrecision(3);
const perplexity = (nll: number) => Math.exp(nll).toFixed(4);

/** Says so where our run that made the adapter had another base: merging into a better copy of it is a fair wish. */
async function noteOtherBase(dir: string, model: Model): Promise<void> {
  const manifest = await readManifest(dirname(dir)).catch(() => undefined);
  const trained = manifest?.stage === "train" ? manifest.inputs.model : undefined;
  if (!trained || trained === model.hash) return;
  console.error(
    `the adapter was trained on weights of SHA-256 ${trained.slice(0, 16)}…, ${model.name} has ${
      model.hash.slice(0, 16)
    }…`,
  );
}
