// The rubric's three bands of ratings (data/rubric.md; the paper's judge guideline has the same).

/** The largest rating. */
export const LARGEST_RATING = 99;

/** From (inclusive) to (exclusive), ascending. */
export const BANDS = [
  { band: "exact", from: 0, to: 40 },
  { band: "semi-open", from: 40, to: 70 },
  { band: "open", from: 70, to: 100 },
] as const;

/** The number of the band that a rating from 0 to 99 lies in: 0 (exact), 1 (semi-open) or 2 (open). */
export function bandOf(rating: number): number {
  return rating < BANDS[1].from ? 0 : rating < BANDS[2].from ? 1 : 2;
}
