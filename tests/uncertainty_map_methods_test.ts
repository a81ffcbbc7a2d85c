// The rank and power maps of lib/uncertainty/map.ts against a bisection over plain shares, and what the ceiling does (clip.ts).
import assert from "node:assert/strict";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";
import {
  clipEffect,
  mapUncertainty,
  powerMapping,
  rankMapping,
  rankShares,
  truncatedLinear,
} from "../lib/uncertainty/mod.ts";
import { bisectedMapping } from "./oracles/map_oracle.ts";

const meanOf = (s: ArrayLike<number>) => Array.from(s).reduce((a, b) => a + b, 0) / s.length;

function near(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-9) {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) {
    assert.ok(Math.abs(actual[i] - expected[i]) <= tolerance, `[${i}] ${actual[i]} ≠ ${expected[i]}`);
  }
}

/** Tied ratings with zeros, of some round. */
function ratings(round: number): number[] {
  const random = stream(round, "ratings"), n = 2 + random.ints(1, 50)[0];
  return Array.from({ length: n }, (_, i) => Math.floor(random.uniform(i + 1) ** 2 * 34) * 3);
}

/** Mid-rank shares by counting, one value at a time. */
function sharesByCounting(u: number[]): number[] {
  return u.map((value) => {
    const below = u.filter((other) => other < value).length,
      equal = u.filter((other) => other === value).length;
    return (below + equal / 2) / u.length;
  });
}

Deno.test("rankMapping() is the truncated line over mid-rank shares, by bisection", () => {
  for (let round = 0; round < 100; round++) {
    const u = ratings(round), mean = 0.02 + 0.9 * stream(round, "mean").uniform(0);
    near(rankShares(u), sharesByCounting(u), 1e-15);
    const got = rankMapping(u, { mean });
    near(got.smoothing, bisectedMapping(sharesByCounting(u), mean, 0.99).smoothing);
    assert.ok(Math.abs(meanOf(got.smoothing) - mean) < 1e-12);
  }
});

Deno.test("rankMapping() depends on the order alone and cuts nobody up to half the ceiling", () => {
  const u = [3, 80, 80, 12, 99, 0, 41], squashed = u.map((v) => Math.log1p(v));
  assert.deepEqual(rankMapping(u, { mean: 0.3 }), rankMapping(squashed, { mean: 0.3 }));
  const half = rankMapping(u, { mean: 0.495 });
  assert.equal(half.truncated, 0);
  assert.ok(Math.abs(half.alpha - 0.99) < 1e-12);
  assert.equal(half.smoothing[1], half.smoothing[2]);
  near(rankMapping([5, 5, 5], { mean: 0.2 }).smoothing, [0.2, 0.2, 0.2], 1e-15);
});

Deno.test("powerMapping() is the truncated line over powers, by bisection, its mean exact", () => {
  for (let round = 0; round < 100; round++) {
    const u = ratings(round), most = Math.max(...u), power = 0.25 + 4 * stream(round, "power").uniform(0);
    if (most === 0) continue;
    const reachable = 0.99 * u.filter((v) => v > 0).length / u.length;
    const mean = reachable * (0.02 + 0.95 * stream(round, "mean").uniform(0));
    const got = powerMapping(u, { mean, power });
    near(got.smoothing, bisectedMapping(u.map((v) => (v / most) ** power), mean, 0.99).smoothing);
    assert.ok(Math.abs(meanOf(got.smoothing) - mean) < 1e-12);
  }
});

Deno.test("powerMapping() is the linear mapping at power 1, steeper above, flatter below, whatever the scale", () => {
  const u = [10, 20, 40, 80], options = { mean: 0.1 };
  near(powerMapping(u, { ...options, power: 1 }).smoothing, truncatedLinear(u, options).smoothing, 1e-15);
  const top = (power: number) => powerMapping(u, { ...options, power }).smoothing[3];
  assert.ok(top(0.5) < top(1) && top(1) < top(2) && top(2) < top(3));
  near(powerMapping(u, options).smoothing, powerMapping(u.map((v) => v * 1e9), options).smoothing, 1e-15);
  near(powerMapping(u, options).smoothing, u.map((v) => 0.4 * v * v / 8500), 1e-15);
});

Deno.test("mapUncertainty() knows the maps and their errors", () => {
  const u = [0, 0, 0, 90];
  assert.deepEqual(mapUncertainty(u, { method: "rank", mean: 0.6 }), rankMapping(u, { mean: 0.6 }));
  assert.deepEqual(
    mapUncertainty(u, { method: "power", mean: 0.2, power: 3 }),
    powerMapping(u, { mean: 0.2, power: 3 }),
  );
  const refuses = (work: () => unknown, message: RegExp) =>
    assert.throws(work, (e) => e instanceof InputError && message.test(e.message));
  refuses(() => mapUncertainty(u, { method: "power", mean: 0.6 }), /largest reachable mean is 0\.2475/);
  refuses(() => mapUncertainty([0, 0], { method: "power", mean: 0.1 }), /every uncertainty is 0/);
  refuses(
    () => mapUncertainty([1, undefined], { method: "rank", mean: 0.1, ids: ["a", "b"] }),
    /"b".* missing/,
  );
  for (const power of [0, -1, NaN, 101]) refuses(() => powerMapping([1, 2], { mean: 0.1, power }), /power/);
  refuses(() => rankMapping([1, 2], { mean: 0.995 }), /0\.99, the ceiling/);
  assert.deepEqual([...powerMapping([0, 0], { mean: 0 }).smoothing], [0, 0]);
});

Deno.test("clipEffect() says whom the ceiling cuts and what it moves, as the two mappings do side by side", () => {
  for (let round = 0; round < 60; round++) {
    const u = ratings(round).map((v) => v + 1), ceiling = 0.7;
    const mean = 0.05 + 0.6 * stream(round, "mean").uniform(0);
    const { smoothing, alpha, truncated } = truncatedLinear(u, { mean, ceiling });
    const slope = u.length * mean / u.reduce((a, b) => a + b);
    let lost = 0, won = 0;
    u.forEach((value, i) => {
      const change = smoothing[i] - slope * value;
      if (change < 0) lost -= change;
      else won += change;
    });
    const got = clipEffect(u, { mean, ceiling });
    assert.equal(got.cut, truncated);
    near([got.alphaBefore, got.alphaAfter, got.moved], [slope, alpha, lost], 1e-10);
    near([got.moved, got.movedShare], [won, lost / (u.length * mean)], 1e-10);
    assert.equal(got.share, truncated / u.length);
    near([got.largestBefore], [slope * Math.max(...u)], 1e-12);
    assert.equal(truncatedLinear(u, { mean: got.uncutMean * 0.999, ceiling }).truncated, 0);
    assert.ok(truncatedLinear(u, { mean: Math.min(0.69, got.uncutMean * 1.01), ceiling }).truncated > 0);
  }
});

Deno.test("clipEffect() follows the other maps and refuses those without a slope", () => {
  const u = [10, 50, 60, 90];
  assert.equal(clipEffect(u, { mean: 0.4, method: "rank" }).cut, 0);
  const power = clipEffect(u, { mean: 0.6, method: "power", power: 3 });
  assert.equal(power.cut, mapUncertainty(u, { mean: 0.6, method: "power", power: 3 }).truncated);
  assert.ok(power.cut > 0 && power.moved > 0);
  assert.deepEqual(clipEffect([1, 2], { mean: 0 }).moved, 0);
  for (const method of ["constant", "none"] as const) {
    assert.throws(() => clipEffect(u, { mean: 0.1, method }), InputError);
  }
});
