// Base weights in 8 bits: the values by loops, the product on exact inputs, the agreement of the real model.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { f32, jit, type Params, specsOf, type TensorData } from "../lib/jit/mod.ts";
import { baseOf } from "../lib/model/base.ts";
import { compareLogits, comparisonTexts, logitsOf } from "../lib/model/compare_logits.ts";
import { generate } from "../lib/model/generate.ts";
import { int8Base, toInt8 } from "../lib/model/int8.ts";
import { openModel } from "../lib/model/open_model.ts";
import { openSafetensors, writeSafetensors } from "../lib/model/safetensors.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { smallConfig } from "./oracles/small_model.ts";

const config = { ...smallConfig(), hiddenSize: 64, layers: 1 };
const name = "model.layers.0.self_attn.q_proj.weight";

/** A model of a few tensors: a matrix of whole blocks, one without, a vector. */
async function source(folder: string) {
  const random = stream(1, "int8"),
    draw = (n: number) => Float32Array.from({ length: n }, (_, i) => random.normal(i));
  const tensors: Params = {
    "model.embed_tokens.weight": f32([23, 64], draw(23 * 64)),
    [name]: f32([5, 64], draw(5 * 64)),
    "model.layers.0.mlp.down_proj.weight": f32([64, 20], draw(64 * 20)),
    "model.norm.weight": f32([64], draw(64)),
  };
  const path = join(folder, "model.safetensors"), hash = await writeSafetensors(path, tensors);
  return { tensors, model: { config, hash, weights: await openSafetensors(path) } };
}

Deno.test("toInt8() rounds each block of 32 to 255 steps around zero", () => {
  const x = Float32Array.from({ length: 96 }, (_, i) => i < 64 ? Math.sin(i) * (i + 1) : 0);
  const { values, scales } = toInt8(x);
  for (let block = 0; block < 3; block++) {
    let most = 0;
    for (let i = 0; i < 32; i++) most = Math.max(most, Math.abs(x[32 * block + i]));
    assert.ok(Math.abs(scales[block] - most / 127) < 1e-6);
    for (let i = 32 * block; i < 32 * block + 32; i++) {
      assert.ok(values[i] >= 1); // −127 … 127, shifted
      assert.ok(Math.abs((values[i] - 128) * scales[block] - x[i]) <= scales[block] * 0.5001);
    }
  }
});

Deno.test("int8Base() makes products of 8-bit weights, exact for inputs that 8 bits hold", () =>
  inFolder(async (folder) => {
    const { model, tensors } = await source(folder);
    using _weights = model.weights;
    const base = await int8Base(model, join(folder, "int8"));
    const x = f32(
      [2, 64],
      Float32Array.from({ length: 128 }, (_, i) => i % 32 === 0 ? 127 : (i * 37) % 255 - 127),
    );
    const run = await jit(
      ({ batch, weights }) => ({
        q: tf.matMul(batch.x as tf.Tensor2D, weights[name] as tf.Tensor2D, false, true),
        head: tf.matMul(
          batch.x as tf.Tensor2D,
          weights["model.embed_tokens.weight"] as tf.Tensor2D,
          false,
          true,
        ),
        row: tf.gather(weights["model.embed_tokens.weight"], tf.tensor1d([3], "int32")),
      }),
      { batch: specsOf({ x }) },
      { weights: base.weights, cache: false },
    );
    const made = await run({ batch: { x } }) as Record<string, TensorData>;
    assert.deepEqual(run.graph.nodes.map((n) => n.op).sort(), ["Gather", "MatMulNBits", "MatMulNBits"]);
    await run.close();
    for (const [output, weight] of [["q", name], ["head", "model.embed_tokens.weight"]]) {
      const { values, scales } = toInt8(tensors[weight].data as Float32Array), [N] = tensors[weight].shape;
      for (let r = 0; r < 2; r++) {
        for (let o = 0; o < N; o++) {
          let sum = 0;
          for (let k = 0; k < 64; k++) {
            sum += x.data[64 * r + k] * (values[64 * o + k] - 128) * scales[2 * o + (k >> 5)];
          }
          assert.ok(Math.abs(made[output].data[r * N + o] - sum) < 1e-4 * (1 + Math.abs(sum)));
        }
      }
    }
    assert.deepEqual(made.row.data, tensors["model.embed_tokens.weight"].data.slice(3 * 64, 4 * 64)); // rows stay float32
    assert.ok(!("model.layers.0.mlp.down_proj.weight.int8" in base.weights.tensors)); // 20 is no whole block
    const { mtime } = await Deno.stat(base.weights.path);
    await int8Base(model, join(folder, "int8"));
    assert.deepEqual((await Deno.stat(base.weights.path)).mtime, mtime); // made once
  }));

Deno.test("int8Base() agrees with float32 on the real model", async () => {
  const model = await openModel();
  using _weights = model.weights;
  const int8 = await int8Base(model), texts = (await comparisonTexts(model)).slice(0, 3);
  const [a, b] = [await logitsOf(baseOf(model), texts), await logitsOf(int8, texts)];
  const { top1Agreement, meanLikelihoodDifference } = compareLogits(texts, a, b);
  assert.ok(top1Agreement > 0.93 && top1Agreement < 1, `top-1 agreement ${top1Agreement}`); // seen: 0.966 on six texts
  assert.ok(meanLikelihoodDifference < 0.2, `mean difference ${meanLikelihoodDifference}`); // seen: 0.105
  const prompt = texts[0].subarray(0, 20);
  const [{ ids }] = await generate(int8, [prompt], { maxNew: 4, stop: [] });
  assert.equal(ids.length, 4);
});
