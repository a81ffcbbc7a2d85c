// Architectures and their features against transformers' logits and answers (parity/transformers/families), whole and in
// shards; windows and biases in packed rows and in training; what is refused, by name.
import assert from "node:assert/strict";
import { join } from "node:path";
import { baseOf, parseConfig, weightShapes } from "../lib/model/mod.ts";
import { logitsOf } from "../lib/model/compare_logits.ts";
import { generate } from "../lib/model/generate.ts";
import { openSafetensors, type Safetensors } from "../lib/model/safetensors.ts";
import { score } from "../lib/model/score.ts";
import { openShards } from "../lib/model/shards.ts";
import { train } from "../lib/train/mod.ts";
import { inFolder } from "./folder.ts";
import { quiet, settings } from "./oracles/small_run.ts";

const folder = join(import.meta.dirname!, "parity/transformers/families");
const stored = JSON.parse(Deno.readTextFileSync(join(folder, "reference.json"))).models as Record<
  string,
  { ids: number[]; logits: number[][]; greedy: number[] }
>;

function configOf(name: string) {
  const path = join(folder, name, "config.json");
  return parseConfig(JSON.parse(Deno.readTextFileSync(path)), path);
}

async function modelOf(name: string, weights?: Safetensors) {
  weights ??= await openSafetensors(join(folder, name, "model.safetensors"));
  const model = { config: configOf(name), weights, hash: `test ${weights.path}` };
  return { model, base: baseOf(model as Parameters<typeof baseOf>[0]) };
}

for (const [name, { ids, logits, greedy }] of Object.entries(stored)) {
  Deno.test(`${name}: logits and greedy answers are transformers'`, async () => {
    const { model, base } = await modelOf(name);
    using weights = model.weights;
    const shapes = [...weightShapes(model.config)].map(([tensor, shape]) => `${tensor} ${shape}`);
    const there = [...weights.tensors].map(([tensor, { shape }]) => `${tensor} ${shape}`);
    assert.deepEqual(shapes.sort(), there.sort());
    const [got] = await logitsOf(base, [Int32Array.from(ids)], { cache: false });
    logits.flat().forEach((x, i) => assert.ok(Math.abs(got[i] - x) < 2e-5 * (1 + Math.abs(x)), `logit ${i}`));
    const prompts = [ids.slice(0, 9), ids.slice(0, 4)];
    const [answer] = await generate(base, prompts, { maxNew: greedy.length, stop: [], cache: false });
    assert.deepEqual(answer.ids, greedy);
  });
}

Deno.test("a window and biases hold in packed rows: a sample's losses do not depend on its neighbours", async () => {
  for (const name of ["mistral_window", "qwen2_window"]) {
    const { model, base } = await modelOf(name);
    using _weights = model.weights;
    const { ids } = stored[name];
    const sequences = [ids, ids.slice(3, 21), ids.slice(10)].map((list, i) => ({
      id: String(i),
      ids: Int32Array.from(list),
      supervised: Uint8Array.from(list, (_, t) => t ? 1 : 0),
    }));
    const together = await score(base, sequences, { cache: false });
    for (const [i, sequence] of sequences.entries()) {
      const [alone] = await score(base, [sequence], { cache: false });
      alone.nll.forEach((x, t) => assert.ok(Math.abs(x - together[i].nll[t]) < 1e-5));
    }
    const logits = stored[name].logits;
    together[0].nll.forEach((x, t) => {
      const row = logits[t], total = row.reduce((sum, v) => sum + Math.exp(v), 0);
      assert.ok(Math.abs(x - (Math.log(total) - row[ids[t + 1]])) < 1e-4);
    });
  }
});

Deno.test("generate() reads a prompt longer than a chunk through a window as a full pass does", async () => {
  const { model, base } = await modelOf("qwen2_window");
  using _weights = model.weights;
  const prompt = Array.from({ length: 100 }, (_, i) => 2 + (i * i * 7 + i) % 38);
  const [{ ids }] = await generate(base, [prompt], { maxNew: 20, stop: [], cache: false });
  const text = [...prompt, ...ids];
  const supervised = Uint8Array.from(text, (_, t) => t >= prompt.length ? 1 : 0);
  const [{ predicted }] = await score(base, [{ id: "x", ids: Int32Array.from(text), supervised }], {
    cache: false,
  });
  assert.deepEqual(Array.from(predicted), ids);
});

Deno.test("train() trains an adapter beside biases and windows", () =>
  inFolder(async (dir) => {
    const { model, base } = await modelOf("qwen2_window");
    using _weights = model.weights;
    const sequences = [0, 5, 9].map((from, i) => {
      const ids = stored.qwen2_window.ids.slice(from);
      return { id: String(i), ids: Int32Array.from(ids), supervised: new Uint8Array(ids.length).fill(1, 1) };
    });
    const losses: number[] = [];
    const own = { ...settings, batch: 3, steps: 12, lr: 0.05 };
    await train(base, sequences, [0, 0, 0], own, { dir, ...quiet, onStep: (m) => void losses.push(m.loss) });
    assert.ok(losses.at(-1)! < losses[0] - 0.3, `losses ${losses[0]} to ${losses.at(-1)}`);
  }));

Deno.test("openShards() gives what the whole file gives, to reading and to programs", async () => {
  const name = "qwen2_window", shards = join(folder, `${name}_shards`, "model.safetensors.index.json");
  const whole = await modelOf(name), parts = await modelOf(name, await openShards(shards));
  using _a = whole.model.weights;
  using _b = parts.model.weights;
  assert.ok(new Set([...parts.model.weights.tensors.values()].map(({ file }) => file)).size > 1);
  assert.equal(parts.model.weights.tensors.size, whole.model.weights.tensors.size);
  for (const tensor of whole.model.weights.tensors.keys()) {
    assert.deepEqual(await parts.model.weights.read(tensor), await whole.model.weights.read(tensor));
  }
  const texts = [Int32Array.from(stored[name].ids)];
  const [a, b] = [await logitsOf(whole.base, texts), await logitsOf(parts.base, texts)];
  assert.deepEqual(b, a);
  await assert.rejects(parts.model.weights.read("x"), /Cannot read tensor x: .* has none of that name/);
});

Deno.test("openShards() names what is wrong with an index or a shard", () =>
  inFolder(async (dir) => {
    const from = join(folder, "qwen2_window_shards"), path = join(dir, "model.safetensors.index.json");
    for await (const { name } of Deno.readDir(from)) await Deno.copyFile(join(from, name), join(dir, name));
    const index = JSON.parse(await Deno.readTextFile(path));
    const refused = async (change: unknown, words: RegExp) => {
      await Deno.writeTextFile(path, typeof change === "string" ? change : JSON.stringify(change));
      await assert.rejects(openShards(path), (error: Error) =>
        error.name === "InputError" && words.test(error.message));
    };
    await refused("{", /index.json: not valid JSON/);
    await refused({}, /it has no weight_map/);
    await refused({ weight_map: {} }, /its weight_map is empty/);
    await refused({ weight_map: { a: "../x.safetensors" } }, /the file of tensor a is "..\/x.safetensors"/);
    await refused({ weight_map: { a: 3 } }, /the file of tensor a is 3/);
    const [first] = Object.keys(index.weight_map), own = index.weight_map[first];
    const other = Object.values<string>(index.weight_map).find((shard) =>
      shard !== own
    );
    await refused({ weight_map: { ...index.weight_map, [first]: other } }, /is not in model-0000\d-of-00006/);
    await Deno.remove(join(dir, own));
    await refused(index, new RegExp(`${own}: no such file`));
  }));

Deno.test("parseConfig() names what of a model's features is not there", () => {
  const json = JSON.parse(Deno.readTextFileSync(join(folder, "qwen2_window/config.json")));
  const refused = (change: Record<string, unknown>, words: RegExp) =>
    assert.throws(() => parseConfig({ ...json, ...change }, "x"), words);
  refused(
    { architectures: ["MixtralForCausalLM"] },
    /architecture is MixtralForCausalLM; .*Llama\w+, Mistral\w+, Qwen2/,
  );
  refused({ sliding_window: 0 }, /sliding_window is 0/);
  refused({ max_window_layers: -1 }, /max_window_layers is -1/);
  refused(
    { layer_types: ["sliding_attention", "full_attention", "full_attention"] },
    /layer_types is \["sliding/,
  );
  refused({ rope_scaling: { rope_type: "yarn", factor: 4 } }, /by "yarn", not by linear or llama3/);
  refused({ rope_scaling: { type: "linear", factor: -1 } }, /factor -1/);
  refused({ mlp_bias: true }, /biases \(mlp_bias\)/);
  assert.equal(parseConfig({ ...json, use_sliding_window: false }, "x").slidingWindow, undefined);
  const { sliding_window: _, ...silent } = json; // transformers' own default
  assert.equal(parseConfig(silent, "x").slidingWindow, 4096);
  assert.equal(parseConfig({ ...silent, architectures: ["MistralForCausalLM"] }, "x").slidingWindow, 4096);
  assert.equal(parseConfig({ ...silent, architectures: ["LlamaForCausalLM"] }, "x").slidingWindow, undefined);
});
