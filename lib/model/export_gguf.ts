// A model, with an adapter worked in, as one GGUF file that llama.cpp runs: keys, names and row order as its
// convert_hf_to_gguf.py makes them. The file's bytes are write_gguf.ts, the tokenizer's keys gguf_vocabulary.ts.
import { f32, type TensorData } from "../jit/params.ts";
import { InputError } from "../run/errors.ts";
import type { Adapter } from "./base.ts";
import { weightShapes } from "./config.ts";
import { ggufName } from "./convert_gguf.ts";
import { vocabularyFields } from "./gguf_vocabulary.ts";
import { checkFloatRange, mergedTensors } from "./merge.ts";
import type { Model } from "./open_model.ts";
import { GGUF_TYPES, type GgufType } from "./quantise.ts";
import { type GgufField, type GgufTensor, writeGguf } from "./write_gguf.ts";

/** What was written. */
export interface GgufExport {
  /** The SHA-256 of the file. */
  sha256: string;
  /** Tensors stored as F16 instead, because their rows are no whole blocks of the type asked for. */
  fallback: string[];
}

/** general.file_type: what most tensors are (llama.h, llama_ftype). */
const FILE_TYPES: Record<GgufType, number> = { F32: 0, F16: 1, Q8_0: 7, BF16: 32 };

/** The architectures that llama.cpp calls "llama", as we have them: no biases, plain rotary embedding. */
const LLAMAS: string[] = ["LlamaForCausalLM", "MistralForCausalLM"];

/**
 * Writes `model` with `adapter` merged to the file `path`: matrices as `type`, norms as F32. `template` replaces the
 * model's chat template. Throws InputError, before anything is written, for a model or tokenizer that such a file cannot
 * hold; while writing for values that do not fit the type.
 */
export async function writeMergedGguf(
  path: string,
  model: Model,
  adapter: Adapter,
  options: { type: GgufType; template?: string },
): Promise<GgufExport> {
  const { type, template = model.chatTemplate } = options;
  checkArchitecture(model);
  const fields: Record<string, GgufField> = {
    ...modelFields(model, type),
    ...await vocabularyFields(model),
    ...(template ? { "tokenizer.chat_template": { text: template } } : {}),
    "general.quantization_version": { u32: 2 },
  };
  const { tensors, fallback } = ggufTensors(model, adapter, type);
  return { sha256: await writeGguf(path, fields, tensors), fallback };
}

function checkArchitecture({ name, config, weights }: Model): void {
  const fail = (what: string): never => {
    throw new InputError(
      `Cannot export ${name} as GGUF: ${what}; export it as safetensors and use llama.cpp's own converter`,
    );
  };
  if (!LLAMAS.includes(config.architecture)) fail(`its architecture is ${config.architecture}`);
  if (config.biases) fail("its attention has biases");
  if (config.ropeScaling) fail(`it scales its rotary embedding (${config.ropeScaling.type})`);
  const known = new Set(weightShapes(config).keys());
  const extra = [...weights.tensors.keys()].find((tensor) => !known.has(tensor) && !isDerived(tensor));
  if (extra && !(extra === "lm_head.weight" && config.tieEmbeddings)) {
    fail(`tensor ${extra} has no place in a plain Llama model`);
  }
}

/** Old checkpoints store what follows from the settings; llama.cpp's converter leaves it out too. */
const isDerived = (tensor: string) => tensor.endsWith(".rotary_emb.inv_freq");

function modelFields({ name, config }: Model, type: GgufType): Record<string, GgufField> {
  return {
    "general.architecture": { text: "llama" },
    "general.type": { text: "model" },
    "general.name": { text: name },
    "llama.block_count": { u32: config.layers },
    "llama.context_length": { u32: Math.min(config.maxPositions, config.slidingWindow ?? Infinity) }, // it has no window
    "llama.embedding_length": { u32: config.hiddenSize },
    "llama.feed_forward_length": { u32: config.ffnSize },
    "llama.attention.head_count": { u32: config.heads },
    "llama.attention.head_count_kv": { u32: config.kvHeads },
    "llama.rope.freq_base": { f32: config.ropeTheta },
    "llama.attention.layer_norm_rms_epsilon": { f32: config.rmsNormEps },
    "llama.attention.key_length": { u32: config.headSize },
    "llama.attention.value_length": { u32: config.headSize },
    "general.file_type": { u32: FILE_TYPES[type] },
    "llama.vocab_size": { u32: config.vocabSize },
    "llama.rope.dimension_count": { u32: config.headSize },
  };
}

function ggufTensors(model: Model, adapter: Adapter, type: GgufType) {
  const { config } = model;
  const merged = mergedTensors(model, adapter, "F32");
  const tensors: Record<string, GgufTensor> = {}, fallback: string[] = [];
  for (const [name, shape] of weightShapes(config)) {
    const to = ggufName(name);
    const stored = shape.length === 1 ? "F32" : fits(shape, type) ? type : "F16";
    if (stored === "F16" && type !== "F16") fallback.push(to);
    const heads = /\.q_proj\./.test(name) ? config.heads : /\.k_proj\./.test(name) ? config.kvHeads : 0;
    const load = async () => {
      const data = await merged[name].load() as Float32Array<ArrayBuffer>;
      checkFloatRange(name, data, stored === "BF16" ? "BF16" : stored === "F16" ? "F16" : "F32");
      return (heads ? permute(f32(shape, data), heads).data : data) as Float32Array<ArrayBuffer>;
    };
    tensors[to] = { shape, type: stored, load };
  }
  return { tensors, fallback };
}

const fits = (shape: number[], type: GgufType) => shape.at(-1)! % GGUF_TYPES[type].values === 0;

/**
 * The rows of a q or k projection as llama.cpp's rotary embedding wants them, the halves of each head interleaved: row
 * j·(head size / 2) + i of a head goes to row 2i + j (convert_hf_to_gguf.py, permute). unpermute() is its inverse.
 */
export function permute(tensor: TensorData, heads: number): TensorData {
  const [rows, width] = tensor.shape;
  const size = rows / heads, half = size / 2;
  const out = new Float32Array(tensor.data.length);
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / size), at = row % size;
    const to = head * size + 2 * (at % half) + Math.floor(at / half);
    out.set(tensor.data.subarray(row * width, (row + 1) * width), to * width);
  }
  return f32(tensor.shape, out);
}
