// Ratings from a judge's file, set beside dialogues: what ranges and mixtures by uncertainty then go by. The file is
// uncertainty/ratings_file.ts.
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";

/** What became of the dialogues. */
export interface RatedTally {
  rated: number;
  /** Those without a rating: left out. */
  unrated: number;
}

/**
 * The examples that `ratings` has, each with its rating as uncertainty in place of its own; the others are left out and
 * counted. Throws InputError where it has none of them.
 */
export async function* ratedBy(
  examples: AsyncIterable<Example>,
  ratings: ReadonlyMap<string, number>,
  tally: RatedTally,
): AsyncGenerator<Example> {
  let first: string | undefined;
  for await (const example of examples) {
    first ??= example.id;
    const uncertainty = ratings.get(example.id);
    if (uncertainty === undefined) {
      tally.unrated++;
      continue;
    }
    tally.rated++;
    yield { ...example, uncertainty };
  }
  if (tally.rated === 0) {
    throw new InputError(
      `Cannot use the ratings: none is of a dialogue here (ids such as ${first}); rate the very file, with ids in it`,
    );
  }
}
