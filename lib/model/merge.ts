// A LoRA adapter worked into the weights it adapts: W' = W + (α/r)·B·A, one tensor at a time, when a writer asks for it.
// Not a writer: safetensors folders are export_folder.ts, GGUF files export_gguf.ts.
import type { TensorData } from "../jit/mod.ts";
import { InputError } from "../run/errors.ts";
import type { Adapter } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { loraModules, loraName, scalingOf } from "./lora.ts";
import type { LazyTensor, Safetensors, StoredFloat } from "./safetensors.ts";

/**
 * `weight` [out, in] + scaling · B [out, r] · A [r, in]. Products and sums are float64, in the order of r, then scaled,
 * then added to the weight; the result is rounded to float32 once. Where the update is 0 the weight keeps its bits (−0).
 */
export function mergeLora(
  weight: TensorData,
  a: TensorData,
  b: TensorData,
  scaling: number,
): Float32Array<ArrayBuffer> {
  const [outSize, inSize] = weight.shape, [r] = a.shape;
  const merged = new Float32Array(weight.data.length), update = new Float64Array(inSize);
  for (let o = 0; o < outSize; o++) {
    update.fill(0);
    for (let k = 0; k < r; k++) {
      const factor = b.data[o * r + k], from = k * inSize;
      for (let i = 0; i < inSize; i++) update[i] += factor * a.data[from + i];
    }
    const row = o * inSize;
    for (let i = 0; i < inSize; i++) {
      const w = weight.data[row + i], change = scaling * update[i];
      merged[row + i] = change === 0 ? w : w + change;
    }
  }
  return merged;
}

/** The parts of a model that merging reads. */
export interface Mergeable {
  config: LlamaConfig;
  weights: Pick<Safetensors, "tensors" | "read">;
}

/**
 * Every tensor of the model's weights with the adapter worked in, made when asked for. Stored as `dtype`, or as the base
 * stores it: then tensors without an adapter keep their bytes. Loading throws InputError for values that are not finite or
 * do not fit the type.
 */
export function mergedTensors(
  { config, weights }: Mergeable,
  adapter: Adapter,
  dtype?: StoredFloat,
): Record<string, LazyTensor> {
  const adapted = new Set(loraModules(config, adapter.lora).map(({ weight }) => weight));
  const tensors: Record<string, LazyTensor> = {};
  for (const [name, info] of weights.tensors) {
    const own = info.dtype in LARGEST ? info.dtype as StoredFloat : undefined;
    const stored = own && (dtype ?? own);
    tensors[name] = {
      dtype: own ? "float32" : "int32",
      shape: info.shape,
      stored,
      load: async () => {
        const tensor = await weights.read(name);
        const data = adapted.has(name) ? mergedWith(adapter, name, tensor) : tensor.data;
        if (adapted.has(name) || stored !== own) checkFloatRange(name, data, stored!);
        return data;
      },
    };
  }
  return tensors;
}

function mergedWith({ params, lora }: Adapter, name: string, tensor: TensorData): Float32Array<ArrayBuffer> {
  return mergeLora(tensor, params[loraName(name, "A")], params[loraName(name, "B")], scalingOf(lora));
}

/** The largest finite value of each type; what rounds to it still fits. */
const LARGEST: Record<StoredFloat, number> = {
  F32: 3.4028234663852886e38,
  F16: 65504,
  BF16: 3.3895313892515355e38,
};

/** Throws InputError where a value is not finite in `dtype`. */
export function checkFloatRange(name: string, data: ArrayLike<number>, dtype: StoredFloat): void {
  const most = LARGEST[dtype], half = dtype === "F16" ? 16 : dtype === "BF16" ? 2 ** 119 : 0; // half a step past it
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]);
    if (size <= most || size < most + half) continue;
    const wide = dtype === "F16" && Number.isFinite(size);
    throw new InputError(
      `Cannot store ${name} as ${dtype}: it holds ${data[i]}${
        wide ? ", past the largest half, 65504" : ""
      }; ` +
        (wide ? "store it as bf16 or f32" : "train the adapter again with a lower rate"),
    );
  }
}
