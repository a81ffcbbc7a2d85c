// Scores as text: percent, percentage points, p-values, and what a measure is.

const NONE = "–";

/** A share in percent, "52.1"; "–" where there is none. */
export function percentText(share: number): string {
  return Number.isFinite(share) ? (share * 100).toFixed(1).replace(/^-(?=0\.0$)/, "") : NONE;
}

/** A difference of shares in percentage points with its sign, "+2.3" or "−0.8". */
export function pointsText(difference: number): string {
  const text = percentText(difference);
  return text.startsWith("-") ? `−${text.slice(1)}` : text === "0.0" || text === NONE ? text : `+${text}`;
}

/** "= 0.012", "< 0.001" or "–". */
export function pText(p: number): string {
  if (Number.isNaN(p)) return NONE;
  return p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`;
}

/** What a measure of one item is; its mean over items, in percent, is the score. */
const MEASURES: Record<string, string> = {
  acc: "the right choice has the highest log-likelihood",
  acc_norm: "the right choice has the highest log-likelihood per code point",
  acc_bytes: "the right choice has the highest log-likelihood per byte",
  mc2: "probability of the true choices among all, by likelihood",
  exact_match: "the answer is the right one",
  exact_match_strict: "the answer, where it is given in the form of the shots, is the right one",
  exact_match_flexible: "the last number of the answer is the right one",
};

/** A measure's meaning; undefined for one that is not known here. */
export function measureText(metric: string): string | undefined {
  return MEASURES[metric];
}
