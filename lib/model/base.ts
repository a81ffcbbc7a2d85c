// What programs need of a model: its shape and where its weights lie. And of an adapter: its tensors and settings.
import type { Params, WeightsFile } from "../jit/mod.ts";
import type { LlamaConfig } from "./config.ts";
import type { LoraConfig } from "./lora.ts";
import type { Model } from "./open_model.ts";

/** A model as programs take it; its weights stay in their file. */
export interface Base {
  config: LlamaConfig;
  weights: WeightsFile;
}

/** An adapter and how it was made. */
export interface Adapter {
  params: Params;
  lora: LoraConfig;
}

const DTYPES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/** The base of an opened model. Throws RangeError for a weight of a type that no program takes. */
export function baseOf(model: Model): Base {
  const tensors: WeightsFile["tensors"] = {};
  for (const [name, { dtype, shape, begin, end, file }] of model.weights.tensors) {
    const type = DTYPES[dtype as keyof typeof DTYPES];
    if (!type) {
      throw new RangeError(`Cannot use weight ${name}: it is ${dtype}; only F32, F16 and BF16 are read`);
    }
    tensors[name] = { dtype: type, shape, begin, end, ...(file ? { file } : {}) };
  }
  return { config: model.config, weights: { path: model.weights.path, hash: model.hash, tensors } };
}
