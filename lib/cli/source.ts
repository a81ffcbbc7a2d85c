// What the verbs of data have in common: a source by its flags, what reading it found, and the report beside what was written.
import { ratedBy, type RatedTally } from "../curate/rated.ts";
import type { Example } from "../data/example.ts";
import type { Format } from "../data/format.ts";
import type { DataLayout } from "../data/layouts.ts";
import { type DialogueSource, openSource, type SourceOptions } from "../data/open_source.ts";
import { InputError, oneLine } from "../run/errors.ts";
import { resolveUser, sha256File, writeFileAtomic } from "../run/files.ts";
import { sortedJson } from "../run/manifest.ts";
import { ratingsOf, readRatings } from "../uncertainty/ratings_file.ts";
import type { Flags } from "./flags.ts";

/** How to read, by --layout, --format, --skip-bad, --ranges and --require-uncertainty. */
export function sourceOptions(flags: Flags): SourceOptions {
  return {
    layout: flags.text("layout") as DataLayout | undefined,
    format: flags.text("format") as Format | undefined,
    onBad: flags.flag("skip-bad") ? "skip" : "fail",
    ranges: flags.flag("ranges"),
    requireUncertainty: flags.flag("require-uncertainty"),
  };
}

/** The source of --data. */
export function sourceOf(flags: Flags): DialogueSource {
  return openSource(flags.required("data"), sourceOptions(flags));
}

/** What reading a source found, for JSON: names as in files that are written. */
export async function tallyJson({ ref, tally }: DialogueSource): Promise<Record<string, unknown>> {
  const { files, commit, examples, bad, firstBad, empty } = tally;
  return {
    source: ref,
    files: await Promise.all(files.map(async ({ name, format, layout }) => ({
      ...(ref.startsWith("hf:") ? { name } : { sha256: await sha256File(name) }),
      format,
      layout: layout ?? null,
    }))),
    ...(commit ? { commit } : {}),
    dialogues: examples,
    empty_answers: empty,
    bad_rows: bad,
    first_bad_rows: firstBad,
  };
}

/** Says on stderr what was left out. */
export function noteBad({ tally: { bad, firstBad } }: DialogueSource): void {
  if (bad === 0) return;
  const shown = firstBad.slice(0, 3).map(({ place, what }) => oneLine(`${place}: ${what}`, 500)).join("\n  ");
  console.error(`${bad} bad rows left out:\n  ${shown}${bad > 3 ? "\n  …" : ""}`);
}

/** The dialogues of a source with the ratings of --ratings, if given, as uncertainties; `tally` counts them. */
export async function ratedOf(
  flags: Flags,
  source: AsyncIterable<Example>,
  tally: RatedTally,
): Promise<AsyncIterable<Example>> {
  const path = flags.text("ratings");
  if (!path) {
    if (flags.given("use")) throw new InputError("Cannot use --use alone: there is no --ratings; give both");
    return source;
  }
  const rows = await readRatings(resolveUser(path));
  const ratings = ratingsOf(rows, flags.required("use") as "rating" | "expected");
  return ratedBy(source, ratings, tally);
}

/** The paths of --out and --report (default: beside --out), absolute. */
export function outputsOf(flags: Flags): { out: string; report: string } {
  const out = resolveUser(flags.required("out"));
  const report = resolveUser(
    flags.text("report") ?? `${flags.required("out").replace(/\.jsonl$/, "")}.report.json`,
  );
  return { out, report };
}

/** Writes a report: equal content gives equal bytes. */
export function writeReport(path: string, report: unknown): Promise<void> {
  return writeFileAtomic(path, sortedJson(report));
}
