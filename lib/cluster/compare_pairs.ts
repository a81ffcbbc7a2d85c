// What the scores of pairs say of models: means with intervals, differences over the same pairs, verdicts on claims. Pairs share
// tokens, so intervals come from drawing tokens (lib/stats' vertexBootstrap()).
import { type ClaimVerdict, claimVerdict } from "../evaluate/mod.ts";
import { InputError } from "../run/errors.ts";
import { holm, pairedBootstrap, vertexBootstrap } from "../stats/mod.ts";
import type { PairScore, SilhouetteMeasure } from "./score_pairs.ts";

/** How scores of pairs are summed up. */
export interface PairCompareOptions {
  /** Default: pca2, the paper's. */
  measure?: SilhouetteMeasure;
  seed?: number;
  /** What is drawn: tokens (default), or pairs as if they had nothing in common, which makes intervals too narrow. */
  draw?: "tokens" | "pairs";
}

/** The mean of a measure over pairs. */
export interface PairSummary {
  model: string;
  measure: SilhouetteMeasure;
  value: number;
  /** Ends of the 95% interval. */
  low: number;
  high: number;
  pairs: number;
}

/** The mean over pairs of each model, in the order of the scores. */
export function pairSummary(scores: readonly PairScore[], options: PairCompareOptions = {}): PairSummary[] {
  const { measure = "pca2" } = options, models = modelsOf(scores);
  const columns = [...models.values()].map((own) => own.map((score) => score[measure]));
  const found = drawn(columns, [...models.values()][0] ?? [], options);
  return [...models.keys()].map((model, i) => {
    const { difference: value, low, high } = found[i];
    return { model, measure, value, low, high, pairs: columns[i].length };
  });
}

/** A difference between two models over the same pairs. */
export interface PairDifference {
  better: string;
  than: string;
  measure: SilhouetteMeasure;
  /** Mean of `better` less `than`. */
  difference: number;
  low: number;
  high: number;
  /** Two-sided, by the bootstrap: 2/2001 at least. */
  p: number;
  /** Holm-corrected over all differences asked for at once: one space at one layer, as 2,000 draws bear no larger family. */
  pHolm: number;
  /** On "better clusters more than the other". */
  verdict: ClaimVerdict;
  pairs: number;
}

/** The paired differences of some models. Throws InputError for a model that was not scored. */
export function pairDifferences(
  scores: readonly PairScore[],
  claims: readonly (readonly [better: string, than: string])[],
  options: PairCompareOptions = {},
): PairDifference[] {
  const { measure = "pca2" } = options, models = modelsOf(scores);
  const of = (model: string) => {
    const own = models.get(model);
    if (own) return own;
    throw new InputError(
      `Cannot compare ${model}: it was not scored; scored were ${[...models.keys()].join(", ")}`,
    );
  };
  const columns = claims.map(([better, than]) => {
    const other = of(than);
    return of(better).map((score, i) => score[measure] - other[i][measure]);
  });
  const found = drawn(columns, [...models.values()][0] ?? [], options),
    corrected = holm(found.map(({ p }) => p));
  return claims.map(([better, than], i) => ({
    better,
    than,
    measure,
    ...found[i],
    pHolm: corrected[i],
    verdict: claimVerdict({ difference: found[i].difference, p: corrected[i] }, "higher"),
    pairs: columns[i].length,
  }));
}

function drawn(
  columns: number[][],
  own: readonly PairScore[],
  { seed, draw = "tokens" }: PairCompareOptions,
) {
  return draw === "pairs"
    ? pairedBootstrap(columns, { seed })
    : vertexBootstrap(columns, own.map(({ a, b }) => [a, b] as const), { seed });
}

/** The scores of each model, all of the same pairs. Throws InputError where they are not. */
function modelsOf(scores: readonly PairScore[]): Map<string, PairScore[]> {
  const models = Map.groupBy(scores, ({ model }) => model),
    keys = (own: PairScore[]) => own.map(({ a, b }) => `${a}|${b}`);
  const [first, ...others] = [...models.values()];
  const other = others.find((own) => keys(own).join() !== keys(first).join());
  if (other) {
    throw new InputError(
      `Cannot compare ${other[0].model} with ${
        first[0].model
      }: they were scored on other pairs, or on layers at once; ` +
        "give the scores of one layer over the same pairs",
    );
  }
  return models;
}
