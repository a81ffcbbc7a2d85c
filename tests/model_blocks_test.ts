// The blocks of lib/model/blocks.ts: compiled against eager, and their written-out gradients against those that tf.js
// derives from the plain formula; attention also against loops.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { i32, jit, type Params, runEager, specsOf, type TensorData } from "../lib/jit/mod.ts";
import { attend, causalAttention, rmsNorm, rotate, swiGlu } from "../lib/model/blocks.ts";
import { attentionMask } from "../lib/model/llama.ts";
import { checkGradients, close, values } from "./oracles/jit_parity.ts";

type Block = (inputs: Record<string, tf.Tensor>) => tf.Tensor;

/** Fails unless both have equal gradients of Σ f³ with respect to every input. */
async function sameGradients(own: Block, plain: Block, params: Params): Promise<void> {
  const names = Object.keys(params);
  const gradients = (f: Block) =>
    runEager(({ p }) => {
      const cubed = (...list: tf.Tensor[]) => {
        const y = f(Object.fromEntries(names.map((name, i) => [name, list[i]])));
        return tf.sum(tf.mul(tf.square(y), y));
      };
      const grads = tf.grads(cubed)(names.map((name) => p[name]));
      return Object.fromEntries(names.map((name, i) => [name, grads[i]]));
    }, { p: params });
  const actual = await gradients(own), expected = await gradients(plain);
  for (const name of names) close(actual[name] as TensorData, expected[name] as TensorData, name, 1e-5);
}

Deno.test("rmsNorm() has the gradient that tf.js derives from its formula", async () => {
  const x = values([5, 7], "x"), w = values([7], "w");
  await checkGradients(({ x }, { w }) => rmsNorm(x as tf.Tensor2D, w, 1e-5), { x }, { w }, 1e-5);
  const weight = () => tf.tensor(w.data, [7]);
  await sameGradients(
    ({ x }) => rmsNorm(x as tf.Tensor2D, weight(), 1e-5),
    ({ x }) => tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), weight()),
    { x },
  );
});

Deno.test("swiGlu() has the gradients that tf.js derives from its formula", async () => {
  const params = { g: values([4, 6], "g"), u: values([4, 6], "u") };
  const own: Block = ({ g, u }) => swiGlu(g as tf.Tensor2D, u as tf.Tensor2D);
  await checkGradients(own, params, {}, 1e-5);
  await sameGradients(own, ({ g, u }) => tf.mul(tf.mul(g, tf.sigmoid(g)), u), params);
});

Deno.test("rotate() turns pairs by their angles, and its gradient turns back", async () => {
  const x = values([2, 3, 5, 4], "x"), angle = values([2, 1, 5, 2], "angle");
  const rope = (angle: tf.Tensor) => ({ cos: tf.cos(angle), sin: tf.sin(angle) });
  await checkGradients(({ x }, { angle }) => rotate(x, rope(angle)), { x }, { angle }, 1e-5);
  const { out } = await runEager(({ p }) => ({ out: rotate(p.x, rope(p.angle)) }), { p: { x, angle } });
  const at = (b: number, h: number, t: number, i: number) => x.data[((b * 3 + h) * 5 + t) * 4 + i];
  (out as TensorData).data.forEach((y, n) => {
    const i = n % 4, t = Math.floor(n / 4) % 5, h = Math.floor(n / 20) % 3, b = Math.floor(n / 60);
    const phi = angle.data[(b * 5 + t) * 2 + i % 2], other = at(b, h, t, (i + 2) % 4);
    const expected = at(b, h, t, i) * Math.cos(phi) + (i < 2 ? -1 : 1) * other * Math.sin(phi);
    assert.ok(Math.abs(y - expected) < 1e-6, `element ${n}`);
  });
});

/** softmax(q kᵀ / √hd + mask) v with tf.js's own gradients and repeated key/value heads. */
function plainAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  const [, heads, , hd] = q.shape, [B, kv, T] = k.shape;
  const repeat = (x: tf.Tensor) =>
    tf.reshape(tf.stack(Array.from({ length: heads / kv }, () => x), 2), [B, heads, T, hd]);
  const scores = tf.add(tf.div(tf.matMul(q, repeat(k), false, true), Math.sqrt(hd)), mask);
  return tf.matMul(tf.softmax(scores), repeat(v));
}

Deno.test("attend() has the gradients that tf.js derives from its formula", async () => {
  const params = { q: values([2, 4, 3, 2], "q"), k: values([2, 2, 5, 2], "k"), v: values([2, 2, 5, 2], "v") };
  const mask = values([2, 1, 3, 5], "mask");
  await checkGradients(({ q, k, v }, { mask }) => attend(q, k, v, mask), params, { mask }, 1e-5);
  const masked = () => tf.tensor(mask.data, mask.shape);
  await sameGradients(
    ({ q, k, v }) => attend(q, k, v, masked()),
    ({ q, k, v }) => plainAttention(q, k, v, masked()),
    params,
  );
});

Deno.test("causalAttention() cut into blocks is attention under the whole mask", async () => {
  const B = 1, T = 300, hd = 2;
  const params = {
    q: values([B, 2, T, hd], "q"),
    k: values([B, 1, T, hd], "k"),
    v: values([B, 1, T, hd], "v"),
  };
  const segments = i32([B, T], Int32Array.from({ length: T }, (_, t) => t < 170 ? 1 : t < 290 ? 2 : 0));
  const program =
    (attention: typeof plainAttention) => ({ p, s }: Record<string, Record<string, tf.Tensor>>) => {
      const mask = attentionMask(s.segments);
      const weigh = tf.cos(tf.reshape(tf.range(0, 2 * T * hd, 1, "float32"), [B, 2, T, hd]));
      const loss = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
        tf.sum(tf.mul(attention(q, k, v, mask), weigh));
      const [dq, dk, dv] = tf.grads(loss)([p.q, p.k, p.v]);
      return { out: attention(p.q, p.k, p.v, mask), dq, dk, dv };
    };
  const args = { p: params, s: { segments } };
  const expected = await runEager(program(plainAttention), args);
  const eager = await runEager(program(causalAttention), args);
  const compiled = await jit(program(causalAttention), { p: specsOf(params), s: specsOf(args.s) }, {
    cache: false,
  });
  const actual = await compiled(args);
  await compiled.close();
  for (const [name, tensor] of Object.entries(expected)) {
    close(eager[name] as TensorData, tensor as TensorData, `eager ${name}`, 1e-5);
    close(actual[name] as TensorData, tensor as TensorData, `compiled ${name}`, 1e-5);
  }
});
