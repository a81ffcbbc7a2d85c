// The few-shot examples that the harness puts in front of each document: drawn by CPython's random, or the first ones.
import { PythonRandom } from "./python_random.ts";

/** How a task's shots are chosen. */
export interface ShotRules {
  /** Shots a document. */
  count: number;
  pick: "sample" | "first";
  /** The document may be among those that shots come from: draw one more, and drop it. */
  dropOwn: boolean;
  /** The harness's fewshot_random_seed; default 1234. */
  seed?: number;
}

/**
 * The shots of one task's documents, which are asked for in the order of the documents: one random.Random(seed) a task,
 * advanced by each (lm-evaluation-harness 0.4.13, api/samplers.py). Two documents are the same where `keyOf` is.
 * Throws RangeError where the pool is too small.
 */
export class Shots<T> {
  readonly #random: PythonRandom;

  constructor(
    private readonly pool: readonly T[],
    private readonly keyOf: (one: T) => string,
    private readonly rules: ShotRules,
  ) {
    const { count, dropOwn } = rules, needed = count && dropOwn ? count + 1 : count;
    if (!Number.isInteger(count) || count < 0) {
      throw new RangeError(`Cannot draw ${count} shots: give a whole number from 0`);
    }
    if (needed > pool.length) {
      throw new RangeError(
        `Cannot draw ${count} shots: there are ${pool.length} documents to draw from, fewer than ${needed}`,
      );
    }
    this.#random = new PythonRandom(rules.seed ?? 1234);
  }

  /** The shots of the next document. */
  next(document: T): T[] {
    const { count, pick } = this.rules;
    if (count === 0) return [];
    return pick === "first" ? this.#others(document).slice(0, count) : this.#drawn(document);
  }

  #drawn(document: T): T[] {
    const { count, dropOwn } = this.rules;
    if (!dropOwn) return this.#random.sample(this.pool, count);
    const own = this.keyOf(document);
    const left = this.#random.sample(this.pool, count + 1).filter((one) => this.keyOf(one) !== own);
    // it was there more than once: the harness draws again from what is not it
    return left.length < count ? this.#random.sample(this.#others(document), count) : left.slice(0, count);
  }

  /** The pool without the document, where it may be in it. */
  #others(document: T): readonly T[] {
    if (!this.rules.dropOwn) return this.pool;
    const own = this.keyOf(document);
    return this.pool.filter((one) => this.keyOf(one) !== own);
  }
}
