// The rating that a judge expects, from the log-probabilities of its answer's tokens: beside the number it printed, the mean
// over all numbers that it weighed.
import type { TokenLogprob } from "../chat/mod.ts";
import { LARGEST_RATING } from "./bands.ts";

/** A mean over numbers. */
export interface ExpectedRating {
  /** The mean of the numbers from 0 to 99 at the rating's place, by their probability among those numbers. */
  expected: number;
  /** The probability of those numbers together, 0 to 1: how much of what the judge weighed was a rating at all. */
  mass: number;
}

/**
 * The expected rating at the place where the answer's tokens print `rating`; undefined without log-probabilities, where one
 * that counts is not a number, and where the rating is not found in the tokens.
 *
 * Of the candidates at the token in which the number begins (the likeliest ones that the endpoint gives, and the token itself)
 * those count whose text is the printed token's with another number from 0 to 99 in the printed one's place; white space
 * before a number does not matter. Probabilities are renormalised over them. Where a tokenizer has a token for each digit, the
 * number goes on in the next token: its candidates say how the number goes on after the digit that was printed, with a second
 * digit or not at all, and the numbers that begin with another digit are taken to go on in the same way, because what would
 * have followed them is not known (nothing follows a 0). The answer's end is seldom a candidate; a number that ends there is
 * taken to end for certain.
 */
export function expectedRating(
  tokens: readonly TokenLogprob[] | undefined,
  rating: number,
): ExpectedRating | undefined {
  if (!tokens) return undefined;
  const found = findNumber(tokens, String(rating));
  if (!found) return undefined;
  const first = candidates(tokens[found.token]);
  if (!first) return undefined;
  const lead = found.lead, whole = numberOf(tokens[found.token].token, lead)!;
  const next = !whole.closed && whole.digits.length === 1 && tokens[found.token + 1];
  const tails = next ? continuations(next) : [{ digit: "", share: 1 }];
  if (!tails) return undefined;
  let mass = 0, sum = 0;
  for (const { token, p } of first) {
    const number = numberOf(token, lead);
    if (!number) continue;
    const open = next && !number.closed && number.digits.length === 1 && number.digits !== "0";
    for (const { digit, share } of open ? tails : [{ digit: "", share: 1 }]) {
      const value = Number(number.digits + digit);
      if (value > LARGEST_RATING) continue;
      mass += p * share;
      sum += p * share * value;
    }
  }
  return mass > 0 ? { expected: sum / mass, mass: Math.min(1, mass) } : undefined;
}

/** The token in which the rating's number begins, and what stands before it there: in JSON the one of "rating", else the first. */
function findNumber(
  tokens: readonly TokenLogprob[],
  digits: string,
): { token: number; lead: string } | undefined {
  const text = tokens.map(({ token }) => token).join("");
  const match = /"rating"\s*:\s*(\d+)/d.exec(text) ?? /(\d+)/d.exec(text);
  if (match?.[1] !== digits) return undefined;
  const [at] = match.indices![1]!;
  for (let i = 0, start = 0; i < tokens.length; i++) {
    const end = start + tokens[i].token.length;
    if (at < end) return { token: i, lead: tokens[i].token.slice(0, at - start) };
    start = end;
  }
  return undefined;
}

/** The number at the beginning of `token` after `lead`; closed where something follows it in the token. */
function numberOf(token: string, lead: string): { digits: string; closed: boolean } | undefined {
  const rest = lead.trim() === ""
    ? token.trimStart()
    : token.startsWith(lead)
    ? token.slice(lead.length)
    : undefined;
  const match = rest === undefined ? null : /^(0|[1-9]\d?)(?!\d)([^]*)$/.exec(rest);
  return match ? { digits: match[1], closed: match[2] !== "" } : undefined;
}

/** The different tokens at a place with their probabilities; undefined where one is not a number. */
function candidates({ token, logprob, top }: TokenLogprob): { token: string; p: number }[] | undefined {
  const seen = new Map([...top, { token, logprob }].map((one) => [one.token, one.logprob]));
  const found = [...seen].map(([token, logprob]) => ({ token, p: Math.exp(logprob) }));
  return found.some(({ p }) => !(p <= 1 + 1e-6)) ? undefined : found;
}

/** How a number goes on after its first digit: a second one or none (""), shares of 1; undefined as candidates(). */
function continuations(next: TokenLogprob): { digit: string; share: number }[] | undefined {
  const found = candidates(next);
  const total = found?.reduce((sum, { p }) => sum + p, 0);
  if (!found || !total) return undefined;
  return found.flatMap(({ token, p }) => {
    if (/^\d{2}/.test(token)) return []; // three digits are no rating
    return [{ digit: /^\d/.exec(token)?.[0] ?? "", share: p / total }];
  });
}
