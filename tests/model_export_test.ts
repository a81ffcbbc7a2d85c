// Export: the written model opens again with the adapter's logits, here and in transformers; the card; what is refused leaves
// nothing behind.
import assert from "node:assert/strict";
import { join } from "node:path";
import { f32 } from "../lib/jit/mod.ts";
import {
  type Adapter,
  baseOf,
  checkComparison,
  comparisonTexts,
  convertGguf,
  exportModel,
  initLora,
  logitsOf,
  type Model,
  openGguf,
  openModel,
  writeAdapter,
} from "../lib/model/mod.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { ended, tinyTask, tinyUal } from "./oracles/tiny_trainable.ts";
import { peers, runPeer } from "./peers.ts";

const lora = { r: 2, alpha: 4, dropout: 0.1, targets: ["q_proj", "k_proj", "down_proj"] };

/** Runs `body` with the tiny model, an adapter that changes it, and a folder. */
const withModel = (body: (model: Model, adapter: Adapter, folder: string) => Promise<void>) =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    await convertGguf(join(folder, "tiny.gguf"), join(folder, "tiny"));
    const model = await openModel(join(folder, "tiny"));
    using _weights = model.weights;
    const params = initLora(model.config, lora, 3);
    for (const [name, t] of Object.entries(params)) {
      const random = stream(4, name);
      if (name.includes("lora_B")) t.data.forEach((_, i) => t.data[i] = 0.2 * random.normal(i));
    }
    await body(model, { params, lora }, folder);
  });

const jit = { cache: false as const, threads: 1 };
const names = async (folder: string) => (await Array.fromAsync(Deno.readDir(folder), (e) => e.name)).sort();

Deno.test("exportModel() writes a folder that opens as a model with the adapter's logits", () =>
  withModel(async (model, adapter, folder) => {
    const out = join(folder, "out"), texts = await comparisonTexts(model);
    const [want] = await logitsOf(baseOf(model), texts, { ...jit, adapter });
    const [before] = await logitsOf(baseOf(model), texts, jit);
    assert.ok(want.some((x, i) => Math.abs(x - before[i]) > 0.1), "the adapter changes nothing");
    const { comparison } = await exportModel(model, adapter, out, {
      format: "safetensors",
      adapterHash: "abc",
      jit,
    });
    const other = await openModel(out);
    using _weights = other.weights;
    const [got] = await logitsOf(baseOf(other), texts, jit);
    const most = got.reduce((m, x, i) => Math.max(m, Math.abs(x - want[i])), 0);
    assert.ok(
      most < 1e-3 && comparison.maxLogitDifference < 1e-3 && comparison.top1Agreement > 0.99,
      `${most}`,
    );
    const record = JSON.parse(await Deno.readTextFile(join(out, "export.json")));
    assert.deepEqual([record.base_model.sha256, record.adapter.sha256], [model.hash, "abc"]);
    assert.equal(record.comparison.positions, comparison.positions);
    await exportModel(model, adapter, out, { format: "safetensors", type: "F16", jit }); // over an earlier export
    assert.ok((await names(folder)).every((name) => !name.includes(".part")));
  }));

Deno.test("exportModel() writes GGUF files that convert back to the adapter's model", () =>
  withModel(async (model, adapter, folder) => {
    for (const type of ["F32", "F16", "Q8_0"] as const) {
      const out = join(folder, `out-${type}.gguf`);
      const { comparison, fallback } = await exportModel(model, adapter, out, { format: "gguf", type, jit });
      using gguf = await openGguf(out);
      const types = new Set([...gguf.tensors.values()].map((t) => t.type));
      assert.ok(types.has("F32") && types.has(type === "Q8_0" ? "F16" : type), [...types].join());
      assert.equal(fallback.length > 0, type === "Q8_0"); // rows of 8 are no whole blocks
      assert.ok(
        comparison.maxLogitDifference < (type === "F32" ? 1e-3 : 0.1),
        `${type}: ${comparison.maxLogitDifference}`,
      );
    }
  }));

Deno.test("exportModel() refuses places and types, and leaves nothing of a failed export", () =>
  withModel(async (model, adapter, folder) => {
    const before = await names(folder);
    const refused = async (
      out: string,
      options: Parameters<typeof exportModel>[3],
      words: RegExp,
      own = adapter,
    ) => {
      await assert.rejects(exportModel(model, own, join(folder, out), { ...options, jit }), words);
      assert.deepEqual(await names(folder), before);
    };
    await refused(
      "tiny",
      { format: "safetensors" },
      /the folder holds other files; give a new or an empty one/,
    );
    await refused("train.jsonl", { format: "safetensors" }, /it is a file; give a folder, or --format gguf/);
    await refused("tiny", { format: "gguf" }, /it is not a file/);
    await refused("new", { format: "safetensors", type: "Q8_0" }, /only GGUF has it/);
    await refused("no/such/folder/x.gguf", { format: "gguf" }, /Cannot write/).catch((e) => {
      if (!/Missing expected rejection/.test(e.message)) throw e; // making the folders is as good
      return Deno.remove(join(folder, "no"), { recursive: true });
    });
    const params = { ...adapter.params }, [first] = Object.keys(params).filter((n) => n.includes("lora_B"));
    params[first] = f32(params[first].shape, params[first].data.map(() => 1e30) as Float32Array<ArrayBuffer>);
    await refused("new", { format: "safetensors", type: "F16" }, /past the largest half/, { params, lora });
    const good = {
      texts: 1,
      positions: 2,
      maxLogit: 1,
      maxLogitDifference: 9,
      maxLikelihoodDifference: 9,
      meanLikelihoodDifference: 0.5,
      top1Agreement: 0,
      nll: 1,
      otherNll: 2,
    };
    assert.throws(() => checkComparison(good, "F32", "x"), /differs from the adapter by 0.500 nats a token/);
    assert.throws(() => checkComparison({ ...good, maxLogitDifference: NaN }, "F32", "x"), /not finite/);
  }));

Deno.test("ual export prints how far the written model is from the adapter", () =>
  withModel(async (_model, adapter, folder) => {
    await writeAdapter(join(folder, "adapter"), adapter, "tiny");
    const args = ["export", "adapter", "--out", "merged", "--json"];
    const { code, stdout, stderr } = await ended(tinyUal(folder, ...args));
    assert.equal(code, 0, stderr);
    const { comparison } = JSON.parse(stdout);
    assert.ok(comparison.max_logit_difference < 1e-3, stdout);
    const again = await ended(tinyUal(folder, "export", "nowhere", "--out", "x"));
    assert.equal(again.code, 2);
    assert.match(again.stderr, /Cannot read .*nowhere\/adapter_config.json/);
  }));

Deno.test({
  name: "transformers opens an exported folder and gets our logits",
  ignore: !peers,
  fn: () =>
    withModel(async (model, adapter, folder) => {
      const out = join(folder, "out");
      await exportModel(model, adapter, out, { format: "safetensors", jit });
      const [ids] = await comparisonTexts(model),
        [want] = await logitsOf(baseOf(model), [ids], { ...jit, adapter });
      const script = `
import sys, json, torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    print(json.dumps(model(torch.tensor([json.loads(sys.argv[2])])).logits[0].flatten().tolist()))`;
      const theirs = await runPeer<number[]>(script, out, JSON.stringify([...ids]));
      theirs.forEach((x, i) => assert.ok(Math.abs(x - want[i]) < 1e-3 * (1 + Math.abs(x)), `logit ${i}`));
    }),
});
