// AdamW, clipping and the schedules against their formulas in float64 and what PyTorch and transformers stored
// (tests/parity/torch). PyTorch's own steps: train_peft_parity_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
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

const stored = JSON.parse(
  Deno.readTextFileSync(join(import.meta.dirname!, "parity/torch/reference.json")),
);

Deno.test("clipGradients() gives what torch.nn.utils.clip_grad_norm_ gives", () => {
  for (const { grads, limit, norm, clipped } of stored.clip) {
    const own = Object.fromEntries(grads.map((g: number[], i: number) => [String(i), f32([g.length], g)]));
    const length = gradientNorm(own);
    assert.ok(Math.abs(length / norm - 1) < 1e-6);
    clipGradients(own, length, limit);
    const scale = Math.min(1, limit / (Math.hypot(...grads.flat()) + 1e-6)); // torch's formula
    grads.flat().forEach((g: number, i: number) => {
      const got = [...own["0"].data, ...own["1"].data][i];
      assert.ok(Math.abs(got - clipped.flat()[i]) <= 1e-6 * Math.abs(clipped.flat()[i]), `torch, ${limit}`);
      assert.ok(Math.abs(got - g * scale) <= 1e-6 * Math.abs(g * scale), `formula, ${limit}`);
    });
  }
});

Deno.test("learningRate() is transformers' schedule, its warm-up one step earlier", () => {
  for (const schedule of ["linear", "cosine"] as const) {
    for (const { warmup, total, rates } of stored[schedule]) {
      for (let step = 1; step <= total; step++) {
        const got = learningRate(step, total, { lr: 1, warmup, schedule });
        const theirs = step < warmup ? rates[step] : rates[step - 1]; // both have the full rate after the warm-up
        const want = step === warmup ? 1 : theirs;
        assert.ok(Math.abs(got - want) < 1e-12, `${schedule}, ${warmup} of ${total}, step ${step}: ${got}`);
      }
    }
  }
});
