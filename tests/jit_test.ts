// The compiler's promises besides values: clear errors, weights by offset, small graphs, the cache, repeatable bits.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  f32,
  i32,
  jit,
  printGraph,
  specsOf,
  type TensorData,
  valueAndGrads,
  type WeightsFile,
} from "../lib/jit/mod.ts";
import { openSafetensors, writeSafetensors } from "../lib/model/safetensors.ts";
import { inFolder } from "./folder.ts";
import { values } from "./oracles/jit_parity.ts";

const options = { threads: 1, cache: false } as const;
const x = values([2, 3], "x");

Deno.test("jit() names a kernel that has no rule", async () => {
  await assert.rejects(
    jit(({ p }) => ({ out: tf.erf(p.x) }), { p: specsOf({ x }) }, options),
    /^TypeError: Cannot compile kernel Erf: lib\/jit\/rules\.ts has no rule/,
  );
});

Deno.test("jit() explains a value read while tracing", async () => {
  const message = /^TypeError: Cannot read a tensor's values while tracing/;
  await assert.rejects(
    jit(({ p }) => ({ out: tf.mul(p.x, p.x.dataSync()[0]) }), { p: specsOf({ x }) }, options),
    message,
  );
  await assert.rejects(
    jit(({ p }) => ({ out: tf.mul(p.x, p.x.arraySync() as number[][]) }), { p: specsOf({ x }) }, options),
    message,
  );
});

Deno.test("jit() refuses random numbers, results that are no tensors and tensors from outside", async () => {
  const outside = tf.tensor1d([1, 2, 3]);
  const compile = (out: (x: tf.Tensor) => unknown) =>
    jit(({ p }) => ({ out: out(p.x) as tf.Tensor }), { p: specsOf({ x }) }, options);
  await assert.rejects(
    compile(() => tf.randomUniform([2])),
    /^TypeError: Cannot draw random numbers while tracing/,
  );
  await assert.rejects(compile(() => 3), /its result out(\/.*)? is no tensor|it returns no tensors/);
  await assert.rejects(
    compile((x) => tf.add(x, outside)),
    /^TypeError: Cannot use a tensor from outside the program/,
  );
  outside.dispose();
  assert.ok(Math.random() < 1);
});

Deno.test("jit() leaves tf.js on the backend it was on, also after an error", async () => {
  await tf.setBackend("cpu");
  await assert.rejects(jit(({ p }) => ({ out: tf.erf(p.x) }), { p: specsOf({ x }) }, options));
  assert.equal(tf.getBackend(), "cpu");
  assert.deepEqual(Array.from(tf.add([1, 2], 1).dataSync()), [2, 3]);
});

Deno.test("a compiled program refuses feeds that do not fit, naming both shapes", async () => {
  const run = await jit(({ p }) => ({ out: tf.mul(p.x, 2) }), { p: specsOf({ x }) }, options);
  const rejects = (args: Parameters<typeof run>[0], message: RegExp) => assert.rejects(run(args), message);
  await rejects({ p: {} }, /input p\/x is missing; feed float32\[2,3\]/);
  await rejects(
    { p: { x: values([3, 2], "x") } },
    /Cannot feed p\/x: got float32\[3,2\].*compiled for float32\[2,3\]/,
  );
  await rejects({ p: { x: i32([2, 3]) } }, /got int32\[2,3\]/);
  await rejects({ p: { x: { ...x, data: new Float32Array(5) } as TensorData } }, /with 5 values/);
  await rejects({ p: { x, y: x } }, /Cannot feed p\/y: the program has no such input/);
  assert.deepEqual((await run({ p: { x } })).out, f32([2, 3], x.data.map((v) => 2 * v)));
  await run.close();
});

async function weightsFile(folder: string, params: Record<string, TensorData>): Promise<WeightsFile> {
  const path = join(folder, "weights.safetensors");
  const hash = await writeSafetensors(path, params);
  const file = await openSafetensors(path);
  const tensors = Object.fromEntries(
    [...file.tensors].map((
      [name, t],
    ) => [name, { shape: t.shape, dtype: "float32" as const, begin: t.begin, end: t.end }]),
  );
  file.close();
  return { path, hash, tensors };
}

Deno.test("jit() reads weights from their file by offset, through a link, and keeps them out of the graph", () =>
  inFolder(async (folder) => {
    const big = values([300, 300], "big"), small = values([3, 300], "small");
    const weights = await weightsFile(folder, { big, small });
    await Deno.mkdir(join(folder, "elsewhere"));
    const link = join(folder, "elsewhere", "link.safetensors");
    await Deno.symlink(weights.path, link);
    const program = ({ p, weights }: Record<string, Record<string, tf.Tensor>>) => ({
      out: tf.matMul(tf.matMul(p.x as tf.Tensor2D, weights.small as tf.Tensor2D), weights.big as tf.Tensor2D),
    });
    const run = await jit(program, { p: specsOf({ x }) }, {
      ...options,
      weights: { ...weights, path: link },
    });
    const { out } = await run({ p: { x } }) as { out: TensorData };
    await run.close();
    const t = ({ shape, data }: TensorData) => tf.tensor2d(data, shape as [number, number]);
    const expected = tf.matMul(tf.matMul(t(x), t(small)), t(big)).dataSync();
    out.data.forEach((v, i) => assert.ok(Math.abs(v - expected[i]) < 1e-4));
    assert.ok(run.stats.bytes < 2000, `${run.stats.bytes} bytes`);
  }));

Deno.test("jit() names a weight that the file does not have", () =>
  inFolder(async (folder) => {
    const weights = await weightsFile(folder, { "a.weight": values([3], "a") });
    await assert.rejects(
      jit(({ p, weights }) => ({ out: tf.mul(p.x, weights["b.weight"]) }), { p: specsOf({ x }) }, {
        ...options,
        weights,
      }),
      /^RangeError: Cannot find b\.weight among the weights: it has 1 tensors, such as a\.weight/,
    );
  }));

Deno.test("jit() refuses a graph into which large arrays were folded", async () => {
  const many = Float32Array.from({ length: 1_300_000 }, (_, i) => i);
  await assert.rejects(
    jit(({ p }) => ({ out: tf.add(tf.sum(p.x), tf.tensor1d(many)) }), { p: specsOf({ x }) }, options),
    /Cannot compile a graph of \d+ bytes: the limit is 5000000/,
  );
});

Deno.test("jit() finds a graph in its cache only for the same program and weights", () =>
  inFolder(async (folder) => {
    const cache = join(folder, "graphs");
    const weights = await weightsFile(folder, { w: values([3], "w") });
    const zero = (at: number) => 1 / at; // told apart although both print as 0
    assert.notEqual(zero(0), zero(-0));
    const compile = async (factor: number, hash: string) => {
      const run = await jit(({ p, weights }) => ({ out: tf.mul(tf.mul(p.x, weights.w), factor) }), {
        p: specsOf({ x }),
      }, {
        threads: 1,
        cache,
        weights: { ...weights, hash },
      });
      const { out } = await run({ p: { x } }) as { out: TensorData };
      await run.close();
      return { cached: run.stats.cached, first: out.data[0] };
    };
    const first = await compile(2, weights.hash);
    assert.equal(first.cached, false);
    assert.deepEqual(await compile(2, weights.hash), { ...first, cached: true });
    assert.equal((await compile(3, weights.hash)).cached, false);
    assert.equal((await compile(2, "another file")).cached, false);
    assert.equal((await compile(0, weights.hash)).cached, false);
    assert.equal((await compile(-0, weights.hash)).cached, false);
    for (const { name } of Deno.readDirSync(cache)) await Deno.truncate(join(cache, name), 100);
    assert.equal((await compile(2, weights.hash)).first, first.first, "a damaged cache file is no obstacle");
    assert.equal([...Deno.readDirSync(cache)].length, 5);
  }));

Deno.test("jit() gives the same graph and the same bits each time", async () => {
  const program = valueAndGrads(({ params }) => ({
    value: tf.sum(tf.exp(tf.matMul(params.a as tf.Tensor2D, params.b as tf.Tensor2D))).asScalar(),
  }));
  const params = { a: values([40, 30], "a"), b: values([30, 50], "b") };
  const once = async () => {
    const run = await jit(program, { params: specsOf(params) }, { threads: 2, cache: false });
    const results = await run({ params });
    await run.close();
    return { text: printGraph(run.graph), results };
  };
  assert.deepEqual(await once(), await once());
});
