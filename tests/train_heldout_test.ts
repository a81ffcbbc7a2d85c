// Evaluation during training: the perplexity is that of scoring, the best adapter is kept, patience ends the run, and a
// resumed run does all of it again bit by bit. A small model; through the command line: train_cli_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { perplexity, sampleNll } from "../lib/evaluate/mod.ts";
import { score, type Sequence } from "../lib/model/mod.ts";
import { requestStop } from "../lib/run/stop.ts";
import { bestOf, type Evaluation, isExhausted } from "../lib/train/heldout.ts";
import { inFolder } from "./folder.ts";
import { smallBase } from "./oracles/small_model.ts";
import { checkpointIn, loopLosses, lora, metricsIn, smallRun, timeless } from "./oracles/small_run.ts";

/** Much like three samples that are trained on. */
const heldout: Sequence[] = [
  [1, 5, 9, 4, 22, 7, 2],
  [4, 8, 8],
  [11, 0, 2, 13, 6, 1, 1, 1, 9, 3, 5, 20, 3, 2],
].map((ids, i) => ({
  id: `h${i}`,
  ids: Int32Array.from(ids),
  supervised: Uint8Array.from(ids, (_, j) => j > i ? 1 : 0),
}));
/** A run whose held-out perplexity falls until step 14 and is higher at 16, 18 and 20. */
const change = { steps: 20, lr: 0.02, evalEvery: 2, lora: { ...lora, dropout: 0.1 } };

Deno.test("train() measures the held-out perplexity that scoring gives, and the loops", () =>
  inFolder(async (folder) => {
    const model = await smallBase(folder),
      checkpoints: Record<string, Awaited<ReturnType<typeof checkpointIn>>> = {};
    const { metrics, evaluations } = await smallRun(folder, { ...change, steps: 5 }, {
      name: "run",
      heldout,
      onStep: async ({ step, heldout }) => {
        if (heldout !== undefined) checkpoints[step] = await checkpointIn(join(folder, "run"));
      },
    });
    assert.deepEqual(metrics.map((m) => m.heldout !== undefined), [false, true, false, true, true]);
    assert.deepEqual(evaluations.map((e) => e.step), [2, 4, 5]);
    for (const { step, perplexity: value, nll, tokens } of evaluations) {
      const adapter = { params: checkpoints[step].params, lora };
      const samples = sampleNll(await score(model.base, heldout, { adapter, cache: false, threads: 1 }));
      const want = perplexity(samples);
      assert.deepEqual([value, nll, tokens], [want.perplexity, want.nll, want.tokens]);
      assert.equal(metrics[step - 1].heldout, value);
      const loops = heldout.flatMap((s) => loopLosses(model, s, adapter.params, 0).nll);
      const mean = loops.reduce((a, b) => a + b) / loops.length;
      assert.ok(Math.abs(Math.log(value) - mean) < 1e-5, `step ${step}: ${Math.log(value)} ${mean}`);
    }
  }));

Deno.test("train() keeps the adapter of the lowest held-out perplexity and stops early for want of a lower one", () =>
  inFolder(async (folder) => {
    const told: number[] = [];
    const whole = await smallRun(folder, change, { heldout, checkpointEvery: 100 });
    const values = whole.evaluations.map((e) => e.perplexity);
    const at = values.indexOf(Math.min(...values));
    assert.ok(at < values.length - 3, `three worse evaluations should follow the best: ${values}`);
    assert.equal(whole.best!.evaluation.step, 2 * (at + 1));
    assert.equal(whole.stoppedEarly, false);
    const cut = await smallRun(folder, { ...change, steps: 2 * (at + 1) }, { heldout });
    assert.deepEqual(whole.best!.adapter, cut.adapter, "the best is the adapter at that step");
    const early = await smallRun(folder, { ...change, patience: 2 }, {
      heldout,
      onBest: (_, { step }) => void told.push(step),
    });
    assert.deepEqual([early.stoppedEarly, early.stopped, early.steps], [true, false, 2 * (at + 3)]);
    assert.deepEqual(early.best, whole.best);
    assert.equal(told.at(-1), 2 * (at + 1));
    const again = await smallRun(folder, { ...change, patience: 2 }, {
      heldout,
      name: early.dir.split("/").at(-1),
    });
    assert.deepEqual([again.steps, again.resumedFrom, again.stoppedEarly], [early.steps, early.steps, true]);
    assert.deepEqual(again.best, early.best);
  }));

Deno.test("train() with evaluations is bit-identical when stopped at every step or killed after any", () =>
  inFolder(async (folder) => {
    const options = { heldout, checkpointEvery: 3 }, settings = { ...change, patience: 2 };
    const whole = await smallRun(folder, settings, options);
    const same = async (run: typeof whole) => {
      assert.deepEqual([run.adapter, run.best, run.evaluations], [
        whole.adapter,
        whole.best,
        whole.evaluations,
      ]);
      assert.deepEqual(timeless(await metricsIn(run.dir)), timeless(whole.metrics));
    };
    let run;
    do {
      const dir = join(folder, "stopped");
      run = await smallRun(folder, settings, { ...options, name: "stopped", onStep: () => requestStop(dir) });
    } while (run.stopped);
    await same(run);
    for (let at = 1; at <= whole.steps; at++) {
      const onStep = ({ step }: { step: number }) => {
        if (step === at) throw new Error("killed");
      };
      await assert.rejects(smallRun(folder, settings, { ...options, name: `${at}`, onStep }), /killed/);
      await same(await smallRun(folder, settings, { ...options, name: `${at}` }));
    }
  }));

Deno.test("train() refuses evaluations without dialogues, dialogues without evaluations, and odd numbers", () =>
  inFolder(async (folder) => {
    const refuses = (settings: object, options: object, message: RegExp) =>
      assert.rejects(smallRun(folder, settings, { name: "no", ...options }), message);
    await refuses({ evalEvery: 2 }, {}, /^InputError: .*there are no held-out dialogues; give some/);
    await refuses({ patience: 2 }, {}, /no held-out dialogues/);
    await refuses({}, { heldout }, /give some held-out dialogues and the steps between evaluations/);
    await refuses({ evalEvery: 2 }, { heldout: [] }, /give some held-out dialogues/);
    for (const [name, value] of [["evalEvery", 0], ["patience", 1.5], ["patience", -1]] as const) {
      await refuses(
        { evalEvery: 1, [name]: value },
        { heldout },
        new RegExp(`Cannot train with ${name} ${value}:`),
      );
    }
    await assert.rejects(Deno.stat(join(folder, "no")), Deno.errors.NotFound);
  }));

Deno.test("bestOf() and isExhausted() count from the first of the lowest", () => {
  const of = (...values: number[]): Evaluation[] =>
    values.map((perplexity, i) => ({ step: i + 1, perplexity, nll: 1, tokens: 1 }));
  assert.equal(bestOf([]), undefined);
  assert.equal(bestOf(of(3, 2, 2, 4))!.step, 2);
  assert.equal(isExhausted([], 1), false);
  assert.equal(isExhausted(of(3, 2, 1), 1), false);
  assert.equal(isExhausted(of(3, 2, 2), 1), true, "an equal one is no better");
  assert.deepEqual([1, 2, 3].map((n) => isExhausted(of(3, 1, 2, 4), n)), [true, true, false]);
  assert.equal(isExhausted(of(1, 2, 3, 4, 5)), false);
});
