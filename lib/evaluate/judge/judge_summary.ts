// Judged pairs in figures: win rates, length control, how the order of showing mattered, failures.
import { clusteredShareInterval, meanInterval, meanWithError } from "../../stats/mod.ts";
import { codePoints } from "../harness/python_text.ts";
import { type Annotation, type Showing, withMarks } from "./judge_pairs.ts";
import { type LengthControlled, lengthControlled, type LengthTables } from "./length_controlled.ts";
import { type WinRate, winRate } from "./win_rate.ts";

/** Did the place in which an answer was shown decide? */
export interface PositionBias {
  /** Percent: how often the answer shown first won, by the preferences; 50 is no bias. With its 95% interval. */
  first_wins: number;
  first_wins_interval: [number, number];
  /** Times an answer was shown and a preference came. */
  showings: number;
  /** In both orders: pairs with both preferences; the same answer won both times; the first shown, and the second shown, won both times. */
  both?: { pairs: number; same: number; first: number; second: number };
}

/** What a comparison came to. Rates in percent; NaN where there is nothing to count. */
export interface JudgeSummary extends WinRate {
  /** 95%, of win_rate. */
  win_rate_interval: [number, number];
  /** Whether that interval leaves out 50: the model's answers are better or worse than the reference's. */
  verdict: "better" | "worse" | "not distinguishable";
  length_controlled: LengthControlled | { none: string };
  /** Characters of an answer, on average, cut to a whole number as alpaca_eval does. */
  avg_length: { reference: number; model: number };
  position: PositionBias;
  /** Pairs without a preference, and why, the first of them. */
  failed: number;
  failures: { instruction: string; why: string }[];
  /** Pairs with the same answer twice, not asked about. */
  identical: number;
  /** Pairs whose texts hold marks of chat templates, shown with a space in them. */
  marks: number;
  /** USD that the answers cost, whenever they were asked; 0 without a price. */
  usd: number;
}

/**
 * The 95% interval of a mean of preferences from 0 to 1, in percent: by Student's t where they are weighed, Wilson's with the
 * standard error where they are wins, losses and draws alone. NaN for fewer than 2.
 */
function percentInterval(shares: readonly number[]): [number, number] {
  const mean = meanWithError(shares),
    discrete = shares.every((share) => share === 0 || share === 0.5 || share === 1);
  const [low, high] = discrete ? clusteredShareInterval(mean) : meanInterval(mean);
  return [100 * Math.max(0, low), 100 * Math.min(1, high)];
}

/** How many failures are told. */
const TOLD = 20;

/** The figures of annotations in AlpacaEval's order. Throws as lengthControlled(). */
export function judgeSummary(annotations: readonly Annotation[], tables: LengthTables = {}): JudgeSummary {
  const preferences = annotations.map(({ preference }) => preference), rate = winRate(preferences);
  const interval = percentInterval(preferences.flatMap((p) => p === null ? [] : [p - 1]));
  const controlled = lengthControlled(annotations, tables);
  const failures = annotations.filter(({ failed }) => failed !== undefined);
  const showings = annotations.flatMap(({ showings }) => showings);
  return {
    ...rate,
    win_rate_interval: interval,
    verdict: interval[0] > 50 ? "better" : interval[1] < 50 ? "worse" : "not distinguishable",
    length_controlled: typeof controlled === "string" ? { none: controlled } : controlled,
    avg_length: {
      reference: averageLength(annotations.map(({ output_1 }) => output_1)),
      model: averageLength(annotations.map(({ output_2 }) => output_2)),
    },
    position: positionBias(annotations),
    failed: failures.length,
    failures: failures.slice(0, TOLD).map(({ instruction, failed }) => ({ instruction, why: failed! })),
    identical: annotations.filter(({ showings }) => showings.length === 0).length,
    marks: withMarks(annotations),
    usd: showings.reduce((sum, { price = 0 }) => sum + price, 0),
  };
}

const averageLength = (texts: readonly string[]) =>
  Math.trunc(texts.reduce((sum, text) => sum + codePoints(text), 0) / texts.length);

/** How far the place decided. */
export function positionBias(annotations: readonly Annotation[]): PositionBias {
  const first = annotations.flatMap(({ showings }) => showings.flatMap(firstWins));
  const pairs = annotations.flatMap(({ showings: [a, b] }) =>
    b && a.preference !== null && b.preference !== null ? [[a.preference - 1.5, b.preference - 1.5]] : []
  );
  const both = annotations.some(({ showings }) => showings.length === 2);
  return {
    first_wins: 100 * meanWithError(first).value,
    first_wins_interval: percentInterval(first),
    showings: first.length,
    ...(both
      ? {
        both: {
          pairs: pairs.length,
          same: pairs.filter(([a, b]) => Math.sign(a) === Math.sign(b)).length,
          first: pairs.filter(([a, b]) => a < 0 && b > 0).length,
          second: pairs.filter(([a, b]) => a > 0 && b < 0).length,
        },
      }
      : {}),
  };
}

/** How far the answer shown first won, 0 to 1. */
function firstWins({ preference, switched }: Showing): number[] {
  if (preference === null) return [];
  return [switched ? preference - 1 : 2 - preference];
}
