// Counter-based dropout: the mask by loops, its rate, independence, and that places in a batch do not matter.
import type * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { f32, type Params, runEager, type TensorData } from "../lib/jit/mod.ts";
import { counterDropout, KEY_SIZE, moduleKeys, tokenKeys } from "../lib/train/dropout.ts";
import { checkProgram } from "./oracles/jit_parity.ts";

const weights = ["q.weight", "v.weight"], D = 96, N = 64, RATE = 0.1;
const modules = moduleKeys(weights.map((weight) => ({ weight, inSize: D, outSize: 1 })), 7);
const ones = f32([N, D], new Float32Array(N * D).fill(1));
const keysOf = (step: number, sample: string) => f32([N, KEY_SIZE], tokenKeys(N, 7, step, sample));

const program = (weight: string) => ({ x, dropout }: Record<string, Record<string, tf.Tensor>>) => ({
  out: counterDropout(RATE, x.keys as tf.Tensor2D, dropout)(x.ones as tf.Tensor2D, weight),
});
async function mask(weight: string, keys: TensorData): Promise<number[]> {
  const { out } = await runEager(program(weight), { x: { keys, ones } as Params, dropout: modules });
  return Array.from((out as TensorData).data);
}

Deno.test("counterDropout() keeps what the loop over the keys keeps, scaled by the exact rate", async () => {
  const keys = keysOf(1, "a"), out = await mask("q.weight", keys), channel = modules["q.weight"].data;
  for (let n = 0; n < N; n++) {
    for (let d = 0; d < D; d++) {
      let product = 0;
      for (let k = 0; k < 4; k++) product += keys.data[n * KEY_SIZE + k] * channel[k * D + d];
      assert.ok(Math.abs(out[n * D + d] - (product % 1021 < 919 ? 1021 / 919 : 0)) < 1e-6);
    }
  }
});

Deno.test("counterDropout() drops the asked share, independently between modules, steps, samples and neighbours", async () => {
  const masks = [
    await mask("q.weight", keysOf(1, "a")),
    await mask("v.weight", keysOf(1, "a")),
    await mask("q.weight", keysOf(2, "a")),
    await mask("q.weight", keysOf(1, "b")),
  ].map((m) => m.map((v) => v === 0 ? 1 : 0));
  const n = N * D, share = (m: number[]) => m.reduce((a, b) => a + b, 0) / n;
  for (const m of masks) assert.ok(Math.abs(share(m) - RATE) < 4 * Math.sqrt(RATE * 0.9 / n), `${share(m)}`);
  const both = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0) / n;
  const margin = 4 * Math.sqrt(0.01 * 0.99 / n);
  for (let i = 0; i < masks.length; i++) {
    for (let j = 0; j < i; j++) assert.ok(Math.abs(both(masks[i], masks[j]) - 0.01) < margin, `${i} ${j}`);
    assert.ok(Math.abs(both(masks[i], [...masks[i].slice(1), 0]) - 0.01) < margin, "next channel");
    assert.ok(
      Math.abs(both(masks[i], [...masks[i].slice(D), ...Array(D).fill(0)]) - 0.01) < margin,
      "next token",
    );
  }
});

Deno.test("tokenKeys() of a token do not depend on how many follow", () => {
  const long = tokenKeys(50, 3, 4, "x"), short = tokenKeys(20, 3, 4, "x");
  assert.deepEqual(long.slice(0, short.length), short);
});

Deno.test("counterDropout() compiles to the same mask", async () => {
  await checkProgram(program("q.weight"), { x: { keys: keysOf(3, "c"), ones }, dropout: modules });
});
