// A token bucket: so much a minute, on average and, but for a second's worth, in every minute. Knows no clock and waits for
// nothing: gate.ts does.

/** What a minute may take. Times in milliseconds, of any clock that only goes forward. */
export class Bucket {
  readonly #size: number;
  #level: number;
  #time: number;

  /** `perMinute` flows in evenly; the bucket, full at first, holds a second's worth, at least 1. */
  constructor(private readonly perMinute: number, now: number) {
    this.#size = Math.max(1, perMinute / 60);
    this.#level = this.#size;
    this.#time = now;
  }

  /** Milliseconds until `amount` may be taken. What is more than the bucket's size needs it full, and leaves a debt. */
  wait(amount: number, now: number): number {
    this.#flow(now);
    const missing = Math.min(amount, this.#size) - this.#level;
    return missing <= 0 ? 0 : missing * 60_000 / this.perMinute;
  }

  /** Takes `amount`; of a negative one, gives back. */
  take(amount: number, now: number): void {
    this.#flow(now);
    this.#level = Math.min(this.#size, this.#level - amount);
  }

  #flow(now: number): void {
    const flown = (now - this.#time) * this.perMinute / 60_000;
    this.#level = Math.min(this.#size, this.#level + Math.max(0, flown));
    this.#time = Math.max(this.#time, now);
  }
}
