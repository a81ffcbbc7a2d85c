// Pairs of tokens: drawn, named, refused; their scores summed up and compared between models.
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { pairDifferences, pairSummary } from "../lib/cluster/compare_pairs.ts";
import { commonTokens, namedPairs, randomPairs, tokenCounts, type TokenPair } from "../lib/cluster/pairs.ts";
import { pairPoints, type PairScore, placesOf } from "../lib/cluster/score_pairs.ts";
import type { Tokenizer } from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";
import { holm, pairedBootstrap, vertexBootstrap } from "../lib/stats/mod.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";

/** Token i comes `counts[i]` times, in turns. */
function points(...counts: number[]): { tokens: Int32Array } {
  const tokens: number[] = [];
  for (let turn = 0; turn < Math.max(...counts); turn++) {
    counts.forEach((count, token) => turn < count && tokens.push(token));
  }
  return { tokens: Int32Array.from(tokens) };
}

const keyOf = ({ a, b }: TokenPair) => `${a} ${b}`;

Deno.test("tokenCounts() and commonTokens() count, the commonest first", () => {
  const some = points(3, 9, 0, 9, 5);
  deepEqual([...tokenCounts(some)].sort(([a], [b]) => a - b), [[0, 3], [1, 9], [3, 9], [4, 5]]);
  deepEqual(commonTokens(some, 4), [1, 3, 4]);
  deepEqual(commonTokens(some, 3, new Set([3])), [1, 4, 0]);
});

Deno.test("randomPairs() draws different pairs of tokens that are common enough, the same for a seed", () => {
  const some = points(...Array.from({ length: 30 }, (_, i) => i));
  const drawn = randomPairs(some, { count: 40, minCount: 12, seed: 3, except: new Set([20]) });
  equal(new Set(drawn.map(keyOf)).size, 40);
  for (const { a, b, kind } of drawn) {
    ok(a >= 12 && a < b && a !== 20 && b !== 20 && kind === "random", `${a} ${b}`);
  }
  deepEqual(randomPairs(some, { count: 40, minCount: 12, seed: 3, except: new Set([20]) }), drawn);
  deepEqual(
    randomPairs(some, { count: 7, minCount: 12, seed: 3, except: new Set([20]) }),
    drawn.slice(0, 7),
    "fewer are the first of more",
  );
  ok(randomPairs(some, { count: 40, minCount: 12, seed: 4 }).map(keyOf).join() !== drawn.map(keyOf).join());
  const all = randomPairs(some, { count: 15, minCount: 24, seed: 1 }).map(keyOf).sort();
  equal(new Set(all).size, 15, "all pairs of six tokens");
});

Deno.test("randomPairs() gives each pair the same chance", () => {
  const some = points(5, 5, 5, 5, 5), times = new Map<string, number>(), draws = 3000;
  for (let seed = 0; seed < draws; seed++) {
    const [pair] = randomPairs(some, { count: 1, minCount: 5, seed });
    times.set(keyOf(pair), (times.get(keyOf(pair)) ?? 0) + 1);
  }
  equal(times.size, 10);
  const chi = [...times.values()].reduce((sum, n) => sum + (n - draws / 10) ** 2 / (draws / 10), 0);
  ok(chi < 27.9, `chi-squared ${chi} of 9 degrees of freedom, 27.9 has p = 0.001`);
});

Deno.test("randomPairs() says how many pairs there are where that is too few", () => {
  throws(
    () => randomPairs(points(9, 9, 9, 2), { count: 4, minCount: 5 }),
    new InputError(
      "Cannot draw 4 pairs of tokens: 3 tokens have at least 5 features each, which makes 3 pairs; give more texts, " +
        "fewer pairs, or a lower minimum count",
    ),
  );
});

Deno.test("randomPairs() refuses counts that are none", () => {
  for (const count of [-1, 1.5, NaN, Infinity]) {
    throws(
      () => randomPairs(points(5, 5, 5), { count, minCount: 2 }),
      /pairs of tokens: give a whole number/,
    );
  }
});

Deno.test("namedPairs() reads tokens with their spaces, escapes and ids", () =>
  withTinyModel(({ tokenizer }) => {
    const text = (pairs: TokenPair[]) =>
      pairs.map(({ a, b }) => [tokenizer.decode([a]), tokenizer.decode([b])]);
    deepEqual(text(namedPairs("a| ,b|c", tokenizer)), [["a", " "], ["b", "c"]]);
    deepEqual(text(namedPairs("\\||\\,,\\\\|\\n", tokenizer)), [["|", ","], ["\\", "\n"]]);
    deepEqual(text(namedPairs(" a|a", tokenizer)), [[" a", "a"]], "a space within a token");
    deepEqual(namedPairs("#7|#12", tokenizer), [{ a: 7, b: 12, kind: "named" }]);
    deepEqual(text(namedPairs("<|im_end\\|>|a".replace("<|", "<\\|"), tokenizer)), [["<|im_end|>", "a"]]);
  }));

Deno.test("namedPairs() says what is wrong with a pair, and names a text's tokens", () =>
  withTinyModel(({ tokenizer }) => {
    const cases: [string, RegExp][] = [
      ["ab|c", /"ab" as a token: the model reads it as 2: "a" "b"; name one of them .*"#123"/],
      ["a", /the pair "a": it has 1 side; write two tokens as "a\|b"/],
      ["a|b|c", /it has 3 sides/],
      ["a|b,", /the pair "": it has 1 side/],
      ["a|", /a token of no text/],
      ["a|a", /the pair "a\|a": both sides are the same token/],
      ["a|b,b|a", /pair 2 was named before/],
      ["a|#100000", /token #100000: the vocabulary has \d+; give an id below that/],
    ];
    for (const [given, message] of cases) {
      throws(
        () => namedPairs(given, tokenizer as Tokenizer),
        (error) => error instanceof InputError && message.test(error.message),
        given,
      );
    }
  }));

Deno.test("pairPoints() takes the first features of each token", () => {
  const places = placesOf({ tokens: Int32Array.from([4, 8, 4, 6, 8, 4, 8, 8]) });
  deepEqual(pairPoints(places, { a: 8, b: 4 }, 3), {
    indices: [1, 4, 6, 0, 2, 5],
    labels: Uint8Array.from([0, 0, 0, 1, 1, 1]),
    counts: [3, 3],
  });
  deepEqual(pairPoints(places, { a: 4, b: 8 }).counts, [3, 4]);
  throws(() => pairPoints(places, { a: 4, b: 4 }), /Cannot set token #4 against itself/);
  for (const most of [0, 1, NaN]) throws(() => pairPoints(places, { a: 4, b: 8 }, most), RangeError);
  throws(() => pairPoints(places, { a: 4, b: 6 }), /#6 has 1 features in these texts/);
});

/** Made-up scores of two models over 40 pairs of 12 tokens: the second's are higher by `gain`. */
function madeUp(gain: number): PairScore[] {
  const random = stream(2, "made-up scores");
  const pairs = randomPairs(points(...Array<number>(12).fill(5)), { count: 40, minCount: 5 });
  return pairs.flatMap((pair, i) =>
    ["base", "UAL"].map((model, m) => {
      const value = 0.2 + 0.1 * random.normal(i) + m * (gain + 0.02 * random.normal(1000 + i));
      return {
        ...pair,
        model,
        layer: "final" as const,
        counts: [5, 5] as [number, number],
        pca2: value,
        full: value / 2,
        cosine: -value,
        calinskiHarabasz: 1,
        daviesBouldin: 1,
        explained: 0.5,
      };
    })
  );
}

const of = (scores: PairScore[], model: string) => scores.filter((score) => score.model === model);
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

Deno.test("pairSummary() means over pairs, its interval drawn by tokens or by pairs", () => {
  const scores = madeUp(0.05), summary = pairSummary(scores, { measure: "full", seed: 4 });
  deepEqual(summary.map(({ model, pairs }) => [model, pairs]), [["base", 40], ["UAL", 40]]);
  const byPairs = pairSummary(scores, { measure: "full", seed: 4, draw: "pairs" });
  for (const [i, model] of ["base", "UAL"].entries()) {
    const own = of(scores, model), column = own.map(({ full }) => full);
    ok(Math.abs(summary[i].value - mean(column)) < 1e-12);
    const [wide] = vertexBootstrap([column], own.map(({ a, b }) => [a, b] as const), { seed: 4 });
    const [narrow] = pairedBootstrap([column], { seed: 4 });
    deepEqual([summary[i].low, summary[i].high], [wide.low, wide.high]);
    deepEqual([byPairs[i].low, byPairs[i].high], [narrow.low, narrow.high]);
  }
});

Deno.test("pairDifferences() pairs models by pair, corrects with Holm and says what becomes of a claim", () => {
  const scores = madeUp(0.05), claims = [["UAL", "base"], ["base", "UAL"]] as const;
  const found = pairDifferences(scores, claims), base = of(scores, "base");
  const column = of(scores, "UAL").map(({ pca2 }, i) => pca2 - base[i].pca2);
  ok(Math.abs(found[0].difference - mean(column)) < 1e-12 && found[0].low > 0);
  deepEqual(found.map(({ verdict }) => verdict), ["confirmed", "contradicted"]);
  deepEqual(found.map(({ pHolm }) => pHolm), holm(found.map(({ p }) => p)));
  ok(Math.abs(found[1].low + found[0].high) < 1e-12 && Math.abs(found[1].high + found[0].low) < 1e-12);
  deepEqual(pairDifferences(madeUp(0), [claims[0]]).map(({ verdict }) => verdict), ["not distinguishable"]);
  deepEqual(
    pairDifferences(scores, [claims[0]], { measure: "cosine" }).map(({ verdict }) => verdict),
    ["contradicted"],
  );
});

Deno.test("pairDifferences() refuses models that were not scored, and scores of different pairs or layers", () => {
  const scores = madeUp(0.05);
  throws(
    () => pairDifferences(scores, [["SFT", "base"]]),
    /Cannot compare SFT: it was not scored; scored were base, UAL/,
  );
  throws(() => pairDifferences(scores.slice(1), [["UAL", "base"]]), /scored on other pairs, or on layers/);
});
