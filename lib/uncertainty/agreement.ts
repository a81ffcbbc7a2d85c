// How far raters, judges and scores agree on the same dialogues: two of them, every pair of several, one judge with itself.
// The measures are lib/stats.
import { InputError } from "../run/errors.ts";
import {
  type Estimate,
  estimates,
  kappaMeasure,
  type Measure,
  pearson,
  spearmanMeasure,
} from "../stats/mod.ts";
import { bandOf } from "./bands.ts";
import { deviation, type RatingRow, type Ratings } from "./ratings_file.ts";

/** How two raters agree on the dialogues that both rated. Each with its 95% bootstrap interval over dialogues. */
export interface Agreement {
  /** Dialogues rated by both. */
  both: number;
  /** Only by a. */
  onlyA: number;
  /** Only by b. */
  onlyB: number;
  /** Spearman's rank correlation. */
  spearman: Estimate;
  /** Quadratic-weighted kappa of the ratings; see quadraticKappa(). */
  kappa: Estimate;
  /** The same of the rubric's bands 0, 1, 2. */
  bandKappa: Estimate;
  /** Mean of b − a: above 0, b rates higher. */
  difference: Estimate;
  /** Mean of |b − a|. */
  distance: Estimate;
  /** Share of dialogues with the same number. */
  exact: Estimate;
  /** Share of dialogues in the same band. */
  band: Estimate;
}

/**
 * The agreement of two raters, whose ratings are paired by id; see ratingsOf(). Throws InputError where they have no dialogue
 * in common.
 */
export function agreement(a: Ratings, b: Ratings, options: { seed?: number } = {}): Agreement {
  const ids = [...a.keys()].filter((id) => b.has(id));
  if (ids.length === 0) {
    throw new InputError(
      "Cannot compare two raters: they rated no dialogue in common; give ratings of the same dialogues",
    );
  }
  const x = ids.map((id) => a.get(id)!), y = ids.map((id) => b.get(id)!);
  const measured = estimates(ids.length, measuresOf(x, y), options);
  return { both: ids.length, onlyA: a.size - ids.length, onlyB: b.size - ids.length, ...measured };
}

function measuresOf(x: number[], y: number[]) {
  const bands = [x.map(bandOf), y.map(bandOf)] as const;
  const mean = (f: (i: number) => number): Measure => (draw) => {
    let sum = 0;
    for (let k = 0; k < draw.length; k++) sum += f(draw[k]);
    return sum / draw.length;
  };
  return {
    spearman: spearmanMeasure(x, y),
    kappa: kappaMeasure(x, y),
    bandKappa: kappaMeasure(...bands),
    difference: mean((i) => y[i] - x[i]),
    distance: mean((i) => Math.abs(y[i] - x[i])),
    exact: mean((i) => Number(x[i] === y[i])),
    band: mean((i) => Number(bands[0][i] === bands[1][i])),
  };
}

/** Agreement as rows for a table: one a measure. */
export function agreementRows(
  found: Agreement,
): { measure: string; value: number; low: number; high: number }[] {
  const names = {
    spearman: "Spearman's correlation",
    kappa: "kappa of ratings (quadratic)",
    bandKappa: "kappa of bands (quadratic)",
    difference: "mean difference, b − a",
    distance: "mean distance",
    exact: "share with the same rating",
    band: "share in the same band",
  } as const;
  return Object.entries(names).map(([key, measure]) => {
    const { value, low, high } = found[key as keyof typeof names];
    return { measure, value, low, high };
  });
}

/** What can be compared between every two columns. */
export type PairMeasure = "spearman" | "kappa" | "pearson";

/** One pair of columns. */
export interface PairRow {
  /** The first column's name. */
  a: string;
  /** The second's. */
  b: string;
  /** The measure over the samples that both have; NaN where it is not defined. */
  value: number;
  /** The lower end of its 95% bootstrap interval over samples. */
  low: number;
  /** Its upper end. */
  high: number;
  /** How many those are. */
  samples: number;
}

/**
 * The measure between every two of several columns (judges, raters or scores), whose values are paired by id: one row a pair,
 * each pair once, in the columns' order, without a column's pair with itself. Pairs over the same number of samples are
 * resampled alike.
 */
export function pairwise(
  columns: Record<string, Ratings>,
  { measure = "spearman", seed = 0 }: { measure?: PairMeasure; seed?: number } = {},
): PairRow[] {
  const names = Object.keys(columns);
  return names.flatMap((a, i) =>
    names.slice(i + 1).map((b): PairRow => {
      const ids = [...columns[a].keys()].filter((id) => columns[b].has(id));
      const x = ids.map((id) => columns[a].get(id)!), y = ids.map((id) => columns[b].get(id)!);
      const { it: { value, low, high, samples } } = estimates(
        ids.length,
        { it: pairMeasure(measure, x, y) },
        { seed },
      );
      return { a, b, value, low, high, samples };
    })
  );
}

function pairMeasure(measure: PairMeasure, x: number[], y: number[]): Measure {
  if (measure === "spearman") return spearmanMeasure(x, y);
  if (measure === "kappa") return kappaMeasure(x, y);
  return (draw) => pearson(Array.from(draw, (i) => x[i]), Array.from(draw, (i) => y[i]));
}

/** How far a judge agrees with itself when it is asked again. */
export interface TestRetest {
  /** Dialogues with at least two rated repeats. */
  samples: number;
  /** Root mean square over dialogues of the standard deviation of a dialogue's repeats. */
  sd: Estimate;
  /** Share of dialogues whose repeats are all the same number. */
  same: Estimate;
  /** Share of dialogues whose repeats all lie in one band. */
  band: Estimate;
  /** The largest range of a dialogue's repeats. */
  largestRange: number;
  /** Spearman's correlation of the first two rated repeats. */
  spearman: Estimate;
  /** Their quadratic-weighted kappa. */
  kappa: Estimate;
}

/** Test–retest over the rows of one judge, with intervals over dialogues. Throws InputError where none was rated twice. */
export function testRetest(rows: readonly RatingRow[], options: { seed?: number } = {}): TestRetest {
  const repeats = rows.map((row) => row.repeats.flatMap(({ rating }) => rating ?? [])).filter((r) =>
    r.length > 1
  );
  if (repeats.length === 0) {
    throw new InputError(
      "Cannot compare a judge with itself: no dialogue was rated twice; give repeats of 2 or more",
    );
  }
  const variance = repeats.map((ratings) => deviation(ratings) ** 2);
  const mean = (values: number[]): Measure => (draw) =>
    Array.from(draw, (i) => values[i]).reduce((a, b) => a + b, 0) / draw.length;
  const share = (f: (ratings: number[]) => boolean) => mean(repeats.map((ratings) => Number(f(ratings))));
  const x = repeats.map(([first]) => first),
    y = repeats.map(([, second]) => second),
    meanVariance = mean(variance);
  const measured = estimates(repeats.length, {
    sd: (draw) => Math.sqrt(meanVariance(draw)),
    same: share((ratings) => new Set(ratings).size === 1),
    band: share((ratings) => new Set(ratings.map(bandOf)).size === 1),
    spearman: spearmanMeasure(x, y),
    kappa: kappaMeasure(x, y),
  }, options);
  const largestRange = Math.max(...repeats.map((ratings) => Math.max(...ratings) - Math.min(...ratings)));
  return { samples: repeats.length, largestRange, ...measured };
}
