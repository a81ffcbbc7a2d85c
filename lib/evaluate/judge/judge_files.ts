// A comparison's files as alpaca_eval 0.6.6 reads and writes them: annotations.json and leaderboard.csv.
import type { Annotation } from "./judge_pairs.ts";
import type { JudgeSummary } from "./judge_summary.ts";

/** What is known of an annotation besides itself. */
export interface AnnotationOrigin {
  /** When the ledger got each answer, by its key. */
  times: ReadonlyMap<string, string>;
  /** Seconds a question, of those that were asked in this run. */
  seconds?: number;
  /** What made it, with the prompt's hash. */
  version: string;
}

/**
 * An annotation as a row of annotations.json. What alpaca_eval does not have comes last: the judge's model, whether the model's
 * answer was shown first, why there is no preference, and in both orders the other answer with its preference.
 */
export function annotationRow(annotation: Annotation, origin: AnnotationOrigin): Record<string, unknown> {
  const { dataset, instruction, output_1, generator_1, output_2, generator_2 } = annotation;
  const { annotator, preference, showings: [one, other] } = annotation;
  const prices = annotation.showings.flatMap(({ price }) => price ?? []);
  const dates = annotation.showings.flatMap(({ key }) => origin.times.get(key) ?? []).sort();
  const asked = annotation.showings.filter(({ cached }) => cached === false).length;
  return {
    dataset,
    instruction,
    output_1,
    generator_1,
    output_2,
    generator_2,
    annotator,
    preference,
    preference_raw_completion: one?.raw ?? null,
    preference_time_per_example: asked && origin.seconds !== undefined ? asked * origin.seconds : null,
    preference_date: dates.at(-1) ?? null,
    preference_version: origin.version,
    preference_price_per_example: prices.length ? prices.reduce((a, b) => a + b, 0) : null,
    preference_judge: annotation.judge,
    preference_failed: annotation.failed ?? null,
    ...(one && !other ? { preference_is_switched: one.switched } : {}),
    ...(other
      ? {
        preference_in_order: one.preference,
        preference_switched: other.preference,
        preference_raw_completion_switched: other.raw ?? null,
      }
      : {}),
  };
}

/** The text of annotations.json. */
export function annotationsJson(annotations: readonly Annotation[], origin: AnnotationOrigin): string {
  return JSON.stringify(annotations.map((one) => annotationRow(one, origin)), null, 2) + "\n";
}

/**
 * The text of leaderboard.csv, one row named after the model. `glm` says which length control it is: only
 * length_controlled_v1 with the hub's table compares with the public leaderboard.
 */
export function leaderboardCsv(name: string, summary: JudgeSummary): string {
  const lc = summary.length_controlled;
  const row: Record<string, string | number> = {
    win_rate: summary.win_rate,
    standard_error: summary.standard_error,
    mode: "community",
    avg_length: summary.avg_length.model,
    n_wins: summary.n_wins,
    n_wins_base: summary.n_wins_base,
    n_draws: summary.n_draws,
    n_total: summary.n_total,
    discrete_win_rate: summary.discrete_win_rate,
    length_controlled_winrate: "none" in lc ? NaN : lc.length_controlled_winrate,
    lc_standard_error: "none" in lc ? NaN : lc.lc_standard_error,
    glm: "none" in lc ? "" : lc.glm,
  };
  const cell = (value: string | number) => {
    if (typeof value === "number") return Number.isNaN(value) ? "" : String(value);
    return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  };
  return `,${Object.keys(row).join(",")}\n${cell(name)},${Object.values(row).map(cell).join(",")}\n`;
}
