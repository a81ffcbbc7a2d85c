// Adapters both ways: what PEFT trained gives its perplexity here, what we write gives ours in the real PEFT.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Adapter, type Base, baseOf, parseConfig } from "../lib/model/mod.ts";
import { readAdapter, writeAdapter } from "../lib/model/adapter.ts";
import { initLora, type LoraConfig } from "../lib/model/lora.ts";
import { openSafetensors } from "../lib/model/safetensors.ts";
import { score } from "../lib/model/score.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { peers, runPeer } from "./peers.ts";

const folder = join(import.meta.dirname!, "parity/peft/trained");
const families = join(import.meta.dirname!, "parity/transformers/families");
const { adapters } = JSON.parse(Deno.readTextFileSync(join(folder, "reference.json")));

async function baseNamed(family: string): Promise<Base> {
  const path = join(families, family, "config.json");
  using weights = await openSafetensors(join(families, family, "model.safetensors"));
  const config = parseConfig(JSON.parse(Deno.readTextFileSync(path)), path);
  return baseOf({ config, weights, hash: family } as Parameters<typeof baseOf>[0]);
}

async function nllOf(base: Base, adapter: Adapter, ids: number[]): Promise<number[]> {
  const supervised = new Uint8Array(ids.length).fill(1, 1);
  const [{ nll }] = await score(base, [{ id: "x", ids: Int32Array.from(ids), supervised }], {
    adapter,
    cache: false,
  });
  return Array.from(nll);
}

const perplexity = (nll: number[]) => Math.exp(nll.reduce((a, b) => a + b, 0) / nll.length);

for (
  const [name, { family, ids, nll, perplexity: theirs }] of Object.entries<Record<string, never>>(adapters)
) {
  Deno.test(`an adapter trained by PEFT gives its perplexity here: ${name}, on ${family}`, async () => {
    const base = await baseNamed(family), adapter = await readAdapter(join(folder, name), base.config);
    const ours = await nllOf(base, adapter, ids);
    (nll as number[]).forEach((x, i) =>
      assert.ok(Math.abs(ours[i] - x) < 2e-5 * (1 + Math.abs(x)), `token ${i + 1}`)
    );
    assert.ok(Math.abs(perplexity(ours) / theirs - 1) < 1e-5);
    const none = { params: {}, lora: adapter.lora };
    assert.ok(
      Math.abs(perplexity(await nllOf(base, none, ids)) / theirs - 1) > 0.1,
      "the adapter changes nothing",
    );
  });
}

const script = `
import sys, json, torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM
from peft import PeftModel
base = AutoModelForCausalLM.from_pretrained(sys.argv[1], attn_implementation="eager")
model = PeftModel.from_pretrained(base, sys.argv[2]).eval()
ids = torch.tensor([json.loads(sys.argv[3])])
with torch.no_grad():
    print(json.dumps(cross_entropy(model(ids).logits[0, :-1].double(), ids[0, 1:], reduction="none").tolist()))`;

for (const rslora of [false, true]) {
  Deno.test({
    name: `an adapter of ours gives its losses in the real PEFT${rslora ? ", with rsLoRA" : ""}`,
    ignore: !peers,
    fn: () =>
      inFolder(async (dir) => {
        const family = "qwen2", base = await baseNamed(family);
        const targets = ["q_proj", "k_proj", "o_proj", "gate_proj", "down_proj"];
        const lora: LoraConfig = { r: 3, alpha: 7, dropout: 0.1, targets, ...(rslora ? { rslora } : {}) };
        const params = initLora(base.config, lora, 4);
        for (const [name, t] of Object.entries(params)) {
          const random = stream(9, name);
          if (name.includes("lora_B")) t.data.forEach((_, i) => t.data[i] = 0.3 * random.normal(i));
        }
        await writeAdapter(dir, { params, lora }, family);
        const ids = stream(8, "ids").ints(20, 40), ours = await nllOf(base, { params, lora }, ids);
        const theirs = await runPeer<number[]>(script, join(families, family), dir, JSON.stringify(ids));
        theirs.forEach((x, i) =>
          assert.ok(Math.abs(ours[i] - x) < 2e-5 * (1 + Math.abs(x)), `token ${i + 1}`)
        );
      }),
  });
}
