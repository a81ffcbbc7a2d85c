// `ual elicit`: ratings of a data file's dialogues from a judge, in a folder that the same command goes on with.
import type { Output } from "../cli.ts";
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import {
  type Agreement,
  agreement,
  bundledPrompt,
  type ElicitedRun,
  elicitStage,
  type JudgePrompt,
  type QuestionOptions,
  ratingsOf,
  ratingSummary,
  readPrompt,
  testRetest,
} from "../uncertainty/mod.ts";
import { askingStage, batchOf, chatOf, judgeOf } from "./asking.ts";
import type { Flags } from "./flags.ts";
import { examplesOf } from "./model.ts";

/** Rates `--data` into `--out`. */
export async function elicit(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("out")),
    chat = chatOf(flags, "elicit"),
    asked = await questionsOf(flags);
  const all = await examplesOf(flags);
  const examples = flags.text("limit") === undefined ? all : all.slice(0, flags.whole("limit"));
  await using judge = await judgeOf(flags);
  const prompt = asked.prompt ?? await bundledPrompt(judge.prompt);
  const { concurrency = judge.concurrency } = chat;
  const run = await askingStage("elicit", examples.length, "dialogues are rated", (asking) =>
    elicitStage({
      ...asked,
      signal: asking.signal,
      stopping: asking.stopping,
      dir,
      examples,
      prompt,
      endpoint: judge.endpoint,
      chat: { ...chat, concurrency },
      batch: batchOf(flags),
      onEstimate: asking.onEstimate,
      onRating: (row, count) => asking.answered(count, row.failed !== undefined),
    }));
  return report(flags, run, examples);
}

async function questionsOf(flags: Flags): Promise<QuestionOptions> {
  const orNone = (name: string, most: number) =>
    flags.text(name) === "none" ? null : flags.number(name, { least: 0, most });
  return {
    prompt: await promptOf(flags),
    repeats: flags.whole("repeats"),
    temperature: orNone("temperature", 2),
    topP: orNone("top-p", 1),
    logprobs: !flags.flag("no-logprobs"),
    ...(flags.text("max-tokens") === undefined ? {} : { maxTokens: flags.whole("max-tokens") }),
  };
}

/** The prompt that the flags name; undefined leaves it to the kind of judge. */
async function promptOf(flags: Flags): Promise<JudgePrompt | undefined> {
  const path = flags.text("prompt");
  if (path && flags.flag("reasons")) {
    throw new InputError("Cannot use --reasons with --prompt: the prompt says what is asked for");
  }
  if (path) return await readPrompt(resolveUser(path));
  return flags.flag("reasons") ? await bundledPrompt("rate_reason") : undefined;
}

function report(flags: Flags, { rows, spent, skipped }: ElicitedRun, examples: readonly Example[]): Output {
  const { rated, failed, mean, expected } = ratingSummary(rows),
    own = ratingsOf(examples),
    judged = ratingsOf(rows);
  const shared = [...own.keys()].some((id) => judged.has(id));
  const compared = shared ? agreement(own, judged) : undefined;
  const repeated = rows.some(({ sd }) => sd !== undefined) ? testRetest(rows) : undefined;
  const failures = rows.flatMap(({ id, failed }) => failed === undefined ? [] : [{ id, failed }]);
  const out = flags.required("out");
  const lines = [
    `${rows.length} dialogues: ${rated} rated${mean === undefined ? "" : `, mean ${mean.toFixed(1)}`}` +
    `${expected === undefined ? "" : ` (expected ${expected.toFixed(1)})`}, ${failed} failed` +
    `${spent ? `; ${spent.toFixed(4)} USD` : ""}; ${
      skipped ? "nothing to do in" : "wrote"
    } ${out}/ratings.jsonl`,
    ...failures.slice(0, 5).map(({ id, failed }) => `  ${id}: ${failed}`),
    ...(failures.length > 5 ? [`  and ${failures.length - 5} more`] : []),
    ...(compared ? [agreementText(compared)] : []),
    ...(repeated
      ? [
        `repeats: standard deviation ${repeated.sd.value.toFixed(2)}, all equal ${
          percent(repeated.same.value)
        }`,
      ]
      : []),
  ];
  return {
    json: {
      out,
      count: rows.length,
      rated,
      failed,
      mean: mean ?? null,
      expected: expected ?? null,
      usd: spent,
      skipped,
      failures,
      agreement: compared ?? null,
      test_retest: repeated ?? null,
    },
    text: lines.join("\n"),
    failed: rated === 0,
  };
}

/** The judge beside the ratings that the data came with. */
function agreementText({ both, spearman, kappa, difference }: Agreement): string {
  const shown = ({ value, low, high }: Agreement["kappa"]) =>
    `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return `beside the data's own ratings of ${both}: Spearman ${shown(spearman)}, quadratic kappa ${
    shown(kappa)
  }, ` +
    `judge − data ${shown(difference)}`;
}

const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
