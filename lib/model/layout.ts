// The static shapes that token sequences are laid out in: rows of fixed length, several sequences to a row, buckets by length.
// What a batch holds: rows.ts, choice_batch.ts.

/** What laying out needs to know of a sequence: its tokens, and how many of its positions predict something. */
export interface Sized {
  tokens: number;
  targets: number;
}

/** The static shape of a batch: B rows of T tokens, at most R targets. */
export interface Layout {
  B: number;
  T: number;
  R: number;
}

/** First-fit packing, in the given order: rows of indices into `lengths`. Throws RangeError where one exceeds `T`. */
export function packRows(lengths: number[], T: number): number[][] {
  const rows: number[][] = [], left: number[] = [];
  lengths.forEach((n, i) => {
    if (n > T) throw new RangeError(`Cannot pack ${n} tokens into a row of ${T}: truncate them first`);
    const at = left.findIndex((free) => free >= n);
    if (at < 0) {
      rows.push([i]);
      left.push(T - n);
    } else {
      rows[at].push(i);
      left[at] -= n;
    }
  });
  return rows;
}

/** `size` rounded up to a multiple of `unit`. */
export const roundUp = (size: number, unit: number): number => Math.ceil(size / unit) * unit;

/** Row lengths that are tried, in lengths of the longest sequence: longer rows fill better but attend further. */
const ROW_LENGTHS = [1, 1.5, 2, 3, 4];

/**
 * The cheapest layout that serves all `groups` (each packed on its own and cut into batches of B rows): at most as many
 * tokens as `maxRows` rows of the longest sequence. R is the largest number of targets in any batch, rounded up. With
 * it, what all batches of it cost together (see batchCost).
 */
export function cheapestLayout(groups: Sized[][], maxRows: number): { layout: Layout; cost: number } {
  let longest = 1;
  for (const group of groups) for (const { tokens } of group) longest = Math.max(longest, tokens);
  const lengths = groups.map((group) => group.map(({ tokens }) => tokens));
  let best: { layout: Layout; cost: number } | undefined;
  for (const T of ROW_LENGTHS.map((k) => roundUp(k * longest, 16))) {
    const packed = lengths.map((list) => packRows(list, T));
    const most = packed.reduce((n, rows) => Math.max(n, rows.length), 1);
    for (let B = 1; B <= Math.min(most, Math.max(1, Math.floor(maxRows * longest / T))); B++) {
      const parts = packed.map((rows) => chunks(rows, B).map((part) => part.flat()));
      let batches = 0, R = 1;
      parts.forEach((group, g) => {
        batches += group.length;
        for (const part of group) R = Math.max(R, part.reduce((sum, i) => sum + groups[g][i].targets, 0));
      });
      const layout = { B, T, R: roundUp(R, 32) }, cost = batches * batchCost(layout);
      if (!best || cost < best.cost) best = { layout, cost };
    }
    if (T > maxRows * longest) break;
  }
  return best!;
}

/** What compiling and loading one more program costs, in the tokens of batchCost(). Measured on the 135M model. */
const COMPILE_COST = 4000;

/** Where sequences sorted by length may be cut into buckets, as shares of their number. */
const CUTS = [0.25, 0.5, 0.75, 0.9, 0.97];

/** Sizes that are looked at to plan buckets: of more, every so manyth by length. */
const PLANNED = 1000;

/**
 * Indices of `sizes` in one to three buckets by length, short ones first, each in the given order. A bucket gets a
 * layout of its own, so that short sequences do not pay for the attention and the row of the longest: worth it where
 * the cost of `passes` over all of them falls by more than another program costs to compile.
 */
export function cutByLength(sizes: Sized[], maxRows: number, { passes = 1 } = {}): number[][] {
  const lengths = sizes.map(({ tokens }) => tokens);
  const sorted = [...lengths.keys()].sort((a, b) => lengths[a] - lengths[b] || a - b);
  const part = (from: number, to: number) => sorted.slice(from, to).sort((a, b) => a - b);
  const stride = Math.ceil(sizes.length / PLANNED);
  const costOf = (from: number, to: number) => {
    const looked = part(from, to).filter((_, i) => i % stride === 0).map((i) => sizes[i]);
    return COMPILE_COST + passes * stride * cheapestLayout([looked], maxRows).cost;
  };
  const whole = costOf(0, sorted.length);
  // Cheaper than each sequence alone in a row as long as it is, without batches and padding, it cannot get.
  const floor = sizes.reduce(
    (sum, { tokens, targets }) => sum + batchCost({ B: 1, T: tokens, R: targets }) - 64,
    2 * COMPILE_COST / passes,
  );
  if (passes * floor >= whole) return [part(0, sorted.length)];
  return bestCuts(cutPoints(lengths, sorted), costOf, whole).map(([from, to]) => part(from, to));
}

/** The places of CUTS, moved up so that equal lengths stay together; with 0 and the end. */
function cutPoints(lengths: number[], sorted: number[]): number[] {
  const n = sorted.length, points = new Set([0, n]);
  for (const share of CUTS) {
    let at = Math.floor(share * n);
    while (at > 0 && at < n && lengths[sorted[at]] === lengths[sorted[at - 1]]) at++;
    points.add(at);
  }
  return [...points].sort((a, b) => a - b);
}

/** The cheapest division into one to three ranges at `points`. */
function bestCuts(points: number[], costOf: (from: number, to: number) => number, whole: number) {
  const end = points.at(-1)!, known = new Map<string, number>([[`0 ${end}`, whole]]);
  const cost = (from: number, to: number) => {
    const key = `${from} ${to}`;
    if (!known.has(key)) known.set(key, costOf(from, to));
    return known.get(key)!;
  };
  let best: { ranges: [number, number][]; cost: number } = { ranges: [[0, end]], cost: whole };
  const consider = (ranges: [number, number][]) => {
    const sum = ranges.reduce((all, [from, to]) => all + cost(from, to), 0);
    if (sum < best.cost) best = { ranges, cost: sum };
  };
  const inner = points.slice(1, -1);
  inner.forEach((a, i) => {
    consider([[0, a], [a, end]]);
    for (const b of inner.slice(i + 1)) consider([[0, a], [a, b], [b, end]]);
  });
  return best.ranges;
}

/**
 * What a batch costs, in tokens: the layers over all tokens, with attention growing with the row; the projection to the
 * vocabulary, about a quarter of the layers, over the targets; and reading the weights once. Measured on the 135M model.
 */
function batchCost({ B, T, R }: Layout): number {
  return B * T * (1 + T / 2000) + 0.25 * R + 64;
}

/** Cuts a list into parts of `size`, the last one shorter. */
export function chunks<T>(list: T[], size: number): T[][] {
  return Array.from(
    { length: Math.ceil(list.length / size) },
    (_, i) => list.slice(i * size, (i + 1) * size),
  );
}
