// `ual grade`: grades from 1 to 10 of a model's answers by a judge, in a folder that the same command goes on with.
import type { Output } from "../cli.ts";
import {
  type GradedRun,
  type GradePrompts,
  gradePrompts,
  gradeStage,
  readGradePrompt,
  readPromptSet,
  readTurnAnswers,
} from "../evaluate/judge/mod.ts";
import { resolveUser } from "../run/files.ts";
import { askingStage, chatOf, judgeOf } from "./asking.ts";
import type { Flags } from "./flags.ts";

/** Grades `--answers` into `--out`. */
export async function grade(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("out")), chat = chatOf(flags, "grade"), own = await promptsOf(flags);
  const temperature = flags.text("temperature") === "none"
    ? null
    : flags.number("temperature", { least: 0, most: 2 });
  const maxTokens = flags.text("max-tokens") === undefined ? undefined : flags.whole("max-tokens");
  const limit = flags.text("limit") === undefined ? Infinity : flags.whole("limit");
  const source = flags.text("questions"), known = source ? (await readPromptSet(source)).prompts : [];
  const questions = (await readTurnAnswers(resolveUser(flags.required("answers")), known)).slice(0, limit);
  await using reached = await judgeOf(flags);
  const prompts = { ...await gradePrompts({ small: reached.prompt === "rate_small" }), ...own };
  const { concurrency = reached.concurrency } = chat;
  const turns = questions.reduce((sum, { answers }) => sum + answers.length, 0);
  const run = await askingStage("grade", turns, "turns are graded", (asking) =>
    gradeStage({
      signal: asking.signal,
      stopping: asking.stopping,
      dir,
      questions,
      prompts,
      temperature,
      maxTokens,
      endpoint: reached.endpoint,
      chat: { ...chat, concurrency },
      onEstimate: asking.onEstimate,
      onGrade: ({ score }, count) => asking.answered(count, score === null),
    }));
  return report(flags.required("out"), run);
}

async function promptsOf(flags: Flags): Promise<Partial<GradePrompts>> {
  const plain = flags.text("prompt"), reference = flags.text("reference-prompt");
  return {
    ...(plain ? { plain: await readGradePrompt(resolveUser(plain)) } : {}),
    ...(reference ? { reference: await readGradePrompt(resolveUser(reference), true) } : {}),
  };
}

function report(out: string, { grades, summary, skipped, spent }: GradedRun): Output {
  const line = (name: string, { mean, interval: [low, high], n }: typeof summary.all) => {
    const range = Number.isNaN(low) ? "" : ` (95% ${low.toFixed(2)} to ${high.toFixed(2)})`;
    return `  ${name.padEnd(16)}${n ? mean.toFixed(2) : "none"}${range} of ${n}`;
  };
  const rows = Object.entries({ all: summary.all, ...summary.turns, ...summary.categories });
  const first = grades.find(({ failed }) => failed !== undefined);
  return {
    json: {
      out,
      count: grades.length,
      ...JSON.parse(JSON.stringify(summary)), // null for NaN
      usd: spent,
      skipped,
    },
    text: [
      "mean grade from 1 to 10",
      ...rows.map(([name, mean]) => line(name, mean)),
      ...(first ? [`${summary.failed} turns have no grade, the first: ${first.failed}`] : []),
      `${spent ? `${spent.toFixed(4)} USD; ` : ""}${skipped ? "nothing to do in" : "wrote"} ${out}`,
    ].join("\n"),
    failed: summary.all.n === 0,
  };
}
