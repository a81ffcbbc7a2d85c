// The tokenizer inside a GGUF file → tokenizer.json, tokenizer_config.json and chat_template.jinja as Hugging Face has them.
import { InputError } from "../run/errors.ts";
import type { LlamaConfig } from "./config.ts";
import type { Gguf } from "./gguf.ts";

/** Token types of GGUF. */
const CONTROL = 3, USER_DEFINED = 4;

/** llama.cpp's names of pre-tokenizers that we know → whether single digits are split off first. */
const DIGITS: Record<string, boolean> = { smollm: true, "gpt-2": false };

/** File name → contents (a JSON value or a text). Throws InputError for a tokenizer of another kind or a damaged one. */
export function ggufTokenizerFiles(gguf: Gguf, config: LlamaConfig): Record<string, unknown> {
  const { metadata, path } = gguf;
  const fail = (what: string): never => {
    throw new InputError(
      `Cannot convert ${path}: ${what}; take the model's Hugging Face folder with its tokenizer.json`,
    );
  };
  const get = (key: string) => metadata.get(`tokenizer.ggml.${key}`);
  const list = <T>(key: string, type: "string" | "number"): T[] => {
    const values = get(key);
    if (!Array.isArray(values) || values.some((value) => typeof value !== type)) {
      fail(`tokenizer.ggml.${key} is not a list of ${type}s`);
    }
    return values as T[];
  };
  if (get("model") !== "gpt2") fail(`its tokenizer is of the kind ${JSON.stringify(get("model"))}`);
  const pre = String(get("pre"));
  if (!Object.hasOwn(DIGITS, pre)) fail(`its pre-tokenizer is ${JSON.stringify(pre)}`);
  const tokens = list<string>("tokens", "string"), types = list<number>("token_type", "number");
  if (tokens.length !== config.vocabSize) {
    fail(`it has ${tokens.length} tokens for ${config.vocabSize} embeddings`);
  }
  if (types.length !== tokens.length) fail(`it has ${types.length} token types for ${tokens.length} tokens`);
  const token = (name: string): string | null => {
    const id = get(`${name}_token_id`);
    if (id === undefined) return null;
    return tokens[id as number] ?? fail(`its ${name} token is ${id}, past the vocabulary`);
  };
  const template = metadata.get("tokenizer.chat_template");
  const files: Record<string, unknown> = {
    "tokenizer.json": tokenizerJson(
      tokens,
      types,
      merges(list("merges", "string"), tokens, fail),
      DIGITS[pre],
      fail,
    ),
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: token("bos"),
      eos_token: token("eos"),
      unk_token: token("unknown"),
      pad_token: token("padding"),
      add_bos_token: get("add_bos_token") === true,
      add_prefix_space: false,
      clean_up_tokenization_spaces: false,
      model_max_length: config.maxPositions,
    },
  };
  if (typeof template === "string") files["chat_template.jinja"] = template;
  return files;
}

/** Checks that both parts and the whole of every merge are tokens. */
function merges(list: string[], tokens: string[], fail: (what: string) => never): string[] {
  const known = new Set(tokens);
  for (const merge of list) {
    const parts = merge.split(" ");
    if (parts.length !== 2 || ![...parts, parts.join("")].every((part) => known.has(part))) {
      fail(`its merge ${JSON.stringify(merge)} does not fit its vocabulary`);
    }
  }
  return list;
}

function tokenizerJson(
  tokens: string[],
  types: number[],
  merges: string[],
  digits: boolean,
  fail: (what: string) => never,
): Record<string, unknown> {
  const vocab: Record<string, number> = Object.create(null);
  tokens.forEach((token, id) => {
    if (token in vocab) fail(`its tokens ${vocab[token]} and ${id} are both ${JSON.stringify(token)}`);
    vocab[token] = id;
  });
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const added = tokens.flatMap((content, id) => {
    if (types[id] !== CONTROL && types[id] !== USER_DEFINED) return [];
    const special = types[id] === CONTROL;
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: digits
      ? { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, byteLevel] }
      : byteLevel,
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}
