// Mixed data (the paper's table 3: dialogues of high and of low entropy, half and half): parts of one set by uncertainty, or
// several sets, drawn in given shares. The same seed gives the same mixture.
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import { stream } from "../run/seed.ts";

/**
 * The examples in `count` parts of equal size by uncertainty, the lowest first (the first parts take what does not divide);
 * within a part in the order given, equal uncertainties too. Throws InputError where an uncertainty is missing or there are
 * fewer examples than parts.
 */
export function splitByUncertainty(examples: readonly Example[], count = 2): Example[][] {
  const unrated = examples.find(({ uncertainty }) => uncertainty === undefined);
  if (unrated) {
    throw new InputError(
      `Cannot split by uncertainty: ${unrated.id} has none; rate the data first, or leave it out`,
    );
  }
  if (examples.length < count) {
    throw new InputError(`Cannot split ${examples.length} examples into ${count} parts; give more data`);
  }
  const order = examples.map((_, i) => i).sort((a, b) =>
    examples[a].uncertainty! - examples[b].uncertainty! || a - b
  );
  return Array.from({ length: count }, (_, part) => {
    const [from, to] = [part, part + 1].map((k) => Math.ceil((k * examples.length) / count));
    return order.slice(from, to).sort((a, b) => a - b).map((i) => examples[i]);
  });
}

/** How to mix. */
export interface MixOptions {
  /** What each part weighs; any positive numbers, only ratios count. 0 leaves a part out. */
  shares: readonly number[];
  /** Examples in all; default: as many as the shares allow. */
  count?: number;
  seed?: number;
}

/**
 * Examples drawn from `parts` without replacement in the given shares, in an order drawn too; and how many of each. Counts are
 * rounded by largest remainders. Throws InputError for shares that do not fit the parts, a part that is too small, or an id
 * that is in two of the drawn.
 */
export function mix(
  parts: readonly (readonly Example[])[],
  { shares, count, seed = 0 }: MixOptions,
): { mixed: Example[]; counts: number[] } {
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (
    shares.length !== parts.length || !shares.every((share) => share >= 0) || !(total > 0 && total < Infinity)
  ) {
    throw new InputError(
      `Cannot mix ${parts.length} parts in shares ${
        shares.join(", ")
      }: give one number of at least 0 a part, not all 0`,
    );
  }
  const most = largestMixture(parts, shares), wanted = count ?? most, counts = apportion(wanted, shares);
  const short = counts.findIndex((n, i) => n > parts[i].length);
  if (short >= 0 || wanted === 0) {
    const which = short < 0
      ? ""
      : `part ${short + 1} has ${parts[short].length} examples, ${counts[short]} are wanted; `;
    throw new InputError(`Cannot mix ${wanted} examples: ${which}the shares allow ${most} at most`);
  }
  const drawn = parts.flatMap((part, i) =>
    stream(seed, "mix", i).shuffle(part.length).slice(0, counts[i]).map((at) => part[at])
  );
  const ids = new Set<string>();
  for (const { id } of drawn) {
    if (ids.has(id)) {
      throw new InputError(
        `Cannot mix: the id ${id} is in two of the parts; give each line an id of its own`,
      );
    }
    ids.add(id);
  }
  return { mixed: stream(seed, "mix", "order").shuffle(drawn.length).map((i) => drawn[i]), counts };
}

/** The most examples whose counts by `shares` all parts can give. */
function largestMixture(parts: readonly (readonly Example[])[], shares: readonly number[]): number {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const bounds = parts.flatMap(({ length }, i) => shares[i] > 0 ? [((length + 1) * total) / shares[i]] : []);
  let count = Math.min(parts.reduce((sum, { length }) => sum + length, 0), Math.floor(Math.min(...bounds)));
  while (count > 0 && apportion(count, shares).some((n, i) => n > parts[i].length)) count--;
  return count;
}

/** `count` in whole numbers by `shares`, by largest remainders; equal remainders to the earlier. */
export function apportion(count: number, shares: readonly number[]): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const exact = shares.map((share) => (count * share) / total), counts = exact.map(Math.floor);
  const left = count - counts.reduce((sum, n) => sum + n, 0);
  const order = exact.map((x, i) => ({ i, rest: x - counts[i] })).sort((a, b) =>
    b.rest - a.rest || a.i - b.i
  );
  for (const { i } of order.slice(0, left)) counts[i]++;
  return counts;
}
