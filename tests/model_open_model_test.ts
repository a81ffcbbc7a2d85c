// lib/model/open_model.ts: the default model, folders and GGUF files; what does not fit together is refused.
import assert from "node:assert/strict";
import { join } from "node:path";
import { convertGguf } from "../lib/model/convert_gguf.ts";
import { DEFAULT_MODEL, type Model, openModel } from "../lib/model/open_model.ts";
import { writeSafetensors } from "../lib/model/safetensors.ts";
import { f32, type Params } from "../lib/jit/params.ts";
import { InputError } from "../lib/run/errors.ts";
import { sha256File } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";
import { tinyGguf, tinyWeights } from "./oracles/tiny_llama.ts";

/** Runs `body` with environment variables set. */
async function withEnv(set: Record<string, string>, body: () => Promise<void>): Promise<void> {
  const before = Object.keys(set).map((key) => [key, Deno.env.get(key)] as const);
  for (const [key, value] of Object.entries(set)) Deno.env.set(key, value);
  try {
    await body();
  } finally {
    for (const [key, value] of before) value === undefined ? Deno.env.delete(key) : Deno.env.set(key, value);
  }
}

/** Runs `body` with a folder that holds tiny.gguf, its conversion "tiny", and an empty cache. */
const withTiny = (body: (folder: string) => Promise<void>) =>
  inFolder(async (folder) => {
    await Deno.writeFile(join(folder, "tiny.gguf"), tinyGguf());
    await convertGguf(join(folder, "tiny.gguf"), join(folder, "tiny"));
    await withEnv({ UAL_CACHE: join(folder, "cache") }, () => body(folder));
  });

/** Opens, closes and returns a model. */
async function open(ref?: string): Promise<Model> {
  const model = await openModel(ref);
  model.weights.close();
  return model;
}

Deno.test("openModel() opens the default model with the weights that gguf 0.19.0 dequantises", async () => {
  const model = await openModel();
  using weights = model.weights;
  assert.deepEqual(model.config, {
    architecture: "LlamaForCausalLM",
    vocabSize: 49152,
    hiddenSize: 576,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    headSize: 64,
    ffnSize: 1536,
    ropeTheta: 100000,
    rmsNormEps: 1e-5,
    tieEmbeddings: true,
    maxPositions: 8192,
    bosId: 1,
    eosId: 2,
    eosIds: [2],
  });
  assert.equal(weights.tensors.size, 272);
  // every tensor of this file was compared with gguf's and transformers' (un-permuted), all bits equal
  assert.equal(model.hash, "a672150fb4f99d7c8f4168cecdd464069c0ef3a37d8113f22ddb9d48031d03cd");
  assert.match(model.chatTemplate, /You are a helpful AI assistant named SmolLM/);
  assert.ok(model.name.startsWith(DEFAULT_MODEL.name));
});

Deno.test("openModel() opens a folder and a GGUF file to the same model", async () => {
  await withTiny(async (folder) => {
    const a = await open(join(folder, "tiny")), b = await open(join(folder, "tiny.gguf"));
    assert.equal(a.name, "tiny");
    assert.equal(a.hash, await sha256File(join(folder, "tiny/model.safetensors")));
    assert.equal(b.hash, a.hash);
    assert.deepEqual(b.config, a.config);
    assert.equal(b.chatTemplate, a.chatTemplate);
    assert.ok(b.dir.startsWith(join(folder, "cache/models/")));
    const { mtime } = await Deno.stat(join(b.dir, "model.safetensors"));
    assert.deepEqual((await open(join(folder, "tiny.gguf"))).hash, a.hash);
    assert.deepEqual((await Deno.stat(join(b.dir, "model.safetensors"))).mtime, mtime, "converted once");
  });
});

Deno.test("openModel() converts again where the converter was another", async () => {
  await withTiny(async (folder) => {
    const { dir } = await open(join(folder, "tiny.gguf"));
    const path = join(dir, "source.json");
    const source = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...source, converter: 0 }));
    await open(join(folder, "tiny.gguf"));
    assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), source);
  });
});

Deno.test("openModel() hashes weights again when they changed", async () => {
  await withTiny(async (folder) => {
    const path = join(folder, "tiny/model.safetensors");
    const before = (await open(join(folder, "tiny"))).hash;
    assert.equal((await open(join(folder, "tiny"))).hash, before);
    const params: Params = Object.fromEntries(tinyWeights().map(([name, shape]) => [name, f32(shape)]));
    await writeSafetensors(path, params, { metadata: { format: "pt" } });
    const after = (await open(join(folder, "tiny"))).hash;
    assert.notEqual(after, before);
    assert.equal(after, await sha256File(path));
  });
});

/** Changes a JSON file of the tiny model's folder. */
async function edit(folder: string, name: string, change: Record<string, unknown>): Promise<void> {
  const path = join(folder, "tiny", name);
  await Deno.writeTextFile(path, JSON.stringify({ ...JSON.parse(await Deno.readTextFile(path)), ...change }));
}

const config = (change: Record<string, unknown>) => (folder: string) => edit(folder, "config.json", change);

const REFUSED: [string, (folder: string) => Promise<void>, RegExp][] = [
  [
    "another architecture",
    config({ architectures: ["GPT2LMHeadModel"] }),
    /architecture is GPT2LMHeadModel;/,
  ],
  ["no architecture", config({ architectures: undefined }), /architecture is not given/],
  [
    "scaled rotary embedding",
    config({ rope_scaling: { type: "yarn", factor: 2 } }),
    /scales .* by "yarn"/,
  ],
  ["another activation", config({ hidden_act: "gelu" }), /activation is "gelu"/],
  ["biases", config({ mlp_bias: true }), /has biases \(mlp_bias\)/],
  ["biases that are not there", config({ attention_bias: true }), /q_proj.bias is missing/],
  ["quantised", config({ quantization_config: { bits: 4 } }), /is quantised/],
  ["partial rotary embedding", config({ partial_rotary_factor: 0.5 }), /rotates a part of each head/],
  ["negative size", config({ hidden_size: -8 }), /hidden_size is -8/],
  ["other width", config({ hidden_size: 16 }), /is \[260,8\], config.json asks for \[260,16\]/],
  ["more layers", config({ num_hidden_layers: 3 }), /layers\.2\.\S+ is missing/],
  ["untied without a head", config({ tie_word_embeddings: false }), /lm_head.weight is missing/],
  [
    "another model's tokenizer",
    (folder) =>
      edit(folder, "tokenizer.json", {
        added_tokens: [{ id: 999, content: "<x>", special: true }],
      }),
    /its tokenizer has 1000 tokens, its embedding 260/,
  ],
  [
    "config that is no JSON",
    (folder) => Deno.writeTextFile(join(folder, "tiny/config.json"), "{"),
    /not valid JSON/,
  ],
  [
    "config that is a list",
    (folder) => Deno.writeTextFile(join(folder, "tiny/config.json"), "[]"),
    /not a JSON object/,
  ],
  [
    "no weights",
    (folder) => Deno.remove(join(folder, "tiny/model.safetensors")),
    /model.safetensors: no such file/,
  ],
  [
    "no tokenizer",
    (folder) => Deno.remove(join(folder, "tiny/tokenizer.json")),
    /tokenizer.json: no such file/,
  ],
];

Deno.test("openModel() refuses a folder whose files do not fit", async (t) => {
  for (const [name, change, message] of REFUSED) {
    await t.step(name, () =>
      withTiny(async (folder) => {
        await change(folder);
        await assert.rejects(openModel(join(folder, "tiny")), (error) => {
          assert.ok(error instanceof InputError, String((error as Error).stack));
          assert.match(error.message, message);
          return true;
        });
      }));
  }
});

Deno.test("openModel() reads what Hugging Face's files leave open", async () => {
  await withTiny(async (folder) => {
    await edit(folder, "config.json", {
      architectures: ["MistralForCausalLM"],
      sliding_window: 32,
      rope_theta: undefined,
      rope_parameters: { rope_type: "default", rope_theta: 500 },
      head_dim: undefined,
      eos_token_id: [2, 0],
      bos_token_id: null,
    });
    await Deno.remove(join(folder, "tiny/chat_template.jinja"));
    await edit(folder, "tokenizer_config.json", {
      chat_template: [{ name: "tool_use", template: "x" }, { name: "default", template: "y" }],
    });
    const { config, chatTemplate } = await open(join(folder, "tiny"));
    assert.deepEqual(
      [
        config.architecture,
        config.maxPositions,
        config.slidingWindow,
        config.ropeTheta,
        config.headSize,
        config.eosIds,
        config.bosId,
      ],
      ["MistralForCausalLM", 64, 32, 500, 4, [2, 0], undefined],
    );
    assert.equal(chatTemplate, "y");
    await edit(folder, "tokenizer_config.json", { chat_template: undefined });
    assert.equal((await open(join(folder, "tiny"))).chatTemplate, "");
  });
});

Deno.test("openModel() names what is not a model", async () => {
  await withTiny(async (folder) => {
    await assert.rejects(openModel(join(folder, "none")), /Cannot read .*none: no such file/);
    await assert.rejects(
      openModel(join(folder, "tiny/config.json")),
      /it is a file; give a model's folder or a .gguf file/,
    );
    await withEnv({ UAL_GGUF: join(folder, "tiny.gguf") }, async () => {
      await assert.rejects(openModel(), /as the default model: its SHA-256 is [0-9a-f]{64}, not b179c952/);
    });
  });
});
