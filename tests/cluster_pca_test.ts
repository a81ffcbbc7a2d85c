// Principal components beside scikit-learn's stored outputs, by every method; large data beside a plain power iteration.
import { equal, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { pca, type PcaMethod, pcaMethod } from "../lib/cluster/pca.ts";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";

interface Case {
  x: number[];
  shape: [number, number];
  components: number[][];
  scores: number[][];
  explained_variance_ratio: number[];
}

const stored = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/sklearn/clusters.json")),
);
const cases: [string, Case][] = Object.entries(stored.pca);

function near(found: ArrayLike<number>, wanted: number[], tolerance: number, what: string): void {
  equal(found.length, wanted.length, what);
  const scale = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, i) =>
    ok(Math.abs(found[i] - value) <= tolerance * scale, `${what} [${i}]: ${found[i]}, not ${value}`)
  );
}

Deno.test("pca() equals scikit-learn's full decomposition by every method, signs included", async (t) => {
  const methods: PcaMethod[] = ["svd", "covariance", "krylov", "nipals"];
  for (const [name, { x, shape, ...wanted }] of cases) {
    for (const method of methods) {
      if (method === "nipals" && name.startsWith("a constant")) continue; // starts from a column of zeros
      await t.step(`${name}, ${method}`, async () => {
        const found = await pca(Float32Array.from(x), shape, { components: 3, method });
        near(found.components, wanted.components.flat(), 1e-4, "components");
        near(found.scores, wanted.scores.flat(), 1e-4, "scores");
        near(found.explainedVarianceRatio, wanted.explained_variance_ratio, 1e-6, "explained variance");
      });
    }
  }
});

/** Points that vary in `sizes`' directions of random axes. */
function spread(n: number, d: number, sizes: number[]): Float32Array {
  const random = stream(5, "spread"), x = new Float32Array(n * d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) {
      let value = 0.3 * random.normal(i * d + j) + 2;
      sizes.forEach((size, c) =>
        value += size * random.normal(1e9 + i * sizes.length + c) * random.normal(2e9 + c * d + j)
      );
      x[i * d + j] = value;
    }
  }
  return x;
}

/** The leading direction of centred data, by multiplying with XᵀX again and again. */
function powerIteration(x: Float32Array, [n, d]: [number, number]): number[] {
  const mean = Array.from({ length: d }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[i * d + j];
    return sum / n;
  });
  let v = Array.from({ length: d }, (_, j) => Math.sin(j + 1));
  for (let step = 0; step < 60; step++) {
    const next = new Array(d).fill(0);
    for (let i = 0; i < n; i++) {
      let along = 0;
      for (let j = 0; j < d; j++) along += (x[i * d + j] - mean[j]) * v[j];
      for (let j = 0; j < d; j++) next[j] += along * (x[i * d + j] - mean[j]);
    }
    const size = Math.hypot(...next);
    v = next.map((value) => value / size);
  }
  const largest = v.reduce((best, value) => Math.abs(value) > Math.abs(best) ? value : best, 0);
  return v.map((value) => value * Math.sign(largest));
}

Deno.test("pca() of large data goes through the jit and finds the leading direction", async () => {
  const shape: [number, number] = [3000, 700], x = spread(...shape, [1, 0.6, 0.4]);
  equal(pcaMethod(shape), "krylov");
  const { components, scores } = await pca(x, shape, { threads: 2 });
  near(components.slice(0, shape[1]), powerIteration(x, shape), 1e-4, "first component");
  let dot = 0;
  for (let i = 0; i < shape[0]; i++) dot += scores[2 * i] * scores[2 * i + 1];
  ok(Math.abs(dot) < 1e-3 * scores.reduce((sum, s) => sum + s * s, 0), "components are uncorrelated");
});

Deno.test("pca() of rows that are all equal has zero scores and no ratio", async () => {
  const { scores, explainedVarianceRatio } = await pca(new Float32Array(12).fill(3), [4, 3]);
  ok(scores.every((score) => score === 0));
  ok(explainedVarianceRatio.every(Number.isNaN));
});

Deno.test("pca() finds the same directions however large or small the numbers are", async () => {
  const [n, d] = [40, 6], x = Float64Array.from(spread(n, d, [1, 0.6]));
  for (const method of ["krylov", "svd"] as const) {
    const wanted = await pca(x, [n, d], { method });
    for (const scale of [1e200, 1e25, 1e-30]) {
      const found = await pca(x.map((v) => v * scale), [n, d], { method });
      near(found.components, [...wanted.components], 1e-9, `${method}, times ${scale}`);
      near(found.scores.map((v) => v / scale), [...wanted.scores], 1e-9, `${method}, times ${scale}, scores`);
    }
  }
});

Deno.test("pca() refuses too few rows and numbers that are not finite", async () => {
  const refuses = (x: number[], shape: [number, number], why: RegExp) =>
    rejects(
      pca(Float32Array.from(x), shape),
      (error) => error instanceof InputError && why.test(error.message),
    );
  await refuses([1, 2, 3], [1, 3], /there are 1 at most/);
  await refuses([1, 2, 3, Infinity], [2, 2], /row 1 has Infinity in column 1/);
  await refuses([1, 2, 3], [2, 2], /3 were given/);
});
