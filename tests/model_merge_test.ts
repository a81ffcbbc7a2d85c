// Adapters worked into the weights, against plain loops; what stays bit for bit; what does not fit.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { f32 } from "../lib/jit/mod.ts";
import { baseOf } from "../lib/model/base.ts";
import { logitsOf } from "../lib/model/compare_logits.ts";
import { initLora, loraName, scalingOf } from "../lib/model/lora.ts";
import { checkFloatRange, mergedTensors, mergeLora } from "../lib/model/merge.ts";
import { openSafetensors, writeSafetensors } from "../lib/model/safetensors.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { smallConfig, smallWeights } from "./oracles/small_model.ts";

const draw = (name: string, ...shape: number[]) => {
  const random = stream(2, name);
  return f32(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => random.normal(i)),
  );
};

Deno.test("mergeLora() is W + s·B·A by loops, rounded once, and keeps bits where nothing is added", () => {
  const [w, a, b] = [draw("w", 5, 7), draw("a", 3, 7), draw("b", 5, 3)];
  b.data.fill(0, 6, 9); // row 2 is not changed
  w.data[2 * 7] = -0;
  const merged = mergeLora(w, a, b, 1.7);
  for (let o = 0; o < 5; o++) {
    for (let i = 0; i < 7; i++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += b.data[o * 3 + k] * a.data[k * 7 + i];
      const want = o === 2 ? w.data[o * 7 + i] : Math.fround(w.data[o * 7 + i] + 1.7 * sum);
      assert.ok(Object.is(merged[o * 7 + i], want), `${o},${i}`);
    }
  }
});

Deno.test("a merged model has the logits of the base with its adapter, with α/r and with α/√r", () =>
  inFolder(async (folder) => {
    const config = smallConfig(false), path = join(folder, "base.safetensors");
    const hash = await writeSafetensors(path, smallWeights(config));
    using weights = await openSafetensors(path);
    const model = { config, weights, hash } as Parameters<typeof baseOf>[0];
    const texts = [Int32Array.of(1, 5, 9, 3, 22, 0, 7)];
    for (const rslora of [false, true]) {
      const lora = {
        r: 4,
        alpha: 6,
        dropout: 0.1,
        targets: ["q_proj", "o_proj", "up_proj"],
        ...(rslora ? { rslora } : {}),
      };
      assert.equal(scalingOf(lora), rslora ? 3 : 1.5);
      const params = initLora(config, lora, 1);
      for (const [name, t] of Object.entries(params)) {
        if (name.includes("lora_B")) t.data.set(draw(name, ...t.shape).data);
      }
      const merged = mergedTensors(model, { params, lora });
      const file = join(folder, `merged-${rslora}.safetensors`);
      const mergedHash = await writeSafetensors(file, merged);
      using own = await openSafetensors(file);
      const [with_] = await logitsOf(baseOf(model), texts, { adapter: { params, lora }, cache: false });
      const other = baseOf({ ...model, weights: own, hash: mergedHash });
      const [alone] = await logitsOf(other, texts, { cache: false });
      const [base] = await logitsOf(baseOf(model), texts, { cache: false });
      alone.forEach((x, i) => assert.ok(Math.abs(x - with_[i]) < 1e-4));
      assert.ok(alone.some((x, i) => Math.abs(x - base[i]) > 0.1), "the adapter changes nothing");
      for (const name of weights.tensors.keys()) { // what is not adapted keeps its bits
        const changed = loraName(name, "A") in params;
        const [before, after] = [(await weights.read(name)).data, (await own.read(name)).data];
        assert.equal(Buffer.compare(bytes(before), bytes(after)) !== 0, changed, name);
      }
    }
  }));

const bytes = (data: { buffer: ArrayBufferLike }) => new Uint8Array(data.buffer);

Deno.test("checkFloatRange() refuses what a type cannot hold, and takes its largest", () => {
  checkFloatRange("w", [65504, -65519.9, 0], "F16");
  checkFloatRange("w", [3.4e38, -3.4e38], "F32");
  assert.throws(
    () => checkFloatRange("w", [1, 65520], "F16"),
    /Cannot store w as F16: it holds 65520, past the largest half/,
  );
  assert.throws(
    () => checkFloatRange("w", [NaN], "F32"),
    /Cannot store w as F32: it holds NaN; train the adapter again/,
  );
  assert.throws(() => checkFloatRange("w", [-Infinity], "BF16"), /it holds -Infinity/);
});
