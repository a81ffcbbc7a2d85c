// What `ual plan` counts: against plain counts, against the run itself, and that graphs grow with depth alone. How near its
// seconds and bytes come is measured by bench/plan.ts.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { f32, specsOf, traceGraph } from "../lib/jit/mod.ts";
import { flops, mappedBytes, nodeCounts, packedBytes } from "../lib/jit/cost.ts";
import { toOnnx } from "../lib/jit/onnx.ts";
import { baseOf, weightShapes } from "../lib/model/mod.ts";
import { estimateMemory, estimateTraining, stepBatches, stepSpecs } from "../lib/train/estimate.ts";
import { trainingProgram } from "../lib/train/program.ts";
import { inFolder } from "./folder.ts";
import { lora, quiet, sequences, settings, smallRun } from "./oracles/small_run.ts";
import { smallBase, smallConfig } from "./oracles/small_model.ts";
import { ended, tinyTask, tinyUal } from "./oracles/tiny_trainable.ts";

const layout = { B: 2, T: 16, R: 32 };

/** The graph of a training step of the small model with other sizes. */
function stepGraph(change: Partial<ReturnType<typeof smallConfig>>) {
  const config = { ...smallConfig(), ...change };
  const tensors: Parameters<typeof baseOf>[0]["weights"]["tensors"] = new Map();
  let at = 0;
  for (const [name, shape] of weightShapes(config)) {
    const size = 4 * shape.reduce((a, b) => a * b, 1);
    (tensors as Map<string, unknown>).set(name, { dtype: "F32", shape, begin: at, end: at += size });
  }
  const base = baseOf(
    { config, hash: "none", weights: { path: "none", tensors } } as unknown as Parameters<typeof baseOf>[0],
  );
  const graph = traceGraph(trainingProgram(config, lora), stepSpecs(base, { lora, seed: 0 }, layout), {
    weights: base.weights,
  });
  return { graph, bytes: toOnnx(graph, "none", base.weights.tensors).length, base };
}

Deno.test("flops() counts 2·M·N·K of every product, batched and transposed", () => {
  const a = f32([5, 3]), b = f32([7, 3]), c = f32([2, 4, 6]), d = f32([2, 6, 9]);
  const graph = traceGraph(({ x }) => ({
    ab: tf.matMul(x.a as tf.Tensor2D, x.b as tf.Tensor2D, false, true),
    cd: tf.matMul(x.c, x.d),
  }), { x: specsOf({ a, b, c, d }) });
  assert.equal(flops(graph), 2 * 5 * 7 * 3 + 2 * (2 * 4 * 9 * 6));
});

Deno.test("a training step's operations are twice its numbers forward and backward, as far as the adapters reach", () => {
  const { graph } = stepGraph({});
  const { hiddenSize: D, ffnSize: F, heads, kvHeads, headSize, layers, vocabSize: K } = smallConfig();
  const N = layout.B * layout.T,
    q = heads * headSize,
    kv = kvHeads * headSize,
    { T, B, R } = layout,
    { r } = lora;
  const linear = 2 * D * q + 2 * D * kv + 3 * D * F; // numbers of a layer's matrices
  const attention = 2 * B * heads * T * T * headSize * 2; // scores and values
  const forward = layers * (2 * N * linear + attention) + 2 * R * D * K;
  // the first layer's projections pass no gradient on to the embedding; values and scores give theirs everywhere
  const backward = forward + layers * attention - 2 * N * (D * q + 2 * D * kv);
  const adapter = layers * 2 * N * r * ((D + q) + (D + kv)) * 3; // forward, to its input, to its matrices
  const counted = flops(graph), expected = forward + backward + adapter;
  assert.ok(Math.abs(counted / expected - 1) < 0.1, `${counted} counted, about ${expected} expected`);
});

Deno.test("graphs grow linearly with depth and not with width", () => {
  const sizes = [2, 4, 6, 8].map((layers) => stepGraph({ layers }));
  const steps = (of: (size: (typeof sizes)[0]) => number) =>
    sizes.slice(1).map((size, i) => of(size) - of(sizes[i]));
  const [first, ...rest] = steps(({ graph }) => graph.nodes.length);
  assert.ok(rest.every((n) => n === first), `calls of two more layers: ${first}, ${rest}`);
  const bytes = steps((size) => size.bytes);
  assert.ok(bytes.every((n) => Math.abs(n / bytes[0] - 1) < 0.05), `bytes of two more layers: ${bytes}`);
  const narrow = stepGraph({ hiddenSize: 72, ffnSize: 80, vocabSize: 101 });
  const wide = stepGraph({ hiddenSize: 288, ffnSize: 640, vocabSize: 5001 });
  assert.deepEqual(nodeCounts(wide.graph), nodeCounts(narrow.graph));
  assert.ok(Math.abs(wide.bytes / narrow.bytes - 1) < 0.02, `${wide.bytes} and ${narrow.bytes} bytes`);
});

Deno.test("packedBytes() has each weight once per way of use, mappedBytes() what is read otherwise", () => {
  const { graph } = stepGraph({});
  const { hiddenSize: D, ffnSize: F, heads, kvHeads, headSize, layers, vocabSize: K } = smallConfig();
  const q = heads * headSize, kv = kvHeads * headSize;
  const layer = D * q + 2 * D * kv + q * D + 3 * D * F;
  const ones = K + D; // columns that add up a row in a product
  const forwardOnly = D * q + 2 * D * kv; // layer 0's projections of the embedding
  assert.equal(packedBytes(graph), 4 * (2 * layers * layer - forwardOnly + 2 * K * D + ones));
  assert.equal(mappedBytes(graph), 4 * (K * D + (2 * layers + 1) * D)); // embedding rows, norms
});

Deno.test("estimateTraining() counts the steps, batches, tokens and rows that the run then has", () =>
  inFolder(async (folder) => {
    const run = await smallRun(folder, {});
    const { base } = await smallBase(folder);
    const estimate = await estimateTraining(base, sequences, settings, {
      jit: { ...quiet.jit, budget: 0.05 },
    });
    assert.equal(estimate.steps, settings.steps);
    assert.deepEqual(estimate.layout, run.layout);
    assert.equal(estimate.samples, run.samples);
    assert.equal(estimate.tokens, run.tokens);
    assert.equal(estimate.batches, stepBatches(sequences, settings, run.layout).reduce((a, b) => a + b));
    const { memory, time } = estimate;
    assert.ok(memory.total >= memory.process + memory.weights + memory.values + memory.adapter - 1);
    assert.ok(Object.values(time).every((x) => Number.isFinite(x) && x >= 0) && time.total >= time.start);
    const { graph } = stepGraph({});
    const part = (parameters: number) => estimateMemory(graph, parameters, 0).adapter;
    assert.equal(part(20), 2 * part(10));
  }));

Deno.test("ual plan prints memory and time, and writes nothing", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const names = async () =>
      (await Array.fromAsync(Deno.readDir(folder), (e) => e.name)).filter((n) => n !== "cache").sort();
    const before = await names();
    const { code, stdout, stderr } = await ended(
      tinyUal(folder, "plan", "train.jsonl", "--epochs", "2", "--batch", "4", "--json"),
    );
    assert.equal(code, 0, stderr);
    const plan = JSON.parse(stdout);
    assert.deepEqual([plan.steps, plan.samples], [6, 18]); // 9 dialogues, a short last step each pass
    assert.ok(plan.memory.total > 1e7 && plan.time.total > 0);
    const text = await ended(tinyUal(folder, "plan", "train.jsonl", "--memory", "0.5"));
    assert.match(text.stdout, /memory +\d+\.\d\d GB at most.*\n.*time/s);
    const wrong = await ended(tinyUal(folder, "plan", "train.jsonl", "--engine", "tfjs-node"));
    assert.equal(wrong.code, 2);
    assert.deepEqual(await names(), before);
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir(join(folder, "cache")), (e) => e.name).then((l) =>
        l.includes("runs")
      ),
      false,
    );
  }));
