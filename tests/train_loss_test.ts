// The closed-form smoothed loss against the definition: plain loops for values, tf.js's autodiff of the full target for
// gradients. PyTorch's numbers are checked in train_peft_parity_test.ts.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { f32, i32, type Params, runEager, type TensorData, valueAndGrads } from "../lib/jit/mod.ts";
import { smoothedCrossEntropy } from "../lib/train/loss.ts";
import { checkProgram, close, values } from "./oracles/jit_parity.ts";
import { loopSmoothedLoss } from "./oracles/small_model.ts";

const R = 5, D = 6, K = 11;
const params: Params = { x: values([R, D], "x") };
const batch: Params = {
  head: values([K, D], "head"),
  targets: i32([R], [3, 0, 10, 3, 7]),
  s: f32([R], [0, 0.1, 0.35, 0.8, 0.99]),
  weight: f32([R], [0.5, 0.1, 0.2, 0, 0.2]),
};

const own = valueAndGrads(({ params, batch }) => {
  const { loss, nll } = smoothedCrossEntropy(
    params.x as tf.Tensor2D,
    batch.head as tf.Tensor2D,
    batch.targets as tf.Tensor1D,
    batch.s as tf.Tensor1D,
  );
  return { value: tf.sum(tf.mul(loss, batch.weight)).asScalar(), loss, nll };
});

/** The definition: a target over all classes, and log-softmax. */
const defined = valueAndGrads(({ params, batch }) => {
  const logProbs = tf.logSoftmax(tf.matMul(params.x as tf.Tensor2D, batch.head as tf.Tensor2D, false, true));
  const s = tf.reshape(batch.s, [R, 1]);
  const hot = tf.oneHot(batch.targets as tf.Tensor1D, K) as tf.Tensor2D;
  const target = tf.add(tf.mul(hot, tf.sub(1, s)), tf.mul(tf.sub(1, hot), tf.div(s, K - 1)));
  const loss = tf.neg(tf.sum(tf.mul(target, logProbs), -1)) as tf.Tensor1D;
  return { value: tf.sum(tf.mul(loss, batch.weight)).asScalar(), loss };
});

Deno.test("smoothedCrossEntropy() equals the loop over the smoothed target", async () => {
  const { loss, nll } = await runEager(own, { params, batch }) as Record<string, TensorData>;
  for (let r = 0; r < R; r++) {
    const z = Array.from({ length: K }, (_, k) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += params.x.data[r * D + d] * batch.head.data[k * D + d];
      return sum;
    });
    const logTotal = Math.log(z.reduce((t, v) => t + Math.exp(v), 0));
    const logProbs = z.map((v) => v - logTotal), y = batch.targets.data[r];
    assert.ok(Math.abs(loss.data[r] - loopSmoothedLoss(logProbs, y, batch.s.data[r])) < 2e-6);
    assert.ok(Math.abs(nll.data[r] + logProbs[y]) < 2e-6);
  }
});

Deno.test("smoothedCrossEntropy() has the gradient of its definition", async () => {
  const a = await runEager(own, { params, batch }), b = await runEager(defined, { params, batch });
  close(a.value as TensorData, b.value as TensorData, "value");
  close((a.grads as Params).x, (b.grads as Params).x, "gradient");
});

Deno.test("smoothedCrossEntropy() compiles to the same values and gradients", async () => {
  await checkProgram(own, { params, batch });
});

Deno.test("smoothedCrossEntropy() stays finite where the target's probability underflows", async () => {
  const steep = { x: f32([R, D], params.x.data.map((v) => 200 * v)) };
  const { loss, grads } = await runEager(own, { params: steep, batch }) as {
    loss: TensorData;
    grads: Params;
  };
  assert.ok(loss.data.every(Number.isFinite) && grads.x.data.every(Number.isFinite));
});
