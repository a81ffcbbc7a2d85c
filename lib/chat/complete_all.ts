// Many at once: a bounded number of lanes, outcomes as they come. What one call does is the Chat's business.
import { ChatFailure } from "./failure.ts";
import type { Chat, ChatOutcome, ChatTask } from "./types.ts";

/** Lanes for each call at once: while an answer is being written to the disk its lane cannot ask. */
const LANES = 2;

/**
 * Runs `run` on every item, up to `lanes` at once, and yields the results as they come, not in order. Takes an item only
 * when a lane is free. Where `run` or the source throws, nothing new is started; what is under way is waited for and
 * yielded, then the first error is thrown. Who leaves the loop early leaves what is under way to end by itself.
 */
export async function* inParallel<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  lanes: number,
  run: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const ready: R[] = [], errors: unknown[] = [];
  let running = 0, ended = false, wake = () => {};
  const start = (item: T) => {
    running++;
    run(item).then((result) => ready.push(result), (error) => errors.push(error)).finally(() => {
      running--;
      wake();
    });
  };
  try {
    while (true) {
      while (!ended && !errors.length && running + ready.length < lanes) {
        try {
          const { done, value } = await source.next();
          if (done) ended = true;
          else start(value);
        } catch (error) {
          errors.push(error);
        }
      }
      if (ready.length) yield ready.shift()!;
      else if (running) await new Promise<void>((done) => wake = done);
      else if (errors.length) throw errors[0];
      else return;
    }
  } finally {
    if (!ended) await source.return?.();
  }
}

/**
 * Asks every task and yields the outcomes as they come: an answer or why there is none, one for each task. Throws what
 * would end every other call in the same way: a fatal ChatFailure, BudgetReached, InputError, the signal's reason; what
 * was under way is yielded before. The ledger keeps what came, so the same call goes on from there.
 */
export function completeAll<T>(
  chat: Chat,
  tasks: Iterable<ChatTask<T>> | AsyncIterable<ChatTask<T>>,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<ChatOutcome<T>> {
  return inParallel(tasks, LANES * chat.concurrency, async ({ tag, request, repeat }) => {
    try {
      return { tag, answer: await chat.complete(request, { repeat, signal }) };
    } catch (error) {
      if (error instanceof ChatFailure && !error.fatal) return { tag, failure: error };
      throw error;
    }
  });
}
