// One line to check a tf.js function: compiled against eager on tf.js's cpu backend, values and gradients.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import {
  jit,
  type Params,
  type Program,
  runEager,
  sizeOf,
  specsOf,
  type TensorData,
  valueAndGrads,
} from "../../lib/jit/mod.ts";
import { stream } from "../../lib/run/seed.ts";

/** Repeatable values in (−1, 1), none of them within 0.05 of zero. */
export function values(shape: number[], name: string): TensorData {
  const random = stream(7, "jit test", name);
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const x = random.uniform(i) * 2 - 1;
    return x + (x < 0 ? -0.05 : 0.05);
  });
  return { dtype: "float32", shape, data };
}

/** Fails unless all elements agree within `tolerance`, relative to the larger of 1 and the value. */
export function close(actual: TensorData, expected: TensorData, what: string, tolerance = 2e-6): void {
  assert.deepEqual([actual.dtype, actual.shape], [expected.dtype, expected.shape], what);
  for (let i = 0; i < expected.data.length; i++) {
    const a = actual.data[i], e = expected.data[i];
    const same = Object.is(a, e) || Math.abs(a - e) <= tolerance * Math.max(1, Math.abs(e));
    assert.ok(same, `${what}[${i}]: compiled ${a}, eager ${e}`);
  }
}

/** Compiles and runs `f` over `params` and compares every result with the eager one. */
export async function checkProgram(
  program: Program,
  args: Record<string, Params>,
  tolerance?: number,
): Promise<void> {
  const expected = await runEager(program, args);
  const specs = Object.fromEntries(Object.entries(args).map(([group, params]) => [group, specsOf(params)]));
  const compiled = await jit(program, specs, { threads: 1, cache: false });
  const actual = await compiled(args);
  await compiled.close();
  const flat = (r: typeof actual) =>
    Object.entries(r).flatMap(([k, v]) =>
      isData(v) ? [[k, v] as const] : Object.entries(v).map(([n, d]) => [`${k}/${n}`, d] as const)
    );
  assert.deepEqual(flat(actual).map(([k]) => k), flat(expected).map(([k]) => k));
  const byName = new Map(flat(actual));
  for (const [name, data] of flat(expected)) close(byName.get(name)!, data, name, tolerance);
}

const isData = (v: TensorData | Params): v is TensorData => "dtype" in v && typeof v.dtype === "string";

/** Checks the value of `f` and the gradients of a weighted sum of it with respect to every float input. */
export async function checkGradients(
  f: (x: Record<string, tf.Tensor>, ints: Record<string, tf.Tensor>) => tf.Tensor,
  params: Params,
  ints: Params = {},
  tolerance?: number,
): Promise<void> {
  await checkProgram(({ params, ints }) => ({ out: f(params, ints ?? {}) }), { params, ints }, tolerance);
  const loss = valueAndGrads(({ params, ints }) => {
    const out = f(params, ints ?? {});
    // Uneven weights, so that a gradient that permutes or mixes elements is seen.
    const weights = tf.cos(tf.mul(tf.reshape(tf.range(0, out.size, 1, "float32"), out.shape), 0.7));
    return { value: tf.sum(tf.mul(out, weights)).asScalar() };
  });
  await checkProgram(loss, { params, ints }, tolerance);
}
