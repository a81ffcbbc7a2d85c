// AdamW, clipping and the schedules against their formulas in float64. PyTorch's own steps: train_peft_parity_test.ts.
import assert from "node:assert/strict";
import { f32 } from "../lib/jit/mod.ts";
import { adamWState, adamWStep, clipGradients, gradientNorm } from "../lib/train/adamw.ts";
import { learningRate } from "../lib/train/schedule.ts";

Deno.test("adamWStep() follows Loshchilov and Hutter's algorithm 2", () => {
  const params = { w: f32([3], [0.5, -1, 2]) };
  const state = adamWState(params), settings = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1 };
  const w = [0.5, -1, 2], m = [0, 0, 0], v = [0, 0, 0];
  for (let t = 1; t <= 20; t++) {
    const g = [0.1 * t, -0.3, t % 2 ? 1e-3 : -1e-3], lr = 0.01 * t;
    adamWStep(params, { w: f32([3], g) }, state, lr, settings);
    for (let i = 0; i < 3; i++) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      w[i] = w[i] - lr * 0.1 * w[i] -
        lr * (m[i] / (1 - 0.9 ** t)) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8);
      assert.ok(Math.abs(params.w.data[i] - w[i]) < 2e-6, `step ${t}: ${params.w.data[i]} ${w[i]}`);
    }
  }
  assert.equal(state.step, 20);
});

Deno.test("clipGradients() scales all gradients together, and only when they are too long", () => {
  const grads = () => ({ a: f32([2], [3, 0]), b: f32([1], [4]) });
  const g = grads();
  assert.equal(gradientNorm(g), 5);
  clipGradients(g, 5, 1);
  assert.ok(Math.abs(gradientNorm(g) - 1) < 1e-6);
  for (const limit of [0, 6]) {
    const same = grads();
    clipGradients(same, 5, limit);
    assert.deepEqual(same, grads());
  }
});

Deno.test("learningRate() warms up in optimizer steps, then follows its schedule", () => {
  const rates = (schedule: "constant" | "linear" | "cosine", warmup: number) =>
    Array.from({ length: 6 }, (_, i) => learningRate(i + 1, 6, { lr: 1, warmup, schedule }));
  assert.deepEqual(rates("constant", 0), [1, 1, 1, 1, 1, 1]);
  assert.deepEqual(rates("constant", 4), [0.25, 0.5, 0.75, 1, 1, 1]);
  assert.deepEqual(rates("linear", 2).map((x) => x.toFixed(3)), [
    "0.500",
    "1.000",
    "1.000",
    "0.750",
    "0.500",
    "0.250",
  ]);
  assert.deepEqual(rates("cosine", 2).map((x) => x.toFixed(3)), [
    "0.500",
    "1.000",
    "1.000",
    "0.854",
    "0.500",
    "0.146",
  ]);
});
