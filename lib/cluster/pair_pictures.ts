// What a picture of a pair needs: its features in the plane of two principal components, and where each token stood.
import type { Layer, Sequence, Tokenizer } from "../model/mod.ts";
import type { Features } from "./features.ts";
import type { TokenPair } from "./pairs.ts";
import { inPlane, type Plane } from "./plane.ts";
import { pairPoints, placesOf } from "./score_pairs.ts";

/** One feature in the plane. */
export interface PicturePoint {
  /** Index of the point. */
  index: number;
  token: number;
  x: number;
  y: number;
}

/** A pair under one model in the plane. */
export interface PairPicture extends Omit<Plane, "scores"> {
  points: PicturePoint[];
}

/** The features of a pair in their two first principal components. Throws InputError as scorePairs(). */
export async function pairPicture(
  features: Features,
  pair: TokenPair,
  { maxPoints, layer }: { maxPoints?: number; layer?: Layer } = {},
): Promise<PairPicture> {
  const { indices, labels } = pairPoints(placesOf(features.points), pair, maxPoints);
  const x = features.rows(indices, layer);
  const { scores, ...found } = await inPlane(x, [indices.length, features.width], labels);
  const points = indices.map((index, i) => ({
    index,
    token: labels[i] ? pair.b : pair.a,
    x: scores[2 * i],
    y: scores[2 * i + 1],
  }));
  return { points, ...found };
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
