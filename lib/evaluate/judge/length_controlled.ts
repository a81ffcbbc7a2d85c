// AlpacaEval 2's length-controlled win rate: how often the model would win with answers of equal length.
// Dubois, Galambosi, Liang, Hashimoto 2024; metrics/glm_winrate.py of alpaca_eval 0.6.6.
import { meanWithError } from "../../stats/mod.ts";
import { InputError } from "../../run/errors.ts";
import { codePoints } from "../harness/python_text.ts";
import { dot, fitSoftL1, sigmoid, type SoftRow } from "./l1_logistic.ts";
import { type Preference, validPreference } from "./win_rate.ts";

/**
 * The regressions by alpaca_eval's names. `length_controlled_minimal` needs nothing but the answers;
 * `length_controlled_noreg` also each instruction's difficulty; `length_controlled_v1`, the leaderboard's, also the
 * annotations of gamed baselines. Both come from tables on the hub (df_gamed.csv), which are given as a file.
 */
export type GlmName = "length_controlled_v1" | "length_controlled_noreg" | "length_controlled_minimal";

/** A row of the hub's df_gamed.csv: one of a baseline's answers, some of them made longer or shorter to game the judge. */
export interface GamedRow {
  /** The instruction's place in AlpacaEval's order. */
  index: number;
  /** 0 to 1. */
  preference: number;
  std_delta_len: number;
  instruction_difficulty: number;
  not_gamed_baseline: boolean;
}

/** What the regression can use besides the answers. */
export interface LengthTables {
  /** The difficulty of each instruction, by its place. */
  difficulty?: ReadonlyMap<number, number>;
  /** All rows of df_gamed.csv; with them the difficulty comes from there. */
  gamed?: readonly GamedRow[];
}

/** The figures by alpaca_eval's names, percent. */
export interface LengthControlled {
  /** Which regression it was. */
  glm: GlmName;
  length_controlled_winrate: number;
  lc_standard_error: number;
  /** By the terms' names. */
  weights: Record<string, number>;
  /** The strength that cross-validation chose. */
  C: number;
}

/** Gamed rows weigh so much of the others'; there are two gamed baselines. */
const GAMED_WEIGHT = 0.2 / 2;

/** A judged pair, as the regression sees it. */
export interface LengthRow {
  output_1: string;
  output_2: string;
  preference: Preference;
}

/**
 * The length-controlled win rate of judged pairs in AlpacaEval's order; a string says why there is none (fewer than 5
 * preferences, or all differences of length equal). Which regression is taken follows from `tables`.
 * Throws InputError for an instruction without a difficulty.
 */
export function lengthControlled(
  rows: readonly LengthRow[],
  tables: LengthTables = {},
): LengthControlled | string {
  const { gamed } = tables, difficulty = gamed ? difficultyOf(gamed) : tables.difficulty;
  const glm: GlmName = gamed
    ? "length_controlled_v1"
    : difficulty
    ? "length_controlled_noreg"
    : "length_controlled_minimal";
  const deltas = rows.map(({ output_1, output_2 }) => codePoints(output_1) - codePoints(output_2));
  const deviation = meanWithError(deltas).stderr * Math.sqrt(deltas.length);
  if (!(deviation > 0)) return "the answers' lengths all differ by the same";
  const hard = (i: number): number[] => difficulty ? [difficultyAt(difficulty, i)] : [];
  const own = rows.flatMap(({ preference }, i): SoftRow[] => {
    const target = validPreference(preference) - 1;
    return Number.isNaN(target) ? [] : [{ x: [Math.tanh(deltas[i] / deviation), ...hard(i), 1], target }];
  });
  if (own.length < 5) return `there are ${own.length} preferences, fewer than 5`;
  const { coefficients, C } = fitSoftL1([...(gamed ?? []).map(gamedRow), ...own]);
  const wins = rows.map((_, i) => sigmoid(dot([0, ...hard(i), 1], coefficients)));
  const { value, stderr } = meanWithError(wins);
  return {
    glm,
    length_controlled_winrate: 100 * value,
    lc_standard_error: 100 * stderr,
    weights: Object.fromEntries(termsOf(glm).map((name, j) => [name, coefficients[j]])),
    C,
  };
}

/** The terms in the formula's order, by patsy's names for them. */
function termsOf(glm: GlmName): string[] {
  const difficulty = glm === "length_controlled_minimal" ? [] : ["instruction_difficulty"];
  return ["np.tanh(std_delta_len)", ...difficulty, "not_gamed_baseline.astype(float)"];
}

function gamedRow(row: GamedRow): SoftRow {
  return {
    x: [Math.tanh(row.std_delta_len), row.instruction_difficulty, Number(row.not_gamed_baseline)],
    target: row.preference,
    weight: row.not_gamed_baseline ? 1 : GAMED_WEIGHT,
  };
}

/** The first row of each instruction says its difficulty. */
function difficultyOf(gamed: readonly GamedRow[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const { index, instruction_difficulty } of gamed) {
    if (!found.has(index)) found.set(index, instruction_difficulty);
  }
  return found;
}

function difficultyAt(difficulty: ReadonlyMap<number, number>, i: number): number {
  const value = difficulty.get(i);
  if (value !== undefined) return value;
  throw new InputError(
    `Cannot control for length: the table has no difficulty of instruction ${i}; judge AlpacaEval's instructions in their ` +
      "order, or leave the table out",
  );
}
