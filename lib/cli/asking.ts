// What the verbs that ask a judge have in common: limits and price by the flags, who is asked, and a stage's progress until it
// is done, interrupted or out of budget.
import {
  BudgetReached,
  type ChatOptions,
  type CostEstimate,
  type Endpoint,
  estimateText,
} from "../chat/mod.ts";
import { InputError } from "../run/errors.ts";
import { Progress } from "../run/progress.ts";
import type { Flags } from "./flags.ts";
import { modelOf, threadsOf } from "./model.ts";

/** Limits, budget and price of the flags; `verb` begins what is said of retries. */
export function chatOf(flags: Flags, verb: string): Omit<ChatOptions, "ledger"> {
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

/** What `--batch` asks for: OpenAI's Batch API, its states told on stderr. */
export function batchOf(flags: Flags): { onStatus(status: { id: string; state: string }): void } | undefined {
  if (!flags.flag("batch")) return undefined;
  return { onStatus: ({ id, state }) => console.error(`batch ${id}: ${state}`) };
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
function interrupts(
  verb: string,
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

/** What a stage of judging is given. */
export interface Asking {
  signal: AbortSignal;
  stopping: AbortSignal;
  onEstimate(cost: CostEstimate): void;
  /** To be called with each answer: how many there are, and whether this one failed. */
  answered(count: number, failed: boolean): Promise<void>;
}

/**
 * Runs a stage that gets `total` answers of a judge, with a progress line and Ctrl-C; `done` names what is done ("pairs are
 * judged"). Where it ends early by an interrupt or the budget, says how far it came and that it can go on.
 */
export async function askingStage<T extends { skipped: boolean }>(
  verb: string,
  total: number,
  done: string,
  run: (asking: Asking) => Promise<T>,
): Promise<T> {
  const progress = new Progress(verb, total);
  let failures = 0, count = 0;
  using ends = interrupts(verb);
  try {
    const made = await run({
      signal: ends.signal,
      stopping: ends.stopping,
      onEstimate: (cost) => console.error(`${verb}: ${estimateText(cost)}`),
      answered: async (now, failed) => {
        if (failed) failures++;
        await progress.update(count = now, { note: failures ? `${failures} failed` : undefined });
      },
    });
    if (!made.skipped) await progress.finish();
    return made;
  } catch (error) {
    if (count) await progress.finish();
    if (!(error instanceof BudgetReached) && !ends.asked()) throw error;
    console.error(`${verb}: ${count} of ${total} ${done}; the same command goes on from there`);
    throw error;
  }
}
