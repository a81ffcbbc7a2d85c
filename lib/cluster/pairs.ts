// Which pairs of tokens are looked at: drawn at random with a seed, or named. Pairs chosen for what they show: chosen_pairs.ts.
import type { Tokenizer } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { stream } from "../run/seed.ts";
import type { Points } from "./features.ts";

/** Two tokens whose features are set against each other. */
export interface TokenPair {
  /** Token ids. */
  a: number;
  b: number;
  /** Drawn, named by someone, or chosen for what it shows; the last tell nothing of other pairs. */
  kind: "random" | "named" | "chosen";
}

/** How many features each token has. */
export function tokenCounts({ tokens }: Pick<Points, "tokens">): Map<number, number> {
  const counts = new Map<number, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

/** Tokens with at least `least` features but for some, the commonest first; of equal ones the smaller id. */
export function commonTokens(
  points: Pick<Points, "tokens">,
  least: number,
  except: ReadonlySet<number> = new Set(),
): number[] {
  const counts = [...tokenCounts(points)].filter(([token, count]) => count >= least && !except.has(token));
  return counts.sort(([a, n], [b, m]) => m - n || a - b).map(([token]) => token);
}

/** How pairs are drawn. */
export interface RandomPairsOptions {
  /** How many; default 100. */
  count?: number;
  /** How many features both tokens have at least; default 20. */
  minCount?: number;
  seed?: number;
  /** Tokens that are never drawn, such as specialTokens(). */
  except?: ReadonlySet<number>;
}

/** The ids of the tokens that mark turns and ends: they are no words. */
export function specialTokens(tokenizer: Tokenizer): Set<number> {
  return new Set(tokenizer.specials.flatMap((token) => tokenizer.idOf(token) ?? []));
}

/**
 * Different pairs of different tokens, each with the same chance, without replacement. The order of drawing is kept, so fewer pairs are
 * the first of more. Throws InputError where there are fewer pairs than asked for.
 */
export function randomPairs(
  points: Pick<Points, "tokens">,
  { count = 100, minCount = 20, seed = 0, except }: RandomPairsOptions = {},
): TokenPair[] {
  if (!(Number.isInteger(count) && count >= 0)) {
    throw new RangeError(`Cannot draw ${count} pairs of tokens: give a whole number from 0 on`);
  }
  const tokens = commonTokens(points, minCount, except).sort((a, b) => a - b);
  const possible = tokens.length * (tokens.length - 1) / 2;
  if (possible < count) {
    throw new InputError(
      `Cannot draw ${count} pairs of tokens: ${tokens.length} tokens have at least ${minCount} features each, which makes ` +
        `${possible} pairs; give more texts, fewer pairs, or a lower minimum count`,
    );
  }
  const random = stream(seed, "pairs"), seen = new Set<number>(), pairs: TokenPair[] = [];
  for (let counter = 0; pairs.length < count; counter += 2) {
    const [i, j] = random.ints(2, tokens.length, counter).sort((a, b) => a - b);
    if (i === j || seen.has(i * tokens.length + j)) continue;
    seen.add(i * tokens.length + j);
    pairs.push({ a: tokens[i], b: tokens[j], kind: "random" });
  }
  return pairs;
}

/**
 * Pairs from text: "a|b,c|d". Each side is exactly one token of the model, spaces counting; "\|", "\,", "\\" and "\n" stand for
 * "|", ",", "\" and a line's end, "#123" for the token of that id. Throws InputError for anything else.
 */
export function namedPairs(text: string, tokenizer: Tokenizer): TokenPair[] {
  const pairs = splitAt(text, ",").map((part): TokenPair => {
    const sides = splitAt(part, "|");
    if (sides.length !== 2) {
      throw new InputError(
        `Cannot read the pair ${JSON.stringify(part)}: it has ${sides.length} side${
          sides.length === 1 ? "" : "s"
        }; ` +
          'write two tokens as "a|b", and \\| and \\, for signs within',
      );
    }
    const [a, b] = sides.map((side) => tokenNamed(unescaped(side), tokenizer));
    if (a === b) {
      throw new InputError(`Cannot use the pair ${JSON.stringify(part)}: both sides are the same token`);
    }
    return { a, b, kind: "named" };
  });
  const keys = pairs.map(({ a, b }) => String([Math.min(a, b), Math.max(a, b)]));
  const twice = keys.findIndex((key, i) => keys.indexOf(key) !== i);
  if (twice >= 0) {
    throw new InputError(
      `Cannot use the pairs ${JSON.stringify(text)}: pair ${twice + 1} was named before; name it once`,
    );
  }
  return pairs;
}

/** `text` cut at each `sign` that no backslash precedes. */
function splitAt(text: string, sign: string): string[] {
  const parts = [""];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && i + 1 < text.length) parts[parts.length - 1] += text[i] + text[++i];
    else if (text[i] === sign) parts.push("");
    else parts[parts.length - 1] += text[i];
  }
  return parts;
}

const unescaped = (text: string): string => text.replace(/\\(.)/gs, (_, sign) => sign === "n" ? "\n" : sign);

function tokenNamed(text: string, tokenizer: Tokenizer): number {
  const id = /^#(\d+)$/.exec(text)?.[1];
  if (id !== undefined) {
    if (Number(id) < tokenizer.vocabSize) return Number(id);
    throw new InputError(
      `Cannot use token ${text}: the vocabulary has ${tokenizer.vocabSize}; give an id below that`,
    );
  }
  const ids = tokenizer.encode(text, { addSpecial: false });
  if (ids.length === 1) return ids[0];
  const pieces = ids.map((one) => JSON.stringify(tokenizer.decode([one]))).join(" ");
  throw new InputError(
    ids.length === 0
      ? 'Cannot use a token of no text: write something on both sides of |, and a comma or bar itself as "\\," or "\\|"'
      : `Cannot use ${JSON.stringify(text)} as a token: the model reads it as ${ids.length}: ${pieces}; ` +
        'name one of them (spaces count), or its id as "#123"',
  );
}
