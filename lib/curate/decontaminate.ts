// Benchmark items in training data, found by runs of words that both have: 13 of them as in GPT-3's filter (Brown et al.
// 2020, appendix C). Who reports and drops is select.ts.
import type { Example } from "../data/example.ts";
import type { BenchmarkItem } from "./benchmarks.ts";
import { RunIndex, type RunMatch } from "./run_index.ts";

/** What counts as an overlap. */
export interface OverlapOptions {
  /** Words of a run; default 13. */
  n?: number;
  /**
   * A benchmark's text of fewer than `n` words counts where all of it is found and it has at least so many; default 8, the
   * least that GPT-3's authors take. Shorter texts are not looked for.
   */
  least?: number;
  /** A run that more training examples than this have is a common phrase and does not count; default 10, as GPT-3. */
  common?: number;
}

/** A training example that has words of a benchmark's item. */
export interface Overlap {
  /** The example's. */
  id: string;
  benchmark: string;
  /** The item's. */
  item: string;
  /** The longest run of words that both have, as normalised. */
  words: string;
  /** The share of the item's text, the one with the longest run, that lies within common runs; 0 to 1. */
  share: number;
}

/** What was found. */
export interface Contamination {
  n: number;
  /** Examples that were looked at, and those with an overlap. */
  examples: number;
  hit: number;
  overlaps: Overlap[];
  /** Runs that too many examples have. */
  ignored: { words: string; examples: number }[];
  /** Each benchmark's items, those too short to be looked for, and those found. */
  benchmarks: Record<string, { items: number; unchecked: number; hit: number }>;
}

/** A match in one example. */
type Match = RunMatch & { example: number };

/**
 * The overlaps of `examples`, which are read once and not kept, with the items of benchmarks. Words are compared as
 * wordsOf() gives them, within one turn and within one of an item's texts.
 */
export async function findOverlaps(
  examples: Iterable<Example> | AsyncIterable<Example>,
  items: readonly BenchmarkItem[],
  { n = 13, least = 8, common = 10 }: OverlapOptions = {},
): Promise<Contamination> {
  const index = new RunIndex(n, least);
  const checked = items.map(({ texts }, item) => texts.filter((text) => index.add(item, text)).length > 0);
  const matches: Match[] = [], ids: string[] = [];
  for await (const { id, turns } of examples) {
    for (const { content } of turns) {
      for (const match of index.find(content)) matches.push({ ...match, example: ids.length });
    }
    ids.push(id);
  }
  const counts = new Map([...Map.groupBy(matches, ({ run }) => run)].map(([run, found]) => {
    return [run, new Set(found.map(({ example }) => example)).size];
  }));
  const counted = matches.filter(({ run }) => counts.get(run)! <= common);
  const overlaps = overlapsOf(counted, { index, items, ids });
  const ignored = [...counts].filter(([, size]) => size > common).map(([run, size]) => ({
    words: index.wordsOfRun(run),
    examples: size,
  }));
  const hit = new Set(overlaps.map(({ id }) => id)).size;
  return { n, examples: ids.length, hit, overlaps, ignored, benchmarks: summary(items, checked, overlaps) };
}

interface Found {
  index: RunIndex;
  items: readonly BenchmarkItem[];
  ids: string[];
}

/** The matches of one example with one item as one overlap, in the examples' order. */
function overlapsOf(matches: Match[], { index, items, ids }: Found): Overlap[] {
  const groups = Map.groupBy(
    matches,
    ({ example, text }) => example * items.length + index.texts[text].owner,
  );
  return [...groups.values()].map((group) => {
    const spans = [...Map.groupBy(group, ({ text }) => text)].map(([text, found]) =>
      spanOf(text, found, index)
    );
    const best = spans.reduce((a, b) => b.to - b.from > a.to - a.from ? b : a);
    const { id, benchmark } = items[index.texts[best.text].owner];
    const words = index.wordsBetween(best.text, best.from, best.to);
    return { id: ids[group[0].example], benchmark, item: id, words, share: best.share };
  });
}

/** The longest stretch of a text within matches, and the share of the text within any. */
function spanOf(text: number, matches: Match[], index: RunIndex) {
  const covered = new Uint8Array(index.texts[text].words.length);
  for (const { from, length } of matches) covered.fill(1, from, from + length);
  let best = { from: 0, to: 0 }, all = 0;
  for (let from = 0; from < covered.length; from++) {
    let to = from;
    while (covered[to]) to++;
    all += to - from;
    if (to - from > best.to - best.from) best = { from, to };
    from = to;
  }
  return { text, ...best, share: all / covered.length };
}

/** Each benchmark's items by what became of them. */
function summary(
  items: readonly BenchmarkItem[],
  checked: boolean[],
  overlaps: Overlap[],
): Contamination["benchmarks"] {
  const found = new Set(overlaps.map(({ benchmark, item }) => `${benchmark}\n${item}`));
  const benchmarks: Contamination["benchmarks"] = {};
  items.forEach(({ benchmark, id }, item) => {
    const counts = benchmarks[benchmark] ??= { items: 0, unchecked: 0, hit: 0 };
    counts.items++;
    if (!checked[item]) counts.unchecked++;
    if (found.has(`${benchmark}\n${id}`)) counts.hit++;
  });
  return benchmarks;
}
