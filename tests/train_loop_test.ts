// The training loop on a small model in a real weights file: what a step computes, and that nothing but the settings
// changes a result. The 135M model: train_resume_test.ts, train_peft_parity_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Params } from "../lib/jit/mod.ts";
import { initLora, type LoraConfig } from "../lib/model/lora.ts";
import type { Sequence } from "../lib/model/rows.ts";
import { requestStop } from "../lib/run/stop.ts";
import { readJsonl } from "../lib/run/files.ts";
import { type StepMetrics, stepPlan, train, type TrainSettings } from "../lib/train/loop.ts";
import { inFolder } from "./folder.ts";
import { loopHidden, loopLogProbs, loopSmoothedLoss, smallBase } from "./oracles/small_model.ts";

const lora: LoraConfig = { r: 2, alpha: 4, dropout: 0, targets: ["q_proj", "v_proj"] };
const settings: TrainSettings = {
  lora,
  batch: 3,
  steps: 6,
  lr: 0.02,
  warmup: 0,
  schedule: "constant",
  weightDecay: 0.01,
  clip: 0,
  seed: 1,
  shuffle: true,
  maxRows: 4,
  threads: 1,
};
const ids = [[1, 5, 9, 3, 22, 7, 2], [4, 4, 8], [11, 0, 2, 13, 6, 12, 1, 1, 9, 3, 5, 20, 21, 2], [
  7,
  8,
  9,
  10,
], [3, 3, 1, 19, 15]];
const sequences: Sequence[] = ids.map((list, i) => ({
  id: `s${i}`,
  ids: Int32Array.from(list),
  supervised: Uint8Array.from(list, (_, j) => j > i % 3 ? 1 : 0),
}));
const smoothing = [0, 0.1, 0.3, 0.6, 0.9];
const quiet = { jit: { cache: false as const } };

async function run(folder: string, change: Partial<TrainSettings> = {}, name = crypto.randomUUID()) {
  const { base } = await smallBase(folder);
  const dir = join(folder, name);
  const result = await train(base, sequences, smoothing, { ...settings, ...change }, { dir, ...quiet });
  const metrics = (await readJsonl(join(dir, "metrics.jsonl"))).map(({ value }) => value as StepMetrics);
  return { ...result, metrics, dir };
}

const flat = (params: Params) => Object.values(params).flatMap(({ data }) => Array.from(data));
const timeless = (metrics: StepMetrics[]) => metrics.map((m) => ({ ...m, seconds: 0 }));

Deno.test("train() reports each sample's loss as the loops compute it", () =>
  inFolder(async (folder) => {
    const { metrics } = await run(folder, { steps: 2, shuffle: false });
    const { config, weights } = await smallBase(folder);
    metrics[0].samples.forEach((sample, s) => {
      const { ids, supervised } = sequences[s];
      const hidden = loopHidden(config, weights, ids); // B = 0: the adapter changes nothing yet
      const at = Array.from(ids.keys()).filter((i) => supervised[i]);
      const losses = at.map((i) =>
        loopSmoothedLoss(loopLogProbs(config, weights, hidden[i - 1]), ids[i], smoothing[s])
      );
      assert.equal(sample.id, `s${s}`);
      assert.equal(sample.targets, at.length);
      assert.ok(Math.abs(sample.loss - losses.reduce((a, b) => a + b) / losses.length) < 1e-5);
    });
    const mean = metrics[0].samples.reduce((sum, s) => sum + s.loss, 0) / 3;
    assert.ok(Math.abs(metrics[0].loss - mean) < 1e-12);
    assert.deepEqual(metrics[1].samples.map((s) => s.id), ["s3", "s4"]);
    assert.equal(metrics[0].tokens, 7 + 3 + 14);
  }));

Deno.test("train() follows the gradient of that loss: finite differences of the loops agree", () =>
  inFolder(async (folder) => {
    const { base, config, weights } = await smallBase(folder);
    const init = initLora(config, lora, 1);
    for (const [name, t] of Object.entries(init)) {
      if (name.includes("lora_B")) t.data.forEach((_, i) => t.data[i] = 0.05 * Math.sin(i + 1));
    }
    const lossOf = (params: Params) => {
      let total = 0;
      for (const s of [0, 1]) {
        const { ids, supervised } = sequences[s],
          hidden = loopHidden(config, weights, ids, params, lora.alpha / lora.r);
        const at = Array.from(ids.keys()).filter((i) => supervised[i]);
        for (const i of at) {
          total += loopSmoothedLoss(loopLogProbs(config, weights, hidden[i - 1]), ids[i], smoothing[s]) /
            at.length / 2;
        }
      }
      return total;
    };
    const grads: Params = {};
    for (const [name, { shape, data }] of Object.entries(init)) {
      grads[name] = { dtype: "float32", shape, data: new Float32Array(data.length) };
    }
    const h = 1e-4;
    for (const [name, { data }] of Object.entries(init)) {
      for (let i = 0; i < data.length; i++) {
        const moved = (by: number) =>
          lossOf({
            ...init,
            [name]: { ...init[name], data: Float64Array.from(data, (v, j) => j === i ? v + by : v) as never },
          });
        grads[name].data[i] = (moved(h) - moved(-h)) / (2 * h);
      }
    }
    const dir = join(folder, "gradient");
    const result = await train(base, sequences, smoothing, {
      ...settings,
      batch: 2,
      steps: 1,
      shuffle: false,
    }, {
      dir,
      init,
      ...quiet,
    });
    const norm = Math.sqrt(flat(grads).reduce((s, g) => s + g * g, 0));
    const [{ value }] = await readJsonl(join(dir, "metrics.jsonl"));
    assert.ok(
      Math.abs((value as StepMetrics).grad_norm / norm - 1) < 1e-4,
      `${(value as StepMetrics).grad_norm} ${norm}`,
    );
    // Adam's first step has the gradient's sign wherever it is not tiny.
    for (const [name, { data }] of Object.entries(result.adapter.params)) {
      data.forEach((v, i) => {
        const g = grads[name].data[i], kept = init[name].data[i] * (1 - 0.02 * 0.01);
        if (Math.abs(g) > 1e-3) assert.ok(Math.abs(v - (kept - 0.02 * Math.sign(g))) < 1e-5, `${name}[${i}]`);
      });
    }
  }));

Deno.test("train() does not depend on micro-batches, packing or the other rows", () =>
  inFolder(async (folder) => {
    const whole = { batch: 5 }; // an epoch a step: three rows
    const one = await run(folder, { ...whole, maxRows: 1 }),
      four = await run(folder, { ...whole, maxRows: 4 });
    assert.notDeepEqual(one.layout, four.layout);
    for (const [i, m] of one.metrics.entries()) {
      assert.ok(Math.abs(m.loss - four.metrics[i].loss) < 1e-5);
      assert.ok(Math.abs(m.grad_norm / four.metrics[i].grad_norm - 1) < 1e-4);
    }
    const dropped = { ...whole, lora: { ...lora, dropout: 0.3 } };
    const a = await run(folder, { ...dropped, maxRows: 1 }),
      b = await run(folder, { ...dropped, maxRows: 4 });
    assert.ok(Math.abs(a.metrics[0].grad_norm / b.metrics[0].grad_norm - 1) < 1e-4);
    assert.ok(
      Math.abs(a.metrics[0].grad_norm / one.metrics[0].grad_norm - 1) > 1e-3,
      "dropout changes something",
    );
  }));

Deno.test("train() is bit-identical when stopped and resumed at every step, with dropout", () =>
  inFolder(async (folder) => {
    const change = { lora: { ...lora, dropout: 0.2 }, warmup: 2, schedule: "cosine" as const };
    const whole = await run(folder, change);
    const { base } = await smallBase(folder);
    const dir = join(folder, "stopped");
    let last;
    for (let turn = 1; turn <= settings.steps; turn++) {
      last = await train(base, sequences, smoothing, { ...settings, ...change }, {
        dir,
        ...quiet,
        onStep: () => requestStop(dir),
      });
      assert.equal(last.steps, turn === settings.steps ? turn : Math.min(2 * turn, settings.steps));
      if (!last.stopped) break;
    }
    assert.deepEqual(last!.adapter, whole.adapter);
    const metrics = (await readJsonl(join(dir, "metrics.jsonl"))).map(({ value }) => value as StepMetrics);
    assert.deepEqual(timeless(metrics), timeless(whole.metrics));
  }));

Deno.test("train() goes on from the last checkpoint and drops metrics written after it", () =>
  inFolder(async (folder) => {
    const whole = await run(folder);
    const { base } = await smallBase(folder);
    const dir = join(folder, "cut");
    const killed = train(base, sequences, smoothing, settings, {
      dir,
      ...quiet,
      checkpointEvery: 2,
      onStep: ({ step }) => {
        if (step === 5) throw new Error("killed");
      },
    });
    await assert.rejects(killed, /killed/);
    assert.equal((await readJsonl(join(dir, "metrics.jsonl"))).length, 5);
    await Deno.writeTextFile(join(dir, "metrics.jsonl"), `{"step": 6, "lo`, { append: true }); // torn by the kill
    const resumed = await train(base, sequences, smoothing, settings, { dir, ...quiet });
    assert.equal(resumed.resumedFrom, 4);
    assert.deepEqual(resumed.adapter, whole.adapter);
    const metrics = (await readJsonl(join(dir, "metrics.jsonl"))).map(({ value }) => value as StepMetrics);
    assert.deepEqual(timeless(metrics), timeless(whole.metrics));
  }));

Deno.test("train() refuses a folder of another run and leaves it as it is", () =>
  inFolder(async (folder) => {
    const { dir } = await run(folder);
    const before = await Deno.readFile(join(dir, "checkpoint.safetensors"));
    const { base } = await smallBase(folder);
    await assert.rejects(
      train(base, sequences, smoothing, { ...settings, lr: 0.5 }, { dir, ...quiet }),
      /^InputError: Cannot resume in .*other settings, data or model .*; give another folder/,
    );
    assert.deepEqual(await Deno.readFile(join(dir, "checkpoint.safetensors")), before);
    assert.equal((await readJsonl(join(dir, "metrics.jsonl"))).length, settings.steps);
  }));

Deno.test("train() stops at a loss that is not finite and names step and samples", () =>
  inFolder(async (folder) => {
    await assert.rejects(
      run(folder, { lr: 1e30, shuffle: false }),
      /^Error: Cannot go on training: at step 2 the loss is NaN.*samples s3, s4\)/,
    );
  }));

Deno.test("train() refuses a folder that holds something else", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder);
    const dir = join(folder, "theirs");
    await Deno.mkdir(dir);
    await Deno.writeTextFile(join(dir, "metrics.jsonl"), "theirs\n");
    await assert.rejects(
      train(base, sequences, smoothing, settings, { dir, ...quiet }),
      /^InputError: Cannot train into .*it holds metrics\.jsonl but no checkpoint/,
    );
    assert.equal(await Deno.readTextFile(join(dir, "metrics.jsonl")), "theirs\n");
  }));

Deno.test("train() never leaves an adapter that is not finite", () =>
  inFolder(async (folder) => {
    await assert.rejects(
      run(folder, { steps: 1, lr: 1e300 }),
      /Cannot go on training: after step 1 the adapter is not finite \(learning rate 1e\+300/,
    );
  }));

Deno.test("train() refuses no examples and examples without targets", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder);
    const bare = { ...sequences[0], supervised: new Uint8Array(7) };
    await assert.rejects(
      train(base, [], [], settings, { dir: join(folder, "a"), ...quiet }),
      /^InputError: Cannot train: there are no examples/,
    );
    await assert.rejects(
      train(base, [bare], [0], settings, { dir: join(folder, "b"), ...quiet }),
      /^RangeError: Cannot train on s0/,
    );
  }));

Deno.test("stepPlan() takes every sample once an epoch, in the file's order without shuffling", () => {
  assert.deepEqual(stepPlan(5, { batch: 2, steps: 5, seed: 0, shuffle: false }), [
    [0, 1],
    [2, 3],
    [4],
    [0, 1],
    [2, 3],
  ]);
  const plan = stepPlan(5, { batch: 2, steps: 6, seed: 0, shuffle: true });
  for (const epoch of [plan.slice(0, 3), plan.slice(3)]) {
    assert.deepEqual(epoch.flat().toSorted(), [0, 1, 2, 3, 4]);
  }
  assert.notDeepEqual(plan.slice(0, 3), plan.slice(3));
});
