// The forward pass, the adapters and the smoothed loss against plain loops, eagerly and compiled.
import type * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { f32, i32, jit, type Params, runEager, specsOf, type TensorData } from "../lib/jit/mod.ts";
import { hiddenStates, type TokenRows } from "../lib/model/llama.ts";
import { initLora, type LoraConfig, loraLinear, loraName } from "../lib/model/lora.ts";
import { planLayout, type Sequence, toBatches } from "../lib/model/rows.ts";
import { score } from "../lib/model/score.ts";
import { inFolder } from "./folder.ts";
import { close, values } from "./oracles/jit_parity.ts";
import { loopHidden, loopLogProbs, smallBase } from "./oracles/small_model.ts";

const lora: LoraConfig = { r: 3, alpha: 6, dropout: 0, targets: ["q_proj", "v_proj", "o_proj", "gate_proj"] };

/** An adapter whose B matrices are not zero, so that it changes the output. */
function trained(config: Parameters<typeof initLora>[0]): Params {
  const params = initLora(config, lora, 5);
  for (const [name, tensor] of Object.entries(params)) {
    if (name.includes("lora_B")) tensor.data.set(values(tensor.shape, name).data);
  }
  return params;
}

const sequence = (id: string, ids: number[], from = 1): Sequence => ({
  id,
  ids: Int32Array.from(ids),
  supervised: Uint8Array.from(ids, (_, i) => i >= from ? 1 : 0),
});
const three = [
  sequence("a", [1, 5, 9, 3, 22, 7], 3),
  sequence("b", [4, 4, 8]),
  sequence("c", [11, 0, 2, 13, 6], 2),
];

for (const tied of [true, false]) {
  Deno.test(`hiddenStates() agrees with loops, compiled and eager (tied ${tied})`, () =>
    inFolder(async (folder) => {
      const { base, config, weights } = await smallBase(folder, { tied });
      const params = trained(config), ids = [1, 5, 9, 3, 22, 7];
      const batch = {
        ids: i32([1, 6], ids),
        positions: i32([1, 6], [0, 1, 2, 3, 4, 5]),
        segments: i32([1, 6]),
      };
      const program = ({ params, batch, weights }: Record<string, Record<string, tf.Tensor>>) => ({
        out: hiddenStates(config, weights, batch as unknown as TokenRows, loraLinear(weights, params, lora)),
      });
      const compiled = await jit(program, { params: specsOf(params), batch: specsOf(batch) }, {
        weights: base.weights,
        cache: false,
      });
      const { out } = await compiled({ params, batch });
      await compiled.close();
      const eager = await runEager(program, { params, batch, weights });
      const expected = f32(
        [6, config.hiddenSize],
        loopHidden(config, weights, ids, params, lora.alpha / lora.r).flat(),
      );
      close(out as TensorData, expected, "compiled", 1e-5);
      close(eager.out as TensorData, expected, "eager", 1e-5);
    }));
}

for (const dtype of ["F32", "F16", "BF16"] as const) {
  Deno.test(`score() reads ${dtype} weights and agrees with loops on packed rows`, () =>
    inFolder(async (folder) => {
      const { base, config, weights } = await smallBase(folder, { dtype });
      const adapter = { params: trained(config), lora };
      const scores = await score(base, three, { adapter, maxRows: 1, cache: false });
      three.forEach(({ ids, supervised }, s) => {
        const hidden = loopHidden(config, weights, ids, adapter.params, lora.alpha / lora.r);
        const at = Array.from(ids.keys()).filter((i) => supervised[i]);
        assert.equal(scores[s].nll.length, at.length);
        at.forEach((i, j) => {
          const logProbs = loopLogProbs(config, weights, hidden[i - 1]);
          assert.ok(Math.abs(scores[s].nll[j] + logProbs[ids[i]]) < 1e-5, `nll ${s} ${i}`);
          const best = logProbs.indexOf(Math.max(...logProbs));
          assert.equal(scores[s].predicted[j], best);
          assert.ok(Math.abs(scores[s].confidence[j] - Math.exp(logProbs[best])) < 1e-5);
          assert.equal(scores[s].targets[j], ids[i]);
        });
      });
    }));
}

Deno.test("score() does not depend on order or on how sequences share rows", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder);
    const together = await score(base, three, { cache: false });
    const reversed = await score(base, three.toReversed(), { maxRows: 1, cache: false });
    for (const [i, a] of together.entries()) {
      const b = reversed[2 - i];
      assert.equal(a.id, b.id);
      assert.deepEqual(a.predicted, b.predicted);
      a.nll.forEach((x, j) => assert.ok(Math.abs(x - b.nll[j]) < 1e-6));
    }
  }));

Deno.test("toBatches() puts every token and target of every sequence exactly once", () => {
  const layout = planLayout([three], 2);
  const batches = toBatches(three, layout);
  const seen = new Map<number, number[]>();
  for (const { arrays, owner, places } of batches) {
    owner.forEach((s, r) => s >= 0 && seen.set(s, [...seen.get(s) ?? [], arrays.targets.data[r]]));
    for (const { index, row, offset } of places) {
      const start = row * layout.T + offset, { ids } = three[index];
      assert.deepEqual(arrays.ids.data.slice(start, start + ids.length), ids);
      assert.deepEqual(Array.from(arrays.positions.data.slice(start, start + ids.length)), [...ids.keys()]);
    }
  }
  three.forEach((s, i) => assert.deepEqual(seen.get(i), Array.from(s.ids).filter((_, j) => s.supervised[j])));
});

Deno.test("initLora() starts as PEFT does: A uniform within 1/sqrt(in), B zero", async () => {
  await inFolder(async (folder) => {
    const { config } = await smallBase(folder);
    const params = initLora(config, { ...lora, r: 8 }, 1);
    assert.equal(Object.keys(params).length, 2 * 2 * 4);
    for (const [name, { data }] of Object.entries(params)) {
      if (name.includes("lora_B")) assert.ok(data.every((x) => x === 0));
    }
    const a = params[loraName("model.layers.1.self_attn.q_proj.weight", "A")].data,
      bound = 1 / Math.sqrt(config.hiddenSize);
    assert.ok(
      a.every((x) => Math.abs(x) <= bound) && Math.max(...a) > 0.8 * bound && Math.min(...a) < -0.8 * bound,
    );
    assert.deepEqual(initLora(config, { ...lora, r: 8 }, 1), params);
    assert.throws(() => initLora(config, { ...lora, targets: ["x_proj"] }, 1), /x_proj: choose from q_proj/);
  });
});
