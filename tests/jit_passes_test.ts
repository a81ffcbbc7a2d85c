// Each pass: what it does to a printed graph, and that values and gradients stay those of tf.js's cpu backend.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { checkGraph, type Graph, printGraph } from "../lib/jit/graph.ts";
import { jit, type Program, runEager, specsOf, type TensorData, valueAndGrads } from "../lib/jit/mod.ts";
import {
  commonSubexpressions,
  deadCode,
  defaultPasses,
  foldScale,
  fuseNorm,
  fuseRotary,
  fuseTranspose,
  type Pass,
  runPasses,
  simplify,
} from "../lib/jit/passes/mod.ts";
import { rules } from "../lib/jit/rules.ts";
import { trace } from "../lib/jit/trace.ts";
import { close, values } from "./oracles/jit_parity.ts";

const args = { params: { a: values([2, 3], "a"), b: values([4, 3], "b") } };
const specs = { params: specsOf(args.params) };
const traced = (program: Program) => trace(program, specs, { rules });
const lines = (graph: Graph) => printGraph(graph).trim().split("\n");

Deno.test("deadCode() keeps only what an output needs, and all inputs", () => {
  const graph = traced(({ params: { a, b } }) => {
    tf.exp(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true));
    return { out: tf.mul(a, 2) };
  });
  assert.deepEqual(lines(deadCode(graph)), [
    "input params/a: float32[2,3]",
    "input params/b: float32[4,3]",
    "const c8: float32[] = [2]",
    "v9: float32[2,3] = Mul(params/a, c8)",
    "output out = v9",
  ]);
});

Deno.test("commonSubexpressions() computes equal calls once", () => {
  const graph = traced(({ params: { a } }) => ({ out: tf.add(tf.exp(tf.mul(a, 2)), tf.exp(tf.mul(a, 2))) }));
  const after = commonSubexpressions(graph);
  assert.deepEqual(after.nodes.map((n) => n.op), ["Mul", "Exp", "Add"]);
  assert.deepEqual(after.nodes[2].inputs, [after.nodes[1].outputs[0], after.nodes[1].outputs[0]]);
});

Deno.test("simplify() removes what changes nothing and folds reshapes", () => {
  const graph = traced(({ params: { a } }) => {
    const reshaped = tf.reshape(tf.reshape(a, [6]), [3, 2]);
    return { out: tf.add(tf.mul(tf.transpose(reshaped, [0, 1]), 1), 0) };
  });
  assert.deepEqual(lines(deadCode(simplify(graph))), [
    "input params/a: float32[2,3]",
    "input params/b: float32[4,3]",
    "const c2: int64[2] = [3,2]",
    "v3: float32[3,2] = Reshape(params/a, c2) {allowzero=1}",
    "output out = v3",
  ]);
});

Deno.test("simplify() takes a transpose that moves axes of size one only as a reshape", () => {
  const graph = traced(({ params: { a } }) => {
    const heads = tf.reshape(a, [1, 1, 3, 2]);
    return { moved: tf.transpose(heads, [0, 2, 1, 3]), swapped: tf.transpose(heads, [0, 1, 3, 2]) };
  });
  const ops = deadCode(simplify(graph)).nodes.map((n) => n.op);
  assert.deepEqual(ops, ["Reshape", "Reshape", "Transpose"]);
});

Deno.test("fuseTranspose() turns transposes into flags of the product", () => {
  const graph = traced(({ params: { a, b } }) => ({
    out: tf.matMul(a as tf.Tensor2D, tf.transpose(b) as tf.Tensor2D),
  }));
  const after = runPasses(graph);
  assert.deepEqual(lines(after), [
    "input params/a: float32[2,3]",
    "input params/b: float32[4,3]",
    "v5: float32[2,4] = FusedMatMul(params/a, params/b) {transA=0 transB=1}",
    "output out = v5",
  ]);
});

Deno.test("foldScale() makes a constant factor part of the product", () => {
  const product = ({ params: { a, b } }: Record<string, Record<string, tf.Tensor>>) =>
    tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true);
  const folded = (program: Program) => deadCode(foldScale(commonSubexpressions(simplify(traced(program)))));
  assert.deepEqual(lines(folded((args) => ({ out: tf.mul(tf.mul(product(args), 3), 0.5) }))).slice(2), [
    "v10: float32[2,4] = FusedMatMul(params/a, params/b) {transA=0 transB=1 alpha=1.5}",
    "output out = v10",
  ]);
  // Another reader needs the product as it is.
  const shared = folded((args) => ({ out: tf.mul(product(args), 3), plain: product(args) }));
  assert.deepEqual(shared.nodes.map((n) => n.op), ["FusedMatMul", "Mul"]);
});

Deno.test("fuseNorm() makes one call of the formula and keeps the inverse root for the gradient", () => {
  const norm = (x: tf.Tensor, w: tf.Tensor, axis: number) =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), axis, true), 1e-5))), w);
  const args = { params: { x: values([2, 3], "x"), w: values([3], "w"), v: values([3, 3], "v") } };
  const of = (program: Program) =>
    deadCode(fuseNorm(trace(program, { params: specsOf(args.params) }, { rules })));
  const fused = of(({ params: { x, w } }) => ({ out: norm(x, w, -1) }));
  assert.deepEqual(lines(fused).slice(3), [
    "v8: float32[2,3], v6: float32[2,1] = " +
    "SimplifiedLayerNormalization(params/x, params/w) {axis=-1 epsilon=0.000009999999747378752 stash_type=1}",
    "output out = v8",
  ]);
  const otherAxis = of(({ params: { w, v } }) => ({ out: norm(v, w, 0) }));
  assert.ok(otherAxis.nodes.every((n) => n.op !== "SimplifiedLayerNormalization"));
});

Deno.test("fuseRotary() makes one call of a rotation of halves, and of nothing else", () => {
  const args = { params: { x: values([2, 3, 5, 4], "x"), angle: values([2, 1, 5, 2], "angle") } };
  const turn = (x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor, other = sin) => {
    const [a, b] = tf.split(x, 2, -1);
    return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, other))], -1);
  };
  const of = (program: Program) =>
    deadCode(fuseRotary(trace(program, { params: specsOf(args.params) }, { rules })));
  const twice = of(({ params: { x, angle } }) => {
    const cos = tf.cos(angle), sin = tf.sin(angle);
    return { out: turn(turn(x, cos, sin), cos, sin) };
  });
  assert.deepEqual(twice.nodes.map((n) => n.op), [
    "Cos",
    "Sin",
    "Reshape",
    "Reshape",
    "RotaryEmbedding",
    "RotaryEmbedding",
  ]);
  const other = of(({ params: { x, angle } }) => ({
    out: turn(x, tf.cos(angle), tf.sin(angle), tf.neg(angle)),
  }));
  assert.ok(other.nodes.every((n) => n.op !== "RotaryEmbedding"));
});

Deno.test("the printed graph of a small network's gradient is the stored one", () => {
  const graph = runPasses(traced(valueAndGrads(({ params: { a, b } }) => ({
    value: tf.sum(tf.tanh(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true))).asScalar(),
  }))));
  const path = new URL("snapshots/jit_gradient.txt", import.meta.url);
  if (Deno.env.get("UAL_UPDATE_SNAPSHOTS")) Deno.writeTextFileSync(path, printGraph(graph));
  assert.equal(printGraph(graph), Deno.readTextFileSync(path));
});

const program = valueAndGrads(({ params: { a, b } }) => {
  const scores = tf.matMul(tf.mul(a, 1) as tf.Tensor2D, tf.transpose(b) as tf.Tensor2D);
  const twice = tf.add(tf.softmax(scores), tf.softmax(scores));
  return { value: tf.sum(tf.square(tf.reshape(tf.reshape(twice, [8]), [4, 2]))).asScalar() };
});
const combinations: Record<string, Record<string, Pass>> = {
  none: {},
  deadCode: { deadCode },
  commonSubexpressions: { commonSubexpressions },
  simplify: { simplify },
  fuseTranspose: { fuseTranspose },
  all: defaultPasses,
};
for (const [name, passes] of Object.entries(combinations)) {
  Deno.test(`passes (${name}) keep values and gradients`, async () => {
    const expected = await runEager(program, args);
    const run = await jit(program, specs, { threads: 1, cache: false, passes });
    const actual = await run(args);
    await run.close();
    close(actual.value as TensorData, expected.value as TensorData, "value");
    for (const n of ["a", "b"]) {
      close(
        (actual.grads as Record<string, TensorData>)[n],
        (expected.grads as Record<string, TensorData>)[n],
        n,
      );
    }
  });
}

Deno.test("checkGraph() finds a read before the definition, a double assignment and a wrong constant", () => {
  const graph = runPasses(traced(({ params: { a } }) => ({ out: tf.mul(tf.exp(a), 3) })));
  const broken = (change: (g: Graph) => Graph, message: RegExp) =>
    assert.throws(() => checkGraph(change(graph), "a pass"), message);
  broken(
    (g) => ({ ...g, nodes: g.nodes.toReversed() }),
    /internal: after a pass: Mul reads v\d+ before it is defined/,
  );
  broken((g) => ({ ...g, nodes: [...g.nodes, g.nodes[0]] }), /is assigned twice/);
  broken(
    (g) => ({ ...g, constants: new Map([...g.constants.keys()].map((k) => [k, new Float32Array(2)])) }),
    /does not fit its shape/,
  );
  broken((g) => ({ ...g, outputs: [{ name: "out", value: "nothing" }] }), /which is not defined/);
});
