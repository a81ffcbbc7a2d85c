// Win rates of judged pairs as alpaca_eval 0.6.6 counts them (metrics/winrate.py, metrics/helpers.py).

import { meanWithError } from "../../stats/mod.ts";

/** 1: the reference's answer is better, 2: the model's, between: by how much; 0 or 1.5: a draw; NaN or null: none. */
export type Preference = number | null | undefined;

/** Figures of a comparison; the rates in percent, by alpaca_eval's names. */
export interface WinRate {
  /** mean(preference − 1) · 100. */
  win_rate: number;
  /** Of the mean: sample standard deviation / √n · 100; NaN for fewer than 2. */
  standard_error: number;
  n_wins: number;
  n_wins_base: number;
  n_draws: number;
  /** Pairs with a preference; the others are left out. */
  n_total: number;
  /** (wins + draws / 2) / n · 100. */
  discrete_win_rate: number;
}

/** The preference as a number from 1 to 2, or NaN where there is none: a 0 means 1.5. */
export function validPreference(preference: Preference): number {
  const value = preference === 0 ? 1.5 : preference ?? NaN;
  return value >= 1 && value <= 2 ? value : NaN;
}

/** The figures of `preferences`; NaN rates where there is none at all. */
export function winRate(preferences: readonly Preference[]): WinRate {
  const wins = preferences.map(validPreference).filter((p) => !Number.isNaN(p)).map((p) => p - 1);
  const n = wins.length, count = (test: (win: number) => boolean) => wins.filter(test).length;
  const better = count((w) => w > 0.5), worse = count((w) => w < 0.5), draws = count((w) => w === 0.5);
  const { value, stderr } = meanWithError(wins);
  return {
    win_rate: value * 100,
    standard_error: stderr * 100,
    n_wins: better,
    n_wins_base: worse,
    n_draws: draws,
    n_total: n,
    discrete_win_rate: (better + draws / 2) / n * 100,
  };
}
