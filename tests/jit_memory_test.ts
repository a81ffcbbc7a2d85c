// What a graph holds in memory: the order of calls against the one that onnxruntime took, and recomputation, which
// must change nothing but that.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { f32, type Graph, i32, jit, type Params, specsOf, valueAndGrads } from "../lib/jit/mod.ts";
import { executionOrder, liveness } from "../lib/jit/liveness.ts";
import { initLora } from "../lib/model/lora.ts";
import { trainingProgram } from "../lib/train/program.ts";
import { inFolder } from "./folder.ts";
import { values } from "./oracles/jit_parity.ts";
import { smallBase } from "./oracles/small_model.ts";

const lora = { r: 2, alpha: 4, dropout: 0, targets: ["q_proj", "v_proj", "down_proj"] };
const B = 2, T = 7, R = 12;
const batch: Params = {
  ids: i32([B, T], Array.from({ length: B * T }, (_, i) => i * 5 % 23)),
  positions: i32([B, T], Array.from({ length: B * T }, (_, i) => i % T)),
  segments: i32([B, T]),
  rows: i32([R], Array.from({ length: R }, (_, i) => i)),
  targets: i32([R], Array.from({ length: R }, (_, i) => i * 7 % 23)),
  smoothing: f32([R], new Float32Array(R).fill(0.1)),
  weight: f32([R], new Float32Array(R).fill(1 / R)),
};

/** Compiles and runs a training step of the small model. */
async function step(folder: string, options: { memoryTarget?: number; profilePrefix?: string }) {
  const { base, config } = await smallBase(folder);
  const params = initLora(config, lora, 1);
  for (const [name, { shape, data }] of Object.entries(params)) data.set(values(shape, name).data);
  const compiled = await jit(trainingProgram(config, lora), {
    params: specsOf(params),
    batch: specsOf(batch),
  }, {
    ...options,
    weights: base.weights,
    cache: false,
    threads: 1,
  });
  const results = await compiled({ params, batch });
  await compiled.close();
  return { graph: compiled.graph, results };
}

/** The calls in the order of onnxruntime's profile, by their place in the graph. */
async function profiledOrder(folder: string): Promise<number[]> {
  const names = (await Array.fromAsync(Deno.readDir(folder), (f) => f.name)).filter((n) =>
    n.startsWith("profile")
  );
  const events: { cat: string; name: string; ts: number }[] = JSON.parse(
    await Deno.readTextFile(join(folder, names[0])),
  );
  const calls = events.filter((e) =>
    e.cat === "Node" && e.name.endsWith("_kernel_time") && !e.name.startsWith("out_")
  );
  return calls.sort((a, b) => a.ts - b.ts).map((e) => Number(/_(\d+)_kernel_time$/.exec(e.name)![1]));
}

const placed = (graph: Graph) => {
  const index = new Map(graph.nodes.map((node, i) => [node, i]));
  return executionOrder(graph).map((node) => index.get(node)!);
};

for (const memoryTarget of [undefined, 5000]) {
  Deno.test(`executionOrder() is the order that onnxruntime takes (memory target ${memoryTarget})`, () =>
    inFolder(async (folder) => {
      const { graph } = await step(folder, { profilePrefix: join(folder, "profile"), memoryTarget });
      const theirs = await profiledOrder(folder), run = new Set(theirs);
      assert.ok(theirs.length > 0.9 * graph.nodes.length); // it folds a few constants when loading
      assert.deepEqual(placed(graph).filter((i) => run.has(i)), theirs);
    }));
}

Deno.test("liveness() counts what is held at each call", async () => {
  const program = valueAndGrads(({ params: { x } }) => ({
    value: tf.sum(tf.exp(tf.tanh(tf.exp(x)))).asScalar(),
  }));
  const compiled = await jit(program, { params: { x: { shape: [100], dtype: "float32" } } }, {
    cache: false,
  });
  await compiled.close();
  const { order, held, peak } = liveness(compiled.graph);
  // The same by a loop over the calls: what was made at or before, and is read at or after, or is a result.
  const results = new Set(compiled.graph.outputs.map((o) => o.value));
  const alike = new Map<string, string>(); // a reshaped value is its source, unless that is not made here
  const own = new Set(order.flatMap((n) => n.outputs));
  const isView = ({ op, inputs }: { op: string; inputs: string[] }) => op === "Reshape" && own.has(inputs[0]);
  for (const node of order) if (isView(node)) alike.set(node.outputs[0], node.inputs[0]);
  const same = (name: string): string => alike.has(name) ? same(alike.get(name)!) : name;
  order.forEach((_, i) => {
    const made = order.slice(0, i + 1).flatMap((n) => isView(n) ? [] : n.outputs);
    const read = new Set([...order.slice(i).flatMap((n) => n.inputs), ...results].map(same));
    const now = made.filter((name) => read.has(name) || order[i].outputs.includes(name));
    const bytes = now.map((name) => 4 * compiled.graph.values.get(name)!.shape.reduce((a, b) => a * b, 1));
    assert.equal(held[i], bytes.reduce((a, b) => a + b, 0), `call ${i}`);
  });
  assert.equal(peak, Math.max(...held));
});

Deno.test("recompute() lowers what is held and leaves every result as it was, bit for bit", () =>
  inFolder(async (folder) => {
    const plain = await step(folder, {}), before = liveness(plain.graph).peak;
    let last = before;
    for (const share of [0.95, 0.85, 0.75]) {
      const less = await step(folder, { memoryTarget: share * before });
      const { peak } = liveness(less.graph);
      assert.ok(peak <= share * before && peak < last, `${peak} of ${before} at ${share}`);
      assert.ok(less.graph.nodes.length > plain.graph.nodes.length);
      assert.deepEqual(less.results, plain.results);
      last = peak;
    }
  }));

Deno.test("recompute() stops at what can be reached", () =>
  inFolder(async (folder) => {
    const { graph, results } = await step(folder, { memoryTarget: 1 });
    assert.ok(liveness(graph).peak > 1);
    assert.deepEqual(results, (await step(folder, {})).results);
  }));
