// A Llama of two layers as a GGUF file, its q and k rows interleaved as llama.cpp's converter does it, and the same
// weights under Hugging Face's names. Plain loops, written from convert_hf_to_gguf.py's permute.
import { f32Rows, type Field, ggufBytes } from "./gguf_bytes.ts";

const HIDDEN = 8, HEADS = 2, KV_HEADS = 1, HEAD = 4, FFN = 12, LAYERS = 2;

/** 3 control tokens, the 256 letters of bytes, one merge. */
export function tinyTokens(): string[] {
  const letters: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters.push(String.fromCharCode(printable ? byte : next++));
  }
  return ["<|endoftext|>", "<|im_start|>", "<|im_end|>", ...letters, "Ġa"];
}

/** Weights by Hugging Face's names, every value different. */
export function tinyWeights(tied = true): [string, number[], Float32Array][] {
  let value = 0;
  const make = (name: string, ...shape: number[]): [string, number[], Float32Array] => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [`${name}.weight`, shape, Float32Array.from({ length: size }, () => (value += 0.25))];
  };
  const vocab = tinyTokens().length;
  const layers = Array.from({ length: LAYERS }, (_, i) => [
    make(`model.layers.${i}.input_layernorm`, HIDDEN),
    make(`model.layers.${i}.self_attn.q_proj`, HEADS * HEAD, HIDDEN),
    make(`model.layers.${i}.self_attn.k_proj`, KV_HEADS * HEAD, HIDDEN),
    make(`model.layers.${i}.self_attn.v_proj`, KV_HEADS * HEAD, HIDDEN),
    make(`model.layers.${i}.self_attn.o_proj`, HIDDEN, HEADS * HEAD),
    make(`model.layers.${i}.post_attention_layernorm`, HIDDEN),
    make(`model.layers.${i}.mlp.gate_proj`, FFN, HIDDEN),
    make(`model.layers.${i}.mlp.up_proj`, FFN, HIDDEN),
    make(`model.layers.${i}.mlp.down_proj`, HIDDEN, FFN),
  ]);
  const head = tied ? [] : [make("lm_head", vocab, HIDDEN)];
  return [make("model.embed_tokens", vocab, HIDDEN), ...layers.flat(), make("model.norm", HIDDEN), ...head];
}

const NAMES: [string, string][] = [
  ["model.embed_tokens", "token_embd"],
  ["model.norm", "output_norm"],
  ["lm_head", "output"],
  ["model.layers.", "blk."],
  ["input_layernorm", "attn_norm"],
  ["self_attn.q_proj", "attn_q"],
  ["self_attn.k_proj", "attn_k"],
  ["self_attn.v_proj", "attn_v"],
  ["self_attn.o_proj", "attn_output"],
  ["post_attention_layernorm", "ffn_norm"],
  ["mlp.gate_proj", "ffn_gate"],
  ["mlp.up_proj", "ffn_up"],
  ["mlp.down_proj", "ffn_down"],
];

/** Row (head, half, i) of Hugging Face goes to row (head, i, half). */
function permute(values: Float32Array, heads: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let head = 0; head < heads; head++) {
    for (let half = 0; half < 2; half++) {
      for (let i = 0; i < HEAD / 2; i++) {
        for (let column = 0; column < HIDDEN; column++) {
          out[(head * HEAD + 2 * i + half) * HIDDEN + column] =
            values[(head * HEAD + half * (HEAD / 2) + i) * HIDDEN + column];
        }
      }
    }
  }
  return out;
}

/** The metadata of the tiny model. */
export function tinyFields(): Record<string, Field> {
  const tokens = tinyTokens();
  return {
    "general.architecture": "llama",
    "llama.block_count": { u32: LAYERS },
    "llama.context_length": { u32: 64 },
    "llama.embedding_length": { u32: HIDDEN },
    "llama.feed_forward_length": { u32: FFN },
    "llama.attention.head_count": { u32: HEADS },
    "llama.attention.head_count_kv": { u32: KV_HEADS },
    "llama.rope.freq_base": { f32: 10000 },
    "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
    "llama.rope.dimension_count": { u32: HEAD },
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.token_type": tokens.map((_, id) => (id < 3 ? 3 : 1)),
    "tokenizer.ggml.merges": ["Ġ a"],
    "tokenizer.ggml.bos_token_id": { u32: 1 },
    "tokenizer.ggml.eos_token_id": { u32: 2 },
    "tokenizer.ggml.add_bos_token": false,
    "tokenizer.chat_template": "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}",
  };
}

/** What to change in the tiny model's file: undefined leaves a field out. */
export interface TinyChange {
  fields?: Record<string, Field | undefined>;
  weights?: [string, number[], Float32Array][];
}

/** The tiny model as a GGUF file. */
export function tinyGguf({ fields = {}, weights = tinyWeights() }: TinyChange = {}): Uint8Array {
  const tensors = weights.map(([name, shape, values]): [string, number[], Float32Array] => {
    const heads = name.includes("q_proj") ? HEADS : name.includes("k_proj") ? KV_HEADS : 0;
    const gguf = NAMES.reduce((text, [from, to]) => text.replace(from, to), name);
    return [gguf, shape, heads ? permute(values, heads) : values];
  });
  const { rows, data } = f32Rows(tensors);
  const all = Object.entries({ ...tinyFields(), ...fields }).filter(([, value]) => value !== undefined);
  return ggufBytes(all as [string, Field][], rows, data);
}
