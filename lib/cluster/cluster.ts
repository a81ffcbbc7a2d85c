// Texts → features → scores of pairs: the whole of the clustering, as the command line runs it.
import type { Layer, Model, Sequence } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { type PairDifference, pairDifferences, type PairSummary, pairSummary } from "./compare_pairs.ts";
import { limitPoints, pointsOf } from "./features.ts";
import { keptFeatures, type Models } from "./kept_features.ts";
import { namedPairs, randomPairs, specialTokens, tokenCounts, type TokenPair } from "./pairs.ts";
import { MEASURES, type PairScore, scorePairs } from "./score_pairs.ts";

/** Which pairs, of how many features each, at which layers. */
export interface ClusterOptions {
  /** Pairs by name; see namedPairs(). */
  named?: string;
  /** Pairs to draw; see randomPairs(). Special tokens are not drawn. */
  random?: { count: number; minCount?: number; seed?: number };
  maxPoints?: number;
  /** Default: the final one. */
  layers?: readonly Layer[];
  threads?: number;
  maxRows?: number;
  /** Seed of the intervals. */
  seed?: number;
  onBatch?: (done: number, total: number) => void | Promise<void>;
}

/** What was found; summaries and differences are of random pairs where there are any, else of the named ones. */
export interface Clusters {
  pairs: TokenPair[];
  /** A line a pair, model and layer. */
  scores: PairScore[];
  summary: (PairSummary & { layer: Layer; kind: TokenPair["kind"] })[];
  /** Of each model less each one before it. */
  differences: (PairDifference & { layer: Layer; kind: TokenPair["kind"] })[];
  /** Features of each model and layer, and texts that they come from. */
  points: number;
  samples: number;
}

/** The pairs wanted of these texts. Throws InputError for pairs of tokens that the texts do not have often enough. */
export function pairsOf(
  model: Model,
  sequences: readonly Sequence[],
  { named, random }: Pick<ClusterOptions, "named" | "random">,
): TokenPair[] {
  const { tokenizer } = model, points = pointsOf(sequences), counts = tokenCounts(points);
  const own = named ? namedPairs(named, tokenizer) : [];
  for (const { a, b } of own) {
    for (const token of [a, b]) {
      const count = counts.get(token) ?? 0;
      if (count >= 2) continue;
      throw new InputError(
        `Cannot use the token ${
          JSON.stringify(tokenizer.decode([token]))
        } (#${token}): it comes ${count} times in the ` +
          `${sequences.length} texts' supervised parts, and 2 are needed; name a commoner one or give more texts`,
      );
    }
  }
  const drawn = random?.count ? randomPairs(points, { ...random, except: specialTokens(tokenizer) }) : [];
  if (own.length + drawn.length === 0) {
    throw new InputError("Cannot cluster without pairs of tokens: name some or ask for random ones");
  }
  return [...own, ...drawn];
}

/**
 * Extracts the features of the pairs' tokens under each model into `dir`/name (or finds them there, see keptFeatures()) and scores the
 * pairs. Throws InputError before anything is written where the pairs cannot be had.
 */
export async function clusterTokens(
  model: Model,
  sequences: Sequence[],
  dir: string,
  models: Models,
  options: ClusterOptions,
): Promise<Clusters> {
  const { maxPoints, layers = ["final"], seed, threads, maxRows, onBatch } = options;
  const pairs = pairsOf(model, sequences, options);
  const tokens = new Set(pairs.flatMap(({ a, b }) => [a, b]));
  const limited = limitPoints(sequences, { tokens, most: maxPoints });
  const features = await keptFeatures(model, limited, dir, models, { layers, threads, maxRows, onBatch });
  try {
    const scores: PairScore[] = [],
      summary: Clusters["summary"] = [],
      differences: Clusters["differences"] = [];
    const names = Object.keys(features), { points } = features[names[0]];
    const against = names.flatMap((better, i) => names.slice(0, i).map((than) => [better, than] as const));
    for (const layer of layers) {
      const own = await scorePairs(features, pairs, { layer });
      scores.push(...own);
      const kind = pairs.some((pair) => pair.kind === "random") ? "random" : "named";
      const some = own.filter((score) => score.kind === kind);
      for (const measure of MEASURES) {
        summary.push(
          ...pairSummary(some, { measure, seed }).map((row) => ({ ...row, layer, kind }) as const),
        );
        const found = pairDifferences(some, against, { measure, seed });
        differences.push(...found.map((row) => ({ ...row, layer, kind }) as const));
      }
    }
    return {
      pairs,
      scores,
      summary,
      differences,
      points: points.tokens.length,
      samples: new Set(points.samples).size,
    };
  } finally {
    for (const own of Object.values(features)) own.close();
  }
}
