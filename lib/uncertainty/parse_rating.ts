// What a judge's answer means, strictly: a whole number or a small JSON object, never a guess from prose.
import { z } from "zod";
import { LARGEST_RATING } from "./bands.ts";

/** A rating as the judge gave it. */
export interface GivenRating {
  /** A whole number from 0 to 99. */
  rating: number;
  /** One line: why. */
  reason?: string;
}

/** What an answer holds: a rating, or what is wrong with it in a few words. */
export type ParsedAnswer = GivenRating | { flaw: string };

const rating = z.int().min(0).max(LARGEST_RATING);
const reason = z.string().refine((text) => text.isWellFormed(), "holds half of a surrogate pair");
const object = z.strictObject({ rating, reason: reason.optional() });

/** No answer of the form asked for is longer, in characters. */
const LONGEST = 10_000;

/** A whole answer in one code fence. */
const FENCE = /^```(?:json)?[ \t]*\n([^]*?)\n?```$/;

/**
 * The rating in `text`. Taken are, with white space around them and in one code fence or without: a whole number from 0 to 99
 * in decimal digits and nothing else; a JSON object {"rating": number, "reason": text} with or without the reason and nothing
 * else. Anything else is a flaw, a number in a sentence, a fraction or a number in quotes too.
 */
export function parseRating(text: string): ParsedAnswer {
  if (text.length > LONGEST) return { flaw: `it has ${text.length} characters` };
  const bare = text.trim(), inner = (FENCE.exec(bare)?.[1] ?? bare).trim();
  if (inner === "") return { flaw: "it is empty" };
  if (/^\d+$/.test(inner)) return fromNumber(inner);
  return inner.startsWith("{") ? fromJson(inner) : { flaw: "it is not a whole number alone" };
}

function fromNumber(digits: string): ParsedAnswer {
  if (/^0\d/.test(digits)) return { flaw: "the number begins with a 0" };
  const { success } = rating.safeParse(Number(digits));
  return success ? { rating: Number(digits) } : { flaw: `the number is not from 0 to ${LARGEST_RATING}` };
}

function fromJson(text: string): ParsedAnswer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { flaw: "it begins like a JSON object but is none" };
  }
  if (text.match(/"rating"\s*:/g)?.length !== 1) return { flaw: 'it does not hold "rating" once' };
  const parsed = object.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues, where = issue.path.join(".");
    return { flaw: where ? `its ${where} is wrong (${issue.message})` : issue.message };
  }
  const why = parsed.data.reason?.replace(/\s+/g, " ").trim();
  return { rating: parsed.data.rating, ...(why ? { reason: why } : {}) };
}
