// The settings of a model of the Llama family (Llama, Mistral, Qwen2), from a Hugging Face config.json. What is not in
// here is refused, not ignored.
import { InputError } from "../run/errors.ts";

/** The architectures whose forward pass we have; they differ in biases, attention windows and rotary scaling. */
export const ARCHITECTURES = ["LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM"] as const;

/** How rotary frequencies are changed for contexts beyond the first training's (transformers, modeling_rope_utils.py). */
export type RopeScaling =
  | { type: "linear"; factor: number }
  | { type: "llama3"; factor: number; lowFactor: number; highFactor: number; originalPositions: number };

/** What the forward pass needs to know. */
export interface LlamaConfig {
  architecture: (typeof ARCHITECTURES)[number];
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
  /** The longest context. */
  maxPositions: number;
  /** Projections of the attention that add a bias, such as "q_proj". Default: none. */
  biases?: string[];
  /** A position sees itself and the slidingWindow − 1 before it, in the layers from `windowFrom` (default 0) on. */
  slidingWindow?: number;
  windowFrom?: number;
  ropeScaling?: RopeScaling;
  bosId?: number;
  /** The token that ends a text; a model may know several, this is the first. */
  eosId: number;
  /** Every token that ends a text. */
  eosIds: number[];
}

type Json = Record<string, unknown>;
type Fail = (what: string) => never;

/** Reads the contents of a config.json; `path` names it in errors. Throws InputError for an architecture or feature that our forward pass does not have. */
export function parseConfig(json: Json, path: string): LlamaConfig {
  const fail = (what: string): never => {
    throw new InputError(
      `Cannot use the model of ${path}: ${what}; models that can be used are ${ARCHITECTURES.join(", ")}`,
    );
  };
  const architecture = ARCHITECTURES.find((name) => name === [json.architectures].flat()[0]) ??
    fail(`its architecture is ${[json.architectures].flat()[0] ?? "not given"}`);
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
  const layers = count("num_hidden_layers");
  return {
    architecture,
    vocabSize: count("vocab_size"),
    hiddenSize,
    layers,
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
    maxPositions: count("max_position_embeddings"),
    ...biasesOf(json, architecture),
    ...windowOf(json, architecture, layers, fail),
    ...ropeScalingOf(json, fail),
    bosId: typeof json.bos_token_id === "number" ? json.bos_token_id : undefined,
    eosId: eosIds[0],
    eosIds,
  };
}

/** Qwen2 adds biases to queries, keys and values; Llama, where attention_bias says so, to the output projection too. */
function biasesOf(json: Json, architecture: string): Pick<LlamaConfig, "biases"> {
  const qkv = ["q_proj", "k_proj", "v_proj"];
  if (architecture === "Qwen2ForCausalLM") return { biases: qkv };
  return architecture === "LlamaForCausalLM" && json.attention_bias === true
    ? { biases: [...qkv, "o_proj"] }
    : {};
}

/** Mistral: sliding_window in every layer. Qwen2: where use_sliding_window is true, from layer max_window_layers on. */
function windowOf(
  json: Json,
  architecture: string,
  layers: number,
  fail: Fail,
): Pick<LlamaConfig, "slidingWindow" | "windowFrom"> {
  const { sliding_window: slidingWindow = 4096 } = json; // what transformers takes where the file says nothing
  if (architecture === "LlamaForCausalLM" || slidingWindow === null) return {};
  if (!Number.isSafeInteger(slidingWindow) || slidingWindow as number < 1) {
    fail(`sliding_window is ${JSON.stringify(slidingWindow)}`);
  }
  if (architecture === "MistralForCausalLM") return { slidingWindow: slidingWindow as number };
  if (json.use_sliding_window !== true) return {};
  const from = json.max_window_layers ?? 28; // transformers' default
  if (!Number.isSafeInteger(from) || from as number < 0) fail(`max_window_layers is ${JSON.stringify(from)}`);
  const kinds = Array.from(
    { length: layers },
    (_, i) => i < (from as number) ? "full_attention" : "sliding_attention",
  );
  if (json.layer_types && String(json.layer_types) !== String(kinds)) {
    fail(`layer_types is ${JSON.stringify(json.layer_types)}, which max_window_layers ${from} does not say`);
  }
  return { slidingWindow: slidingWindow as number, windowFrom: from as number };
}

/** rope_scaling, or in newer files rope_parameters. */
function ropeScalingOf(json: Json, fail: Fail): Pick<LlamaConfig, "ropeScaling"> {
  const rope = (json.rope_scaling ?? json.rope_parameters) as Json | null | undefined;
  const type = rope?.rope_type ?? rope?.type ?? "default";
  if (!rope || type === "default") return {};
  const number = (key: string): number => {
    const value = rope[key];
    if (typeof value !== "number" || !(value > 0)) {
      fail(`its rotary scaling has ${key} ${JSON.stringify(value)}`);
    }
    return value as number;
  };
  if (type === "linear") return { ropeScaling: { type, factor: number("factor") } };
  if (type !== "llama3") {
    return fail(`it scales its rotary embedding by ${JSON.stringify(type)}, not by linear or llama3`);
  }
  return {
    ropeScaling: {
      type,
      factor: number("factor"),
      lowFactor: number("low_freq_factor"),
      highFactor: number("high_freq_factor"),
      originalPositions: number("original_max_position_embeddings"),
    },
  };
}

/** What would change the numbers and is not built. */
function refuse(json: Json, fail: Fail): void {
  const rope = (json.rope_scaling ?? json.rope_parameters) as Json | null | undefined;
  if (json.hidden_act !== undefined && json.hidden_act !== "silu") {
    fail(`its activation is ${JSON.stringify(json.hidden_act)}`);
  }
  if (json.mlp_bias === true) fail("it has biases (mlp_bias)");
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
    for (const name of config.biases ?? []) {
      const size = name === "q_proj" ? q : name === "o_proj" ? hiddenSize : kv;
      shapes.set(`model.layers.${layer}.self_attn.${name}.bias`, [size]);
    }
    set("mlp.gate_proj", [ffnSize, hiddenSize]);
    set("mlp.up_proj", [ffnSize, hiddenSize]);
    set("mlp.down_proj", [hiddenSize, ffnSize]);
  }
  shapes.set("model.norm.weight", [hiddenSize]);
  if (!config.tieEmbeddings) shapes.set("lm_head.weight", [vocabSize, hiddenSize]);
  return shapes;
}
