// vertexBootstrap() beside a plain loop over the same draws, and how often its intervals hold the truth where pairs share members.
import { deepEqual, ok, throws } from "node:assert/strict";
import { stream } from "../lib/run/seed.ts";
import { pairedBootstrap, vertexBootstrap } from "../lib/stats/mod.ts";

/** `count` different pairs of `members`, each pair's value the sum of its members' effects and one of its own. */
function simulated(
  seed: number,
  { members, count, effect }: { members: number; count: number; effect: number },
) {
  const random = stream(seed, "pairs that share members");
  const all = Array.from({ length: members }, (_, i) => Array.from({ length: i }, (_, j) => [i, j] as const))
    .flat();
  const pairs = stream(seed, "which").shuffle(all.length).slice(0, count).map((i) => all[i]);
  const values = pairs.map(([a, b], i) =>
    effect * (random.normal(a) + random.normal(b)) + random.normal(1000 + i)
  );
  return { pairs, values };
}

Deno.test("vertexBootstrap() weighs each pair by the product of its members' draws", () => {
  const pairs = [[7, 3], [3, 9], [9, 7], [4, 3]] as const, members = [7, 3, 9, 4], n = members.length;
  const columns = [[0.5, -0.2, 0.1, 0.9], [1, 2, 4, 8]];
  const means: number[][] = [[], []];
  for (let b = 0; b < 2000; b++) {
    const drawn = stream(5, "bootstrap", b).ints(n, n).map((i) => members[i]);
    const times = (member: number) => drawn.filter((own) => own === member).length;
    const many = pairs.flatMap(([a, b], i) => Array<number>(times(a) * times(b)).fill(i));
    if (many.length === 0) continue; // one member drawn four times: no pair
    columns.forEach((column, c) => means[c].push(many.reduce((sum, i) => sum + column[i], 0) / many.length));
  }
  const found = vertexBootstrap(columns, pairs, { seed: 5 });
  columns.forEach((column, c) => {
    const sorted = means[c].sort((a, b) => a - b), { difference, low, high, p } = found[c];
    const at = (share: number) => {
      const x = share * (sorted.length - 1), i = Math.floor(x);
      return sorted[i] + (x - i) * (sorted[i + 1] - sorted[i]);
    };
    const wanted = [column.reduce((a, b) => a + b) / 4, at(0.025), at(0.975)];
    [difference, low, high].forEach((value, i) => ok(Math.abs(value - wanted[i]) < 1e-12, `${value}`));
    const below = sorted.filter((mean) => mean <= 0).length,
      above = sorted.filter((mean) => mean >= 0).length;
    ok(Math.abs(p - Math.min(1, 2 * (1 + Math.min(below, above)) / (1 + sorted.length))) < 1e-12);
  });
});

Deno.test("vertexBootstrap() has no interval for one pair, and refuses columns that do not fit", () => {
  deepEqual(vertexBootstrap([[0.3]], [[1, 2]]), [{ difference: 0.3, low: NaN, high: NaN, p: NaN }]);
  throws(() => vertexBootstrap([[1, 2, 3]], [[1, 2], [2, 3]]), RangeError);
});

Deno.test("vertexBootstrap() covers the true mean where members have effects, and drawing pairs does not", () => {
  // 1,000 such runs give 95.3% and 58.9%; 60 of them stay within three standard errors of that: 0.87 at least, 0.78 at most
  const runs = 60, holds = { members: 0, pairs: 0 };
  for (let seed = 0; seed < runs; seed++) {
    const { pairs, values } = simulated(seed, { members: 30, count: 100, effect: 1 });
    const [wide] = vertexBootstrap([values], pairs, { seed }), [narrow] = pairedBootstrap([values], { seed });
    if (wide.low <= 0 && wide.high >= 0) holds.members++;
    if (narrow.low <= 0 && narrow.high >= 0) holds.pairs++;
  }
  ok(holds.members / runs > 0.87, `95% intervals by members hold it in ${holds.members} of ${runs}`);
  ok(holds.pairs / runs < 0.78, `by pairs in ${holds.pairs} of ${runs}`);
});
