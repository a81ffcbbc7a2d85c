// `ual score`: scores of a data file's dialogues under a model, and how they go together.
import type { Output } from "../cli.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser, writeFileAtomic } from "../run/files.ts";
import { Progress } from "../run/progress.ts";
import {
  pairwise,
  ratingsOf,
  readRatings,
  SCORE_KINDS,
  scoreColumns,
  type ScoreKind,
  scoreLines,
  scoreUncertainty,
} from "../uncertainty/mod.ts";
import { pairText } from "./agree.ts";
import type { Flags } from "./flags.ts";
import { examplesOf, jitOf, modelOf } from "./model.ts";

/** Measures `--kinds` of `--data`; writes `--out` where given. */
export async function score(flags: Flags): Promise<Output> {
  const kinds = kindsOf(flags), draw = drawOf(flags), context = flags.whole("context", 2);
  const threshold = flags.number("alike", { least: 0, most: 1 });
  const ratings = flags.text("ratings"),
    judged = ratings ? await readRatings(resolveUser(ratings)) : undefined;
  const examples = await examplesOf(flags);
  const { model, template } = await modelOf(flags);
  const progress = new Progress("score", 100);
  const rows = await scoreUncertainty(model, examples, kinds, {
    ...jitOf(flags),
    template,
    context,
    draw,
    threshold,
    onProgress: async (what, share) =>
      await progress.update(Math.floor(100 * share), { note: `percent of the ${what}` }),
  });
  await progress.finish();
  const out = flags.text("out");
  if (out) await writeFileAtomic(resolveUser(out), scoreLines(rows));
  const own = judged ? ratingsOf(judged) : ratingsOf(examples), columns = scoreColumns(rows);
  const correlations = pairwise(own.size ? { rating: own, ...columns } : columns);
  const lacking = rows.filter((row) => Object.keys(row).length === 1).map(({ id }) => id);
  const summary =
    `${rows.length} dialogues under ${model.name}${
      lacking.length ? `, ${lacking.length} without a score` : ""
    }` +
    (out ? `; wrote ${out}` : "");
  const pairs = correlations.map(pairText);
  return {
    json: {
      model: model.name,
      kinds,
      count: rows.length,
      lacking,
      out: out ?? null,
      correlations,
      scores: rows,
    },
    text: [...(out ? [] : [scoreLines(rows).trimEnd()]), summary, ...pairs].join("\n"),
  };
}

function kindsOf(flags: Flags): ScoreKind[] {
  const kinds = flags.required("kinds").split(",").map((kind) => kind.trim()) as ScoreKind[];
  const unknown = kinds.find((kind) => !SCORE_KINDS.includes(kind));
  if (unknown === undefined) return kinds;
  throw new InputError(`Cannot use --kinds ${unknown}: choose from ${SCORE_KINDS.join(", ")}`);
}

function drawOf(flags: Flags) {
  return {
    samples: flags.whole("samples", 2),
    maxNew: flags.whole("max-new"),
    temperature: flags.number("temperature", { least: 0 }),
    seed: flags.whole("seed", 0),
  };
}
