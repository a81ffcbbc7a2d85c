// A GGUF file of the Llama architecture → a folder of Hugging Face's layout, float32, that any tool can open.
// Runs once a file; what lies where in a GGUF is gguf.ts, the opened folder is open_model.ts.
import { basename, dirname, join } from "node:path";
import { f32, type TensorData } from "../jit/params.ts";
import { InputError } from "../run/errors.ts";
import { sha256File, writeError, writeFileAtomic } from "../run/files.ts";
import { removeLeftovers } from "../run/staging.ts";
import { type LlamaConfig, parseConfig, weightShapes } from "./config.ts";
import { type Gguf, openGguf } from "./gguf.ts";
import { ggufTokenizerFiles } from "./gguf_tokenizer.ts";
import { type LazyTensor, writeSafetensors } from "./safetensors.ts";

/** Raised whenever the same GGUF file would give another folder. */
export const CONVERTER_VERSION = 1;

/** What source.json of a converted folder says. */
export interface Source {
  /** The file name and SHA-256 of the GGUF file. */
  gguf: string;
  sha256: string;
  converter: number;
  /** The SHA-256 of model.safetensors. */
  weights: string;
}

/**
 * Writes the model of `ggufPath` to the folder `outDir`: config.json, generation_config.json, model.safetensors,
 * tokenizer.json, tokenizer_config.json, chat_template.jinja, source.json. The folder appears whole or not at all;
 * an older one of that name is replaced. Throws InputError for a damaged file, another architecture or tokenizer, or a
 * place that cannot be written.
 */
export async function convertGguf(
  ggufPath: string,
  outDir: string,
  options: { sha256?: string } = {},
): Promise<Source> {
  using gguf = await openGguf(ggufPath);
  const json = configJson(gguf);
  const config = parseConfig(json, ggufPath);
  const files = ggufTokenizerFiles(gguf, config);
  const tensors = hfTensors(gguf, config);
  const sha256 = options.sha256 ?? await sha256File(ggufPath);
  await removeLeftovers(outDir);
  const part = join(dirname(outDir), `.${basename(outDir)}.${crypto.randomUUID()}.part`);
  try {
    const put = (name: string, value: unknown) =>
      writeFileAtomic(
        join(part, name),
        typeof value === "string" ? value : JSON.stringify(value, null, 2) + "\n",
      );
    await put("config.json", json);
    await put("generation_config.json", { bos_token_id: json.bos_token_id, eos_token_id: json.eos_token_id });
    for (const [name, value] of Object.entries(files)) await put(name, value);
    const weights = await writeSafetensors(join(part, "model.safetensors"), tensors, {
      metadata: { format: "pt" },
    });
    const source = { gguf: basename(ggufPath), sha256, converter: CONVERTER_VERSION, weights };
    await put("source.json", source);
    await replaceFolder(part, outDir);
    return source;
  } catch (error) {
    throw writeError(outDir, error);
  } finally {
    await Deno.remove(part, { recursive: true }).catch(() => {});
  }
}

/** Moves the finished folder to its place. An equal one that another process made meanwhile stays; any other gives way. */
async function replaceFolder(part: string, outDir: string): Promise<void> {
  const source = (dir: string) => Deno.readTextFile(join(dir, "source.json")).catch(() => "");
  if (await source(outDir) === await source(part)) return;
  const old = `${part}.old`;
  try {
    await Deno.rename(outDir, old);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.rename(part, outDir);
  await Deno.remove(old, { recursive: true }).catch(() => {});
}

/** The model's config.json from GGUF metadata (llama.*), with the settings that llama.cpp's converter takes for granted. */
function configJson(gguf: Gguf): Record<string, unknown> {
  const { metadata, path } = gguf;
  const architecture = metadata.get("general.architecture");
  const refuse = (what: string): never => {
    throw new InputError(
      `Cannot convert ${path}: ${what}; GGUF files of plain Llama models can be converted`,
    );
  };
  if (architecture !== "llama") refuse(`its architecture is ${JSON.stringify(architecture)}`);
  const number = (key: string, fallback?: number): number => {
    const value = metadata.get(`llama.${key}`) ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value)) {
      refuse(`llama.${key} is ${JSON.stringify(value)}`);
    }
    return value as number;
  };
  const scaling = metadata.get("llama.rope.scaling.type");
  if (scaling !== undefined && scaling !== "none") refuse(`it scales its rotary embedding (${scaling})`);
  if (gguf.tensors.has("rope_freqs.weight")) refuse("it scales its rotary embedding (rope_freqs)");
  if (metadata.get("llama.expert_count")) refuse("it is a mixture of experts");
  const width = number("embedding_length"), heads = number("attention.head_count");
  const headSize = number("attention.key_length", width / heads);
  if (number("rope.dimension_count", headSize) !== headSize) refuse("it rotates a part of each head only");
  const id = (name: string) => metadata.get(`tokenizer.ggml.${name}_token_id`);
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: gguf.tensors.get("token_embd.weight")?.shape[0],
    hidden_size: width,
    intermediate_size: number("feed_forward_length"),
    num_hidden_layers: number("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: number("attention.head_count_kv", heads),
    head_dim: headSize,
    max_position_embeddings: number("context_length"),
    rope_theta: shortest(number("rope.freq_base", 10000)),
    rms_norm_eps: shortest(number("attention.layer_norm_rms_epsilon")),
    hidden_act: "silu",
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: !gguf.tensors.has("output.weight"),
    bos_token_id: id("bos"),
    eos_token_id: id("eos"),
    pad_token_id: id("padding"),
    torch_dtype: "float32",
  };
}

/** The shortest decimal that is the same float32: 1e-5, not 9.999999747378752e-6. */
function shortest(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}

const NAMES: Record<string, string> = {
  "input_layernorm": "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "post_attention_layernorm": "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** llama.cpp's name of a weight. */
export function ggufName(name: string): string {
  if (name === "model.embed_tokens.weight") return "token_embd.weight";
  if (name === "model.norm.weight") return "output_norm.weight";
  if (name === "lm_head.weight") return "output.weight";
  const [, layer, part] = name.match(/^model\.layers\.(\d+)\.(.*)\.weight$/)!;
  return `blk.${layer}.${NAMES[part]}.weight`;
}

/** Every weight under its Hugging Face name, read when its turn comes. Checks names and shapes, and that nothing is left over. */
function hfTensors(gguf: Gguf, config: LlamaConfig): Record<string, LazyTensor> {
  const left = new Set(gguf.tensors.keys());
  const tensors: Record<string, LazyTensor> = {};
  for (const [name, shape] of weightShapes(config)) {
    const from = ggufName(name), there = gguf.tensors.get(from)?.shape;
    if (String(there) !== String(shape)) {
      throw new InputError(
        `Cannot convert ${gguf.path}: tensor ${from} ${
          there ? `is [${there}], not` : "is missing, it would be"
        } [${shape}]; get the file again`,
      );
    }
    const heads = name.endsWith("q_proj.weight")
      ? config.heads
      : name.endsWith("k_proj.weight")
      ? config.kvHeads
      : 0;
    const load = async () => {
      const tensor = await gguf.read(from);
      return heads ? unpermute(tensor, heads).data : tensor.data;
    };
    tensors[name] = { dtype: "float32", shape, load };
    left.delete(from);
  }
  if (left.size) {
    throw new InputError(
      `Cannot convert ${gguf.path}: tensor ${
        [...left][0]
      } has no place in a plain Llama model; take a model without it`,
    );
  }
  return tensors;
}

/**
 * The rows of a q or k projection in Hugging Face's order. llama.cpp's converter interleaves the halves of each head:
 * its row 2i + j of a head is row j·(head size / 2) + i of Hugging Face's (convert_hf_to_gguf.py, permute).
 */
export function unpermute(tensor: TensorData, heads: number): TensorData {
  const [rows, width] = tensor.shape;
  const size = rows / heads;
  const out = new Float32Array(tensor.data.length);
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / size), i = row % size;
    const to = head * size + (i % 2) * (size / 2) + (i >> 1);
    out.set(tensor.data.subarray(row * width, (row + 1) * width), to * width);
  }
  return f32(tensor.shape, out);
}
