// Export: base + adapter → one model in a folder or a GGUF file, opened again and compared before it takes its place.
// The two formats are export_folder.ts and export_gguf.ts, the comparison compare_logits.ts.
import { join } from "node:path";
import type { JitOptions } from "../jit/mod.ts";
import { InputError } from "../run/errors.ts";
import { writeFileAtomic } from "../run/files.ts";
import { type Json, sortedJson } from "../run/manifest.ts";
import { moveTo, staged } from "../run/staging.ts";
import { type Adapter, baseOf } from "./base.ts";
import { compareLogits, comparisonTexts, type LogitComparison, logitsOf } from "./compare_logits.ts";
import { convertGguf } from "./convert_gguf.ts";
import { writeMergedFolder } from "./export_folder.ts";
import { writeMergedGguf } from "./export_gguf.ts";
import { type Model, openModel } from "./open_model.ts";
import type { GgufType } from "./quantise.ts";
import type { StoredFloat } from "./safetensors.ts";

/** What to make. */
export interface ExportOptions {
  /** A folder of Hugging Face's layout, or one file. */
  format: "safetensors" | "gguf";
  /** The type of the matrices; default: safetensors as the base stores them, GGUF F16. Q8_0 is GGUF's alone. */
  type?: GgufType;
  /** Jinja, to be the exported model's; default: the base's. */
  template?: string;
  /** Names the adapter in export.json. */
  adapterHash?: string;
  jit?: JitOptions;
}

/** What was made. */
export interface Exported {
  /** The SHA-256 of the GGUF file or of model.safetensors. */
  sha256: string;
  comparison: LogitComparison;
  /** GGUF tensors stored as F16 because their rows are no whole blocks. */
  fallback: string[];
}

/**
 * The largest mean |Δ log p| of the next token, in nats, that the exported model may be from the base with its adapter.
 * Past it the export fails. float32 differs by rounding alone; the others by what their bits cannot hold.
 */
export const LARGEST_DIFFERENCE: Record<GgufType, number> = { F32: 1e-3, F16: 0.03, BF16: 0.15, Q8_0: 0.25 };

/** What an exported folder holds beside the model: it marks the folder as one that a new export may replace. */
const RECORD = "export.json";

/**
 * Writes `model` with `adapter` merged to `out`: a new or empty folder (or that of an earlier export), or a GGUF file.
 * The result is opened again, its token ids and its logits on a few held-out dialogues are compared with the adapter's,
 * and only then it takes its place; until then it is a hidden folder beside it, for GGUF with a float32 copy.
 * Throws InputError for a place, model or type that does not do, Error where the exported model computes something else.
 */
export async function exportModel(
  model: Model,
  adapter: Adapter,
  out: string,
  options: ExportOptions,
): Promise<Exported> {
  const { format, type, template = model.chatTemplate, jit } = options;
  await checkPlace(out, format);
  if (format === "safetensors" && type === "Q8_0") {
    throw new InputError(
      "Cannot export safetensors as q8_0: only GGUF has it; give --format gguf or another --type",
    );
  }
  return await staged(out, async (part) => {
    const { made, sha256, fallback, folder } = await write(part, model, adapter, { format, type, template });
    const texts = await comparisonTexts(model, template);
    const reference = await logitsOf(baseOf(model), texts, { ...jit, adapter });
    const other = await openModel(folder);
    other.weights.close();
    checkTexts(texts, await comparisonTexts(other, other.chatTemplate), out);
    const comparison = compareLogits(texts, reference, await logitsOf(baseOf(other), texts, jit));
    checkComparison(comparison, type ?? narrowest(model, format), out);
    if (format === "safetensors") {
      const record = { ...recordOf(model, options), weights: sha256, comparison: comparisonJson(comparison) };
      await writeFileAtomic(join(made, RECORD), sortedJson(record));
    }
    await moveTo(made, out);
    return { sha256, fallback, comparison };
  });
}

/** Writes the model into `part`: `made` is what to move out of there, `folder` opens as a model. */
async function write(
  part: string,
  model: Model,
  adapter: Adapter,
  { format, type, template }: { format: string; type?: GgufType; template: string },
) {
  if (format === "safetensors") {
    const folder = join(part, "model");
    const sha256 = await writeMergedFolder(folder, model, adapter, { type: type as StoredFloat, template });
    return { made: folder, folder, sha256, fallback: [] };
  }
  const made = join(part, "model.gguf"), folder = join(part, model.name);
  const written = await writeMergedGguf(made, model, adapter, { type: type ?? "F16", template });
  await convertGguf(made, folder, { sha256: written.sha256 });
  return { made, folder, ...written };
}

async function checkPlace(out: string, format: string): Promise<void> {
  const there = await Deno.stat(out).catch(() => undefined);
  if (!there) return;
  const fail = (what: string, remedy: string): never => {
    throw new InputError(`Cannot export to ${out}: ${what}; ${remedy}`);
  };
  if (format === "gguf") {
    if (!there.isFile) fail("it is not a file", "give the path of a .gguf file");
    return;
  }
  if (!there.isDirectory) fail("it is a file", "give a folder, or --format gguf");
  const names = (await Array.fromAsync(Deno.readDir(out))).map((entry) => entry.name);
  if (names.length && !names.includes(RECORD)) {
    fail("the folder holds other files", "give a new or an empty one");
  }
}

/** The type of fewest bits that the written weights have. */
function narrowest(model: Model, format: string): GgufType {
  if (format === "gguf") return "F16";
  const types = new Set([...model.weights.tensors.values()].map(({ dtype }) => dtype as GgufType));
  return types.has("BF16") ? "BF16" : types.has("F16") ? "F16" : "F32";
}

function checkTexts(texts: Int32Array[], again: Int32Array[], out: string): void {
  const at = texts.findIndex((ids, i) => String(ids) !== String(again[i]));
  if (at < 0) return;
  throw new Error(
    `Cannot export to ${out}: the written tokenizer cuts held-out dialogue ${
      at + 1
    } into other tokens than the model's own; export as safetensors`,
  );
}

/** Throws Error where the exported model does not compute what the base with its adapter does. */
export function checkComparison(comparison: LogitComparison, type: GgufType, out: string): void {
  const { meanLikelihoodDifference: mean, maxLogitDifference: most } = comparison;
  if (!Object.values(comparison).every(Number.isFinite)) {
    throw new Error(
      `Cannot export to ${out}: logits are not finite, with the adapter or without; nothing was kept. ` +
        "Train the adapter again with a lower rate, or export it as f32",
    );
  }
  if (mean <= LARGEST_DIFFERENCE[type]) return;
  throw new Error(
    `Cannot export to ${out}: the exported model differs from the adapter by ${
      mean.toPrecision(3)
    } nats a token ` +
      `(mean |difference of log-likelihood|, at most ${
        LARGEST_DIFFERENCE[type]
      } for ${type.toLowerCase()}; ` +
      `largest difference of a logit ${most.toPrecision(3)}); nothing was kept. Export it as f32`,
  );
}

function recordOf(model: Model, { type, adapterHash }: ExportOptions): Record<string, Json> {
  return {
    made_by: "ual export",
    base_model: { name: model.name, sha256: model.hash },
    adapter: adapterHash ? { sha256: adapterHash } : null,
    type: type ? type.toLowerCase() : "as the base",
  };
}

/** The comparison under the names of our JSON. */
export function comparisonJson(c: LogitComparison): Record<string, number> {
  return {
    texts: c.texts,
    positions: c.positions,
    max_logit: c.maxLogit,
    max_logit_difference: c.maxLogitDifference,
    max_log_likelihood_difference: c.maxLikelihoodDifference,
    mean_log_likelihood_difference: c.meanLikelihoodDifference,
    top1_agreement: c.top1Agreement,
    nll_adapter: c.nll,
    nll_exported: c.otherNll,
  };
}
