// How well the features of two tokens are told apart, for each pair, model and layer: silhouettes in the plane of a PCA and
// in the full space.
import type { Layer } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { checkMost, type Features, type Points } from "./features.ts";
import type { TokenPair } from "./pairs.ts";
import { inPlane } from "./plane.ts";
import { calinskiHarabasz, daviesBouldin } from "./separation.ts";
import { silhouette } from "./silhouette.ts";

/** One pair under one model, at one layer. */
export interface PairScore extends TokenPair {
  model: string;
  layer: Layer;
  /** How many features of each token. */
  counts: [number, number];
  /** Silhouette in the two first principal components of these features (the paper's measure, section 4). */
  pca2: number;
  /** Silhouette in the full space, by euclidean distance. */
  full: number;
  /** By cosine distance. */
  cosine: number;
  /** In the full space. */
  calinskiHarabasz: number;
  daviesBouldin: number;
  /** Share of the variance in the two components. */
  explained: number;
}

/** The measures that are silhouettes. */
export type SilhouetteMeasure = "pca2" | "full" | "cosine";

/** What those are called. */
export const SPACES: Record<SilhouetteMeasure, string> = {
  pca2: "2-D PCA",
  full: "full space",
  cosine: "full space, cosine",
};

/** All of those. */
export const MEASURES = Object.keys(SPACES) as SilhouetteMeasure[];

/** How pairs are scored. */
export interface PairOptions {
  /** At most so many features of each token: the first ones in the texts' order. Default: all. */
  maxPoints?: number;
  /** Default: the final one. */
  layer?: Layer;
  onPair?: (done: number, total: number) => void | Promise<void>;
}

/** Where each token's features lie: for many pairs over the same points. */
export function placesOf({ tokens }: Pick<Points, "tokens">): Map<number, number[]> {
  const places = new Map<number, number[]>();
  tokens.forEach((token, i) => {
    const own = places.get(token);
    if (own) own.push(i);
    else places.set(token, [i]);
  });
  return places;
}

/** The features of a pair: rows of its two tokens, one after the other, and their labels 0 and 1. */
export function pairPoints(
  places: Map<number, number[]>,
  { a, b }: Pick<TokenPair, "a" | "b">,
  maxPoints: number = Infinity,
): { indices: number[]; labels: Uint8Array; counts: [number, number] } {
  if (a === b) throw new InputError(`Cannot set token #${a} against itself; give a pair of two tokens`);
  checkMost(maxPoints);
  const [own, other] = [a, b].map((token) => {
    const found = places.get(token) ?? [];
    if (found.length >= 2) return found.slice(0, maxPoints);
    throw new InputError(
      `Cannot set token #${a} against #${b}: #${token} has ${found.length} features in these texts; give at least 2 of each`,
    );
  });
  const labels = new Uint8Array(own.length + other.length).fill(1, own.length);
  return { indices: [...own, ...other], labels, counts: [own.length, other.length] };
}

/**
 * Scores each pair under each model. All of `features` must be of the same texts. The PCA is refit for each pair, model and layer, as the
 * paper's code does. Throws InputError for a token with fewer than 2 features and for features of different texts.
 */
export async function scorePairs(
  features: Record<string, Features>,
  pairs: readonly TokenPair[],
  { maxPoints, layer = "final", onPair }: PairOptions = {},
): Promise<PairScore[]> {
  const models = Object.entries(features);
  if (models.length === 0) return [];
  checkSamePoints(features);
  const places = placesOf(models[0][1].points), scores: PairScore[] = [];
  const chosen = pairs.map((pair) => pairPoints(places, pair, maxPoints));
  for (const [i, pair] of pairs.entries()) {
    const { indices, labels, counts } = chosen[i];
    for (const [model, own] of models) {
      const x = own.rows(indices, layer);
      scores.push({
        ...pair,
        model,
        layer,
        counts,
        ...await measures(x, [indices.length, own.width], labels),
      });
    }
    await onPair?.(i + 1, pairs.length);
  }
  return scores;
}

async function measures(x: Float32Array, shape: [number, number], labels: Uint8Array) {
  // One PCA takes ml-pca a tenth of a second, and here are hundreds.
  const plane = await inPlane(x, shape, labels, { method: "krylov" });
  return {
    pca2: plane.silhouette,
    full: (await silhouette(x, shape, labels)).mean,
    cosine: (await silhouette(x, shape, labels, { metric: "cosine" })).mean,
    calinskiHarabasz: calinskiHarabasz(x, shape, labels),
    daviesBouldin: daviesBouldin(x, shape, labels),
    explained: plane.explained,
  };
}

/** Throws InputError unless all features belong to the same tokens. */
export function checkSamePoints(features: Record<string, Features>): void {
  const [[first, { points }], ...others] = Object.entries(features);
  for (const [name, other] of others) {
    const same = (key: "tokens" | "positions" | "samples") =>
      points[key].length === other.points[key].length &&
      points[key].every((value, i) => value === other.points[key][i]);
    if (same("tokens") && same("positions") && same("samples")) continue;
    throw new InputError(
      `Cannot compare the features of ${first} and ${name}: they are of different texts; extract both from the same`,
    );
  }
}
