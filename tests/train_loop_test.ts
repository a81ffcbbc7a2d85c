// The training loop on a small model in a real weights file: what a step computes, and that nothing but the settings
// changes a result. The 135M model: train_resume_test.ts, train_peft_parity_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Params } from "../lib/jit/mod.ts";
import { requestStop } from "../lib/run/stop.ts";
import { readJsonl } from "../lib/run/files.ts";
import { stepPlan, train } from "../lib/train/mod.ts";
import { inFolder } from "./folder.ts";
import { smallBase } from "./oracles/small_model.ts";
import {
  checkpointIn,
  gradientBetween,
  loopGradient,
  loopLosses,
  lora,
  metricsIn,
  quiet,
  sequences,
  settings,
  smallRun as run,
  smoothing,
  timeless,
  warmAdapter,
} from "./oracles/small_run.ts";

Deno.test("train() reports each sample's loss as the loops compute it", () =>
  inFolder(async (folder) => {
    const { metrics } = await run(folder, { steps: 2, shuffle: false });
    const model = await smallBase(folder);
    metrics[0].samples.forEach((sample, s) => {
      const { loss } = loopLosses(model, sequences[s], {}, smoothing[s]); // B = 0: the adapter changes nothing yet
      assert.equal(sample.id, `s${s}`);
      assert.equal(sample.targets, loss.length);
      assert.ok(Math.abs(sample.loss - loss.reduce((a, b) => a + b) / loss.length) < 1e-5);
    });
    const mean = metrics[0].samples.reduce((sum, s) => sum + s.loss, 0) / 3;
    assert.ok(Math.abs(metrics[0].loss - mean) < 1e-12);
    assert.deepEqual(metrics[1].samples.map((s) => s.id), ["s3", "s4"]);
    assert.equal(metrics[0].tokens, 7 + 3 + 14);
  }));

Deno.test("train() follows the gradient of that loss: finite differences of the loops agree", () =>
  inFolder(async (folder) => {
    const model = await smallBase(folder), init = warmAdapter(model.config);
    const lossOf = (params: Params) =>
      [0, 1].reduce((sum, s) => {
        const { loss } = loopLosses(model, sequences[s], params, smoothing[s]);
        return sum + loss.reduce((a, b) => a + b) / loss.length / 2;
      }, 0);
    const grads = loopGradient(init, lossOf);
    const { metrics, adapter, dir } = await run(folder, { batch: 2, steps: 1, shuffle: false }, { init });
    const all = Object.values(grads).flatMap((map) => [...map.values()]);
    const norm = Math.sqrt(all.reduce((s, g) => s + g * g, 0));
    assert.ok(Math.abs(metrics[0].grad_norm / norm - 1) < 1e-4, `${metrics[0].grad_norm} ${norm}`);
    const taken = gradientBetween((await checkpointIn(dir)).m);
    for (const [name, { data }] of Object.entries(adapter.params)) {
      data.forEach((v, i) => {
        const g = grads[name].get(i)!, kept = init[name].data[i] * (1 - 0.02 * 0.01);
        assert.ok(Math.abs(taken[name][i] - g) < 1e-4 * norm, `${name}[${i}]: ${taken[name][i]} ${g}`);
        // Adam's first step has the gradient's sign wherever it is not tiny.
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
    const metrics = await metricsIn(dir);
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
    const metrics = await metricsIn(dir);
    assert.deepEqual(timeless(metrics), timeless(whole.metrics));
  }));

Deno.test("train() refuses a folder of another run and leaves it as it is", () =>
  inFolder(async (folder) => {
    const { dir } = await run(folder);
    const before = await Deno.readFile(join(dir, "checkpoint.safetensors"));
    const { base } = await smallBase(folder);
    await assert.rejects(
      train(base, sequences, smoothing, { ...settings, lr: 0.5 }, { dir, ...quiet }),
      /^InputError: Cannot resume in .*other settings, data or model \(lr is 0\.02 there and 0\.5 here\); give another folder/,
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
