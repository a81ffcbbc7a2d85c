// Adapters on disk as PEFT (0.21) writes and reads them: adapter_config.json and adapter_model.safetensors in a folder.
import { join } from "node:path";
import { z } from "zod";
import type { Params } from "../jit/mod.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { readBytes, writeFileAtomic } from "../run/files.ts";
import type { Adapter } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { type LoraConfig, loraModules, loraName } from "./lora.ts";
import { openSafetensors, writeSafetensors } from "./safetensors.ts";

const CONFIG = "adapter_config.json", WEIGHTS = "adapter_model.safetensors";

/** Writes `adapter` into `dir` (made where missing); returns the SHA-256 of its weights. */
export async function writeAdapter(
  dir: string,
  { params, lora }: Adapter,
  baseModel: string,
): Promise<string> {
  const config = {
    base_model_name_or_path: baseModel,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: lora.r,
    target_modules: lora.targets,
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: lora.rslora === true,
  };
  await Deno.mkdir(dir, { recursive: true });
  const hash = await writeSafetensors(join(dir, WEIGHTS), params, { metadata: { format: "pt" } });
  await writeFileAtomic(join(dir, CONFIG), JSON.stringify(config, null, 2) + "\n");
  return hash;
}

const configSchema = z.object({
  peft_type: z.literal("LORA"),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.array(z.string()).min(1),
  use_rslora: z.boolean().default(false),
});

/** Settings that change what an adapter computes and that we do not have, with the value that turns each off. */
const UNSUPPORTED: Record<string, unknown> = {
  bias: "none",
  fan_in_fan_out: false,
  use_dora: false,
  use_qalora: false,
  lora_bias: false,
  modules_to_save: null,
  layers_to_transform: null,
  trainable_token_indices: null,
  rank_pattern: {},
  alpha_pattern: {},
};

/** Initialisations that leave the base model's weights as they are. Others (PiSSA, OLoRA, CorDA, LoftQ) change them. */
const PLAIN_INIT: unknown[] = [true, false, null, undefined, "gaussian", "eva", "orthogonal"];

/**
 * Reads the adapter in `dir` for a model of shape `model`. Throws InputError where a file is missing or damaged, the
 * adapter uses what we do not have, or its tensors do not fit the model.
 */
export async function readAdapter(dir: string, model: LlamaConfig): Promise<Adapter> {
  const lora = await readConfig(join(dir, CONFIG));
  const path = join(dir, WEIGHTS);
  const file = await openSafetensors(path);
  try {
    const want = loraModules(model, lora).flatMap(({ weight, inSize, outSize }) => [
      { name: loraName(weight, "A"), shape: [lora.r, inSize] },
      { name: loraName(weight, "B"), shape: [outSize, lora.r] },
    ]);
    const extra = [...file.tensors.keys()].filter((name) => !want.some((w) => w.name === name));
    if (extra.length) {
      throw unfit(path, `it has ${extra[0]}, which the model and the adapter's settings do not`);
    }
    const params: Params = {};
    for (const { name, shape } of want) {
      const found = file.tensors.get(name);
      if (!found) throw unfit(path, `${name} is missing`);
      if (String(found.shape) !== String(shape)) {
        throw unfit(path, `${name} has shape [${found.shape}], the model needs [${shape}]`);
      }
      if (!["F32", "F16", "BF16"].includes(found.dtype)) {
        throw unfit(path, `${name} is of type ${found.dtype}`);
      }
      params[name] = await file.read(name);
      if (!params[name].data.every(Number.isFinite)) {
        throw new InputError(
          `Cannot use adapter ${path}: ${name} holds NaN or infinity; train it again with a lower rate`,
        );
      }
    }
    return { params, lora };
  } finally {
    file.close();
  }
}

const unfit = (path: string, why: string) =>
  new InputError(`Cannot use adapter ${path} with this model: ${why}; give the model that it was trained on`);

async function readConfig(path: string): Promise<LoraConfig> {
  const bytes = await readBytes(path);
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new InputError(`Cannot read ${path}: ${messageOf(error)}; it must be PEFT's JSON`);
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(
      `Cannot use ${path}: ${issue.path.join(".")}: ${issue.message}; only LoRA adapters are read`,
    );
  }
  for (const [key, off] of Object.entries(UNSUPPORTED)) {
    const value = String(json[key]) === "" ? off : json[key] ?? off; // an empty list is as good as null
    if (JSON.stringify(value) !== JSON.stringify(off)) {
      throw new InputError(
        `Cannot use ${path}: ${key} is ${JSON.stringify(value)}; only ${JSON.stringify(off)} is supported`,
      );
    }
  }
  if (!PLAIN_INIT.includes(json.init_lora_weights)) {
    throw new InputError(
      `Cannot use ${path}: init_lora_weights is ${
        JSON.stringify(json.init_lora_weights)
      }, which changes the base model; merge it first`,
    );
  }
  const { r, lora_alpha, lora_dropout, target_modules, use_rslora } = parsed.data;
  const lora = { r, alpha: lora_alpha, dropout: lora_dropout, targets: target_modules };
  return use_rslora ? { ...lora, rslora: true } : lora;
}
