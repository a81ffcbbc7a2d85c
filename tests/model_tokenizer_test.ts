// lib/model/tokenizer.ts on the default model: token ids as Hugging Face's tokenizers 0.23.3 (parity/tokenizer/make.py) and
// transformers give them.
import assert from "node:assert/strict";
import { join } from "node:path";
import { openModel } from "../lib/model/open_model.ts";
import { createTokenizer, type Tokenizer } from "../lib/model/tokenizer.ts";
import { InputError } from "../lib/run/errors.ts";
import { sha256Hex } from "../lib/run/files.ts";
import { mirror } from "./mirror.ts";

let opened: Promise<Tokenizer> | undefined;

/** The default model's tokenizer. */
function smollm(): Promise<Tokenizer> {
  return opened ??= openModel().then((model) => {
    model.weights.close();
    return model.tokenizer;
  });
}

Deno.test("encode() gives the ids of Hugging Face's tokenizers", async () => {
  const tokenizer = await smollm();
  const path = join(import.meta.dirname!, "parity/tokenizer/cases.jsonl");
  const cases = (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(cases.length >= 200);
  for (const { text, ids } of cases) assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
});

Deno.test("encode() splits single digits before GPT-2's pattern", async () => {
  const tokenizer = await smollm();
  const tokens = (text: string) => tokenizer.encode(text).map(tokenizer.tokenOf);
  assert.deepEqual(tokens("\n\n12"), ["ĊĊ", "1", "2"]);
  assert.deepEqual(tokens("a 12"), ["a", "Ġ", "1", "2"]);
  assert.deepEqual(tokens("<|im_end|>\n"), ["<|im_end|>", "Ċ"]);
});

Deno.test("encode() matches the peer's ids of 16 LIMA dialogues and 12 cases", async () => {
  const parity = mirror("parity"), data = mirror("data");
  if (!parity || !data) return;
  const tokenizer = await smollm();
  const stored = JSON.parse(await Deno.readTextFile(join(parity, "peft/tokens.json")));
  const lima = JSON.parse(await Deno.readTextFile(join(data, "lima/lima.json")));
  assert.equal(stored.examples.length, 16);
  for (const { lima_index, sha256_text, ids, full_len, prompt_len } of stored.examples) {
    const { instruction, output } = lima[lima_index];
    const prompt = `<|im_start|>user\n${instruction}<|im_end|>\n<|im_start|>assistant\n`;
    const text = `${prompt}${output}<|im_end|>`;
    assert.equal(sha256Hex(text), sha256_text);
    const ours = tokenizer.encode(text);
    assert.deepEqual(ours.slice(0, 256), ids);
    assert.equal(ours.length, full_len);
    assert.equal(tokenizer.encode(prompt).length, prompt_len);
    assert.equal(tokenizer.decode(ours), text);
  }
  for (const { text, ids } of stored.cases) {
    assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
  }
});

/** Numbers in [0, 1) that are the same every time (a linear congruence). */
function* numbers(): Generator<number, never> {
  for (let state = 1;;) yield (state = (state * 48271) % 2147483647) / 2147483647;
}

Deno.test("decode(encode()) gives the text back wherever the vocabulary has its bytes", async () => {
  const tokenizer = await smollm();
  const random = numbers();
  const below = (n: number) => Math.floor(random.next().value * n);
  for (let i = 0; i < 300; i++) {
    const points = Array.from({ length: below(30) }, () => {
      const point = below(2) ? 0x20 + below(0x2000) : 0x20 + below(0x3ffe0); // planes 0 to 3
      return point >= 0xd800 && point < 0xe000 ? 0x1f642 : point;
    });
    const text = String.fromCodePoint(...points);
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text, JSON.stringify(text));
  }
});

Deno.test("encode() drops bytes that the vocabulary lacks, as the Rust tokenizers do", async () => {
  const tokenizer = await smollm();
  assert.deepEqual(tokenizer.encode("a\x04b"), [81, 82]);
});

Deno.test("encode() takes half of a surrogate pair for U+FFFD", async () => {
  const tokenizer = await smollm();
  assert.deepEqual(tokenizer.encode("a\ud83db"), tokenizer.encode("a\ufffdb"));
  assert.equal(tokenizer.decode(tokenizer.encode("a\ud83db")), "a\ufffdb");
});

Deno.test("decode() leaves special tokens out on request and nothing else", async () => {
  const tokenizer = await smollm();
  const ids = tokenizer.encode("<|im_start|>user\n it 's a , b .<|im_end|>\n");
  assert.equal(tokenizer.decode(ids), "<|im_start|>user\n it 's a , b .<|im_end|>\n");
  assert.equal(tokenizer.decode(Int32Array.from(ids), { skipSpecial: true }), "user\n it 's a , b .\n");
  assert.equal(tokenizer.decode([]), "");
  const emoji = tokenizer.encode("🙂");
  assert.equal(tokenizer.decode(emoji.slice(0, -1)), "\ufffd");
});

Deno.test("the tokenizer knows its special tokens and its bounds", async () => {
  const tokenizer = await smollm();
  assert.deepEqual([tokenizer.vocabSize, tokenizer.bosId, tokenizer.eosId], [49152, 1, 2]);
  assert.deepEqual([
    tokenizer.tokenOf(2),
    tokenizer.idOf("<|im_end|>"),
    tokenizer.idOf("nothing of that name"),
  ], ["<|im_end|>", 2, undefined]);
  assert.throws(() => tokenizer.tokenOf(49152), /Cannot decode token 49152: the vocabulary ends at 49151/);
  assert.throws(() => tokenizer.decode([1, -1]), RangeError);
});

Deno.test("encode() takes 300,000 characters in seconds", async () => {
  const tokenizer = await smollm();
  const start = performance.now();
  const text = "It was 7 o'clock, and 12 of them ran.\n".repeat(6000) + "a".repeat(40_000) +
    " ".repeat(40_000);
  const ids = tokenizer.encode(text);
  assert.equal(tokenizer.decode(ids), text);
  assert.ok(performance.now() - start < 30_000);
});

/** A tokenizer.json of three letters and a BOS. */
const tiny = (post_processor: unknown = null) => ({
  version: "1.0",
  added_tokens: [{ id: 3, content: "<s>", special: true }],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
  post_processor,
  decoder: { type: "ByteLevel" },
  model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"], unk_token: null },
});

Deno.test("encode() puts a BOS in front where the tokenizer's files say so", () => {
  const bos = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<s>": { id: "<s>", ids: [3], tokens: ["<s>"] } },
  };
  const ids = (post: unknown, config: Record<string, unknown>, addSpecial?: boolean) =>
    createTokenizer(tiny(post), { bos_token: "<s>", ...config }, "t").encode("ab", { addSpecial });
  assert.deepEqual(ids(null, {}), [2]);
  assert.deepEqual(ids(null, { add_bos_token: true }), [3, 2]);
  assert.deepEqual(ids(null, { add_bos_token: true, bos_token: { content: "<s>" } }), [3, 2]);
  assert.deepEqual(ids(null, { add_bos_token: true }, false), [2]);
  assert.deepEqual(ids(bos, {}), [3, 2]);
  assert.deepEqual(ids(bos, { add_bos_token: true }), [3, 2]);
  assert.deepEqual(ids(bos, { add_bos_token: false }), [2]);
  assert.deepEqual(ids(bos, {}, false), [2]);
});

Deno.test("createTokenizer() merges across letters that the vocabulary lacks, where there is no unknown token", () => {
  // tokenizers 0.23.3: "axb" → [2] with this vocabulary
  assert.deepEqual(createTokenizer(tiny(), {}, "t").encode("axb"), [2]);
});

Deno.test("createTokenizer() names a file that is no tokenizer", () => {
  assert.throws(() => createTokenizer({ model: { type: "Nonsense" } }, {}, "dir/tokenizer.json"), (error) => {
    assert.ok(error instanceof InputError);
    assert.match(error.message, /^Cannot read dir\/tokenizer.json: /);
    return true;
  });
});
