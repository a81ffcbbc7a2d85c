// `ual data select`: data from any source into a file of our layout, all of it or what is left after the steps asked for. As a
// stream where no step needs to see all dialogues.
import type { Output } from "../cli.ts";
import { type BenchmarkItem, BENCHMARKS, readBenchmark } from "../curate/benchmarks.ts";
import { readEmbeddings } from "../curate/embeddings_file.ts";
import { selectExamples, type Selection, type StepReport, withinRange } from "../curate/select.ts";
import type { Example } from "../data/example.ts";
import { writeExamples } from "../data/write.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import type { Flags } from "./flags.ts";
import { noteBad, outputsOf, ratedOf, sourceOf, tallyJson, writeReport } from "./source.ts";

/** Writes `--out` and its report. */
export async function selectData(flags: Flags): Promise<Output> {
  const { out, report } = outputsOf(flags), selection = await selectionOf(flags);
  const source = sourceOf(flags), tally = { rated: 0, unrated: 0 };
  const ranged = flags.given("least-uncertainty") || flags.given("most-uncertainty");
  const range = ranged ? rangeOf(flags) : undefined, rated = await ratedOf(flags, source, tally);
  const wanted = range ? withinRange(rated, range) : rated;
  let steps: StepReport[] = [], within = 0, count: number;
  if (Object.keys(selection).length === 0) {
    within = count = await writeExamples(out, wanted);
  } else {
    const examples: Example[] = await Array.fromAsync(wanted);
    within = examples.length;
    const found = await selectExamples(examples, selection);
    steps = found.steps;
    count = await writeExamples(out, found.selected);
  }
  noteBad(source);
  const before = flags.given("ratings") ? tally.rated : source.tally.examples;
  const ranges = range ? [{ step: "range", before, after: within }] : [];
  const json = {
    out: flags.required("out"),
    count,
    ...await tallyJson(source),
    ...(flags.given("ratings") ? { unrated: tally.unrated } : {}),
    settings: settingsOf(flags),
    steps: [...ranges, ...steps],
  };
  await writeReport(report, json);
  const told = [...ranges, ...steps].map(({ step, before, after }) => `${step}: ${before} → ${after}`);
  const unrated = tally.unrated ? `, ${tally.unrated} without a rating left out` : "";
  const text = [`${source.tally.examples} dialogues read${unrated}, ${count} written to ${out}`, ...told]
    .join("\n");
  return { json: { ...json, report }, text };
}

async function selectionOf(flags: Flags): Promise<Selection> {
  const names = flags.list("decontaminate"), count = flags.text("deita");
  if (count !== undefined && !flags.given("embeddings")) {
    throw new InputError(
      "Cannot select by --deita without embeddings: give --embeddings, made by ual data score",
    );
  }
  for (
    const [flag, step] of [["similarity", "dedupe"], ["compare", "dedupe"], ["ngram", "decontaminate"], [
      "embeddings",
      "deita",
    ], ["redundancy", "deita"]]
  ) {
    if (flags.given(flag) && !flags.given(step)) {
      throw new InputError(`Cannot use --${flag} alone: there is no --${step}; give both`);
    }
  }
  return {
    ...(flags.flag("dedupe")
      ? {
        dedupe: {
          threshold: flags.number("similarity", { least: 0.01, most: 1 }),
          part: flags.required("compare") as "dialogue" | "request" | "answer",
        },
      }
      : {}),
    ...(names.length ? { benchmarks: { n: flags.whole("ngram"), items: await itemsOf(names) } } : {}),
    ...(count === undefined ? {} : {
      deita: {
        count: flags.whole("deita"),
        threshold: flags.number("redundancy", { least: -1, most: 1 }),
        embeddings: await readEmbeddings(resolveUser(flags.required("embeddings"))),
      },
    }),
  };
}

async function itemsOf(names: string[]): Promise<BenchmarkItem[]> {
  const all = names.flatMap((name) => name === "all" ? BENCHMARKS : [name]);
  return (await Promise.all([...new Set(all)].map(readBenchmark))).flat();
}

function rangeOf(flags: Flags) {
  const bounds = { least: 0, most: 99 };
  const least = flags.given("least-uncertainty") ? flags.number("least-uncertainty", bounds) : undefined;
  const most = flags.given("most-uncertainty") ? flags.number("most-uncertainty", bounds) : undefined;
  if (least !== undefined && most !== undefined && least > most) {
    throw new InputError(
      `Cannot select from ${least} to ${most}: there is nothing between; exchange the two`,
    );
  }
  return { least, most };
}

/** What decides the result besides the data. */
function settingsOf(flags: Flags): Record<string, unknown> {
  const names = [
    "least-uncertainty",
    "most-uncertainty",
    "similarity",
    "compare",
    "ngram",
    "deita",
    "redundancy",
  ];
  const given = names.filter((name) => flags.given(name)).map((
    name,
  ) => [name.replaceAll("-", "_"), flags.text(name)]);
  return {
    ...Object.fromEntries(given),
    dedupe: flags.flag("dedupe"),
    decontaminate: flags.list("decontaminate"),
    skip_bad: flags.flag("skip-bad"),
  };
}
