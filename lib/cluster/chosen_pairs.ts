// The released code's choice of pairs: those that show most what is to be shown. Kept apart from random pairs, to show what
// such a choice does.
import type { Features } from "./features.ts";
import { commonTokens, type TokenPair } from "./pairs.ts";
import { inPlane } from "./plane.ts";
import { pairPoints, placesOf } from "./score_pairs.ts";

/** How pairs are ranked. */
export interface RankOptions {
  /** The commonest tokens, of which all pairs are ranked; the released code's 42. */
  tokens?: number;
  maxPoints?: number;
  /** Tokens that are left out. */
  except?: ReadonlySet<number>;
  onPair?: (done: number, total: number) => void | Promise<void>;
}

/** A pair, and how much better the one model tells its tokens apart than the other. */
export interface RankedPair extends Pick<TokenPair, "a" | "b"> {
  /** The first model's silhouette over the second's, in two principal components. */
  ratio: number;
}

/**
 * All pairs of the commonest tokens by the ratio of `better`'s silhouette to `than`'s, largest first
 * (ekonwang/UAL4Alignment, pca_collect.py:28-34, with UAL over LS). Pairs whose silhouettes are not both above 0 have no ratio that
 * means something and are left out.
 */
export async function rankPairs(
  better: Features,
  than: Features,
  { tokens = 42, maxPoints, except, onPair }: RankOptions = {},
): Promise<RankedPair[]> {
  const common = commonTokens(better.points, 2, except).slice(0, tokens), places = placesOf(better.points);
  const all = common.flatMap((a, i) => common.slice(i + 1).map((b) => a < b ? { a, b } : { a: b, b: a }));
  const ranked: RankedPair[] = [];
  for (const [i, pair] of all.entries()) {
    const { indices, labels } = pairPoints(places, pair, maxPoints);
    const [top, bottom] = [await planar(better, indices, labels), await planar(than, indices, labels)];
    if (top > 0 && bottom > 0) ranked.push({ ...pair, ratio: top / bottom });
    await onPair?.(i + 1, all.length);
  }
  return ranked.sort((p, q) => q.ratio - p.ratio || p.a - q.a || p.b - q.b);
}

/**
 * The `count` pairs with the largest ratio (pca_cherry.py:35-44 takes 100), or with `against` the smallest: the same rule with the
 * models exchanged.
 */
export function chosenPairs(
  ranked: readonly RankedPair[],
  { count = 100, against = false }: { count?: number; against?: boolean } = {},
): TokenPair[] {
  const order = against ? ranked.toReversed() : ranked;
  return order.slice(0, count).map(({ a, b }) => ({ a, b, kind: "chosen" }));
}

async function planar(features: Features, indices: number[], labels: Uint8Array): Promise<number> {
  const x = features.rows(indices), shape: [number, number] = [indices.length, features.width];
  return (await inPlane(x, shape, labels, { method: "krylov" })).silhouette;
}
