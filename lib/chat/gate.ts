// The gate that every call goes through: so many at once, so many requests and tokens a minute, and none while the
// endpoint has asked to wait. First come, first served.
import { Bucket } from "./bucket.ts";
import type { Limits } from "./types.ts";

interface Waiting {
  tokens: number;
  pass: (leave: Leave) => void;
}

/** Called once when the call has ended, with the tokens that it took in the end, where they are known. */
export type Leave = (tokens?: number) => void;

/** Calls at once where nothing else is said. */
export const CONCURRENCY = 8;

/** Lets calls in. */
export class Gate {
  readonly #concurrency: number;
  readonly #requests?: Bucket;
  readonly #tokens?: Bucket;
  readonly #queue: Waiting[] = [];
  #inside = 0;
  #closedUntil = -Infinity;
  #timer?: ReturnType<typeof setTimeout>;

  /** `now` gives milliseconds. */
  constructor(limits: Limits, private readonly now: () => number = () => performance.now()) {
    this.#concurrency = limits.concurrency ?? CONCURRENCY;
    if (limits.requestsPerMinute) this.#requests = new Bucket(limits.requestsPerMinute, now());
    if (limits.tokensPerMinute) this.#tokens = new Bucket(limits.tokensPerMinute, now());
  }

  /** Whether calls must say how many tokens they will take. */
  get countsTokens(): boolean {
    return this.#tokens !== undefined;
  }

  /** Resolves when a call that takes `tokens` may start. Rejects with the signal's reason where it is aborted before. */
  enter(tokens: number, signal?: AbortSignal): Promise<Leave> {
    const { promise, resolve, reject } = Promise.withResolvers<Leave>();
    if (signal?.aborted) return Promise.reject(signal.reason);
    const waiting: Waiting = { tokens, pass: resolve };
    if (signal) {
      const give_up = () => {
        const place = this.#queue.indexOf(waiting);
        if (place < 0) return;
        this.#queue.splice(place, 1);
        reject(signal.reason);
        this.#pump();
      };
      signal.addEventListener("abort", give_up, { once: true });
      waiting.pass = (leave) => {
        signal.removeEventListener("abort", give_up);
        resolve(leave);
      };
    }
    this.#queue.push(waiting);
    this.#pump();
    return promise;
  }

  /** Lets nobody in for so many milliseconds. */
  pause(milliseconds: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, this.now() + milliseconds);
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (this.#queue.length && this.#inside < this.#concurrency) {
      const { tokens, pass } = this.#queue[0], now = this.now();
      const wait = Math.max(
        this.#closedUntil - now,
        this.#requests?.wait(1, now) ?? 0,
        this.#tokens?.wait(tokens, now) ?? 0,
      );
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.max(1, Math.ceil(wait)));
        return;
      }
      this.#queue.shift();
      this.#inside++;
      this.#requests?.take(1, now);
      this.#tokens?.take(tokens, now);
      pass(this.#leave(tokens));
    }
  }

  #leave(taken: number): Leave {
    let gone = false;
    return (tokens) => {
      if (gone) return;
      gone = true;
      this.#inside--;
      if (tokens !== undefined) this.#tokens?.take(tokens - taken, this.now());
      this.#pump();
    };
  }
}
