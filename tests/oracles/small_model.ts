// A Llama small enough for plain loops: random weights in a real safetensors file, and its forward pass and smoothed loss
// written out with loops in float64, sharing no code with lib.
import { join } from "node:path";
import { baseOf } from "../../lib/model/base.ts";
import type { LlamaConfig } from "../../lib/model/config.ts";
import { openSafetensors, writeSafetensors } from "../../lib/model/safetensors.ts";
import { f32, type Params } from "../../lib/jit/mod.ts";
import { stream } from "../../lib/run/seed.ts";

/** Two layers, four query heads on two key/value heads. */
export function smallConfig(tied = true): LlamaConfig {
  return {
    architecture: "LlamaForCausalLM",
    vocabSize: 23,
    hiddenSize: 12,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headSize: 4,
    ffnSize: 20,
    ropeTheta: 100,
    rmsNormEps: 1e-5,
    tieEmbeddings: tied,
    maxPositions: 64,
    eosId: 2,
    eosIds: [2],
  };
}

/** Random weights under Hugging Face's names; norms around 1. */
export function smallWeights(c: LlamaConfig): Params {
  const params: Params = {};
  const add = (name: string, ...shape: number[]) => {
    const random = stream(3, "small model", name), size = shape.reduce((a, b) => a * b, 1);
    const centre = shape.length === 1 ? 1 : 0;
    params[name] = f32(shape, Float32Array.from({ length: size }, (_, i) => centre + 0.4 * random.normal(i)));
  };
  add("model.embed_tokens.weight", c.vocabSize, c.hiddenSize);
  if (!c.tieEmbeddings) add("lm_head.weight", c.vocabSize, c.hiddenSize);
  add("model.norm.weight", c.hiddenSize);
  for (let l = 0; l < c.layers; l++) {
    const at = (name: string) => `model.layers.${l}.${name}.weight`;
    add(at("input_layernorm"), c.hiddenSize);
    add(at("post_attention_layernorm"), c.hiddenSize);
    add(at("self_attn.q_proj"), c.heads * c.headSize, c.hiddenSize);
    add(at("self_attn.k_proj"), c.kvHeads * c.headSize, c.hiddenSize);
    add(at("self_attn.v_proj"), c.kvHeads * c.headSize, c.hiddenSize);
    add(at("self_attn.o_proj"), c.hiddenSize, c.heads * c.headSize);
    add(at("mlp.gate_proj"), c.ffnSize, c.hiddenSize);
    add(at("mlp.up_proj"), c.ffnSize, c.hiddenSize);
    add(at("mlp.down_proj"), c.hiddenSize, c.ffnSize);
  }
  return params;
}

/** Writes the model's weights into `folder` and opens them as a base; `dtype` is how they are stored. */
export async function smallBase(
  folder: string,
  { tied = true, dtype = "F32" as "F32" | "F16" | "BF16" } = {},
) {
  const config = smallConfig(tied), weights = smallWeights(config);
  const path = join(folder, `small-${tied}-${dtype}.safetensors`);
  const hash = await writeSafetensors(path, weights, { dtype });
  const file = await openSafetensors(path);
  const stored: Params = {};
  for (const name of file.tensors.keys()) stored[name] = await file.read(name);
  const base = baseOf({ config, weights: file, hash } as Parameters<typeof baseOf>[0]);
  file.close();
  return { base, config, weights: stored };
}

type Rows = number[][];
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (x, i) => x * b[i]).reduce((s, x) => s + x, 0);

/** x Wᵀ, one row at a time, with the update of a LoRA adapter where it has one. */
function project(x: Rows, name: string, weights: Params, adapter: Params, scaling: number): Rows {
  const times = (rows: Rows, { shape: [out, size], data }: Params[string]) =>
    rows.map((row) => Array.from({ length: out }, (_, o) => dot(row, data.slice(o * size, (o + 1) * size))));
  const y = times(x, weights[name]);
  const stem = `base_model.model.${name.replace(".weight", "")}`;
  if (!adapter[`${stem}.lora_A.weight`]) return y;
  const update = times(times(x, adapter[`${stem}.lora_A.weight`]), adapter[`${stem}.lora_B.weight`]);
  return y.map((row, i) => row.map((v, j) => v + scaling * update[i][j]));
}

function norm(x: Rows, w: ArrayLike<number>, eps: number): Rows {
  return x.map((row) => {
    const scale = 1 / Math.sqrt(dot(row, row) / row.length + eps);
    return row.map((v, i) => v * scale * w[i]);
  });
}

function rotated(head: number[], position: number, theta: number): number[] {
  const half = head.length / 2;
  return head.map((v, i) => {
    const j = i % half, angle = position * theta ** (-j / half);
    return i < half
      ? v * Math.cos(angle) - head[i + half] * Math.sin(angle)
      : v * Math.cos(angle) + head[i - half] * Math.sin(angle);
  });
}

/** The hidden states after the final norm of one sequence, by loops. */
export function loopHidden(...args: Parameters<typeof loopLayers>): Rows {
  return loopLayers(...args).at(-1)!;
}

/** The embeddings, each layer's output, and at the end the hidden states after the final norm, by loops. */
export function loopLayers(
  c: LlamaConfig,
  w: Params,
  ids: ArrayLike<number>,
  adapter: Params = {},
  scaling = 1,
): Rows[] {
  const linear = (x: Rows, name: string) => project(x, name, w, adapter, scaling);
  const D = c.hiddenSize, hd = c.headSize;
  let x: Rows = Array.from(
    ids,
    (id) => Array.from(w["model.embed_tokens.weight"].data.slice(id * D, (id + 1) * D)),
  );
  const layers = [x];
  for (let l = 0; l < c.layers; l++) {
    const at = (name: string) => `model.layers.${l}.${name}.weight`;
    const h = norm(x, w[at("input_layernorm")].data, c.rmsNormEps);
    const heads = (rows: Rows, n: number, rope: boolean) =>
      rows.map((row, t) =>
        Array.from({ length: n }, (_, k) => {
          const part = row.slice(k * hd, (k + 1) * hd);
          return rope ? rotated(part, t, c.ropeTheta) : part;
        })
      );
    const q = heads(linear(h, at("self_attn.q_proj")), c.heads, true);
    const k = heads(linear(h, at("self_attn.k_proj")), c.kvHeads, true);
    const v = heads(linear(h, at("self_attn.v_proj")), c.kvHeads, false);
    const mixed = x.map((_, t) => {
      const row: number[] = [];
      for (let head = 0; head < c.heads; head++) {
        const kv = Math.floor(head / (c.heads / c.kvHeads));
        const e = Array.from(
          { length: t + 1 },
          (_, s) => Math.exp(dot(q[t][head], k[s][kv]) / Math.sqrt(hd)),
        );
        const total = e.reduce((a, b) => a + b);
        for (let i = 0; i < hd; i++) row.push(e.reduce((sum, p, s) => sum + p / total * v[s][kv][i], 0));
      }
      return row;
    });
    const attended = linear(mixed, at("self_attn.o_proj"));
    x = x.map((row, t) => row.map((value, i) => value + attended[t][i]));
    const h2 = norm(x, w[at("post_attention_layernorm")].data, c.rmsNormEps);
    const gate = linear(h2, at("mlp.gate_proj")), up = linear(h2, at("mlp.up_proj"));
    const down = linear(
      gate.map((row, t) => row.map((g, i) => g / (1 + Math.exp(-g)) * up[t][i])),
      at("mlp.down_proj"),
    );
    x = x.map((row, t) => row.map((value, i) => value + down[t][i]));
    layers.push(x);
  }
  return [...layers, norm(x, w["model.norm.weight"].data, c.rmsNormEps)];
}

/** log p of every class at one hidden state, by loops. */
export function loopLogProbs(c: LlamaConfig, w: Params, hidden: number[]): number[] {
  const head = w[c.tieEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"].data, D = c.hiddenSize;
  const z = Array.from({ length: c.vocabSize }, (_, k) => dot(hidden, head.slice(k * D, (k + 1) * D)));
  const most = Math.max(...z), total = Math.log(z.reduce((s, v) => s + Math.exp(v - most), 0)) + most;
  return z.map((v) => v - total);
}

/** Cross-entropy against the smoothed target written out: 1 − s on y, s/(K−1) on every other class. */
export function loopSmoothedLoss(logProbs: number[], y: number, s: number): number {
  const K = logProbs.length;
  return -logProbs.reduce((sum, lp, k) => sum + (k === y ? 1 - s : s / (K - 1)) * lp, 0);
}
