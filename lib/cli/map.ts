// `ual map`: ratings or scores of a data file's dialogues → smoothing.jsonl.
import type { Output } from "../cli.ts";
import type { Example } from "../data/example.ts";
import { readExamples } from "../data/source.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser, writeFileAtomic } from "../run/files.ts";
import { clipEffect } from "../uncertainty/clip.ts";
import { type MappingMethod, mapUncertainty } from "../uncertainty/map.ts";
import { type RatingKind, readRatings, withRatings } from "../uncertainty/ratings_file.ts";
import { readScores, SCORE_COLUMNS, type ScoreColumn, withScores } from "../uncertainty/scores_file.ts";
import { smoothingLines, type SmoothingRow } from "../uncertainty/smoothing_file.ts";
import type { Flags } from "./flags.ts";

/** Maps the ratings of `--data`, `--ratings` or `--scores`; writes `--out` where given. */
export async function map(flags: Flags): Promise<Output> {
  const method = flags.required("method") as MappingMethod,
    needed = method !== "constant" && method !== "none";
  const mean = flags.number("mean", { least: 0 }), ceiling = flags.number("ceiling", { least: 0, most: 1 });
  const power = flags.number("power", { least: 0 });
  const { examples, unrated } = await uncertainExamples(flags, needed);
  const ids = examples.map((e) => e.id), u = examples.map((e) => e.uncertainty);
  const { smoothing, alpha, truncated } = mapUncertainty(u, { method, mean, ceiling, power, ids });
  const rows: SmoothingRow[] = examples.map((e, i) => ({
    id: e.id,
    ...(e.uncertainty === undefined ? {} : { uncertainty: e.uncertainty }),
    smoothing: smoothing[i],
  }));
  const out = flags.text("out");
  if (out) await writeFileAtomic(resolveUser(out), smoothingLines(rows));
  const reached = smoothing.reduce((a, b) => a + b, 0) / smoothing.length;
  const clip = needed && truncated ? clipEffect(u as number[], { method, mean, ceiling, power }) : undefined;
  const summary =
    `${rows.length} samples, mean smoothing ${reached.toPrecision(6)}, alpha ${
      alpha.toPrecision(6)
    }, ${truncated} at the ceiling` +
    (clip
      ? `, which moves ${(100 * clip.movedShare).toFixed(1)}% of the smoothing (alpha without it ${
        clip.alphaBefore.toPrecision(6)
      })`
      : "") +
    (unrated.length ? `; left out, not rated: ${unrated.join(", ")}` : "");
  return {
    json: {
      method,
      count: rows.length,
      mean: reached,
      ceiling,
      alpha,
      truncated,
      ...(method === "power" ? { power } : {}),
      ...(clip ? { clip } : {}),
      ...(unrated.length ? { unrated } : {}),
      out: out ?? null,
      smoothing: rows,
    },
    text: out ? `${summary}; wrote ${out}` : smoothingLines(rows) + summary,
  };
}

/** The dialogues with the uncertainty that the flags ask for, and the ids of those that have none and are left out. */
async function uncertainExamples(flags: Flags, needed: boolean) {
  const ratings = flags.text("ratings"), scores = flags.text("scores");
  if (ratings && scores) throw new InputError("Cannot map both --ratings and --scores: give one of them");
  const data = resolveUser(flags.required("data"));
  const examples = await readExamples(data, { requireUncertainty: needed && !ratings && !scores });
  if (scores) {
    const column = (flags.text("score") ?? "nll") as ScoreColumn;
    if (!SCORE_COLUMNS.includes(column)) {
      throw new InputError(`Cannot use --score ${column}: choose from ${SCORE_COLUMNS.join(", ")}`);
    }
    return { examples: withScores(examples, await readScores(resolveUser(scores)), column), unrated: [] };
  }
  if (!ratings) return { examples, unrated: [] };
  const rated = withRatings(
    examples,
    await readRatings(resolveUser(ratings)),
    flags.required("use") as RatingKind,
  );
  if (rated.unrated.length && !flags.flag("skip-failed")) throw notRated(rated.unrated);
  return rated as { examples: Example[]; unrated: string[] };
}

function notRated(ids: string[]): InputError {
  const more = ids.length > 1 ? ` and ${ids.length - 1} more` : "";
  return new InputError(
    `Cannot map "${
      ids[0]
    }"${more}: the judge's rating failed; rate again, or leave them out with --skip-failed`,
  );
}
