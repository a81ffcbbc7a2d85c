// One question to its end: within the budget, through the gate, tried again where that may help, with back-off and jitter.
import { stream } from "../run/seed.ts";
import type { Budget } from "./budget.ts";
import type { Client } from "./client.ts";
import { ChatFailure } from "./failure.ts";
import type { Gate } from "./gate.ts";
import type { Question } from "./question.ts";
import type { Reply } from "./reply.ts";
import type { Patience, Retry } from "./types.ts";

/** What the tries of all questions share. */
export interface Asking {
  client: Client;
  gate: Gate;
  budget: Budget;
  patience: Required<Patience>;
  /** Of the jitter. */
  seed: number;
  onRetry?: (retry: Retry) => void;
}

/** What is asked. */
export interface Asked {
  key: string;
  question: Question;
  /** What it will take, as far as is known. */
  tokens: number;
  /** USD that a try may cost at most; 0 where there is no budget. */
  most: number;
  /** USD that an answer cost. */
  costOf: (reply: Reply) => Promise<number | undefined>;
  signal: AbortSignal;
}

/** The answer and what it cost. Throws ChatFailure after the last try, BudgetReached, or the signal's reason. */
export function askToTheEnd(asked: Asked, asking: Asking): Promise<{ reply: Reply; cost?: number }> {
  const { question, tokens, most, costOf, signal } = asked;
  return withTries(asked, asking, async () => {
    const { client, gate, budget, patience } = asking;
    await budget.reserve(most, signal);
    let spent = 0;
    try {
      const reply = await throughGate(
        gate,
        { tokens, signal, patience },
        () => client.ask(question, { timeout: patience.timeout, signal }),
      );
      const cost = await costOf(reply);
      spent = cost ?? 0;
      return { reply, cost };
    } catch (error) {
      if (error instanceof ChatFailure && error.charged) spent = most;
      throw error;
    } finally {
      budget.settle(most, spent);
    }
  });
}

async function throughGate(
  gate: Gate,
  { tokens, signal, patience }: { tokens: number; signal: AbortSignal; patience: Required<Patience> },
  ask: () => Promise<Reply>,
): Promise<Reply> {
  const leave = await gate.enter(tokens, signal);
  let used: number | undefined;
  try {
    const reply = await ask();
    used = reply.usage.prompt + reply.usage.completion || undefined;
    return reply;
  } catch (error) {
    const wait = error instanceof ChatFailure ? error.wait : undefined;
    if (wait !== undefined && wait <= patience.longestWait) gate.pause(wait * 1000);
    throw error;
  } finally {
    leave(used);
  }
}

/** Runs `attempt` until it succeeds, fails for good, or has failed so often; `key` names the jitter's stream. */
export async function withTries<T>(
  { key, signal }: { key: string; signal?: AbortSignal },
  { patience, seed, onRetry }: Pick<Asking, "patience" | "seed" | "onRetry">,
  attempt: () => Promise<T>,
): Promise<T> {
  const { tries, backoff, longestBackoff, longestWait } = patience;
  for (let n = 1;; n++) {
    try {
      return await attempt();
    } catch (failure) {
      if (!(failure instanceof ChatFailure)) throw failure;
      failure.attempts = n;
      if (!failure.retry || n >= tries || (failure.wait ?? 0) > longestWait) throw failure;
      const most = Math.min(longestBackoff, backoff * 2 ** (n - 1));
      const wait = (failure.wait ?? 0) + most * stream(seed, "chat", "backoff", key).uniform(n);
      onRetry?.({ failure, attempt: n, wait });
      await sleep(wait * 1000, signal);
    }
  }
}

/** Milliseconds; rejects with the signal's reason where that is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal?.aborted) return Promise.reject(signal.reason);
  const end = () => {
    clearTimeout(timer);
    reject(signal!.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener("abort", end);
    resolve();
  }, milliseconds);
  signal?.addEventListener("abort", end, { once: true });
  return promise;
}
