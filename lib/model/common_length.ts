// How far lists of tokens begin alike: what need be computed only once.

/** How far `lists` agree from index `from` on, up to index `to`. */
export function commonLength(lists: ArrayLike<number>[], from: number, to: number): number {
  const [first, ...others] = lists;
  let n = from;
  while (n < to && n < first.length && others.every((list) => list[n] === first[n])) n++;
  return n;
}
