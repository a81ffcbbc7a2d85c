// The engine tfjs-node, which shares nothing with the compiler but the program: the real model's loss and gradients on
// both, memory, refusals. Skipped where it is not set up (deno task setup --engine tfjs-node).
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readExamples } from "../lib/data/source.ts";
import {
  type Args,
  type Engine,
  f32,
  jit,
  type JitOptions,
  type Params,
  runEager,
  specsOf,
  type TensorData,
  type TensorMap,
} from "../lib/jit/mod.ts";
import {
  type Base,
  baseOf,
  initLora,
  type LoraConfig,
  openModel,
  perTarget,
  planLayout,
  type Sequence,
  targetCount,
  toBatches,
  toSequences,
} from "../lib/model/mod.ts";
import { readJsonl } from "../lib/run/files.ts";
import { stream } from "../lib/run/seed.ts";
import type { StepMetrics } from "../lib/train/mod.ts";
import { trainingProgram } from "../lib/train/program.ts";
import { nativeIsSetUp } from "../tools/setup_tfjs_node.ts";
import { inFolder } from "./folder.ts";
import { values } from "./oracles/jit_parity.ts";
import { smallBase } from "./oracles/small_model.ts";

const root = join(import.meta.dirname!, "..");
const ignore = !nativeIsSetUp(root, "tfjs-node");
if (ignore) console.error("skipped: tfjs-node is not set up (deno task setup --engine tfjs-node)");

/** TensorFlow's threads start once a process. */
const threads = navigator.hardwareConcurrency;
const native: JitOptions = { engine: "tfjs-node", threads };

const lora: LoraConfig = { r: 8, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] };

/** One batch of `sequences` as the training step takes it, with an adapter that already does something. */
function stepArgs(base: Base, sequences: Sequence[]): Args {
  const params = initLora(base.config, lora, 0);
  for (const [name, { data }] of Object.entries(params)) {
    const random = stream(1, "adapter", name);
    if (name.includes("lora_B")) data.forEach((_, i) => data[i] = 0.02 * random.normal(i));
  }
  const [batch] = toBatches(sequences, planLayout([sequences], sequences.length));
  const weights = sequences.map((s) => 1 / (targetCount(s) * sequences.length));
  const smoothing = perTarget(batch, sequences.map((_, i) => 0.2 * i));
  return { params, batch: { ...batch.arrays, smoothing, weight: perTarget(batch, weights) } };
}

/** What the training step gives. */
type Step = { value: TensorData; loss: TensorData; nll: TensorData; grads: Params };

/** Runs the training step on `engine` as often as asked; also the number of tf.js's tensors after each. */
async function runStep(base: Base, args: Args, engine: Engine, times = 1) {
  const specs = Object.fromEntries(Object.entries(args).map(([group, params]) => [group, specsOf(params)]));
  const options = { engine, threads, weights: base.weights, cache: false as const };
  const step = await jit(trainingProgram(base.config, lora), specs, options);
  const results: Step[] = [], tensors: number[] = [];
  for (let i = 0; i < times; i++) {
    results.push(await step(args) as Step);
    tensors.push(tf.memory().numTensors);
  }
  await step.close();
  return { results, tensors };
}

/** |a − b| / |b| in the largest element and in the Euclidean norm, the larger of the two. */
function distance(a: TensorData, b: TensorData): number {
  assert.deepEqual([a.dtype, a.shape], [b.dtype, b.shape]);
  let square = 0, norm = 0, most = 0, largest = 0;
  for (let i = 0; i < b.data.length; i++) {
    const d = Math.abs(a.data[i] - b.data[i]), v = Math.abs(b.data[i]);
    square += d * d;
    norm += v * v;
    most = Math.max(most, d);
    largest = Math.max(largest, v);
  }
  assert.ok(norm > 0 && Number.isFinite(square));
  return Math.max(Math.sqrt(square / norm), most / largest);
}

Deno.test({
  name: "tfjs-node gives the compiled step's loss and gradients on the 135M model, and equal bytes each time",
  ignore,
  fn: async () => {
    const model = await openModel(), base = baseOf(model);
    model.weights.close();
    const examples = (await readExamples(join(root, "data/dialogues_train.jsonl"))).slice(0, 2);
    const { sequences } = toSequences(model, examples, { context: 128, supervise: "response" });
    const args = stepArgs(base, sequences), before = tf.memory().numTensors;
    const { results: [wanted] } = await runStep(base, args, "onnxruntime");
    const { results: [got, again, third], tensors } = await runStep(base, args, "tfjs-node", 3);
    assert.ok(distance(got.value, wanted.value) < 1e-5, `loss ${got.value.data} and ${wanted.value.data}`);
    assert.ok(distance(got.loss, wanted.loss) < 1e-5 && distance(got.nll, wanted.nll) < 1e-5);
    assert.equal(Object.keys(got.grads).length, 120);
    for (const [name, grad] of Object.entries(wanted.grads)) {
      const off = distance(got.grads[name], grad);
      assert.ok(off < 1e-4, `gradient of ${name}: ${off}`);
    }
    assert.deepEqual(again, got);
    assert.deepEqual(third, got);
    assert.deepEqual(tensors, tensors.map(() => before + Object.keys(base.weights.tensors).length));
    assert.equal(tf.memory().numTensors, before);
  },
});

Deno.test({
  name: "tfjs-node reads weights of every stored type, and leaves tf.js's backend and tensors as they were",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      await tf.setBackend("cpu");
      const sequences = [[1, 5, 9, 3, 22, 7, 2], [4, 4, 8]].map((ids, i) => ({
        id: `s${i}`,
        ids: Int32Array.from(ids),
        supervised: Uint8Array.from(ids, (_, j) => j ? 1 : 0),
      }));
      for (const dtype of ["F32", "F16", "BF16"] as const) {
        const { base, weights } = await smallBase(folder, { dtype });
        const args = stepArgs(base, sequences), before = tf.memory().numTensors;
        const { results: [got], tensors } = await runStep(base, args, "tfjs-node", 5);
        assert.deepEqual(tensors, tensors.map(() => before + Object.keys(weights).length));
        assert.equal(tf.memory().numTensors, before);
        assert.equal(tf.getBackend(), "cpu");
        const program = trainingProgram(base.config, lora);
        const wanted = await runEager(program, { ...args, weights }) as Step; // tf.js's own cpu backend
        assert.ok(distance(got.value, wanted.value) < 1e-6);
        for (const name of Object.keys(wanted.grads)) {
          assert.ok(distance(got.grads[name], wanted.grads[name]) < 2e-5, `${dtype}, ${name}`);
        }
      }
    }),
});

Deno.test({
  name: "tfjs-node adds up a vocabulary's probabilities to rounding, in a product with ones of either layout",
  ignore,
  fn: async () => {
    const [R, K] = [8, 49_152];
    const random = stream(5, "logits");
    const x = f32([R, K], Float32Array.from({ length: R * K }, (_, i) => 4 * random.normal(i)));
    const sums = ({ p }: Record<string, TensorMap>) => {
      const raw = tf.softmax(p.x) as tf.Tensor2D, back = tf.transpose(raw) as tf.Tensor2D;
      return {
        raw,
        plain: tf.matMul(raw, tf.ones([K, 1])),
        right: tf.matMul(raw, tf.ones([1, K]), false, true),
        left: tf.matMul(back, tf.ones([K, 1]), true),
      };
    };
    const { raw, ...totals } = await runEager(sums, { p: { x } }, "tfjs-node") as Record<string, TensorData>;
    for (let r = 0; r < R; r++) {
      let exact = 0;
      for (let k = 0; k < K; k++) exact += raw.data[r * K + k];
      for (const [name, { shape, data }] of Object.entries(totals)) {
        assert.deepEqual(shape, [R, 1]);
        assert.ok(Math.abs(data[r] / exact - 1) < 1e-6, `${name}: ${data[r]}, exactly ${exact}`);
      }
    }
    await tf.setBackend("cpu");
  },
});

Deno.test({
  name: "a program on tfjs-node refuses feeds that do not fit, unknown weights, and calls after close()",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const x = values([2, 3], "x"), specs = { p: specsOf({ x }) };
      const run = await jit(({ p }) => ({ out: tf.mul(p.x, 2) }), specs, native);
      await assert.rejects(run({ p: {} }), /^TypeError: Cannot run the program: input p\/x is missing/);
      await assert.rejects(
        run({ p: { x: values([3, 2], "x") } }),
        /^TypeError: Cannot feed p\/x: got float32\[3,2\].*compiled for float32\[2,3\]/,
      );
      await assert.rejects(run({ p: { x, y: x } }), /^TypeError: Cannot feed p\/y: .*no such input/);
      assert.deepEqual((await run({ p: { x } })).out, f32([2, 3], x.data.map((v) => 2 * v)));
      await run.close();
      await run.close();
      await assert.rejects(run({ p: { x } }), /closed/);
      const { base } = await smallBase(folder);
      const lost = await jit(({ weights }) => ({ out: weights.lost }), specs, {
        ...native,
        weights: base.weights,
      });
      await assert.rejects(lost({ p: { x } }), /^RangeError: Cannot find lost among the weights/);
      await lost.close();
      const cut = join(folder, "cut.safetensors");
      await Deno.writeFile(cut, (await Deno.readFile(base.weights.path)).subarray(0, 2000));
      await assert.rejects(
        jit(({ p }) => p, specs, { ...native, weights: { ...base.weights, path: cut } }),
        /^Error: Cannot read weights of .*cut\.safetensors: it ends at byte 2000/,
      );
      await assert.rejects(
        jit(({ p }) => p, specs, { ...native, threads: threads + 1 }),
        new RegExp(`^RangeError: Cannot run tfjs-node on ${threads + 1} threads: this process runs it on`),
      );
    }),
});

Deno.test("jit() names the engines there are", async () => {
  await assert.rejects(
    jit(({ p }) => p, {}, { engine: "webgl" as Engine }),
    /^RangeError: Cannot use engine webgl: choose from onnxruntime, tfjs-node/,
  );
});

Deno.test("only lib/jit/eager.ts imports tfjs-node", () => {
  const importing: string[] = [];
  const look = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(join(root, folder))) {
      const path = `${folder}/${name}`;
      if (isDirectory) look(path);
      else if (name.endsWith(".ts") && path !== "tests/jit_tfjs_node_test.ts") {
        const text = Deno.readTextFileSync(join(root, path));
        if (/(from|import\(?)\s*["'](npm:)?@tensorflow\/tfjs-node/.test(text)) importing.push(path);
      }
    }
  };
  ["lib", "tools", "tests", "bench"].forEach(look);
  assert.deepEqual(importing, ["lib/jit/eager.ts"]);
});

/** `ual` with these arguments in a process of its own. */
async function ual(args: string[], cwd = root) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "lib/cli.ts", ...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const data = join(root, "data/dialogues_train.jsonl");

Deno.test({
  name: "ual train --engine tfjs-node trains as onnxruntime does, and neither goes on from the other",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const flags = (engine: Engine, out: string) =>
        `train ${data} --out ${
          join(folder, out)
        } --engine ${engine} --steps 2 --batch 2 --context 96 --threads 2 --json`
          .split(" ");
      const metrics: Record<string, StepMetrics[]> = {};
      for (const engine of ["onnxruntime", "tfjs-node"] as const) {
        const { code, stderr } = await ual(flags(engine, engine));
        assert.equal(code, 0, stderr);
        const lines = await readJsonl(join(folder, engine, "metrics.jsonl"));
        metrics[engine] = lines.map(({ value }) => value as StepMetrics);
      }
      const near = (a: number, b: number, what: string) => assert.ok(Math.abs(a / b - 1) < 1e-5, what);
      assert.equal(metrics["tfjs-node"].length, 2);
      metrics["tfjs-node"].forEach((got, i) => {
        const wanted = metrics.onnxruntime[i];
        near(got.loss, wanted.loss, `loss of step ${i + 1}: ${got.loss} and ${wanted.loss}`);
        near(got.nll, wanted.nll, `nll of step ${i + 1}`);
        near(got.grad_norm, wanted.grad_norm, `gradient norm of step ${i + 1}`);
        got.samples.forEach((s, k) => near(s.loss, wanted.samples[k].loss, `loss of ${s.id}`));
      });
      const { code, stderr } = await ual(flags("tfjs-node", "onnxruntime"));
      assert.equal(code, 2);
      assert.match(stderr, /Cannot resume in .*other settings/);
    }),
});

Deno.test({
  name: "ual perplexity --engine tfjs-node measures what onnxruntime does",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const few = join(folder, "few.jsonl");
      const lines = (await Deno.readTextFile(data)).split("\n").slice(0, 3);
      await Deno.writeTextFile(few, lines.join("\n"));
      const nll = async (engine: Engine) => {
        const flags = `perplexity ${few} --engine ${engine} --context 64 --supervise all --threads 2 --json`;
        const { code, stdout, stderr } = await ual(flags.split(" "));
        assert.equal(code, 0, stderr);
        return JSON.parse(stdout).nll as number;
      };
      const [a, b] = [await nll("tfjs-node"), await nll("onnxruntime")];
      assert.ok(Math.abs(a / b - 1) < 1e-5, `${a} and ${b}`);
    }),
});

/** The library in `folder`, where tfjs-node is installed without its addon. */
async function withoutAddon(folder: string): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  await Deno.writeTextFile(
    join(folder, "deno.json"),
    JSON.stringify({ ...config, nodeModulesDir: "manual" }),
  );
  await Deno.copyFile(join(root, "deno.lock"), join(folder, "deno.lock"));
  await copy(join(root, "lib"), join(folder, "lib"));
  const modules = join(root, "node_modules"), installed = join(modules, ".deno/node_modules");
  const own = join(folder, "node_modules"), scope = "@tensorflow";
  await Deno.mkdir(join(own, scope), { recursive: true });
  const places = [...list(modules), ...list(installed), ...list(installed, scope), ...list(modules, scope)];
  for (const [path, name] of places) {
    if (name === scope || name.endsWith("/tfjs-node") || exists(join(own, name))) continue;
    await Deno.symlink(path, join(own, name));
  }
  await copy(Deno.realPathSync(join(modules, scope, "tfjs-node")), join(own, scope, "tfjs-node"), "lib");
}

const list = (folder: string, scope = "") =>
  [...Deno.readDirSync(join(folder, scope))].filter(({ name }) => !name.startsWith("."))
    .map(({ name }) => [join(folder, scope, name), join(scope, name)]);

const exists = (path: string) => {
  try {
    return Deno.lstatSync(path) !== undefined;
  } catch {
    return false;
  }
};

async function copy(from: string, to: string, except?: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (name === except) continue;
    await (isDirectory ? copy : Deno.copyFile)(join(from, name), join(to, name));
  }
}

Deno.test("ual train says how to set tfjs-node up, before it writes anything", () =>
  inFolder(async (folder) => {
    await withoutAddon(folder);
    const out = join(folder, "out/run");
    const { code, stderr } = await ual(["train", data, "--out", out, "--engine", "tfjs-node"], folder);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /^ual: Cannot use engine tfjs-node: it is not set up; run: deno task setup --engine tfjs-node$/m,
    );
    assert.ok(!exists(dirname(out)));
    const unknown = await ual(["train", data, "--out", out, "--engine", "torch"], folder);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /Cannot use --engine torch: choose from onnxruntime, tfjs-node/);
  }));
