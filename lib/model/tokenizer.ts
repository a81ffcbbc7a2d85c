// Text to token ids and back, by a model's tokenizer.json, over @huggingface/tokenizers.
// Not a tokenizer of its own: it puts right where that package leaves the Rust tokenizers (see exact()).
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import { InputError, messageOf } from "../run/errors.ts";

/** A model's tokenizer. */
export interface Tokenizer {
  /**
   * The token ids of `text`. Special tokens written in the text are recognised. `addSpecial` (default true) puts in
   * front what the model's tokenizer puts there by default (a BOS, or nothing); false for texts from a chat template.
   * Half of a surrogate pair counts as U+FFFD.
   */
  encode(text: string, options?: { addSpecial?: boolean }): number[];
  /** The text of `ids`; bytes that are not UTF-8 become U+FFFD. `skipSpecial` (default false) leaves special tokens out. Throws RangeError for an id past the vocabulary. */
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): string;
  /** The id of a token's exact text, or undefined. */
  idOf(token: string): number | undefined;
  /** The token of an id as the vocabulary writes it ("Ġthe"). Throws RangeError for an id past the vocabulary. */
  tokenOf(id: number): string;
  /** The bytes that an id adds to a text, maybe a part of a character; for a special token its name's, for no token none. */
  bytesOf(id: number): Uint8Array<ArrayBuffer>;
  /** The special tokens' texts: where one stands in a text, encode() takes it for the token. */
  readonly specials: readonly string[];
  /** The number of ids, added tokens included. */
  readonly vocabSize: number;
  readonly bosId?: number;
  readonly eosId?: number;
}

type Json = Record<string, unknown>;

/**
 * A tokenizer from the parsed contents of tokenizer.json and tokenizer_config.json; `path` names it in errors.
 * Of the latter bos_token, eos_token and add_bos_token are used. Throws InputError for what is not a tokenizer.
 */
export function createTokenizer(json: Json, config: Json, path: string): Tokenizer {
  let inner: HfTokenizer;
  try {
    inner = new HfTokenizer({ ...json, pre_tokenizer: exactPreTokenizer(json) }, config);
  } catch (error) {
    throw new InputError(
      `Cannot read ${path}: ${messageOf(error)}; give a tokenizer.json of Hugging Face's tokenizers`,
    );
  }
  const ids = [...inner.get_vocab().values(), ...inner.get_added_tokens_decoder().keys()];
  const vocabSize = ids.reduce((a, b) => Math.max(a, b), -1) + 1;
  const idOf = (token: string) => inner.token_to_id(token);
  const named = (key: string) => {
    const token = contentOf(config[key]);
    return token === undefined ? undefined : idOf(token);
  };
  const bosId = named("bos_token");
  const front = frontIds(inner, config.add_bos_token, bosId);
  const tokenOf = (id: number) => {
    const token = inner.id_to_token(id);
    if (token === undefined) {
      throw new RangeError(`Cannot decode token ${id}: the vocabulary ends at ${vocabSize - 1}`);
    }
    return token;
  };
  const added = inner.get_added_tokens_decoder(), letterBytes = bytesByLetters(json);
  return {
    specials: [...added.values()].filter((token) => token.special).map((token) => token.content),
    bytesOf(id) {
      const token = inner.id_to_token(id);
      if (token === undefined) return new Uint8Array();
      return added.has(id) ? new TextEncoder().encode(token) : letterBytes(token);
    },
    encode(text, { addSpecial = true } = {}) {
      const { ids } = inner.encode(text.toWellFormed(), { add_special_tokens: false });
      return addSpecial && front.length ? [...front, ...ids] : ids;
    },
    decode(ids, { skipSpecial = false } = {}) {
      const list = Array.from(ids);
      list.forEach(tokenOf);
      if (!list.length) return "";
      return inner.decode(list, { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false });
    },
    idOf,
    tokenOf,
    vocabSize,
    bosId,
    eosId: named("eos_token"),
  };
}

/** A token in a config: its text, or an object that holds it. */
function contentOf(token: unknown): string | undefined {
  if (typeof token === "string") return token;
  const content = (token as Json | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}

/** What goes in front of every text: what the post-processor puts there, unless add_bos_token says otherwise. */
function frontIds(inner: HfTokenizer, addBos: unknown, bosId: number | undefined): number[] {
  const bare = inner.encode("a", { add_special_tokens: false }).ids;
  const full = inner.encode("a", { add_special_tokens: true }).ids;
  const front = full.slice(
    0,
    Math.max(0, full.findIndex((_, i) => bare.every((id, j) => full[i + j] === id))),
  );
  if (addBos === true && bosId !== undefined && !front.includes(bosId)) return [bosId, ...front];
  if (addBos === false) return front.filter((id) => id !== bosId);
  return front;
}

/** GPT-2's pattern, the one that ByteLevel's use_regex stands for. */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * The pre-tokenizer with the parts written out that @huggingface/tokenizers 0.2.0 does unlike the Rust tokenizers:
 * its Digits knows only 0–9 (there: every Unicode number, "²" and "Ⅷ" too), its ByteLevel takes JavaScript's \s (with
 * U+FEFF, without U+0085) for Unicode's white space, and its BPE keeps letters that the vocabulary lacks until after
 * merging (there: they are dropped before, where there is no unknown token).
 */
function exactPreTokenizer({ pre_tokenizer, model }: Json): Json | null {
  const part = exact(pre_tokenizer as Json | null);
  const lacking = lackingLetters(model as Json | undefined);
  if (!part || !lacking.length || !JSON.stringify(part).includes('"ByteLevel"')) return part;
  const drop = { type: "Replace", pattern: { Regex: `[${lacking.map(escaped).join("")}]` }, content: "" };
  return { type: "Sequence", pretokenizers: [part, drop] };
}

function exact(part: Json | null | undefined): Json | null {
  if (!part) return null;
  if (part.type === "Sequence") {
    return { ...part, pretokenizers: (part.pretokenizers as Json[] ?? []).map(exact) };
  }
  if (part.type === "Digits") return split(part.individual_digits ? "\\p{N}" : "\\p{N}+");
  if (part.type === "ByteLevel" && part.use_regex !== false && !part.add_prefix_space) {
    return { type: "Sequence", pretokenizers: [split(GPT2), { ...part, use_regex: false }] };
  }
  return part;
}

const split = (Regex: string): Json => ({
  type: "Split",
  pattern: { Regex },
  behavior: "Isolated",
  invert: false,
});

/** The letters of bytes that a byte-level vocabulary lacks; none where something else stands for them. */
function lackingLetters(model: Json | undefined): string[] {
  if (model?.type !== "BPE" || model.unk_token != null || model.byte_fallback) return [];
  return byteLetters().filter((letter) => !Object.hasOwn(model.vocab as Json, letter));
}

/** GPT-2's letter for each byte: printable Latin-1 stands for itself, the others for U+0100 and on. */
function byteLetters(): string[] {
  let next = 256;
  const printable = (byte: number) => byte > 32 && byte < 127 || byte > 160 && byte !== 173;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/** From a token as the vocabulary writes it to its bytes, by what the decoder is made of. */
function bytesByLetters({ decoder, pre_tokenizer }: Json): (token: string) => Uint8Array<ArrayBuffer> {
  const parts = JSON.stringify([decoder, pre_tokenizer]), encoder = new TextEncoder();
  if (parts.includes('"ByteLevel"')) {
    const bytes = new Map(byteLetters().map((letter, byte) => [letter, byte]));
    return (token) => {
      const known = [...token].map((letter) => bytes.get(letter));
      return known.includes(undefined) ? encoder.encode(token) : Uint8Array.from(known as number[]);
    };
  }
  return (token) => {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
    if (byte && parts.includes('"ByteFallback"')) return Uint8Array.of(parseInt(byte, 16));
    return encoder.encode(parts.includes("▁") ? token.replaceAll("▁", " ") : token);
  };
}

const escaped = (letter: string) => `\\u{${letter.charCodeAt(0).toString(16)}}`;
