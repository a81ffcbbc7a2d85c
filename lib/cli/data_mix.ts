// `ual data mix`: several sets, or one set's parts by uncertainty, drawn in given shares into one file of our layout.
import type { Output } from "../cli.ts";
import { mix, splitByUncertainty } from "../curate/mix.ts";
import type { Example } from "../data/example.ts";
import { openSource } from "../data/open_source.ts";
import { writeExamples } from "../data/write.ts";
import { InputError } from "../run/errors.ts";
import type { Flags } from "./flags.ts";
import { noteBad, outputsOf, ratedOf, sourceOptions, tallyJson, writeReport } from "./source.ts";

/** Writes `--out` and its report. */
export async function mixData(flags: Flags): Promise<Output> {
  const { out, report } = outputsOf(flags), refs = flags.list("data"), bands = bandsOf(flags);
  const shares = sharesOf(flags, bands ?? refs.length);
  const count = flags.given("count") ? flags.whole("count") : undefined, seed = flags.whole("seed", 0);
  const requireUncertainty = bands !== undefined && !flags.given("ratings");
  const sources = refs.map((ref) => openSource(ref, { ...sourceOptions(flags), requireUncertainty }));
  const sets: Example[][] = [], tally = { rated: 0, unrated: 0 };
  for (const source of sources) {
    sets.push(await Array.fromAsync(await ratedOf(flags, source, tally)));
    noteBad(source);
  }
  const parts = bands === undefined ? sets : splitByUncertainty(sets.flat(), bands);
  const { mixed, counts } = mix(parts, { shares, count, seed });
  await writeExamples(out, mixed);
  const json = {
    out: flags.required("out"),
    count: mixed.length,
    seed,
    parts: parts.map((part, i) => ({
      ...(bands === undefined ? { source: refs[i] } : { uncertainty: uncertaintiesOf(part) }),
      size: part.length,
      share: shares[i],
      drawn: counts[i],
    })),
    sources: await Promise.all(sources.map(tallyJson)),
    ...(flags.given("ratings") ? { unrated: tally.unrated } : {}),
  };
  await writeReport(report, json);
  const told = parts.map((part, i) => {
    const { least, most } = uncertaintiesOf(part);
    return `${counts[i]} of ${part.length} ${
      bands === undefined ? `from ${refs[i]}` : `rated ${least} to ${most}`
    }`;
  });
  return {
    json: { ...json, report },
    text: [`${mixed.length} dialogues written to ${out}`, ...told].join("\n"),
  };
}

const MOST_BANDS = 1000;

function bandsOf(flags: Flags): number | undefined {
  if (flags.list("data").length === 0) flags.required("data");
  if (!flags.given("by-uncertainty")) return undefined;
  const bands = flags.whole("by-uncertainty", 2);
  if (bands <= MOST_BANDS) return bands;
  throw new InputError(`Cannot use --by-uncertainty ${bands}: give a whole number from 2 to ${MOST_BANDS}`);
}

function sharesOf(flags: Flags, count: number): number[] {
  const text = flags.text("shares");
  if (text === undefined) return new Array<number>(count).fill(1);
  const shares = text.split(",").map((share) => share.trim() === "" ? NaN : Number(share));
  if (shares.length === count && shares.every((share) => share >= 0 && share < Infinity)) return shares;
  throw new InputError(
    `Cannot use --shares ${text}: give ${count} numbers of at least 0 with commas between them`,
  );
}

/** The least and the greatest uncertainty of a part. */
function uncertaintiesOf(part: readonly Example[]): { least: number; most: number } {
  let least = Infinity, most = -Infinity;
  for (const { uncertainty } of part) {
    least = Math.min(least, uncertainty!);
    most = Math.max(most, uncertainty!);
  }
  return { least, most };
}
