// Silhouettes and other measures of separation beside scikit-learn's stored outputs, and large ones beside a plain loop.
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { calinskiHarabasz, daviesBouldin } from "../lib/cluster/separation.ts";
import { type Metric, silhouette } from "../lib/cluster/silhouette.ts";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";

interface Case {
  x: number[];
  shape: [number, number];
  labels: number[];
  euclidean: number[];
  cosine: number[];
  euclidean_mean: number;
  cosine_mean: number;
  calinski_harabasz: number;
  davies_bouldin: number;
}

const stored = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/sklearn/clusters.json")),
);
const cases: [string, Case][] = Object.entries(stored.clusters);

function near(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number, what: string): void {
  equal(found.length, wanted.length, what);
  for (let i = 0; i < wanted.length; i++) {
    ok(Math.abs(found[i] - wanted[i]) <= tolerance, `${what} [${i}]: ${found[i]}, not ${wanted[i]}`);
  }
}

/** Blobs of points from a seed. */
function blobs(n: number, d: number, labels: number, spread: number): { x: Float32Array; labels: number[] } {
  const random = stream(3, "blobs"), y = Array.from({ length: n }, (_, i) => i % labels);
  const centre = (label: number, j: number) => 3 * random.normal(1e9 + label * d + j);
  const x = Float32Array.from(
    { length: n * d },
    (_, k) => centre(y[Math.floor(k / d)], k % d) + spread * random.normal(k),
  );
  return { x, labels: y };
}

/** The definition, point by point. */
function bySum(x: Float32Array, [n, d]: [number, number], y: number[], metric: Metric): number[] {
  const row = (i: number) => Array.from(x.subarray(i * d, (i + 1) * d));
  const rows = Array.from({ length: n }, (_, i) => row(i)), lengths = rows.map((r) => Math.hypot(...r));
  const distance = (i: number, j: number) =>
    metric === "euclidean"
      ? Math.hypot(...rows[i].map((v, k) => v - rows[j][k]))
      : 1 - rows[i].reduce((sum, v, k) => sum + v * rows[j][k], 0) / lengths[i] / lengths[j];
  return rows.map((_, i) => {
    const mean = (label: number) => {
      const others = y.flatMap((own, j) => own === label && j !== i ? [distance(i, j)] : []);
      return others.reduce((a, b) => a + b, 0) / others.length;
    };
    const a = mean(y[i]), b = Math.min(...[...new Set(y)].filter((label) => label !== y[i]).map(mean));
    return (b - a) / Math.max(a, b);
  });
}

Deno.test("silhouette() equals scikit-learn's, by loops and through the jit", async (t) => {
  for (const [name, { x, shape, labels, ...wanted }] of cases) {
    await t.step(name, async () => {
      for (const metric of ["euclidean", "cosine"] as const) {
        for (const engine of ["loop", "jit"] as const) {
          const found = await silhouette(Float32Array.from(x), shape, labels, { metric, engine });
          near(found.samples, wanted[metric], 1e-6, `${metric}, ${engine}`);
          near([found.mean], [wanted[`${metric}_mean`]], 1e-6, `${metric}, ${engine}, mean`);
        }
      }
    });
  }
});

Deno.test("silhouette() of several blocks equals the definition, close points and all", async () => {
  for (const [spread, tolerance] of [[1, 1e-6], [1e-3, 1e-6]] as const) {
    const n = 2100, d = 3, { x, labels } = blobs(n, d, 4, spread);
    const first = Array.from({ length: 40 }, (_, i) => i * 50); // the definition is slow: some of the points
    const rows = (metric: Metric) => bySum(x, [n, d], labels, metric);
    const wanted = rows("euclidean");
    const { samples } = await silhouette(x, [n, d], labels, { engine: "jit" });
    near(first.map((i) => samples[i]), first.map((i) => wanted[i]), tolerance, `spread ${spread}`);
    near(
      samples,
      (await silhouette(x, [n, d], labels, { engine: "loop" })).samples,
      tolerance,
      "all by loops",
    );
  }
});

Deno.test("silhouette() holds by blocks for numbers whose squares float32 cannot hold, and where points coincide", async () => {
  for (const scale of [1e25, 1e-25]) {
    const { x, labels } = blobs(60, 4, 3, 1), large = x.map((v) => v * scale);
    large.copyWithin(4, 0, 4); // point 1 is point 0
    const by = (engine: "loop" | "jit") => silhouette(large, [60, 4], labels, { engine });
    near((await by("jit")).samples, (await by("loop")).samples, 1e-6, `times ${scale}`);
  }
});

Deno.test("silhouette() tells each label's mean, and that of a sample drawn by its seed", async () => {
  const { x, labels } = blobs(60, 4, 3, 1), whole = await silhouette(x, [60, 4], labels);
  deepEqual([...whole.byLabel.keys()], [0, 1, 2]);
  const means = [...whole.byLabel.values()];
  near([means.reduce((a, b) => a + b) / 3], [whole.mean], 1e-12, "labels of equal size");
  const drawn = await silhouette(x, [60, 4], labels, { sample: { size: 30, seed: 1 } });
  equal(drawn.samples.length, 30);
  deepEqual(drawn, await silhouette(x, [60, 4], labels, { sample: { size: 30, seed: 1 } }));
  ok(drawn.mean !== (await silhouette(x, [60, 4], labels, { sample: { size: 30, seed: 2 } })).mean);
  ok(Math.abs(drawn.mean - whole.mean) < 0.2);
});

Deno.test("silhouette() refuses one label, as many as points, and numbers that are not finite", async () => {
  const x = Float32Array.from([0, 1, 2, 3]);
  const refuses = (labels: number[], why: RegExp, data = x) =>
    rejects(
      silhouette(data, [4, 1], labels),
      (error) => error instanceof InputError && why.test(error.message),
    );
  await refuses([1, 1, 1, 1], /1 labels; there must be 2 to 3/);
  await refuses([1, 2, 3, 4], /4 labels; there must be 2 to 3/);
  await refuses([1, 2, 3], /3 labels; give one a point/);
  await refuses([0, 0, 1, 1], /point 2 has NaN/, Float32Array.from([0, 1, NaN, 3]));
  await refuses([0, NaN, 1, 1], /point 1 has the label NaN/);
  await rejects(silhouette(x, [4, 1], [0, 1], { sample: { size: 3 } }), /2 labels; give one a point/);
  await rejects(silhouette(x, [4, 2], [0, 0, 1, 1], { sample: { size: 3 } }), /4 numbers, not 4 × 2/);
  await rejects(silhouette(x, [4, 1], [0, 0, 1, 1], { sample: { size: 5 } }), /Cannot draw 5 of 4 points/);
});

Deno.test("calinskiHarabasz() and daviesBouldin() equal scikit-learn's", () => {
  for (const [name, { x, shape, labels, calinski_harabasz, davies_bouldin }] of cases) {
    const scale = Math.max(1, calinski_harabasz);
    near(
      [calinskiHarabasz(x, shape, labels)],
      [calinski_harabasz],
      1e-6 * scale,
      `${name}, Calinski–Harabasz`,
    );
    near([daviesBouldin(x, shape, labels)], [davies_bouldin], 1e-6, `${name}, Davies–Bouldin`);
  }
  throws(() => daviesBouldin([0, 1], [2, 1], [0, 0]), /1 labels/);
});
