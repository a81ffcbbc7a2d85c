// lib/model/convert_gguf.ts and gguf_tokenizer.ts on a tiny model whose Hugging Face weights are known.
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { convertGguf, unpermute } from "../lib/model/convert_gguf.ts";
import { openModel } from "../lib/model/open_model.ts";
import { openSafetensors } from "../lib/model/safetensors.ts";
import { f32 } from "../lib/jit/params.ts";
import { InputError } from "../lib/run/errors.ts";
import { sha256File } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";
import type { Field } from "./oracles/gguf_bytes.ts";
import { type TinyChange, tinyGguf, tinyTokens, tinyWeights } from "./oracles/tiny_llama.ts";

const namesIn = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder), (entry) => entry.name)).sort();

for (const tied of [true, false]) {
  Deno.test(`convertGguf() writes Hugging Face's layout, ${tied ? "tied" : "untied"} head`, async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "tiny.gguf"), out = join(folder, "out");
      const weights = tinyWeights(tied);
      await Deno.writeFile(path, tinyGguf({ weights }));
      const source = await convertGguf(path, out);
      assert.deepEqual(await namesIn(folder), ["out", "tiny.gguf"]);
      assert.deepEqual(await namesIn(out), [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "source.json",
        "tokenizer.json",
        "tokenizer_config.json",
      ]);
      const json = async (name: string) => JSON.parse(await Deno.readTextFile(join(out, name)));
      assert.deepEqual(await json("config.json"), {
        architectures: ["LlamaForCausalLM"],
        model_type: "llama",
        vocab_size: 260,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        max_position_embeddings: 64,
        rope_theta: 10000,
        rms_norm_eps: 1e-5,
        hidden_act: "silu",
        attention_bias: false,
        mlp_bias: false,
        tie_word_embeddings: tied,
        bos_token_id: 1,
        eos_token_id: 2,
        torch_dtype: "float32",
      });
      const stored = await json("source.json");
      assert.deepEqual(stored, source);
      assert.equal(stored.sha256, await sha256File(path));
      assert.equal(stored.weights, await sha256File(join(out, "model.safetensors")));
      using file = await openSafetensors(join(out, "model.safetensors"));
      assert.deepEqual([...file.tensors.keys()].sort(), weights.map(([name]) => name).sort());
      for (const [name, shape, values] of weights) {
        assert.deepEqual(await file.read(name), f32(shape, values), name);
      }
    });
  });
}

Deno.test("convertGguf() writes a tokenizer.json of the GGUF's tokens", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "tiny.gguf");
    await Deno.writeFile(path, tinyGguf());
    await convertGguf(path, join(folder, "out"));
    const model = await openModel(join(folder, "out"));
    model.weights.close();
    const { tokenizer } = model;
    assert.equal(tokenizer.vocabSize, 260);
    assert.deepEqual([tokenizer.bosId, tokenizer.eosId], [1, 2]);
    const text = "a a<|im_end|>é 12";
    const tokens = ["a", "Ġa", "<|im_end|>", "Ã", "©", "Ġ", "1", "2"];
    assert.deepEqual(tokenizer.encode(text), tokens.map((token) => tinyTokens().indexOf(token)));
    assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
    assert.equal(model.chatTemplate, "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}");
  });
});

Deno.test("convertGguf() replaces an older folder", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "tiny.gguf"), out = join(folder, "out");
    await Deno.writeFile(path, tinyGguf());
    await Deno.mkdir(out);
    await Deno.writeTextFile(join(out, "old"), "");
    await convertGguf(path, out);
    assert.deepEqual(await namesIn(folder), ["out", "tiny.gguf"]);
    assert.ok(!(await namesIn(out)).includes("old"));
  });
});

Deno.test("convertGguf() clears away what a killed conversion left, not what another one is making", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "tiny.gguf");
    await Deno.writeFile(path, tinyGguf());
    for (const name of [".out.1.part", ".out.2.part", ".out.x"]) await Deno.mkdir(join(folder, name));
    const old = new Date(Date.now() - 7_200_000);
    for (const name of [".out.1.part", ".out.x"]) await Deno.utime(join(folder, name), old, old);
    await convertGguf(path, join(folder, "out"));
    assert.deepEqual(await namesIn(folder), [".out.2.part", ".out.x", "out", "tiny.gguf"]);
  });
});

const text = (key: string, value: Field | undefined) => ({ fields: { [key]: value } });

/** The tiny weights with one of them changed. */
function withWeight(name: string, shape?: number[]): TinyChange {
  const rest = tinyWeights().filter((row) => row[0] !== name);
  if (!shape) return { weights: rest };
  return { weights: [...rest, [name, shape, new Float32Array(shape.reduce((a, b) => a * b, 1))]] };
}

// deno-fmt-ignore
const REFUSED: [string, TinyChange, RegExp][] = [
  ["another architecture", text("general.architecture", "qwen2"), /its architecture is "qwen2"/],
  ["no architecture", text("general.architecture", undefined), /its architecture is undefined/],
  ["a missing setting", text("llama.block_count", undefined), /llama.block_count is undefined/],
  ["a setting of text", text("llama.block_count", "two"), /llama.block_count is "two"/],
  ["no layers", text("llama.block_count", { u32: 0 }), /num_hidden_layers is 0/],
  ["scaled rotary embedding", text("llama.rope.scaling.type", "yarn"), /scales its rotary embedding \(yarn\)/],
  ["experts", text("llama.expert_count", { u32: 8 }), /mixture of experts/],
  ["partial rotary embedding", text("llama.rope.dimension_count", { u32: 2 }), /rotates a part/],
  ["heads that do not divide", text("llama.attention.head_count_kv", { u32: 3 }), /2 heads cannot share 3/],
  ["a SentencePiece tokenizer", text("tokenizer.ggml.model", "llama"), /its tokenizer is of the kind "llama"/],
  ["another pre-tokenizer", text("tokenizer.ggml.pre", "llama-bpe"), /its pre-tokenizer is "llama-bpe"/],
  ["no tokens", text("tokenizer.ggml.tokens", undefined), /tokenizer.ggml.tokens is not a list of strings/],
  ["too few tokens", text("tokenizer.ggml.tokens", ["a"]), /1 tokens for 260 embeddings/],
  ["a token twice", text("tokenizer.ggml.tokens", tinyTokens().map((token, i) => (i === 9 ? "!" : token))), /tokens \d+ and 9 are both|tokens 9 and \d+ are both/],
  ["too few token types", text("tokenizer.ggml.token_type", [1]), /1 token types for 260 tokens/],
  ["a merge of unknown parts", text("tokenizer.ggml.merges", ["Ġ zz"]), /merge "Ġ zz" does not fit/],
  ["a merge in three", text("tokenizer.ggml.merges", ["Ġ a b"]), /merge "Ġ a b" does not fit/],
  ["no end of text", text("tokenizer.ggml.eos_token_id", undefined), /eos_token_id is undefined/],
  ["end of text past the vocabulary", text("tokenizer.ggml.eos_token_id", { u32: 260 }), /its eos token is 260, past/],
  ["a missing tensor", withWeight("model.norm.weight"), /tensor output_norm.weight is missing/],
  ["no embedding", withWeight("model.embed_tokens.weight"), /vocab_size is undefined/],
  ["a tensor of another shape", withWeight("model.norm.weight", [9]), /output_norm.weight is \[9\], not \[8\]/],
  ["a tensor too many", withWeight("model.layers.0.self_attn.q_proj.bias", [8]), /attn_q.bias has no place/],
];

Deno.test("convertGguf() refuses what it cannot convert and leaves nothing behind", async (t) => {
  await inFolder(async (folder) => {
    const path = join(folder, "tiny.gguf");
    for (const [name, change, message] of REFUSED) {
      await t.step(name, async () => {
        await Deno.writeFile(path, tinyGguf(change));
        await assert.rejects(convertGguf(path, join(folder, "out")), (error) => {
          assert.ok(error instanceof InputError, String((error as Error).stack));
          assert.match(error.message, message);
          assert.ok(error.message.includes(basename(path)));
          return true;
        });
        assert.deepEqual(await namesIn(folder), ["tiny.gguf"]);
      });
    }
  });
});

Deno.test("convertGguf() leaves the older folder where a tensor's bytes cannot be read", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "tiny.gguf"), out = join(folder, "out");
    const bytes = tinyGguf();
    const type = new TextEncoder().encode("output_norm.weight");
    const at = bytes.findIndex((_, i) => type.every((byte, j) => bytes[i + j] === byte)) + type.length + 4 +
      8;
    new DataView(bytes.buffer).setUint32(at, 26, true); // F32 → I32: same size, not readable
    await Deno.writeFile(path, bytes);
    await Deno.mkdir(out);
    await Deno.writeTextFile(join(out, "old"), "");
    await assert.rejects(convertGguf(path, out), /type is I32/);
    assert.deepEqual(await namesIn(folder), ["out", "tiny.gguf"]);
    assert.deepEqual(await namesIn(out), ["old"]);
  });
});

Deno.test("unpermute() puts the halves of each head apart", () => {
  const rows = [0, 2, 1, 3, 4, 6, 5, 7]; // two heads of four rows, interleaved
  const tensor = f32([8, 2], rows.flatMap((row) => [row, row + 0.5]));
  assert.deepEqual(
    unpermute(tensor, 2),
    f32([8, 2], [0, 1, 2, 3, 4, 5, 6, 7].flatMap((row) => [row, row + 0.5])),
  );
});
