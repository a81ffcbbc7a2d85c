// `ual agree`: how far raters agree, from their files of ratings.
import { basename } from "node:path";
import type { Output } from "../cli.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import {
  type Agreement,
  agreement,
  agreementRows,
  type PairRow,
  pairwise,
  type TestRetest,
  testRetest,
} from "../uncertainty/agreement.ts";
import { type RatingKind, type Ratings, ratingsOf, readRatings } from "../uncertainty/ratings_file.ts";
import type { Flags } from "./flags.ts";

/** Compares the files of `--ratings`: every pair, and each that holds repeats with itself. */
export async function agree(flags: Flags): Promise<Output> {
  const paths = flags.list("ratings"), use = flags.required("use") as RatingKind;
  if (paths.length === 0) throw new InputError("Cannot compare raters: give their files of ratings");
  const raters: Record<string, Ratings> = {}, repeats: Record<string, TestRetest> = {};
  for (const path of paths) {
    const rows = await readRatings(resolveUser(path)), name = nameOf(path, paths);
    raters[name] = ratingsOf(rows, use);
    if (rows.some(({ repeats }) => repeats.filter(({ rating }) => rating !== undefined).length > 1)) {
      repeats[name] = testRetest(rows);
    }
  }
  const names = Object.keys(raters), pairs: Record<string, Agreement> = {};
  names.forEach((a, i) =>
    names.slice(i + 1).forEach((b) => pairs[`${a} | ${b}`] = agreement(raters[a], raters[b]))
  );
  if (names.length < 2 && !Object.keys(repeats).length) {
    throw new InputError("Cannot compare one rater without repeats: give the ratings of another, or repeats");
  }
  const spearman = pairwise(raters), kappa = pairwise(raters, { measure: "kappa" });
  return {
    json: { raters: names, use, pairs, spearman, kappa, test_retest: repeats },
    text: [
      ...Object.entries(pairs).flatMap((
        [pair, found],
      ) => [`${pair}: ${found.both} dialogues`, ...agreementLines(found)]),
      ...(names.length > 2 ? spearman.map(pairText) : []),
      ...Object.entries(repeats).flatMap(([name, found]) => retestLines(name, found)),
    ].join("\n"),
  };
}

/** A pair of columns in a line. */
export function pairText({ a, b, value, low, high, samples }: PairRow): string {
  const name = `${a} and ${b}`.padEnd(28);
  if (!Number.isFinite(value)) return `${name} Spearman not defined on ${samples} dialogues`;
  return `${name} Spearman ${value.toFixed(3)} (${low.toFixed(3)} to ${
    high.toFixed(3)
  }), ${samples} dialogues`;
}

/** A file's name, or its path where two share the name. */
function nameOf(path: string, paths: string[]): string {
  const name = basename(path);
  return paths.filter((other) => basename(other) === name).length > 1 ? path : name;
}

function agreementLines(found: Agreement): string[] {
  return agreementRows(found).map(({ measure, value, low, high }) =>
    `  ${measure.padEnd(28)} ${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
  );
}

function retestLines(
  name: string,
  { samples, sd, same, spearman, kappa, largestRange }: TestRetest,
): string[] {
  const shown = ({ value, low, high }: TestRetest["sd"]) =>
    `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  return [
    `${name} with itself: ${samples} dialogues, largest range ${largestRange}`,
    `  standard deviation of repeats ${shown(sd)}, all equal ${shown(same)}`,
    `  first and second repeat: Spearman ${shown(spearman)}, quadratic kappa ${shown(kappa)}`,
  ];
}
