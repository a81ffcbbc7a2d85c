// A model, with an adapter worked in, as a folder of Hugging Face's layout: any tool opens it, `--model FOLDER` too.
// Whether it computes the same is compare_logits.ts.
import { join } from "node:path";
import { readBytes, writeFileAtomic } from "../run/files.ts";
import type { Adapter } from "./base.ts";
import { mergedTensors } from "./merge.ts";
import type { Model } from "./open_model.ts";
import { type StoredFloat, writeSafetensors } from "./safetensors.ts";

/** What goes along unchanged where the base has it. Its model card does not: it describes another model. */
const ALONG = [
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "tokenizer.model",
  "chat_template.jinja",
  "chat_template.json",
  "LICENSE",
  "LICENSE.txt",
  "LICENSE.md",
  "NOTICE",
  "NOTICE.txt",
];

const NAMES: Record<StoredFloat, string> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/**
 * Writes `model` with `adapter` merged into the folder `dir`: config.json, model.safetensors, the tokenizer's files.
 * Every float tensor is stored as `type`; without it as the base stores it. `template` replaces the model's chat template.
 * Returns the SHA-256 of model.safetensors. Throws InputError where a value does not fit the type or the disk is full;
 * then the folder is incomplete.
 */
export async function writeMergedFolder(
  dir: string,
  model: Model,
  adapter: Adapter,
  options: { type?: StoredFloat; template?: string } = {},
): Promise<string> {
  const { type, template } = options;
  const config = JSON.parse(new TextDecoder().decode(await readBytes(join(model.dir, "config.json"))));
  if (type) {
    const keys = ["dtype", "torch_dtype"].filter((key) => key in config);
    for (const key of keys.length ? keys : ["torch_dtype"]) config[key] = NAMES[type];
  }
  await writeFileAtomic(join(dir, "config.json"), JSON.stringify(config, null, 2) + "\n");
  for (const name of ALONG) {
    const bytes = await Deno.readFile(join(model.dir, name)).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    });
    if (bytes) await writeFileAtomic(join(dir, name), bytes);
  }
  if (template !== undefined && template !== model.chatTemplate) {
    await writeFileAtomic(join(dir, "chat_template.jinja"), template);
  }
  return await writeSafetensors(join(dir, "model.safetensors"), mergedTensors(model, adapter, type), {
    metadata: { format: "pt" },
  });
}
