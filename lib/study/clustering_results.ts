// What the features and silhouettes say, as rows for tables and figures, and the verdict on the paper's claims about them.
import {
  contextOf,
  MEASURES,
  type PairDifference,
  pairDifferences,
  pairPicture,
  type PairScore,
  pairSummary,
  silhouette,
  type SilhouetteMeasure,
  SPACES,
  type TokenPair,
  tokenText,
} from "../cluster/mod.ts";
import type { Example } from "../data/mod.ts";
import { claimVerdict, PAPER_TABLE_4, PAPER_TABLE_5 } from "../evaluate/mod.ts";
import { baseOf, type Model, score, toSequences } from "../model/mod.ts";
import type {
  ClusterPoint,
  LayerRow,
  PaperSilhouettes,
  SilhouetteRow,
  SmoothingMeanRow,
} from "../plot/mod.ts";
import { holm } from "../stats/mod.ts";
import type { StudyFeatures } from "./clustering.ts";
import { strengthName } from "./ablation.ts";
import { mean } from "./examples.ts";
import type { Preset } from "./presets.ts";
import type { Row } from "./results.ts";
import type { StudyRun } from "./training.ts";

/** The first positions of an answer: what was read last, the token that follows, and what the model would have said. */
export async function featureRows(p: Preset, model: Model, example: Example, count = 8): Promise<Row[]> {
  const { sequences: [sequence] } = toSequences(model, [example], {
    context: p.context,
    supervise: "response",
  });
  const [{ predicted, nll }] = await score(baseOf(model), [sequence], { threads: p.settings.threads });
  const text = (id: number) => tokenText(model.tokenizer, id);
  const at = [...sequence.supervised.keys()].filter((i) => sequence.supervised[i] === 1).slice(0, count);
  return at.map((i, k) => ({
    position: i - 1,
    "read last": text(sequence.ids[i - 1]),
    "feature of": text(sequence.ids[i]),
    "its probability": Math.exp(-nll[k]),
    likeliest: text(predicted[k]),
  }));
}

/** Silhouettes of a few points by the formula, and by the library. `points` lie in the plane. */
export async function silhouetteByHand(points: [number, number][], labels: string[]): Promise<Row[]> {
  const names = [...new Set(labels)], codes = labels.map((label) => names.indexOf(label));
  const found = await silhouette(Float64Array.from(points.flat()), [points.length, 2], codes);
  return points.map(([x, y], i) => {
    const to = (label: string) =>
      mean(points.flatMap(([u, v], j) => labels[j] === label && j !== i ? [Math.hypot(x - u, y - v)] : []));
    const a = to(labels[i]), b = Math.min(...names.filter((name) => name !== labels[i]).map(to));
    return {
      point: `(${x}, ${y})`,
      label: labels[i],
      a,
      b,
      s: (b - a) / Math.max(a, b),
      library: found.samples[i],
    };
  });
}

/** A pair as readers see it. */
export const pairText = ({ tokenizer }: Model, { a, b }: TokenPair): string =>
  `${tokenText(tokenizer, a)} | ${tokenText(tokenizer, b)}`;

/** Rows of the figure of features in the plane: each pair under each of the models `shown`. */
export async function pictureRows(
  model: Model,
  { features, sequences }: StudyFeatures,
  pairs: readonly TokenPair[],
  shown: readonly string[],
): Promise<ClusterPoint[]> {
  const { tokenizer } = model, rows: ClusterPoint[] = [];
  for (const pair of pairs) {
    for (const method of shown) {
      const { points } = features[method], found = await pairPicture(features[method], pair);
      for (const { index, token, x, y } of found.points) {
        const context = contextOf(tokenizer, sequences[points.samples[index]], points.positions[index]);
        const own = { pair: pairText(model, pair), method, token: tokenText(tokenizer, token) };
        rows.push({ ...own, x, y, context, silhouette: found.silhouette });
      }
    }
  }
  return rows;
}

/** The first pairs with a measure under each model. */
export function pairTable(
  model: Model,
  scores: readonly PairScore[],
  { measure = "pca2", first = 8 }: { measure?: SilhouetteMeasure; first?: number } = {},
): Row[] {
  const pairs = Map.groupBy(scores, ({ a, b }) => `${a} ${b}`);
  return [...pairs.values()].slice(0, first).map((own) => ({
    pair: pairText(model, own[0]),
    features: own[0].counts.join(" + "),
    ...Object.fromEntries(own.map((row) => [row.model, row[measure]])),
  }));
}

/** Mean silhouettes with their intervals, a row a model and space; also what the figure of silhouettes shows. */
export function silhouetteRows(
  scores: readonly PairScore[],
  measures: readonly SilhouetteMeasure[] = MEASURES,
): SilhouetteRow[] {
  return measures.flatMap((measure) =>
    pairSummary(scores, { measure }).map(({ model, value, low, high, pairs }) => ({
      method: model,
      space: SPACES[measure],
      pairs: scores[0].kind,
      value,
      low,
      high,
      count: pairs,
    }))
  );
}

/** Differences of each model from the base model over the same pairs, for the figure of silhouettes. */
export function silhouetteDifferences(
  scores: readonly PairScore[],
  measures: readonly SilhouetteMeasure[] = MEASURES,
): SilhouetteRow[] {
  const models = [...new Set(scores.map(({ model }) => model))].filter((model) => model !== "base");
  return measures.flatMap((measure) =>
    pairDifferences(scores, models.map((model) => [model, "base"] as const), { measure }).map((one) => ({
      method: one.better,
      space: `${SPACES[measure]}, less base`,
      pairs: scores[0].kind,
      value: one.difference,
      low: one.low,
      high: one.high,
      count: one.pairs,
    }))
  );
}

/** The same for readers: spaces side by side, and the share of the variance that the plane shows. */
export function spaceTable(scores: readonly PairScore[]): Row[] {
  const rows = silhouetteRows(scores), explained = Map.groupBy(scores, ({ model }) => model);
  return [...explained].map(([model, own]) => ({
    model,
    ...Object.fromEntries(
      rows.filter((row) => row.method === model).map((row) => [row.space, meanText(row)]),
    ),
    "variance in the plane (%)": 100 * mean(own.map((score) => score.explained)),
  }));
}

const meanText = ({ value, low, high }: SilhouetteRow) =>
  `${value.toFixed(3)} (${low!.toFixed(3)} to ${high!.toFixed(3)})`.replaceAll("-", "−");

/** The order of the paper's tables 4 and 5: each of these is claimed to cluster more than the next. */
export const CLUSTER_CLAIMS = [["UAL", "LS"], ["LS", "SFT"], ["SFT", "base"], ["UAL", "SFT"]] as const;

/** What the choice of pairs is about, in the space in which they were chosen. */
export const CHOICE_CLAIM = { claims: [["UAL", "LS"]] as const, measures: ["pca2"] as SilhouetteMeasure[] };

/** The paper's tables 4 and 5, in the plane of a PCA, for the figure of silhouettes. */
export const PAPER_SILHOUETTES: PaperSilhouettes[] = PAPER_TABLE_5.map(({ model, silhouettes }) => ({
  label: `the paper, 2-D PCA<br>${model}`,
  values: model === "LIMA-7B" ? withAblation(silhouettes) : silhouettes,
}));

/** Table 5's row of LIMA-7B with LS from table 4. */
function withAblation({ base, SFT, UAL }: Record<string, number>): Record<string, number> {
  return { base, SFT, LS: PAPER_TABLE_4.find(({ method }) => method === "LS")!.silhouette, UAL };
}

/** Verdicts on claims in each space, p corrected over all of them. */
export function pairClaims(
  scores: readonly PairScore[],
  { claims = CLUSTER_CLAIMS, measures = MEASURES }: {
    claims?: readonly (readonly [string, string])[];
    measures?: SilhouetteMeasure[];
  } = {},
): Row[] {
  const found = measures.flatMap((measure) => pairDifferences(scores, claims, { measure }));
  const ps = holm(found.map(({ p }) => p));
  return found.map((one, i) => claimRow(one, ps[i]));
}

function claimRow({ better, than, measure, difference, low, high }: PairDifference, p: number): Row {
  const verdict = claimVerdict({ difference, p }, "higher");
  return {
    claim: `${better} > ${than}`,
    space: SPACES[measure],
    difference,
    low,
    high,
    "p (Holm)": p,
    verdict,
  };
}

/** Rows of the figure of silhouettes by layer, in the full space. */
export function layerRows(scores: readonly PairScore[], measure: SilhouetteMeasure = "full"): LayerRow[] {
  const layers = Map.groupBy(scores, ({ layer }) => layer);
  return [...layers].flatMap(([layer, own]) =>
    pairSummary(own, { measure }).map(({ model, value, low, high }) => ({
      method: model,
      layer,
      value,
      low,
      high,
    }))
  );
}

/**
 * Mean silhouettes of short runs for the figure over the mean smoothing: of runs that differ in their seed alone, each pair's mean. `scores`
 * are those of scoreStudyPairs() under the runs' names.
 */
export function strengthSilhouettes(
  runs: Record<string, StudyRun>,
  scores: readonly PairScore[],
  measures: readonly SilhouetteMeasure[] = ["full"],
): SmoothingMeanRow[] {
  const kinds = Map.groupBy(Object.keys(runs), (name) => strengthName(runs[name].method, runs[name].mean));
  const pooled = [...kinds].flatMap(([kind, names]) => {
    const seeds = names.map((name) => scores.filter(({ model }) => model === name));
    return seeds[0].map((score, i) => ({
      ...score,
      model: kind,
      ...Object.fromEntries(measures.map((measure) => [measure, mean(seeds.map((own) => own[i][measure]))])),
    }));
  });
  return measures.flatMap((measure) =>
    pairSummary(pooled, { measure }).map(({ model, value, low, high }) => {
      const { method, mean: strength = 0 } = runs[kinds.get(model)![0]];
      return {
        method,
        mean: strength,
        measure: `Silhouette, ${SPACES[measure]} (−1 to 1)`,
        value,
        low,
        high,
      };
    })
  );
}
