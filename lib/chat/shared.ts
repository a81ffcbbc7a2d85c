// The same thing wanted by several at once is done once.

interface Call<T> {
  promise: Promise<T>;
  controller: AbortController;
  /** How many still want it. */
  wanted: number;
}

/** What is under way, by key. */
export class Shared<T> {
  readonly #calls = new Map<string, Call<T>>();

  /**
   * The result of the call `key`, which `start` begins where none is under way. Where the signal is aborted this rejects
   * with its reason; the call itself ends when nobody wants it any more.
   */
  get(key: string, signal: AbortSignal | undefined, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const call = this.#calls.get(key) ?? this.#begin(key, start);
    call.wanted++;
    if (!signal) return call.promise;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const leave = () => {
      reject(signal.reason);
      if (--call.wanted > 0) return;
      this.#forget(key, call);
      call.controller.abort(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    call.promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
    return promise;
  }

  /** Waits for all that is under way, however it ends. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#calls.values()].map(({ promise }) => promise));
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): Call<T> {
    const controller = new AbortController();
    const call: Call<T> = { promise: start(controller.signal), controller, wanted: 0 };
    const forget = () => this.#forget(key, call);
    call.promise.then(forget, forget);
    this.#calls.set(key, call);
    return call;
  }

  #forget(key: string, call: Call<T>): void {
    if (this.#calls.get(key) === call) this.#calls.delete(key);
  }
}
