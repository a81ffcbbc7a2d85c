// A Hugging Face tokenizer as the keys tokenizer.ggml.* of a GGUF file. Only byte-level BPE whose pre-tokenizer llama.cpp
// knows by a name: anything else would be split into other tokens there. The way back is gguf_tokenizer.ts.
import { join } from "node:path";
import { InputError, messageOf } from "../run/errors.ts";
import { readBytes } from "../run/files.ts";
import type { Model } from "./open_model.ts";
import type { GgufField } from "./write_gguf.ts";

type Json = Record<string, unknown>;

/** Token types of GGUF. */
const NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5;

/** The parts of tokenizer.json that decide how a text is cut before merging → llama.cpp's name (llama-vocab.cpp). */
const PRE_TOKENIZERS: Record<string, string> = {
  '[null,["Digits single","ByteLevel regex"],false]': "smollm",
  '[null,["ByteLevel regex"],false]': "gpt-2",
};

/** The keys of `model`'s tokenizer. Throws InputError for a tokenizer that GGUF has no name for. */
export async function vocabularyFields(model: Model): Promise<Record<string, GgufField>> {
  const path = join(model.dir, "tokenizer.json");
  const json = await readJson(path), config = await readJson(join(model.dir, "tokenizer_config.json"));
  const fail = (what: string): never => {
    throw new InputError(
      `Cannot export ${path} to GGUF: ${what}; export as safetensors and use llama.cpp's own converter`,
    );
  };
  const bpe = json.model as Json;
  if (bpe?.type !== "BPE" || bpe.byte_fallback === true) {
    fail(
      `it is of the kind ${JSON.stringify(bpe?.type)}${
        bpe?.byte_fallback ? " with byte fallback" : ""
      }, not byte-level BPE`,
    );
  }
  for (const key of ["continuing_subword_prefix", "end_of_word_suffix"]) {
    if (bpe[key]) fail(`its ${key} is ${JSON.stringify(bpe[key])}`);
  }
  const pre = preTokenizerName(json, fail);
  const { tokens, types } = tokenList(json, model.config.vocabSize, fail);
  return {
    "tokenizer.ggml.model": { text: "gpt2" },
    "tokenizer.ggml.pre": { text: pre },
    "tokenizer.ggml.tokens": { texts: tokens },
    "tokenizer.ggml.token_type": { i32s: types },
    "tokenizer.ggml.merges": { texts: merges(bpe.merges, fail) },
    ...specialTokens(model, config, fail),
  };
}

async function readJson(path: string): Promise<Json> {
  try {
    return JSON.parse(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read ${path}: ${messageOf(error)}; get the model again`);
  }
}

/** llama.cpp's name of how this tokenizer cuts a text. */
function preTokenizerName(json: Json, fail: (what: string) => never): string {
  const parts = stepsOf(json.pre_tokenizer as Json | null);
  const key = JSON.stringify([json.normalizer ?? null, parts, (json.model as Json).ignore_merges === true]);
  if (Object.hasOwn(PRE_TOKENIZERS, key)) return PRE_TOKENIZERS[key];
  const normalizer = (json.normalizer as Json | null)?.type;
  const with_ = normalizer ? ` with the normalizer ${normalizer}` : "";
  return fail(
    `its pre-tokenizer ${parts.join(", ") || "(none)"}${with_} is none that llama.cpp has a name for here`,
  );
}

/** The steps of a pre-tokenizer in words, sequences flattened; trim_offsets changes no token. */
function stepsOf(part: Json | null | undefined): string[] {
  if (!part) return [];
  if (part.type === "Sequence") return (part.pretokenizers as Json[] ?? []).flatMap(stepsOf);
  if (part.type === "Digits") return [part.individual_digits ? "Digits single" : "Digits groups"];
  if (part.type === "ByteLevel") {
    const regex = part.use_regex !== false ? " regex" : "";
    return [`ByteLevel${regex}${part.add_prefix_space ? " prefixed" : ""}`];
  }
  return [JSON.stringify(part)];
}

/** One token and type for each row of the embedding; rows without a token get a name of their own, as there. */
function tokenList(json: Json, count: number, fail: (what: string) => never) {
  const tokens: string[] = Array.from({ length: count }, (_, id) => `[PAD${id}]`);
  const types: number[] = new Array(count).fill(UNUSED);
  const set = (token: string, id: number, type: number) => {
    if (!(id < count)) fail(`token ${JSON.stringify(token)} is number ${id}, past the ${count} embeddings`);
    tokens[id] = token;
    types[id] = type;
  };
  for (const [token, id] of Object.entries((json.model as Json).vocab as Record<string, number>)) {
    set(token, id, NORMAL);
  }
  for (const added of json.added_tokens as Json[] ?? []) {
    const odd = ["lstrip", "rstrip", "single_word"].find((key) => added[key] === true);
    if (odd) fail(`its token ${JSON.stringify(added.content)} has ${odd}`);
    set(added.content as string, added.id as number, added.special ? CONTROL : USER_DEFINED);
  }
  const used = new Set(tokens.filter((_, id) => types[id] !== UNUSED));
  const twice = tokens.find((token, id) => types[id] === UNUSED && used.has(token));
  if (twice !== undefined) fail(`its token ${JSON.stringify(twice)} is what an unused row would be called`);
  return { tokens, types };
}

/** "left right" each; newer files have pairs. */
function merges(list: unknown, fail: (what: string) => never): string[] {
  return (list as (string | string[])[]).map((merge) => {
    const parts = typeof merge === "string" ? merge.split(" ") : merge;
    if (parts.length !== 2 || parts.some((part) => !part || part.includes(" "))) {
      fail(`its merge ${JSON.stringify(merge)} is not of two parts`);
    }
    return parts.join(" ");
  });
}

function specialTokens(
  { tokenizer, config }: Model,
  json: Json,
  fail: (what: string) => never,
): Record<string, GgufField> {
  const idOf = (key: string) => {
    const value = json[key] as string | { content?: string } | null | undefined;
    const text = typeof value === "string" ? value : value?.content;
    return text === undefined ? undefined : tokenizer.idOf(text);
  };
  const front = tokenizer.encode("a").slice(0, -tokenizer.encode("a", { addSpecial: false }).length);
  const bos = tokenizer.bosId ?? config.bosId;
  if (front.length > 1 || (front.length && front[0] !== bos)) {
    fail(`it puts ${front.map((id) => JSON.stringify(tokenizer.tokenOf(id))).join(", ")} in front of a text`);
  }
  const ids: Record<string, number | undefined> = {
    bos,
    eos: tokenizer.eosId ?? config.eosId,
    unknown: idOf("unk_token"),
    padding: idOf("pad_token"),
  };
  const fields: Record<string, GgufField> = {};
  for (const [name, id] of Object.entries(ids)) {
    if (id !== undefined) fields[`tokenizer.ggml.${name}_token_id`] = { u32: id };
  }
  return { ...fields, "tokenizer.ggml.add_bos_token": { bool: front.length > 0 } };
}
