// LoRA: y = x W^T + (α/r)·dropout(x) A^T B^T on chosen projections. The adapter is Params under PEFT's names; files: adapter.ts.
import * as tf from "@tensorflow/tfjs";
import { f32, type Params, type TensorMap } from "../jit/mod.ts";
import { stream } from "../run/seed.ts";
import { InputError } from "../run/errors.ts";
import type { LlamaConfig } from "./config.ts";
import { type Linear, plainLinear } from "./llama.ts";

/** What PEFT's adapter_config.json says of an adapter. */
export interface LoraConfig {
  /** Rank. */
  r: number;
  alpha: number;
  /** The share of the adapter's input that training drops; 0 at evaluation. */
  dropout: number;
  /** Projections, such as "q_proj": a subset of PROJECTIONS. */
  targets: string[];
  /** Scale by α/√r instead of α/r (rsLoRA, Kalajdzievski 2023; PEFT's use_rslora). Default: false. */
  rslora?: boolean;
}

/** What an adapter's update is multiplied by. */
export function scalingOf({ r, alpha, rslora }: LoraConfig): number {
  return alpha / (rslora ? Math.sqrt(r) : r);
}

/** The paper's settings (appendix D): query and value projections, r 8, α 16, dropout 0.1. */
export const defaultLora: LoraConfig = { r: 8, alpha: 16, dropout: 0.1, targets: ["q_proj", "v_proj"] };

/** No adapter at all: for programs that run the base model alone. */
export const NO_LORA: LoraConfig = { r: 1, alpha: 1, dropout: 0, targets: [] };

/** Every linear projection of a layer: name → the block it is in. */
export const PROJECTIONS: Record<string, string> = {
  q_proj: "self_attn",
  k_proj: "self_attn",
  v_proj: "self_attn",
  o_proj: "self_attn",
  gate_proj: "mlp",
  up_proj: "mlp",
  down_proj: "mlp",
};

/** An adapted projection: its weight in the base model, its [out, in] shape. */
export interface LoraModule {
  weight: string;
  inSize: number;
  outSize: number;
}

/** The modules that `config` adapts, in PEFT's order: layer by layer, as the projections come in the forward pass. */
export function loraModules(model: LlamaConfig, config: LoraConfig): LoraModule[] {
  const unknown = config.targets.filter((t) => !Object.hasOwn(PROJECTIONS, t));
  if (unknown.length || config.targets.length === 0) {
    throw new InputError(
      `Cannot adapt ${unknown.join(", ") || "no projection at all"}: choose from ${
        Object.keys(PROJECTIONS).join(", ")
      }`,
    );
  }
  const { hiddenSize: D, heads, kvHeads, headSize, ffnSize: F } = model;
  const sizes: Record<string, [number, number]> = {
    q_proj: [heads * headSize, D],
    k_proj: [kvHeads * headSize, D],
    v_proj: [kvHeads * headSize, D],
    o_proj: [D, heads * headSize],
    gate_proj: [F, D],
    up_proj: [F, D],
    down_proj: [D, F],
  };
  const targets = Object.keys(PROJECTIONS).filter((p) => config.targets.includes(p));
  return Array.from({ length: model.layers }, (_, layer) =>
    targets.map((p) => ({
      weight: `model.layers.${layer}.${PROJECTIONS[p]}.${p}.weight`,
      outSize: sizes[p][0],
      inSize: sizes[p][1],
    }))).flat();
}

/** PEFT's name of a module's A or B matrix: A is [r, in], B is [out, r]. */
export function loraName(weight: string, matrix: "A" | "B"): string {
  return `base_model.model.${weight.replace(/\.weight$/, "")}.lora_${matrix}.weight`;
}

/** A fresh adapter as PEFT starts one: A uniform in ±1/√in (Kaiming with a = √5), B zero, from the stream "lora". */
export function initLora(model: LlamaConfig, config: LoraConfig, seed: number): Params {
  const params: Params = {};
  for (const { weight, inSize, outSize } of loraModules(model, config)) {
    const random = stream(seed, "lora", weight), bound = 1 / Math.sqrt(inSize);
    const a = Float32Array.from({ length: config.r * inSize }, (_, i) => (random.uniform(i) * 2 - 1) * bound);
    params[loraName(weight, "A")] = f32([config.r, inSize], a);
    params[loraName(weight, "B")] = f32([outSize, config.r]);
  }
  return params;
}

/** What drops part of an adapter's input: `x` [N, in] of the module whose weight is `weight`. */
export type Dropout = (x: tf.Tensor2D, weight: string) => tf.Tensor2D;

/** Linear layers with the adapter's update added where it has one. */
export function loraLinear(
  weights: TensorMap,
  adapter: TensorMap,
  config: LoraConfig,
  dropout?: Dropout,
): Linear {
  const plain = plainLinear(weights);
  const has = new Set(Object.keys(adapter));
  const scaling = scalingOf(config);
  return (x, name) => {
    const y = plain(x, name), a = loraName(name, "A");
    if (!has.has(a)) return y;
    const down = tf.matMul(dropout ? dropout(x, name) : x, adapter[a] as tf.Tensor2D, false, true); // [N, r]
    const up = tf.matMul(tf.mul(down, scaling), adapter[loraName(name, "B")] as tf.Tensor2D, false, true);
    return tf.add(y, up);
  };
}
