// The settings of a Llama-architecture model, from a Hugging Face config.json. What is not in here is refused, not ignored.
import { InputError } from "../run/errors.ts";

/** What the forward pass needs to know. */
export interface LlamaConfig {
  architecture: "LlamaForCausalLM" | "MistralForCausalLM";
  vocabSize: number;
  hiddenSize: number;
  layers: number;
  heads: number;
  /** Grouped-query attention: `heads / kvHeads` query heads share one key and value head. */
  kvHeads: number;
  headSize: number;
  ffnSize: number;
  ropeTheta: number;
  rmsNormEps: number;
  /** Whether the output projection is the embedding. */
  tieEmbeddings: boolean;
  /** The longest context, a sliding window counted as its end. */
  maxPositions: number;
  bosId?: number;
  /** The token that ends a text; a model may know several, this is the first. */
  eosId: number;
  /** Every token that ends a text. */
  eosIds: number[];
}

type Json = Record<string, unknown>;
const ARCHITECTURES = ["LlamaForCausalLM", "MistralForCausalLM"];

/** Reads the contents of a config.json; `path` names it in errors. Throws InputError for an architecture or feature that our forward pass does not have. */
export function parseConfig(json: Json, path: string): LlamaConfig {
  const fail = (what: string): never => {
    throw new InputError(
      `Cannot use the model of ${path}: ${what}; Llama and Mistral models of plain layout can be used`,
    );
  };
  const architecture = (json.architectures as string[] | undefined)?.[0];
  if (!architecture || !ARCHITECTURES.includes(architecture)) {
    fail(`its architecture is ${architecture ?? "not given"}`);
  }
  refuse(json, fail);
  const count = (key: string, fallback?: number): number => {
    const value = json[key] ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 1) fail(`${key} is ${JSON.stringify(json[key])}`);
    return value as number;
  };
  const positive = (key: string, value: unknown): number => {
    if (typeof value !== "number" || !(value > 0)) fail(`${key} is ${JSON.stringify(value)}`);
    return value as number;
  };
  const hiddenSize = count("hidden_size"), heads = count("num_attention_heads");
  const kvHeads = count("num_key_value_heads", heads), headSize = count("head_dim", hiddenSize / heads);
  if (heads % kvHeads) fail(`${heads} heads cannot share ${kvHeads} key and value heads`);
  if (headSize % 2) fail(`head_dim is ${headSize}, an odd number`);
  const eosIds = [json.eos_token_id].flat().filter((id): id is number => Number.isSafeInteger(id));
  if (!eosIds.length) fail(`eos_token_id is ${JSON.stringify(json.eos_token_id)}`);
  const longest = count("max_position_embeddings");
  return {
    architecture: architecture as LlamaConfig["architecture"],
    vocabSize: count("vocab_size"),
    hiddenSize,
    layers: count("num_hidden_layers"),
    heads,
    kvHeads,
    headSize,
    ffnSize: count("intermediate_size"),
    ropeTheta: positive(
      "rope_theta",
      json.rope_theta ?? (json.rope_parameters as Json | undefined)?.rope_theta ?? 10000,
    ),
    rmsNormEps: positive("rms_norm_eps", json.rms_norm_eps ?? 1e-6),
    tieEmbeddings: json.tie_word_embeddings === true,
    maxPositions: Math.min(longest, count("sliding_window", longest)),
    bosId: typeof json.bos_token_id === "number" ? json.bos_token_id : undefined,
    eosId: eosIds[0],
    eosIds,
  };
}

/** What would change the numbers and is not built. */
function refuse(json: Json, fail: (what: string) => never): void {
  const rope = (json.rope_scaling ?? json.rope_parameters) as Json | null | undefined;
  const type = rope?.rope_type ?? rope?.type;
  if (rope && type !== undefined && type !== "default") {
    fail(`it scales its rotary embedding (${JSON.stringify(type)})`);
  }
  if (json.hidden_act !== undefined && json.hidden_act !== "silu") {
    fail(`its activation is ${JSON.stringify(json.hidden_act)}`);
  }
  for (const key of ["attention_bias", "mlp_bias"]) if (json[key] === true) fail(`it has biases (${key})`);
  for (const key of ["quantization_config"]) if (json[key]) fail(`it is quantised (${key})`);
  const partial = json.partial_rotary_factor ?? rope?.partial_rotary_factor;
  if (partial !== undefined && partial !== 1) fail(`it rotates a part of each head only (${partial})`);
}

/** The name and shape of every weight of such a model, named as Hugging Face names them. Linear weights are [out, in]. */
export function weightShapes(config: LlamaConfig): Map<string, number[]> {
  const { vocabSize, hiddenSize, ffnSize } = config;
  const q = config.heads * config.headSize, kv = config.kvHeads * config.headSize;
  const shapes = new Map<string, number[]>([["model.embed_tokens.weight", [vocabSize, hiddenSize]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    const set = (name: string, shape: number[]) => shapes.set(`model.layers.${layer}.${name}.weight`, shape);
    set("input_layernorm", [hiddenSize]);
    set("self_attn.q_proj", [q, hiddenSize]);
    set("self_attn.k_proj", [kv, hiddenSize]);
    set("self_attn.v_proj", [kv, hiddenSize]);
    set("self_attn.o_proj", [hiddenSize, q]);
    set("post_attention_layernorm", [hiddenSize]);
    set("mlp.gate_proj", [ffnSize, hiddenSize]);
    set("mlp.up_proj", [ffnSize, hiddenSize]);
    set("mlp.down_proj", [hiddenSize, ffnSize]);
  }
  shapes.set("model.norm.weight", [hiddenSize]);
  if (!config.tieEmbeddings) shapes.set("lm_head.weight", [vocabSize, hiddenSize]);
  return shapes;
}
