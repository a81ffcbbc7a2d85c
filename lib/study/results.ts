// What the study's scores say, as rows for tables and figures: perplexity with intervals, paired differences in words,
// calibration, and both by kind of request. The measures are lib/evaluate's.
import type { Example } from "../data/mod.ts";
import {
  calibrate,
  type Calibration,
  comparePerplexity,
  lossByTercile,
  perplexity,
  sampleNll,
} from "../evaluate/mod.ts";
import type { Score } from "../model/mod.ts";
import type { PerplexityRow, Tables, TercileChangeRow } from "../plot/mod.ts";
import { mean } from "./examples.ts";
import type { TrainedRun } from "../train/mod.ts";
import { BANDS } from "../uncertainty/mod.ts";

/** Scores of the same dialogues by method, as scoreMethods() returns them. */
export type MethodScores = Record<string, Score[]>;

/** One row of a table to show. */
export type Row = Record<string, string | number>;

/** One row a method: how much it smoothed, what it minimised and how likely the training answers were; nats a token. */
export function trainingSummary(runs: Record<string, TrainedRun>): Row[] {
  return Object.entries(runs).map(([method, { metrics }]) => {
    return {
      method,
      steps: metrics.length,
      tokens: metrics.reduce((sum, m) => sum + m.tokens, 0),
      "mean smoothing": mean(metrics.flatMap(({ samples }) => samples.map((s) => s.smoothing))),
      "mean loss": mean(metrics.map((m) => m.loss)),
      "mean nll": mean(metrics.map((m) => m.nll)),
    };
  });
}

/** Held-out perplexity with its 95% interval over dialogues, one row a method. */
export function perplexityRows(scores: MethodScores): (PerplexityRow & Row)[] {
  return Object.entries(scores).map(([method, own]) => {
    const { perplexity: value, low, high, tokens } = perplexity(sampleNll(own));
    return { method, perplexity: value, low, high, tokens };
  });
}

/**
 * What training did to the loss of each third of the dialogues by uncertainty, one row a method and tercile; `base` is what
 * the others are compared with.
 */
export function tercileRows(dialogues: Example[], scores: MethodScores): (TercileChangeRow & Row)[] {
  const uncertainty = new Map(dialogues.map((one) => [one.id, one.uncertainty!]));
  return Object.entries(scores).filter(([method]) => method !== "base").flatMap(([method, after]) =>
    lossByTercile(scores.base, after, uncertainty).map((row) => ({ method, ...row }))
  );
}

/** A paired difference and what may be said of it. */
export type Comparison = {
  comparison: string;
  /** log perplexity of the first minus that of the second, nats a token; 95% interval over dialogues. */
  difference: number;
  low: number;
  high: number;
  verdict: string;
};

/** The paired differences in log perplexity of pairs such as ["UAL", "SFT"]. */
export function comparisons(scores: MethodScores, pairs: [string, string][]): Comparison[] {
  return pairs.map(([a, b]) => {
    const compared = comparePerplexity(sampleNll(scores[a]), sampleNll(scores[b]));
    return { comparison: `${a} − ${b}`, ...compared, verdict: verdict([a, b], compared) };
  });
}

/** What an interval allows to say: lower, higher, or not distinguishable where it holds 0. */
export function verdict([a, b]: [string, string], { low, high }: { low: number; high: number }): string {
  if (high < 0) return `${a}: lower perplexity than ${b}`;
  if (low > 0) return `${a}: higher perplexity than ${b}`;
  return `${a} and ${b}: not distinguishable`;
}

/** The calibration figure's table, and one row a method beside the error that chance alone would show. */
export function calibrations(scores: MethodScores): { table: Tables["calibration"]; summary: Row[] } {
  const found = Object.entries(scores).map(([method, own]) => ({ method, ...calibrate(own) }));
  const table: Tables["calibration"] = {
    rows: found.flatMap(({ method, bins }) =>
      bins.map(({ confidence, accuracy, count }, bin) => ({ method, bin, confidence, accuracy, count }))
    ),
    ece: Object.fromEntries(found.map(({ method, ece }) => [method, ece])),
  };
  const summary = found.map((one) => ({
    method: one.method,
    tokens: one.count,
    accuracy: one.accuracy,
    "mean confidence": one.confidence,
    ECE: one.ece,
    "ECE by chance": chanceEce(one),
  }));
  return { table, summary };
}

/**
 * The ECE that a perfectly calibrated model would show on so many independent tokens in the mean: Σ n/N · σ·√(2/π) with
 * σ² = c(1 − c)/n in a bin of n tokens at confidence c (normal approximation).
 */
export function chanceEce({ bins, count }: Pick<Calibration, "bins" | "count">): number {
  return bins.filter((bin) => bin.count > 0).reduce((sum, { count: n, confidence: c }) => {
    return sum + n / count * Math.sqrt(c * (1 - c) / n * 2 / Math.PI);
  }, 0);
}

/** A measure of some dialogues under one model. */
const measures = {
  perplexity: (scores: Score[]): number => perplexity(sampleNll(scores)).perplexity,
  confidence: (scores: Score[]): number => calibrate(scores).confidence,
};

/** A measure by method for each band of ratings that has dialogues. */
export function byBand(
  examples: readonly Example[],
  scores: MethodScores,
  measure: keyof typeof measures,
): Row[] {
  return inBands(examples, scores).map(({ band, own }) => {
    const some = Object.values(own)[0];
    const values = Object.entries(own).map(([method, part]) => [method, measures[measure](part)]);
    return {
      band,
      dialogues: some.length,
      tokens: some.reduce((sum, { targets }) => sum + targets.length, 0),
      ...Object.fromEntries(values),
    };
  });
}

/** comparisons() of one pair within each band of ratings that has dialogues. */
export function comparisonsByBand(
  examples: readonly Example[],
  scores: MethodScores,
  pair: [string, string],
): (Comparison & { band: string })[] {
  return inBands(examples, scores).map(({ band, own }) => ({ band, ...comparisons(own, [pair])[0] }));
}

/** The scores of each band that has dialogues. */
function inBands(examples: readonly Example[], scores: MethodScores): { band: string; own: MethodScores }[] {
  const rating = new Map(examples.map((e) => [e.id, e.uncertainty ?? NaN]));
  return BANDS.map(({ band, from, to }) => {
    const inside = (score: Score) => rating.get(score.id)! >= from && rating.get(score.id)! < to;
    const own = Object.entries(scores).map(([method, all]) => [method, all.filter(inside)]);
    return { band: `${band} (${from}–${to - 1})`, own: Object.fromEntries(own) as MethodScores };
  }).filter(({ own }) => Object.values(own)[0].length > 0);
}
