// `ual elicit`: ratings of a data file's dialogues from a judge, in a folder that the same command goes on with.
import { BudgetReached, type ChatOptions, type Endpoint, estimateText } from "../chat/mod.ts";
import type { Output } from "../cli.ts";
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import { Progress } from "../run/progress.ts";
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
import type { Flags } from "./flags.ts";
import { examplesOf, modelOf, threadsOf } from "./model.ts";

/** Rates `--data` into `--out`. */
export async function elicit(flags: Flags): Promise<Output> {
  const dir = resolveUser(flags.required("out")), chat = chatOf(flags), asked = await questionsOf(flags);
  const all = await examplesOf(flags);
  const examples = flags.text("limit") === undefined ? all : all.slice(0, flags.whole("limit"));
  await using judge = await judgeOf(flags);
  const prompt = asked.prompt ?? await bundledPrompt(judge.prompt);
  const progress = new Progress("elicit", examples.length), { concurrency = judge.concurrency } = chat;
  let failed = 0, done = 0;
  using ends = interrupts();
  try {
    const run = await elicitStage({
      ...asked,
      ...ends,
      dir,
      examples,
      prompt,
      endpoint: judge.endpoint,
      chat: { ...chat, concurrency },
      batch: flags.flag("batch")
        ? { onStatus: ({ id, state }) => console.error(`batch ${id}: ${state}`) }
        : undefined,
      onEstimate: (cost) => console.error(`elicit: ${estimateText(cost)}`),
      onRating: async (row, count) => {
        if (row.failed !== undefined) failed++;
        await progress.update(done = count, { note: failed ? `${failed} failed` : undefined });
      },
    });
    if (!run.skipped) await progress.finish();
    return report(flags, run, examples);
  } catch (error) {
    if (done) await progress.finish();
    if (!(error instanceof BudgetReached) && !ends.asked()) throw error;
    console.error(
      `elicit: ${done} of ${examples.length} dialogues are rated; the same command goes on from there`,
    );
    throw error;
  }
}

/** Limits, budget and price of the flags; `verb` begins what is said of retries. */
export function chatOf(flags: Flags, verb = "elicit"): Omit<ChatOptions, "ledger"> {
  const number = (name: string) =>
    flags.text(name) === undefined ? undefined : flags.number(name, { least: 0 });
  const input = number("price-in"), output = number("price-out");
  if ((input === undefined) !== (output === undefined)) {
    throw new InputError("Cannot use one of --price-in and --price-out alone: give both");
  }
  return {
    ...(flags.text("concurrency") === undefined ? {} : { concurrency: flags.whole("concurrency") }),
    requestsPerMinute: number("rpm"),
    tokensPerMinute: number("tpm"),
    timeout: flags.number("timeout", { least: 0 }),
    budget: number("budget"),
    ...(input === undefined ? {} : { price: { input, output: output! } }),
    onRetry: ({ failure, wait }) =>
      console.error(`${verb}: ${failure.message}; again in ${wait.toFixed(1)} s`),
  };
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

/** Who is asked, and what suits it where the flags do not say. */
export interface Judge extends AsyncDisposable {
  endpoint: Endpoint;
  prompt: "rate" | "rate_small";
  concurrency: number;
}

/** The endpoint of the flags; without any, a server of our own on `--model`, started in this process. */
export async function judgeOf(flags: Flags): Promise<Judge> {
  if (flags.text("base-url") !== undefined || flags.text("model-name") !== undefined) {
    const endpoint = {
      baseUrl: flags.text("base-url"),
      model: flags.required("model-name"),
      keyVariable: flags.text("key-env"),
    };
    return { endpoint, prompt: "rate", concurrency: 8, [Symbol.asyncDispose]: async () => {} };
  }
  const { serve } = await import("../serve/mod.ts");
  const { model, template } = await modelOf(flags), concurrency = 16;
  const server = await serve(model, { template, threads: threadsOf(flags), batch: concurrency });
  const endpoint = {
    baseUrl: server.url,
    model: server.models[0].id,
    keyVariable: "UAL_LOCAL_KEY", // none is needed, and the user's stays where it belongs
    keyedAs: "local",
  };
  const close = async () => {
    await server.close({ graceSeconds: 0 });
    model.weights.close();
  };
  return { endpoint, prompt: "rate_small", concurrency, [Symbol.asyncDispose]: close };
}

/** Ctrl-C: first lets the calls under way end, a second time ends them too. */
export function interrupts(
  verb = "elicit",
): { stopping: AbortSignal; signal: AbortSignal; asked(): boolean } & Disposable {
  const soft = new AbortController(), hard = new AbortController();
  const onSignal = () => {
    if (soft.signal.aborted) {
      return hard.abort(new Error("Stopped at once: the calls under way were given up"));
    }
    console.error(`${verb}: stopping after the calls under way; Ctrl-C again gives them up`);
    soft.abort(new Error("Stopped as asked"));
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  return {
    stopping: soft.signal,
    signal: hard.signal,
    asked: () => soft.signal.aborted,
    [Symbol.dispose]() {
      for (const name of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(name, onSignal);
    },
  };
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
