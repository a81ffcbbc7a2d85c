// What a picture of a pair needs: its features in the plane of two principal components, and where each token stood.
import type { Layer, Sequence, Tokenizer } from "../model/mod.ts";
import type { Features } from "./features.ts";
import type { TokenPair } from "./pairs.ts";
import { pca } from "./pca.ts";
import { pairPoints, placesOf } from "./score_pairs.ts";
import { silhouette } from "./silhouette.ts";

/** One feature in the plane. */
export interface PicturePoint {
  /** Index of the point. */
  index: number;
  token: number;
  x: number;
  y: number;
}

/** A pair under one model in the plane. */
export interface PairPicture {
  points: PicturePoint[];
  /** In the plane. */
  silhouette: number;
  explained: number;
}

/** The features of a pair in their two first principal components. Throws InputError as scorePairs(). */
export async function pairPicture(
  features: Features,
  pair: TokenPair,
  { maxPoints, layer }: { maxPoints?: number; layer?: Layer } = {},
): Promise<PairPicture> {
  const { indices, labels } = pairPoints(placesOf(features.points), pair, maxPoints);
  const n = indices.length, found = await pca(features.rows(indices, layer), [n, features.width]);
  const points = indices.map((index, i) => ({
    index,
    token: labels[i] ? pair.b : pair.a,
    x: found.scores[2 * i],
    y: found.scores[2 * i + 1],
  }));
  const { mean } = await silhouette(found.scores, [n, 2], labels);
  return { points, silhouette: mean, explained: found.explainedVarianceRatio.reduce((a, b) => a + b, 0) };
}

/** A token as a reader sees it: spaces and line ends visible, quotes around. */
export function tokenText(tokenizer: Tokenizer, token: number): string {
  return JSON.stringify(tokenizer.decode([token]));
}

/** The text around the token after position `t`, that one between ⟦ and ⟧, with `before` and `after` tokens beside it. */
export function contextOf(
  tokenizer: Tokenizer,
  { ids }: Sequence,
  t: number,
  { before = 12, after = 4 }: { before?: number; after?: number } = {},
): string {
  const at = t + 1, from = Math.max(0, at - before), to = Math.min(ids.length, at + 1 + after);
  const text = (a: number, b: number) => tokenizer.decode(ids.slice(a, b), { skipSpecial: true });
  const cut = (begin: string, end: string, inner: string) => begin + inner + end;
  return cut(
    from > 0 ? "… " : "",
    to < ids.length ? " …" : "",
    `${text(from, at)}⟦${text(at, at + 1)}⟧${text(at + 1, to)}`,
  ).replace(/\s*\n\s*/g, " ⏎ ");
}
