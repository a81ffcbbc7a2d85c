// A budget in USD: what was spent, what the calls under way may cost at most, and whether one more fits.
import { BudgetReached } from "./failure.ts";

/** Holds back what a call may cost until it is known. */
export class Budget {
  #calls = 0;
  #underWay = 0;
  #spent: number;
  #waiting: (() => void)[] = [];

  /** `limit`: USD; Infinity for none. `spent`: before this process. */
  constructor(readonly limit: number, spent: number) {
    this.#spent = spent;
  }

  /** USD. */
  get spent(): number {
    return this.#spent;
  }

  /** USD that may still be spent, with all that is under way at its most. */
  get left(): number {
    return this.limit - this.#spent - this.#underWay;
  }

  /**
   * Holds back `most` USD for a call. Where it does not fit only because of calls under way, it waits for them, since they
   * mostly cost less. Throws BudgetReached where it cannot fit, the signal's reason where that is aborted.
   */
  async reserve(most: number, signal?: AbortSignal): Promise<void> {
    while (this.#spent + this.#underWay + most > this.limit) {
      signal?.throwIfAborted();
      if (this.#calls === 0 || this.#spent + most > this.limit) {
        throw new BudgetReached(this.limit, this.#spent, this.#underWay, most);
      }
      await new Promise<void>((done) => this.#waiting.push(done));
    }
    this.hold(most);
  }

  /** Holds back `most` USD whether they fit or not: for what is under way already. */
  hold(most: number): void {
    this.#calls++;
    this.#underWay += most;
  }

  /** A call for which `most` was held back has cost `cost`. */
  settle(most: number, cost: number): void {
    this.#calls--;
    this.#underWay = this.#calls ? this.#underWay - most : 0; // no rounding remains
    this.#spent += cost;
    for (const done of this.#waiting.splice(0)) done();
  }
}
