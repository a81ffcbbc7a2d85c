// Adapters in PEFT's format: round trip, and clear refusals. Loading in the real PEFT is part of the peers' script.
import assert from "node:assert/strict";
import { join } from "node:path";
import { readAdapter, writeAdapter } from "../lib/model/adapter.ts";
import { initLora, type LoraConfig } from "../lib/model/lora.ts";
import { writeSafetensors } from "../lib/model/safetensors.ts";
import { openSafetensors } from "../lib/model/safetensors.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";
import { smallConfig } from "./oracles/small_model.ts";

const config = smallConfig();
const lora: LoraConfig = { r: 4, alpha: 8, dropout: 0.1, targets: ["q_proj", "v_proj"] };
const adapter = { params: initLora(config, lora, 2), lora };

Deno.test("writeAdapter() and readAdapter() are inverse, under PEFT's names", () =>
  inFolder(async (folder) => {
    await writeAdapter(folder, adapter, "base");
    assert.deepEqual(await readAdapter(folder, config), adapter);
    const file = await openSafetensors(join(folder, "adapter_model.safetensors"));
    assert.ok(file.tensors.has("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"));
    assert.equal(file.metadata.format, "pt");
    file.close();
    const json = JSON.parse(await Deno.readTextFile(join(folder, "adapter_config.json")));
    assert.deepEqual([json.peft_type, json.r, json.lora_alpha, json.target_modules], [
      "LORA",
      4,
      8,
      lora.targets,
    ]);
  }));

Deno.test("readAdapter() refuses an adapter of another model, naming the tensor", () =>
  inFolder(async (folder) => {
    await writeAdapter(folder, adapter, "base");
    await assert.rejects(
      readAdapter(folder, { ...config, hiddenSize: 16 }),
      /lora_A\.weight has shape \[4,12\], the model needs \[4,16\]/,
    );
    await assert.rejects(
      readAdapter(folder, { ...config, layers: 3 }),
      /layers\.2\.self_attn\.q_proj\.lora_A\.weight is missing/,
    );
    await assert.rejects(
      readAdapter(folder, { ...config, layers: 1 }),
      /it has .*layers\.1\..*, which the model/,
    );
  }));

Deno.test("readAdapter() names settings it does not have", () =>
  inFolder(async (folder) => {
    await writeAdapter(folder, adapter, "base");
    const path = join(folder, "adapter_config.json"), json = JSON.parse(await Deno.readTextFile(path));
    for (
      const [key, value] of Object.entries({
        use_dora: true,
        bias: "all",
        modules_to_save: ["lm_head"],
        rank_pattern: { q_proj: 2 },
        init_lora_weights: "pissa",
      })
    ) {
      await Deno.writeTextFile(path, JSON.stringify({ ...json, [key]: value }));
      await assert.rejects(
        readAdapter(folder, config),
        new RegExp(`^InputError: .*${key} is .*(is supported|changes the base model)`),
      );
    }
    await Deno.writeTextFile(path, JSON.stringify({ ...json, peft_type: "IA3" }));
    await assert.rejects(readAdapter(folder, config), /peft_type/);
    await Deno.writeTextFile(path, "{");
    await assert.rejects(readAdapter(folder, config), /it must be PEFT's JSON/);
    await assert.rejects(readAdapter(join(folder, "nowhere"), config), /^InputError: Cannot read/);
  }));

Deno.test("readAdapter() refuses values that are not finite", () =>
  inFolder(async (folder) => {
    await writeAdapter(folder, { ...adapter, params: initLora(config, lora, 2) }, "base");
    const params = initLora(config, lora, 2),
      name = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
    params[name].data[3] = NaN;
    await writeSafetensors(join(folder, "adapter_model.safetensors"), params);
    await assert.rejects(
      readAdapter(folder, config),
      /layers\.0\.self_attn\.q_proj\.lora_B\.weight holds NaN or infinity/,
    );
  }));

Deno.test("readAdapter() refuses a file that lacks a matrix", () =>
  inFolder(async (folder) => {
    await writeAdapter(folder, adapter, "base");
    const params = { ...adapter.params };
    delete params["base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"];
    await writeSafetensors(join(folder, "adapter_model.safetensors"), params);
    await assert.rejects(
      readAdapter(folder, config),
      /layers\.1\.self_attn\.v_proj\.lora_B\.weight is missing/,
    );
  }));

const parity = mirror("parity");
Deno.test({
  name: "readAdapter() reads what PEFT 0.21.2 wrote",
  ignore: !parity,
  fn: async () => {
    const smol = {
      ...config,
      hiddenSize: 576,
      layers: 30,
      heads: 9,
      kvHeads: 3,
      headSize: 64,
      ffnSize: 1536,
    };
    const { params, lora } = await readAdapter(join(parity!, "peft/init_adapter"), smol);
    assert.deepEqual(lora, { r: 8, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] });
    assert.equal(Object.keys(params).length, 120);
  },
});
