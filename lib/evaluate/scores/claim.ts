// What the numbers say of a claim made beforehand: confirmed, not distinguishable or contradicted, in words.
import { InputError } from "../../run/errors.ts";
import { percentText, pointsText, pText } from "./score_text.ts";
import type { ModelComparison } from "./task_score.ts";

/** "This model does better than that one." */
export interface Claim {
  /** The model that is claimed to do better. */
  better: string;
  /** The one it is compared with. */
  than: string;
}

/** What may be said of a claim. */
export type ClaimVerdict = "confirmed" | "not distinguishable" | "contradicted";

/** A claimed direction against a difference and its (corrected) p-value: of any measure, a win rate less a half as well. */
export function claimVerdict(
  { difference, p }: { difference: number; p: number },
  claimed: "higher" | "lower",
  alpha: number = 0.05,
): ClaimVerdict {
  if (!(p < alpha) || difference === 0) return "not distinguishable";
  return (difference > 0) === (claimed === "higher") ? "confirmed" : "contradicted";
}

/**
 * The verdict on `claim` by a comparison of its two models, in either order, and a sentence that says it with its numbers.
 * Throws InputError for a comparison of other models.
 */
export function verdictInWords(
  comparison: ModelComparison,
  claim: Claim,
): { verdict: ClaimVerdict; text: string } {
  const { a, b, task, metric, n, pHolm, minimumDetectable } = comparison, { better, than } = claim;
  const ahead = b === better && a === than, behind = a === better && b === than;
  if (!ahead && !behind) {
    throw new InputError(`Cannot judge ${better} against ${than}: the comparison is of ${b} with ${a}`);
  }
  const verdict = claimVerdict({ difference: comparison.difference, p: pHolm }, ahead ? "higher" : "lower");
  const [difference, low, high] = ahead
    ? [comparison.difference, comparison.low, comparison.high]
    : [-comparison.difference, -comparison.high, -comparison.low];
  const found = verdict === "not distinguishable" && minimumDetectable > 0
    ? `; a true difference of ${percentText(minimumDetectable)} points would be found in 4 of 5 such runs`
    : "";
  const text = `${better} better than ${than} on ${task} (${metric}): ${verdict}. Difference ` +
    `${pointsText(difference)} points (95% interval ${pointsText(low)} to ${pointsText(high)}), ` +
    `p ${pText(pHolm)} after Holm's correction, ${n} items${found}.`;
  return { verdict, text };
}
