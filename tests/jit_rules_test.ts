// Every rule of the compiler against tf.js's cpu backend, which shares no code with it.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { f32, i32, jit, type Params, specsOf, type TensorData } from "../lib/jit/mod.ts";
import { rules } from "../lib/jit/rules.ts";
import { checkGradients, checkProgram, close, values } from "./oracles/jit_parity.ts";

type Case = {
  kernels: string[];
  /** False where tf.js has no gradient or the result is not float. */
  gradient?: boolean;
  shapes: Record<string, number[]>;
  ints?: Params;
  f: (x: Record<string, tf.Tensor>, ints: Record<string, tf.Tensor>) => tf.Tensor;
};

const one = (kernel: string, f: (x: tf.Tensor) => tf.Tensor, gradient = true): Case => ({
  kernels: [kernel],
  gradient,
  shapes: { x: [2, 3, 4] },
  f: ({ x }) => f(x),
});
const two = (kernel: string, f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, gradient = true): Case => ({
  kernels: [kernel],
  gradient,
  shapes: { a: [2, 3, 4], b: [3, 1] },
  f: ({ a, b }) => f(a, b),
});
// tf.js's own gradients of these do not reduce over broadcast axes: equal shapes only.
const same = (kernel: string, f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Case => ({
  ...two(kernel, f),
  shapes: { a: [2, 3], b: [2, 3] },
});
const float = (t: tf.Tensor) => tf.cast(t, "float32");
const positive = (t: tf.Tensor) => tf.add(tf.abs(t), 0.1);

const cases: Case[] = [
  one("Abs", tf.abs),
  one("Cos", tf.cos),
  one("Exp", tf.exp),
  one("Floor", (x) => tf.floor(tf.mul(x, 5)), false),
  one("Log", (x) => tf.log(positive(x))),
  one("Neg", tf.neg),
  one("Reciprocal", (x) => tf.reciprocal(positive(x))),
  one("Relu", tf.relu),
  one("Sigmoid", tf.sigmoid),
  one("Sign", tf.sign, false),
  one("Sin", tf.sin),
  one("Sqrt", (x) => tf.sqrt(positive(x))),
  one("Rsqrt", (x) => tf.rsqrt(positive(x))),
  one("Square", tf.square),
  one("Step", (x) => tf.step(x, 0.25), false),
  one("Tanh", tf.tanh),
  one("Identity", (x) => tf.clone(x)),
  one("ZerosLike", tf.zerosLike, false),
  one("Softmax", (x) => tf.softmax(x)),
  one("LogSoftmax", (x) => tf.logSoftmax(x)),
  one("Cast", (x) => float(tf.cast(tf.mul(x, 3), "int32")), false),
  one("LogicalNot", (x) => float(tf.logicalNot(tf.greater(x, 0))), false),
  one("ArgMax", (x) => tf.argMax(x, 1), false),
  one("ArgMin", (x) => tf.argMin(x, -1), false),
  one("Max", (x) => tf.max(x, [1, 2])),
  one("Min", (x) => tf.min(x, -1, true)),
  one("Mean", (x) => tf.mean(x, [0, 2])),
  one("Mean", (x) => tf.mean(x, -1, true)),
  one("Sum", (x) => tf.sum(x, 1)),
  one("Sum", (x) => tf.sum(x)),
  one("Sum", (x) => tf.sum(tf.reshape(x, [24, 1]), 1)),
  one("Reshape", (x) => tf.reshape(x, [6, -1])),
  one("Transpose", (x) => tf.transpose(x, [2, 0, 1])),
  one("ExpandDims", (x) => tf.expandDims(x, -1)),
  one("Slice", (x) => tf.slice(x, [0, 1, 1], [2, -1, 2])),
  one("SplitV", (x) => tf.mul(tf.split(x, [1, 3], -1)[0], tf.split(x, 2, -1)[1])),
  one("Tile", (x) => tf.tile(x, [1, 2, 3])),
  one("PadV2", (x) => tf.pad(x, [[0, 1], [2, 0], [1, 1]], 0)),
  one("Unpack", (x) => tf.mul(tf.unstack(x, 1)[0], tf.unstack(x, 1)[2])),
  one("Fill", (x) => tf.mul(x, tf.fill([3, 4], 0.5))),
  one("Range", (x) => tf.mul(x, tf.range(1, 3, 0.5, "float32"))),
  two("Add", tf.add),
  two("Sub", tf.sub),
  two("Multiply", tf.mul),
  two("RealDiv", tf.div),
  same("Maximum", tf.maximum),
  same("Minimum", tf.minimum),
  same("Pow", (a, b) => tf.pow(positive(a), b)),
  same("SquaredDifference", tf.squaredDifference),
  two("Equal", (a, b) => float(tf.equal(tf.sign(a), tf.sign(b))), false),
  two("NotEqual", (a, b) => float(tf.notEqual(tf.sign(a), tf.sign(b))), false),
  two("Greater", (a, b) => float(tf.greater(a, b)), false),
  two("GreaterEqual", (a, b) => float(tf.greaterEqual(a, b)), false),
  two("Less", (a, b) => float(tf.less(a, b)), false),
  two("LessEqual", (a, b) => float(tf.lessEqual(a, b)), false),
  two("LogicalAnd", (a, b) => float(tf.logicalAnd(tf.greater(a, 0), tf.less(b, 0))), false),
  two("LogicalOr", (a, b) => float(tf.logicalOr(tf.greater(a, 0), tf.less(b, 0))), false),
  {
    kernels: ["Select"],
    shapes: { a: [2, 3], b: [2, 3] },
    ints: { pick: i32([2, 3], [1, 0, 0, 1, 1, 0]) },
    f: ({ a, b }, { pick }) => tf.where(tf.cast(pick, "bool"), tf.square(a), tf.exp(b)),
  },
  {
    kernels: ["Concat", "Pack"],
    shapes: { a: [2, 3], b: [2, 3] },
    f: ({ a, b }) => tf.concat([tf.stack([a, b], 1), tf.stack([b, b], 1)], -1),
  },
  {
    kernels: ["GatherV2", "UnsortedSegmentSum"],
    shapes: { table: [5, 3] },
    ints: { at: i32([2, 3], [4, 0, 4, 1, 1, 4]) },
    f: ({ table }, { at }) => tf.gather(table, at as tf.Tensor<tf.Rank.R2>),
  },
  {
    kernels: ["GatherV2"],
    shapes: { table: [2, 5, 3] },
    ints: { at: i32([4], [2, 0, 2, 4]) },
    f: ({ table }, { at }) => tf.gather(table, at as tf.Tensor1D, 1),
  },
  {
    kernels: ["OneHot"],
    shapes: { x: [4, 6] },
    ints: { at: i32([4], [5, 0, 3, 3]) },
    f: ({ x }, { at }) => tf.mul(x, tf.oneHot(at as tf.Tensor1D, 6, 2, -1)),
  },
  {
    kernels: ["OneHot"],
    gradient: false,
    shapes: {},
    ints: { at: i32([2, 2], [-1, 0, 5, 2]) },
    f: (_, { at }) => tf.oneHot(at as tf.Tensor2D, 3),
  },
  {
    kernels: ["Mean"],
    gradient: false,
    shapes: {},
    ints: { n: i32([4], [1, 2, 3, 5]) },
    f: (_, { n }) => tf.mean(n),
  },
  { kernels: ["Reshape"], gradient: false, shapes: { x: [2, 0] }, f: ({ x }) => tf.reshape(x, [0, 4]) },
  ...[[false, false], [true, false], [false, true], [true, true]].flatMap(([ta, tb]) => [
    {
      kernels: ["BatchMatMul"],
      shapes: { a: ta ? [3, 2] : [2, 3], b: tb ? [4, 3] : [3, 4] },
      f: ({ a, b }: Record<string, tf.Tensor>) => tf.matMul(a, b, ta, tb),
    },
    {
      kernels: ["BatchMatMul"],
      shapes: { a: ta ? [5, 3, 2] : [5, 2, 3], b: tb ? [5, 4, 3] : [5, 3, 4] },
      f: ({ a, b }: Record<string, tf.Tensor>) => tf.matMul(a, b, ta, tb),
    },
  ]),
];

for (const [i, c] of cases.entries()) {
  Deno.test(`rule ${c.kernels.join(" and ")} agrees with tf.js's cpu backend (case ${i})`, async () => {
    const params = Object.fromEntries(Object.entries(c.shapes).map(([n, shape]) => [n, values(shape, n)]));
    if (c.gradient ?? true) await checkGradients(c.f, params, c.ints ?? {});
    else {await checkProgram(({ params, ints }) => ({ out: c.f(params, ints ?? {}) }), {
        params,
        ints: c.ints ?? {},
      });}
  });
}

Deno.test("rule UnsortedSegmentSum adds every row where many share an id, on all threads, each time", async () => {
  const rows = 2048, ids = 64, x = values([rows, 96], "x");
  const at = i32([rows], Int32Array.from({ length: rows }, (_, i) => (i * 7) % ids));
  const program = ({ p, n }: Record<string, Record<string, tf.Tensor>>) => ({
    out: tf.unsortedSegmentSum(p.x as tf.Tensor2D, n.at as tf.Tensor1D, ids),
  });
  const run = await jit(program, { p: specsOf({ x }), n: specsOf({ at }) }, { threads: 4, cache: false });
  const expected = f32([ids, 96]);
  for (let i = 0; i < rows; i++) {
    for (let d = 0; d < 96; d++) expected.data[at.data[i] * 96 + d] += x.data[i * 96 + d];
  }
  for (let repeat = 0; repeat < 10; repeat++) {
    assert.deepEqual((await run({ p: { x }, n: { at } })).out, expected);
  }
  await run.close();
});

Deno.test("rules refuse types that onnxruntime has no kernel for, by name", async () => {
  const n = { n: i32([3], [1, 2, 3]) };
  const compile = (f: (n: tf.Tensor) => tf.Tensor) =>
    jit(({ p }) => ({ out: f(p.n) }), { p: specsOf(n) }, { cache: false });
  await assert.rejects(
    compile((n) => tf.add(tf.greater(n, 1), tf.greater(n, 2))),
    /Cannot compile Add of bool: cast it to float32 first/,
  );
  await assert.rejects(
    compile((n) => tf.exp(n)).then(() => {
      throw new Error("compiled");
    }),
    /Cannot compile Exp of int32|compiled/,
  );
});

Deno.test("rules has no entry that the cases above leave out", () => {
  const covered = new Set(cases.flatMap((c) => c.kernels));
  assert.deepEqual(Object.keys(rules).filter((k) => !covered.has(k)), []);
});

Deno.test("rule BatchMatMul broadcasts the batch axes as a plain loop does", async () => {
  // tf.js's cpu backend is no oracle here: it pairs the wrong matrices where only one of two batch axes broadcasts.
  const a = values([2, 5, 2, 3], "a"), b = values([2, 1, 3, 4], "b");
  const compiled = await jit(({ x }) => ({ out: tf.matMul(x.a, x.b) }), { x: specsOf({ a, b }) }, {
    threads: 1,
    cache: false,
  });
  const { out } = await compiled({ x: { a, b } });
  await compiled.close();
  const expected = f32([2, 5, 2, 4]);
  for (let i = 0; i < 80; i++) {
    const col = i % 4, row = (i >> 2) % 2, inner = (i >> 3) % 5, outer = Math.floor(i / 40);
    for (let k = 0; k < 3; k++) {
      expected.data[i] += a.data[((outer * 5 + inner) * 2 + row) * 3 + k] * b.data[(outer * 3 + k) * 4 + col];
    }
  }
  close(out as TensorData, expected, "out");
});

Deno.test("jit() computes the gradient of a two-layer network as tf.js does", async () => {
  const params = {
    w1: values([3, 5], "w1"),
    b1: values([5], "b1"),
    w2: values([5, 2], "w2"),
    x: f32([4, 3], values([4, 3], "x").data),
  };
  await checkGradients(({ w1, b1, w2, x }) => tf.matMul(tf.tanh(tf.add(tf.matMul(x, w1), b1)), w2), params);
});
