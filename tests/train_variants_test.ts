// How a step's loss may be made: weighting by sample and by token, the released code's divisor, steps and learning rate,
// smoothing by perplexity and by entropy. Against loops in float64 on a small model.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Params } from "../lib/jit/mod.ts";
import { baseOf, openSafetensors, score, type Sequence, writeSafetensors } from "../lib/model/mod.ts";
import {
  learningRate,
  releasedWarmup,
  stepCount,
  stepPlan,
  train,
  type TrainSettings,
} from "../lib/train/mod.ts";
import { entropyUncertainty, readSmoothing } from "../lib/uncertainty/mod.ts";
import { inFolder } from "./folder.ts";
import { bisectedMapping } from "./oracles/map_oracle.ts";
import { loopHidden, loopLogProbs, smallBase } from "./oracles/small_model.ts";
import {
  checkpointIn,
  gradientBetween,
  loopGradient,
  loopLosses,
  metricsIn,
  quiet,
  sequences,
  settings,
  smallRun,
  smoothing,
  timeless,
  warmAdapter,
} from "./oracles/small_run.ts";

const near = (a: number, b: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} is not ${b}`);
const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);

function nearGradient(
  m: Params,
  before: Params | undefined,
  want: Record<string, Map<number, number>>,
  what: string,
) {
  const scale = Math.max(...Object.values(want).flatMap((map) => [...map.values()]).map(Math.abs));
  const got = gradientBetween(m, before);
  for (const [name, map] of Object.entries(want)) {
    map.forEach((g, i) => near(got[name][i], g, 2e-4 * scale, `${what}: gradient ${i} of ${name}`));
  }
}

/** How each kind makes a step's loss of its samples' summed losses. */
const KINDS: [string, Partial<TrainSettings>, (sums: number[], chosen: Sequence[]) => number][] = [
  [
    "sample",
    { weighting: "sample" },
    (sums, chosen) => sum(sums.map((x, i) => x / sum(chosen[i].supervised))) / sums.length,
  ],
  ["token", { weighting: "token" }, (sums, chosen) => sum(sums) / sum(chosen.map((s) => sum(s.supervised)))],
  // The released code's divisor counts the labels before the shift: of a sequence that is learnt whole also the first.
  [
    "released-code",
    { fidelity: "released-code", warmup: 2 },
    (sums, chosen) =>
      sum(sums.map((x, i) => x / (sum(chosen[i].supervised) + chosen[i].supervised[1]))) / sums.length,
  ],
];

for (const [name, change, lossOf] of KINDS) {
  Deno.test(`train() weighs as ${name}: loss and gradient of the loops`, () =>
    inFolder(async (folder) => {
      const model = await smallBase(folder), init = warmAdapter(model.config);
      const own = { ...change, steps: 1, shuffle: false };
      const { metrics: [step], dir } = await smallRun(folder, own, { init });
      const chosen = sequences.slice(0, 3);
      const total = (adapter: Params) =>
        lossOf(chosen.map((s, i) => sum(loopLosses(model, s, adapter, smoothing[i]).loss)), chosen);
      near(step.loss, total(init), 1e-5, "loss");
      const plain = chosen.map((s, i) => sum(loopLosses(model, s, init, smoothing[i]).nll));
      if (name !== "released-code") near(step.nll, lossOf(plain, chosen), 1e-5, "nll");
      nearGradient((await checkpointIn(dir)).m, undefined, loopGradient(init, total, 7), name);
    }));
}

Deno.test("train() weighs the same whatever the micro-batches, by token and as the released code", () =>
  inFolder(async (folder) => {
    for (const [name, change] of KINDS.slice(1)) {
      const [one, four] = [1, 4].map((maxRows) =>
        smallRun(folder, { ...change, batch: 5, maxRows, steps: 3 })
      );
      const [a, b] = [await one, await four];
      assert.notDeepEqual(a.layout, b.layout);
      a.metrics.forEach((m, i) => {
        near(m.loss, b.metrics[i].loss, 1e-5, name);
        near(m.grad_norm / (b.metrics[i].grad_norm || 1), a.metrics[i].grad_norm ? 1 : 0, 1e-4, name);
      });
    }
  }));

Deno.test("learningRate() of the released code: 4.63e-5 on LIMA, 4.68e-5 on Deita, and 0 at first", () => {
  for (const [count, steps, peak] of [[1030, 160, "4.63e-5"], [6000, 937, "4.68e-5"]] as const) {
    const plan = { batch: 64, epochs: 10, fidelity: "released-code" } as const;
    assert.equal(stepCount(count, plan), steps);
    const warmup = releasedWarmup(10 * count);
    assert.equal(warmup, count);
    const rate = (step: number) =>
      learningRate(step, steps, { lr: 3e-4, warmup, schedule: "constant", fidelity: "released-code" });
    const rates = Array.from({ length: steps }, (_, i) => rate(i + 1));
    assert.equal(rates[0], 0);
    assert.equal(Math.max(...rates), rates.at(-1));
    assert.equal(rates.at(-1)!.toExponential(2), peak);
    // Their loop, one micro-iteration after the other: the rate at hand when 64 gradients have come together.
    let stepCountThere = 0, lr = 3e-4;
    for (let iteration = 0; iteration < 10 * count; iteration++) {
      if (stepCountThere <= warmup) lr = 3e-4 * stepCountThere / warmup;
      if ((iteration + 1) % 64 === 0) near(lr, rates[stepCountThere++], 1e-18, `step ${stepCountThere}`);
    }
    assert.equal(stepCountThere, steps);
  }
  const short = { lr: 1, warmup: 2, schedule: "constant", fidelity: "released-code" } as const;
  assert.deepEqual([1, 2, 3, 4, 5].map((step) => learningRate(step, 5, short)), [0, 0.5, 1, 1, 1]);
  assert.throws(() => releasedWarmup(9), /^InputError: .* a tenth of 9 samples/);
  assert.throws(
    () => stepCount(5, { batch: 64, epochs: 10, fidelity: "released-code" }),
    /^InputError: .* 10 passes over 5 samples do not fill one step of 64/,
  );
});

Deno.test("stepPlan() of the released code: full steps, drawn with replacement or running through the file", () => {
  const plan = { batch: 4, steps: 50, seed: 3, fidelity: "released-code" } as const;
  const drawn = stepPlan(10, { ...plan, shuffle: true });
  assert.ok(drawn.every((step) => step.length === 4 && step.every((i) => i >= 0 && i < 10)));
  assert.ok(drawn.some((step) => new Set(step).size < 4), "some step draws a sample twice");
  const counts = Array.from({ length: 10 }, (_, i) => drawn.flat().filter((j) => j === i).length);
  const deviation = Math.sqrt(200 * 0.1 * 0.9); // of a binomial count, mean 20
  assert.ok(counts.every((n) => Math.abs(n - 20) < 4 * deviation), `${counts}`);
  assert.deepEqual(stepPlan(3, { ...plan, steps: 2, shuffle: false }), [[0, 1, 2, 0], [1, 2, 0, 1]]);
});

Deno.test("train() gives a sample that a step draws twice two dropout masks", () =>
  inFolder(async (folder) => {
    const twice = { fidelity: "released-code", warmup: 1, shuffle: false, batch: 6, steps: 1 } as const;
    const { config } = await smallBase(folder), init = warmAdapter(config);
    const { metrics: [step] } = await smallRun(
      folder,
      { ...twice, lora: { ...settings.lora, dropout: 0.5 } },
      { init },
    );
    const [first, again] = [step.samples[0], step.samples[5]];
    assert.deepEqual([first.id, again.id], ["s0", "s0"]);
    assert.notEqual(first.nll, again.nll);
    const plain = await smallRun(folder, twice, { init });
    near(plain.metrics[0].samples[0].nll, plain.metrics[0].samples[5].nll, 1e-6, "without dropout");
  }));

const ppl = { method: "perplexity", mean: 0.3, ceiling: 0.33 } as const;

Deno.test("train() by perplexity smooths and learns as loops over its definition do, for five steps", () =>
  inFolder(async (folder) => {
    const model = await smallBase(folder), init = warmAdapter(model.config);
    const dir = join(folder, "ppl"), seen: Record<string, Params>[] = [];
    const change = { ...settings, steps: 5, batch: 2, lr: 0.2 };
    await train(model.base, sequences, ppl, change, {
      dir,
      init,
      ...quiet,
      checkpointEvery: 1,
      onStep: async () => void seen.push(await checkpointIn(dir)),
    });
    let total = 0, count = 0, cut = 0;
    for (const [i, metrics] of (await metricsIn(dir)).entries()) {
      const adapter = i ? seen[i - 1].params : init;
      const chosen = metrics.samples.map(({ id }) => sequences.find((s) => s.id === id)!);
      const nll = chosen.map((s) => {
        const list = loopLosses(model, s, adapter, 0).nll;
        return sum(list) / list.length;
      });
      const want = nll.map((x) => count ? Math.min(Math.max(0.3 * x / (total / count), 0), 0.33) : 0.3);
      cut += want.filter((s) => s === 0.33).length;
      metrics.samples.forEach((sample, k) => {
        near(sample.nll, nll[k], 1e-5, `step ${i + 1}: nll of ${sample.id}`);
        near(sample.smoothing, want[k], 2e-6, `step ${i + 1}: smoothing of ${sample.id}`);
      });
      const lossOf = (adapter: Params) => {
        const own = chosen.map((s, k) => loopLosses(model, s, adapter, want[k]).loss); // s held: it has no gradient
        return sum(own.map((list) => sum(list) / list.length)) / own.length;
      };
      near(metrics.loss, lossOf(adapter), 1e-5, `step ${i + 1}: loss`);
      nearGradient(seen[i].m, seen[i - 1]?.m, loopGradient(adapter, lossOf, 11), `step ${i + 1}`);
      total += sum(nll);
      count += nll.length;
    }
    assert.ok(cut > 0, "the ceiling was met");
  }));

Deno.test("train() by perplexity does not depend on micro-batches, and resumes to the same bits", () =>
  inFolder(async (folder) => {
    const change = { batch: 5, steps: 5, lora: { ...settings.lora, dropout: 0.2 } };
    const [one, four] = [
      await smallRun(folder, { ...change, maxRows: 1 }, { how: ppl }),
      await smallRun(folder, { ...change, maxRows: 4 }, { how: ppl }),
    ];
    one.metrics.forEach((m, i) => {
      near(m.loss, four.metrics[i].loss, 1e-5, "loss");
      m.samples.forEach((s, k) => near(s.smoothing, four.metrics[i].samples[k].smoothing, 1e-5, s.id));
    });
    const killed = (name: string, at: number) =>
      assert.rejects(
        smallRun(folder, { ...change, maxRows: 1 }, {
          how: ppl,
          name,
          checkpointEvery: 1,
          onStep: ({ step }) => {
            if (step === at) throw new Error("killed");
          },
        }),
        /killed/,
      );
    await killed("broken", 2);
    const { resumedFrom, adapter, metrics } = await smallRun(folder, { ...change, maxRows: 1 }, {
      how: ppl,
      name: "broken",
    });
    assert.equal(resumedFrom, 2);
    assert.deepEqual(adapter, one.adapter);
    assert.deepEqual(timeless(metrics), timeless(one.metrics));
  }));

/** The entropy of softmax at each target of a sample under the bare model, by loops. */
function loopEntropies(
  model: Awaited<ReturnType<typeof smallBase>>,
  { ids, supervised }: Sequence,
): number[] {
  const hidden = loopHidden(model.config, model.weights, ids);
  return Array.from(ids.keys()).filter((i) => supervised[i]).map((i) =>
    -sum(loopLogProbs(model.config, model.weights, hidden[i - 1]).map((lp) => Math.exp(lp) * lp))
  );
}

Deno.test("score() with entropy equals the loop over the vocabulary", () =>
  inFolder(async (folder) => {
    const model = await smallBase(folder);
    const scores = await score(model.base, sequences, { cache: false, entropy: true });
    const plain = await score(model.base, sequences, { cache: false });
    scores.forEach(({ entropy, nll }, i) => {
      const want = loopEntropies(model, sequences[i]);
      assert.equal(entropy!.length, want.length);
      want.forEach((h, k) => near(entropy![k], h, 5e-6, `${sequences[i].id} ${k}`));
      assert.equal(plain[i].entropy, undefined);
      nll.forEach((x, k) => near(x, plain[i].nll[k], 1e-6, "nll"));
    });
    const uncertainty = entropyUncertainty(scores, 23);
    uncertainty.forEach((u, i) => {
      const h = loopEntropies(model, sequences[i]);
      near(u, sum(h) / h.length / Math.log(23), 1e-6, `uncertainty of ${sequences[i].id}`);
      assert.ok(u > 0 && u < 1);
    });
    assert.throws(() => entropyUncertainty(plain, 23), /entropy of s0: it was scored without/);
  }));

Deno.test("score() has the entropy of a uniform and of a certain prediction", () =>
  inFolder(async (folder) => {
    const { config, weights } = await smallBase(folder);
    for (const [name, scale] of [["uniform", 0], ["certain", 1e4]] as const) {
      const path = join(folder, `${name}.safetensors`);
      const changed = Object.fromEntries(
        Object.entries(weights).map(([key, t]) => {
          if (key !== "model.norm.weight") return [key, t];
          return [key, { ...t, data: Float32Array.from(t.data, () => scale) } as Params[string]];
        }),
      );
      const hash = await writeSafetensors(path, changed);
      const file = await openSafetensors(path);
      const other = baseOf({ config, weights: file, hash } as Parameters<typeof baseOf>[0]);
      file.close();
      const scores = await score(other, sequences, { cache: false, entropy: true });
      const want = scale ? 0 : Math.log(23);
      for (const { entropy } of scores) for (const h of entropy!) near(h, want, 1e-6, name);
    }
  }));

Deno.test("train() by entropy maps the base model's entropies, keeps them, and reads them when it resumes", () =>
  inFolder(async (folder) => {
    const model = await smallBase(folder);
    const how = { method: "entropy", mean: 0.2, ceiling: 0.99 } as const, notices: string[] = [];
    const onNotice = (text: string) => void notices.push(text);
    const killed = smallRun(folder, {}, {
      how,
      onNotice,
      name: "run",
      checkpointEvery: 2,
      onStep: ({ step }) => {
        if (step === 3) throw new Error("killed");
      },
    });
    await assert.rejects(killed, /killed/);
    const path = join(folder, "run/smoothing.jsonl"), text = await Deno.readTextFile(path);
    const rows = await readSmoothing(path);
    const u = sequences.map((s) => {
      const h = loopEntropies(model, s);
      return sum(h) / h.length / Math.log(23);
    });
    const mapped = bisectedMapping(u, 0.2, 0.99).smoothing;
    rows.forEach((row, i) => {
      near(row.uncertainty!, u[i], 1e-6, `uncertainty of ${row.id}`);
      near(row.smoothing, mapped[i], 1e-6, `smoothing of ${row.id}`);
    });
    assert.deepEqual(notices, ["measuring the base model's entropy on 5 dialogues"]);
    const resumed = await smallRun(folder, {}, { how, onNotice, name: "run" });
    assert.deepEqual([resumed.resumedFrom, notices.length], [2, 1], "it was read, not measured again");
    const given = await smallRun(folder, {}, { how: rows.map((row) => row.smoothing) });
    assert.deepEqual(resumed.adapter, given.adapter);
    assert.deepEqual(timeless(resumed.metrics), timeless(given.metrics));

    await Deno.writeTextFile(path, text.replace(/"smoothing":0\.\d/, '"smoothing":0.7'));
    await assert.rejects(
      smallRun(folder, {}, { how, name: "run" }),
      /^InputError: Cannot resume in .*smoothing\.jsonl was changed after the checkpoint; delete it/,
    );
    await Deno.writeTextFile(path, text.split("\n").slice(1).join("\n"));
    await assert.rejects(
      smallRun(folder, {}, { how, name: "run" }),
      /is not of the samples that are trained on/,
    );
    await Deno.writeTextFile(path, text.slice(0, -9));
    await assert.rejects(smallRun(folder, {}, { how, name: "run" }), /Cannot resume in .*not valid JSON/);
    await Deno.remove(path);
    assert.equal((await smallRun(folder, {}, { how, name: "run" })).resumedFrom, 6);
    assert.equal(await Deno.readTextFile(path), text);
  }));

Deno.test("train() refuses a mean smoothing that its ceiling does not allow, before anything is written", () =>
  inFolder(async (folder) => {
    for (const method of ["perplexity", "entropy"] as const) {
      await assert.rejects(
        smallRun(folder, {}, { how: { method, mean: 0.5, ceiling: 0.4 }, name: "no" }),
        /^InputError: Cannot smooth with mean 0.5/,
      );
    }
    await assert.rejects(Deno.stat(join(folder, "no")), Deno.errors.NotFound);
  }));
