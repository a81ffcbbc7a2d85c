// The released code's choice of pairs: those that show most what is to be shown. Kept apart from random pairs, to show what
// such a choice does.
import type { Features } from "./features.ts";
import { commonTokens, type TokenPair } from "./pairs.ts";
import { pca } from "./pca.ts";
import { pairPoints, placesOf } from "./score_pairs.ts";
import { silhouette } from "./silhouette.ts";

/** How pairs are chosen. */
export interface ChosenPairsOptions {
  /** The commonest tokens among whose pairs is chosen; the released code's 42. */
  tokens?: number;
  /** How many pairs; the released code's 100. */
  count?: number;
  maxPoints?: number;
  /** Tokens that are left out. */
  except?: ReadonlySet<number>;
  onPair?: (done: number, total: number) => void | Promise<void>;
}

/**
 * Of all pairs of the commonest tokens those with the largest ratio of `better`'s silhouette to `than`'s, in two principal components,
 * largest first (ekonwang/UAL4Alignment, pca_collect.py:28-34 and pca_cherry.py:35-44, with UAL over LS). Pairs whose lower one is
 * not above 0 have no ratio and are left out.
 */
export async function chosenPairs(
  better: Features,
  than: Features,
  { tokens = 42, count = 100, maxPoints, except, onPair }: ChosenPairsOptions = {},
): Promise<TokenPair[]> {
  const common = commonTokens(better.points, 2, except).slice(0, tokens), places = placesOf(better.points);
  const all = common.flatMap((a, i) => common.slice(i + 1).map((b) => a < b ? { a, b } : { a: b, b: a }));
  const ratios: { pair: TokenPair; ratio: number }[] = [];
  for (const [i, pair] of all.entries()) {
    const { indices, labels } = pairPoints(places, pair, maxPoints);
    const [top, bottom] = [await planar(better, indices, labels), await planar(than, indices, labels)];
    if (bottom > 0) ratios.push({ pair: { ...pair, kind: "chosen" }, ratio: top / bottom });
    await onPair?.(i + 1, all.length);
  }
  return ratios.sort((p, q) => q.ratio - p.ratio).slice(0, count).map(({ pair }) => pair);
}

async function planar(features: Features, indices: number[], labels: Uint8Array): Promise<number> {
  const { scores } = await pca(features.rows(indices), [indices.length, features.width], {
    method: "krylov",
  });
  return (await silhouette(scores, [indices.length, 2], labels)).mean;
}
