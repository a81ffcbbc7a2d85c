// lib/uncertainty/map.ts against a bisection, stored outputs of the reference run, and the properties it promises.
import assert from "node:assert/strict";
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { constantSmoothing, mapUncertainty, noSmoothing, truncatedLinear } from "../lib/uncertainty/mod.ts";
import { mirror } from "./mirror.ts";
import { bisectedMapping } from "./oracles/map_oracle.ts";

/** mulberry32, a small published generator with a 32-bit state: uniform numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const meanOf = (s: ArrayLike<number>) => Array.from(s).reduce((a, b) => a + b, 0) / s.length;

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    const scale = Math.max(1e-300, Math.abs(expected[i]));
    assert.ok(Math.abs(actual[i] - expected[i]) <= tolerance * scale, `[${i}] ${actual[i]} ≠ ${expected[i]}`);
  }
}

/** Ratings as they come: skewed, tied, with zeros, of any scale. */
function samples(round: number): { u: number[]; mean: number; ceiling: number } {
  const random = mulberry32(round);
  const n = 1 + Math.floor(random() * 60), power = 10 ** (2 * random() - 1);
  const scale = [1, 99, 1e-9, 1e12][round % 4], zeros = round % 3 === 0 ? 0.3 : 0;
  const u = Array.from({ length: n }, () => random() < zeros ? 0 : scale * random() ** power);
  if (round % 5 === 0) u.forEach((value, i) => u[i] = scale * Math.round(4 * value / scale) / 4);
  const ceiling = round % 2 ? 0.99 : 0.05 + 0.9 * random();
  const reachable = ceiling * u.filter((value) => value > 0).length / n;
  return { u, mean: reachable * random(), ceiling };
}

const parity = mirror("parity");

Deno.test({
  name: "truncatedLinear() agrees with the stored reference mapping",
  ignore: !parity,
  fn: testReference,
});

async function testReference() {
  const { mapping } = JSON.parse(await Deno.readTextFile(join(parity!, "peft/reference.json")));
  const random = mulberry32(20240607), r = Array.from({ length: 64 }, random);
  assert.deepEqual(r, mapping.r);
  const u = r.map((value) => value ** 10);
  assertClose(u, mapping.u, 1e-14);
  const cases = [{ ...mapping, values: u.slice(0, 48) }];
  for (const extra of mapping.extra_cases) {
    cases.push({ ...extra, values: extra.name.startsWith("u, all 64") ? u : r.slice(0, 48) });
  }
  assert.equal(cases.length, 5);
  for (const { values, mean, alpha, truncated, s } of cases) {
    const got = truncatedLinear(values, { mean });
    assertClose([got.alpha], [alpha], 1e-12);
    assert.equal(got.truncated, truncated);
    if (s) assertClose(got.smoothing, s, 1e-12);
  }
}

Deno.test("truncatedLinear() agrees with a bisection on 300 random cases", () => {
  let cut = 0;
  for (let round = 1; round <= 300; round++) {
    const { u, mean, ceiling } = samples(round);
    if (mean === 0) continue;
    const got = truncatedLinear(u, { mean, ceiling });
    const want = bisectedMapping(u, mean, ceiling);
    assertClose(got.smoothing, want.smoothing, 1e-9);
    assert.equal(got.truncated, u.filter((value) => got.alpha * value >= ceiling).length);
    cut += got.truncated;
  }
  assert.ok(cut > 100, `only ${cut} samples were cut: the cases are too mild`);
});

Deno.test("truncatedLinear() has the asked mean, keeps order and ties, stays under the ceiling", () => {
  for (let round = 1; round <= 300; round++) {
    const { u, mean, ceiling } = samples(round);
    const { smoothing } = truncatedLinear(u, { mean, ceiling });
    assert.ok(Math.abs(meanOf(smoothing) - mean) <= 1e-12, `mean ${meanOf(smoothing)} ≠ ${mean}`);
    const order = u.map((_, i) => i).sort((a, b) => u[a] - u[b]);
    for (let k = 0; k < order.length; k++) {
      const s = smoothing[order[k]];
      assert.ok(s >= 0 && s <= ceiling);
      if (u[order[k]] === 0) assert.equal(s, 0);
      if (k === 0) continue;
      const before = smoothing[order[k - 1]];
      if (u[order[k]] === u[order[k - 1]]) assert.equal(s, before);
      else assert.ok(s >= before);
    }
  }
});

Deno.test("truncatedLinear() does not depend on the order of the samples", () => {
  for (let round = 1; round <= 60; round++) {
    const { u, mean, ceiling } = samples(round);
    const random = mulberry32(1000 + round);
    const order = u.map((_, i) => [random(), i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i);
    const plain = truncatedLinear(u, { mean, ceiling });
    const moved = truncatedLinear(order.map((i) => u[i]), { mean, ceiling });
    assert.equal(moved.alpha, plain.alpha);
    assert.deepEqual([...moved.smoothing], order.map((i) => plain.smoothing[i]));
  }
});

Deno.test("truncatedLinear() is indifferent to the scale and keeps its input", () => {
  const u = [3, 0, 97, 55, 55, 12.5], kept = [...u];
  const a = truncatedLinear(u, { mean: 0.4 }), b = truncatedLinear(u.map((v) => v / 64), { mean: 0.4 });
  assert.deepEqual(a.smoothing, b.smoothing);
  assert.deepEqual(u, kept);
});

Deno.test("truncatedLinear() holds its mean over 200,000 skewed samples", () => {
  const random = mulberry32(7), u = Float64Array.from({ length: 200_000 }, () => random() ** 12);
  const { smoothing, truncated } = truncatedLinear(u, { mean: 0.3 });
  assert.ok(truncated > 10_000);
  assert.ok(Math.abs(meanOf(smoothing) - 0.3) < 1e-12);
});

Deno.test("truncatedLinear() reaches the largest mean exactly, and mean 0 is no smoothing", () => {
  const half = truncatedLinear([0, 1e-7, 0, 80], { mean: 0.495 });
  assertClose(half.smoothing, [0, 0.99, 0, 0.99], 1e-12);
  assert.deepEqual(truncatedLinear([5, 9], { mean: 0 }), {
    smoothing: new Float64Array(2),
    alpha: 0,
    truncated: 0,
  });
  assert.deepEqual([...truncatedLinear([0, 0], { mean: 0 }).smoothing], [0, 0]);
  assert.deepEqual([...truncatedLinear([7], { mean: 0.99 }).smoothing], [0.99]);
});

Deno.test("truncatedLinear() refuses what it cannot do and says what it could", () => {
  const refuses = (u: number[], options: { mean: number; ceiling?: number }, message: RegExp) =>
    assert.throws(
      () => truncatedLinear(u, options),
      (e) => e instanceof InputError && message.test(e.message),
    );
  refuses([0, 0, 4, 0], { mean: 0.3 }, /1 of 4 .* largest reachable mean is 0\.2475/);
  refuses([0, 0], { mean: 0.1 }, /every uncertainty is 0.* reachable mean is 0;/);
  refuses([], { mean: 0.1 }, /0 samples/);
  refuses([1, NaN], { mean: 0.1 }, /sample 1: its uncertainty is NaN/);
  refuses([1, -2], { mean: 0.1 }, /-2/);
  refuses([1, Infinity], { mean: 0.1 }, /Infinity/);
  refuses([1, 1e301], { mean: 0.1 }, /1e\+301/);
  refuses([1e-310, 0], { mean: 0.1 }, /too small/);
  for (const mean of [-0.1, NaN, 0.995, Infinity]) refuses([1, 2], { mean }, /is not between 0 and 0\.99/);
  for (const ceiling of [0, 1, -1, NaN, 1.5]) refuses([1, 2], { mean: 0.1, ceiling }, /ceiling/);
});

Deno.test("constantSmoothing() and noSmoothing() give the same to every sample", () => {
  assert.deepEqual(constantSmoothing(3, 0.1), new Float64Array([0.1, 0.1, 0.1]));
  assert.deepEqual(noSmoothing(2), new Float64Array(2));
  for (const mean of [1, -0.1, NaN]) assert.throws(() => constantSmoothing(3, mean), InputError);
});

Deno.test("mapUncertainty() maps by method; only truncated-linear needs uncertainties", () => {
  const u = [10, undefined, 30];
  assert.deepEqual([...mapUncertainty(u, { method: "constant", mean: 0.2 }).smoothing], [0.2, 0.2, 0.2]);
  assert.deepEqual([...mapUncertainty(u, { method: "none", mean: 0.2 }).smoothing], [0, 0, 0]);
  assert.deepEqual(
    mapUncertainty([10, 20], { method: "truncated-linear", mean: 0.1 }),
    truncatedLinear([10, 20], { mean: 0.1 }),
  );
  assert.throws(
    () => mapUncertainty(u, { method: "truncated-linear", mean: 0.1, ids: ["a", "b", "c"] }),
    (e) => e instanceof InputError && /sample "b": its uncertainty is missing/.test(e.message),
  );
  assert.throws(() => mapUncertainty([1], { method: "constant", mean: 0.5, ceiling: 0.4 }), InputError);
  // @ts-expect-error: a method that does not exist
  assert.throws(() => mapUncertainty([1], { method: "linear", mean: 0.1 }), /"linear": it is unknown/);
});
