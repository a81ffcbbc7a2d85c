// `ual judge`: which of two models answers better, by a judge, in a folder that the same command goes on with.
import type { Output } from "../cli.ts";
import {
  annotator,
  type AnnotatorName,
  jsonOf,
  type JudgedRun,
  judgeStage,
  type JudgeSummary,
  type Paired,
  pairOutputs,
  readLengthTables,
  readModelOutputs,
  type ShownOrder,
} from "../evaluate/judge/mod.ts";
import { oneLine } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { askingStage, batchOf, chatOf, type Judge, judgeOf } from "./asking.ts";
import type { Flags } from "./flags.ts";

/** Judges `--outputs` against `--reference` into `--out`. */
export async function judge(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("out")), chat = chatOf(flags, "judge");
  const order = flags.required("order") as ShownOrder, seed = flags.whole("seed", 0);
  const asked = askedOf(flags), paired = await pairedOf(flags), table = flags.text("length-table");
  const tables = table ? await readLengthTables(resolveUser(table)) : {};
  if (asked.name !== undefined) await annotator(asked.name, asked); // what is wrong with it is said before a model is opened
  await using reached = await judgeOf(flags);
  const way = await annotator(asked.name ?? nameFor(reached), { ...asked, small: isSmall(reached) });
  const { concurrency = reached.concurrency } = chat;
  const run = await askingStage("judge", paired.pairs.length, "pairs are judged", (asking) =>
    judgeStage({
      signal: asking.signal,
      stopping: asking.stopping,
      dir,
      paired,
      order,
      seed,
      tables,
      annotator: way,
      endpoint: reached.endpoint,
      chat: { ...chat, concurrency },
      batch: batchOf(flags),
      onEstimate: asking.onEstimate,
      onAnnotation: ({ failed }, count) => asking.answered(count, failed !== undefined),
    }));
  return report(flags, run, { paired, name: way.name });
}

const isSmall = ({ prompt }: Judge) => prompt === "rate_small";
const nameFor = (reached: Judge): AnnotatorName =>
  isSmall(reached) ? "letters" : "weighted_alpaca_eval_gpt4_turbo";

/** The annotator that the flags name, and what they change of it. */
function askedOf(flags: Flags) {
  const prompt = flags.text("prompt"), temperature = flags.text("temperature");
  return {
    name: flags.text("annotator") as AnnotatorName | undefined,
    ...(prompt ? { prompt: resolveUser(prompt) } : {}),
    ...(flags.text("max-tokens") === undefined ? {} : { maxTokens: flags.whole("max-tokens") }),
    ...(temperature === undefined
      ? {}
      : { temperature: temperature === "none" ? null : flags.number("temperature", { least: 0, most: 2 }) }),
  };
}

async function pairedOf(flags: Flags): Promise<Paired> {
  const reference = await readModelOutputs(resolveUser(flags.required("reference")));
  const paired = pairOutputs(reference, await readModelOutputs(resolveUser(flags.required("outputs"))));
  const { unpaired } = paired, limit = flags.text("limit") === undefined ? Infinity : flags.whole("limit");
  if (unpaired.reference || unpaired.model) {
    console.error(
      `judge: left out: ${unpaired.reference} answers of the reference and ${unpaired.model} of the model to prompts ` +
        "that the other has not answered",
    );
  }
  return { ...paired, pairs: paired.pairs.slice(0, limit) };
}

function report(
  flags: Flags,
  { summary, skipped }: JudgedRun,
  { paired: { pairs, unpaired }, name }: { paired: Paired; name: string },
): Output {
  const out = flags.required("out"), { generator_1, generator_2 } = pairs[0];
  return {
    json: {
      out,
      annotator: name,
      reference: generator_1,
      model: generator_2,
      pairs: pairs.length,
      unpaired,
      ...jsonOf(summary),
      skipped,
    },
    text: textOf(summary, { generator_1, generator_2, out, skipped }).join("\n"),
    failed: summary.n_total === 0,
  };
}

function textOf(
  s: JudgeSummary,
  { generator_1, generator_2, out, skipped }: {
    generator_1: string;
    generator_2: string;
    out: string;
    skipped: boolean;
  },
): string[] {
  const lc = s.length_controlled, place = s.position;
  if (s.n_total === 0) return [`no pair has a preference, the first: ${s.failures[0].why}`];
  return [
    `${oneLine(generator_2)} against ${oneLine(generator_1)}: win rate ${n(s.win_rate)}% (95% ${
      n(s.win_rate_interval[0])
    } to ${n(s.win_rate_interval[1])}, standard error ${n(s.standard_error)}), ${s.verdict}`,
    `${s.n_wins} wins, ${s.n_wins_base} losses, ${s.n_draws} draws of ${s.n_total}; discrete win rate ${
      n(s.discrete_win_rate)
    }%`,
    "none" in lc
      ? `no length-controlled win rate: ${lc.none}`
      : `length-controlled win rate ${n(lc.length_controlled_winrate)}% (${lc.glm}${
        lc.glm === "length_controlled_v1" ? "" : ", which is not the leaderboard's"
      })`,
    ...(place.showings ? [positionText(s)] : []),
    ...(s.failed ? [`${s.failed} pairs have no preference, the first: ${s.failures[0].why}`] : []),
    ...(s.marks
      ? [`${s.marks} pairs hold marks of chat templates, which were shown with a space in them`]
      : []),
    `${s.usd ? `${s.usd.toFixed(4)} USD; ` : ""}${skipped ? "nothing to do in" : "wrote"} ${out}`,
  ];
}

function positionText(
  { position: { first_wins, first_wins_interval: [low, high], showings, both } }: JudgeSummary,
) {
  const twice = both
    ? `; in both orders of ${both.pairs} pairs the same answer ${both.same} times, the first shown ${both.first}, the ` +
      `second ${both.second}`
    : "";
  return `the answer shown first won ${n(first_wins)}% (${n(low)} to ${
    n(high)
  }) of ${showings} times${twice}`;
}

/** A figure; a dash where it cannot be told, as the error of a single pair. */
const n = (x: number) => Number.isNaN(x) ? "–" : x.toFixed(2);
