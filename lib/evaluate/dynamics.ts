// Training dynamics: what training did to each sample's loss, by how uncertain the sample is. A pure function over scores
// made before and after; plots and tables are the notebooks'.
import type { Score } from "../model/mod.ts";
import { bootstrap, interval, quantiles } from "../stats/mod.ts";
import { sampleNll } from "./perplexity.ts";

/** The three parts of the samples by uncertainty, ascending. */
export const TERCILES = ["low", "middle", "high"] as const;
/** One of TERCILES. */
export type Tercile = typeof TERCILES[number];

/** One sample's loss before and after. Losses are means over its targets, in nats. */
export interface LossChange {
  id: string;
  uncertainty: number;
  tercile: Tercile;
  before: number;
  after: number;
}

/** One tercile: means over its samples, each counting the same. */
export interface TercileRow {
  tercile: Tercile;
  /** The least and the largest uncertainty in it. */
  from: number;
  to: number;
  samples: number;
  tokens: number;
  before: number;
  after: number;
  /** Mean of after − before: below 0 the samples were learnt. With the 95% interval of the paired bootstrap over samples. */
  change: number;
  low: number;
  high: number;
}

/**
 * Each sample's loss before and after, with its tercile. The terciles are cut at the first and second third of the sorted
 * uncertainties (numpy's quantiles); equal uncertainties stay together, so parts may differ in size.
 * Throws RangeError where the scores are not of the same samples or an uncertainty is missing.
 *
 * @param uncertainty one a sample, by id.
 */
export function lossChanges(
  before: Score[],
  after: Score[],
  uncertainty: ReadonlyMap<string, number>,
): LossChange[] {
  const a = sampleNll(before), b = sampleNll(after);
  if (a.length !== b.length || a.some(({ id, tokens }, i) => id !== b[i].id || tokens !== b[i].tokens)) {
    throw new RangeError("Cannot compare losses: they are not of the same samples");
  }
  const values = a.map(({ id }) => uncertainty.get(id) ?? NaN);
  const missing = values.findIndex((u) => !Number.isFinite(u));
  if (missing >= 0) {
    throw new RangeError(`Cannot take the tercile of sample ${a[missing].id}: its uncertainty is missing`);
  }
  const [first, second] = quantiles(values, [1 / 3, 2 / 3]);
  return a.map(({ id, nll, tokens }, i) => ({
    id,
    uncertainty: values[i],
    tercile: values[i] <= first ? "low" : values[i] <= second ? "middle" : "high",
    before: nll / tokens,
    after: b[i].nll / tokens,
  }));
}

/** lossChanges() as one row a tercile that has samples. */
export function lossByTercile(
  before: Score[],
  after: Score[],
  uncertainty: ReadonlyMap<string, number>,
  options: { seed?: number } = {},
): TercileRow[] {
  const changes = lossChanges(before, after, uncertainty);
  const tokens = new Map(before.map(({ id, nll }) => [id, nll.length]));
  return TERCILES.flatMap((tercile) => {
    const own = changes.filter((change) => change.tercile === tercile);
    if (own.length === 0) return [];
    const difference = own.map((change) => change.after - change.before);
    const draws = bootstrap(own.length, options.seed ?? 0, (draw) => mean(draw.map((i) => difference[i])));
    const [low, high] = interval(draws), u = own.map((change) => change.uncertainty);
    return [{
      tercile,
      from: Math.min(...u),
      to: Math.max(...u),
      samples: own.length,
      tokens: own.reduce((sum, { id }) => sum + tokens.get(id)!, 0),
      before: mean(own.map((change) => change.before)),
      after: mean(own.map((change) => change.after)),
      change: mean(difference),
      low,
      high,
    }];
  });
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
