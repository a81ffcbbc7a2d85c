// The number in a worked-out answer, and whether it is right: filters and exact_match of the harness's gsm8k.
// Patterns are those of lm-evaluation-harness 0.4.13 (lm_eval/tasks/gsm8k/*.yaml), in JavaScript with Python's meaning.

/** What a filter gives where it finds nothing. */
export const NO_ANSWER = "[invalid]";

/** `#### n`: GSM8K's own form. */
const HASHES = /#### (-?[0-9.,]+)/;
/** The chains' form. The last dot is any character but a line feed (in Python), which the number must leave to it. */
const CHAIN = /The answer is (-?[0-9.,]+)[^\n]/u;
const ANY_NUMBER = /(-?[$0-9.,]{2,})|(-?[0-9]+)/g;

/** gsm8k's strict-match: the first number after `#### `. */
export function strictMatch(text: string): string {
  return HASHES.exec(text)?.[1] ?? NO_ANSWER;
}

/**
 * gsm8k_cot's strict-match: the first number after `The answer is `, less its last character where no other follows on
 * the line ("18." gives 18, "18" and a line feed give 1), a slip that its pattern has.
 */
export function chainMatch(text: string): string {
  return CHAIN.exec(text)?.[1] ?? NO_ANSWER;
}

/** flexible-extract of both: the last number, with what dollars, dots and commas stand at it. */
export function flexibleExtract(text: string): string {
  return text.match(ANY_NUMBER)?.at(-1) ?? NO_ANSWER;
}

/**
 * Whether two answers are equal once commas, dollars, all up to the last `#### ` and a dot at the end are gone and capitals
 * small: the harness's exact_match with gsm8k's `regexes_to_ignore` and `ignore_case`.
 */
export function exactMatch(prediction: string, reference: string): number {
  return Number(bare(prediction) === bare(reference));
}

function bare(text: string): string {
  return text.replaceAll(",", "").replaceAll("$", "").replace(/^[^]*#### /, "")
    .replace(/\.(?=\n?$)/, "") // Python's $ stands before a last line feed too
    .toLowerCase();
}
