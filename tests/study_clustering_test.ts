// What 05_cluster shows of pairs' scores: rows, verdicts, means over seeds; scores are made up.
import { deepEqual, equal, ok } from "node:assert/strict";
import type { PairScore } from "../lib/cluster/mod.ts";
import {
  clusterTexts,
  layerRows,
  pairClaims,
  preset,
  silhouetteByHand,
  silhouetteDifferences,
  silhouetteRows,
  spaceTable,
  strengthSilhouettes,
  type StudyRun,
} from "../lib/study/mod.ts";
import { stream } from "../lib/run/seed.ts";

/** Scores of 40 pairs of 20 tokens: `shifts` is what each model has more than the first. */
function scoresOf(shifts: Record<string, number>, extra: Partial<PairScore> = {}): PairScore[] {
  const random = stream(1, "scores");
  return Array.from({ length: 40 }, (_, i) => ({ a: i % 20, b: (i + 1 + Math.floor(i / 20)) % 20 })).flatMap((
    pair,
    i,
  ) =>
    Object.entries(shifts).map(([model, shift], m): PairScore => {
      const value = 0.2 + 0.1 * random.normal(i) + shift + 0.001 * random.normal(1000 + 40 * m + i);
      return {
        ...pair,
        kind: "random",
        model,
        layer: "final",
        counts: [20, 20],
        pca2: value,
        full: value / 2,
        cosine: value / 3,
        calinskiHarabasz: 1,
        daviesBouldin: 1,
        explained: 0.25,
        ...extra,
      };
    })
  );
}

Deno.test("silhouetteByHand() and the library agree", async () => {
  const rows = await silhouetteByHand([[0, 0], [0, 1], [1, 0], [5, 5], [5, 6], [1, 1]], [
    "A",
    "A",
    "A",
    "B",
    "B",
    "B",
  ]);
  for (const { s, library } of rows) ok(Math.abs(Number(s) - Number(library)) < 1e-12);
  ok(Number(rows[5].s) < 0, "the point astray");
});

Deno.test("pairClaims() confirms, contradicts, or cannot tell, Holm-corrected over all spaces", () => {
  const scores = scoresOf({ base: 0, SFT: 0.02, LS: 0.02, UAL: 0.01 });
  const claims = [["SFT", "base"], ["UAL", "SFT"], ["LS", "SFT"]] as const;
  const rows = pairClaims(scores, { claims, measures: ["pca2"] });
  deepEqual(rows.map(({ claim, verdict }) => [claim, verdict]), [
    ["SFT > base", "confirmed"],
    ["UAL > SFT", "contradicted"],
    ["LS > SFT", "not distinguishable"],
  ]);
  const [alone] = pairClaims(scores, { claims: [claims[0]], measures: ["pca2"] });
  ok(Number(rows[0]["p (Holm)"]) >= Number(alone["p (Holm)"]));
  equal(pairClaims(scores, { claims }).length, 9, "three spaces");
});

Deno.test("silhouetteRows(), silhouetteDifferences() and spaceTable() hold each model's means", () => {
  const scores = scoresOf({ base: 0, SFT: 0.02 }),
    mean = (model: string) => {
      const own = scores.filter((score) => score.model === model);
      return own.reduce((sum, { pca2 }) => sum + pca2, 0) / own.length;
    };
  const rows = silhouetteRows(scores);
  deepEqual(rows.map(({ method, space }) => `${method}, ${space}`), [
    "base, 2-D PCA",
    "SFT, 2-D PCA",
    "base, full space",
    "SFT, full space",
    "base, full space, cosine",
    "SFT, full space, cosine",
  ]);
  ok(Math.abs(rows[1].value - mean("SFT")) < 1e-12 && rows[1].count === 40);
  const [difference] = silhouetteDifferences(scores, ["pca2"]);
  equal(difference.space, "2-D PCA, less base");
  ok(Math.abs(difference.value - (mean("SFT") - mean("base"))) < 1e-12);
  ok(difference.low! < difference.value && difference.value < difference.high!);
  ok(
    difference.high! - difference.low! < (rows[0].high! - rows[0].low!) / 10,
    "pairs differ more than models",
  );
  deepEqual(Object.keys(spaceTable(scores)[0]), [
    "model",
    "2-D PCA",
    "full space",
    "full space, cosine",
    "variance in the plane (%)",
  ]);
});

Deno.test("layerRows() keeps layers apart and in order", () => {
  const scores = [0, 10, "final" as const].flatMap((layer) => scoresOf({ base: 0, SFT: 0.1 }, { layer }));
  deepEqual(layerRows(scores).map(({ method, layer }) => `${method} ${layer}`), [
    "base 0",
    "SFT 0",
    "base 10",
    "SFT 10",
    "base final",
    "SFT final",
  ]);
});

Deno.test("strengthSilhouettes() averages the seeds of a strength pair by pair", () => {
  const runs: Record<string, StudyRun> = {
    "SFT-seed-0": { examples: [], method: "SFT", mean: 0 },
    "UAL-0.1-seed-0": { examples: [], method: "UAL", mean: 0.1 },
    "UAL-0.1-seed-1": { examples: [], method: "UAL", mean: 0.1 },
  };
  const scores = scoresOf({ "SFT-seed-0": 0, "UAL-0.1-seed-0": 0.1, "UAL-0.1-seed-1": 0.3 });
  const rows = strengthSilhouettes(runs, scores, ["pca2"]);
  deepEqual(rows.map(({ method, mean }) => [method, mean]), [["SFT", 0], ["UAL", 0.1]]);
  ok(Math.abs(rows[1].value - rows[0].value - 0.2) < 0.002);
});

Deno.test("clusterTexts() gives no dialogue that was trained on", async () => {
  for (const name of ["quick", "smollm2", "full"]) {
    const p = preset(name), texts = await clusterTexts(p), ids = new Set(texts.map(({ id }) => id));
    equal(ids.size, texts.length);
    const { bundled } = await import("../lib/data/mod.ts");
    ok((await bundled("train", p.trainCount)).every(({ id }) => !ids.has(id)), name);
  }
});
