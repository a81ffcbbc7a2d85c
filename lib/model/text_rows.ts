// Rows of one key/value cache in which texts grow: pieces of a prompt read into a row, a token added to many rows at once.
// Which text is where, and when it moves on, is the engine's (engine.ts).
import { f32, i32, type Params, type TensorData } from "../jit/mod.ts";
import type { Adapter, Base } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { FORBIDDEN } from "./decode.ts";
import { cacheInputs, createCache, grow, type KvCache, store } from "./kv_cache.ts";
import { roundUp } from "./rows.ts";
import type { Steps } from "./steps.ts";

/** Prompt tokens read in one call; a prompt's last piece is padded to it. */
export const CHUNK = 64;

/** The newest token of a row and the number of those before it, all in the cache. */
export interface Newest {
  id: number;
  length: number;
}

/** How rows are laid out. */
export interface RowsOptions {
  adapter?: Adapter;
  rows: number;
  /** Positions that a row has room for at first; times `growth` (default 2) as texts need it, up to `limit`. */
  capacity: number;
  limit: number;
  growth?: number;
  /** Numbers of rows that a step is compiled for, ascending, the last `rows`: a step takes the first that suffices. */
  sizes?: number[];
}

/** The rows. */
export class TextRows {
  private cache: KvCache;
  private readonly sizes: number[];

  constructor(
    private readonly base: Base,
    private readonly steps: Steps,
    private readonly options: RowsOptions,
  ) {
    this.sizes = options.sizes ?? [options.rows];
    this.cache = createCache(base.config, options.rows, options.capacity);
  }

  /** Makes room for `length` positions in every row, keeping what is there. */
  reserve(length: number): void {
    const capacity = this.capacityFor(length, this.cache.capacity);
    if (capacity > this.cache.capacity) this.cache = grow(this.cache, capacity);
  }

  /** Gives up room, and all that is in the rows, where four times less would do for a text of `length` positions. */
  shrink(length: number): void {
    const capacity = this.capacityFor(length, this.options.capacity);
    if (4 * capacity <= this.cache.capacity) {
      this.cache = createCache(this.base.config, this.options.rows, capacity);
    }
  }

  /**
   * Reads the piece of a prompt from `at` on, at most CHUNK tokens, into a row that has those before it; the logits after
   * its last token, and its entries as store() takes them.
   */
  async read(row: number, prompt: ArrayLike<number>, at: number) {
    const count = Math.min(CHUNK, prompt.length - at);
    const { capacity } = this.cache;
    const { logits, entries } = await this.steps.run(
      { rows: 1, tokens: CHUNK, capacity },
      this.options.adapter,
      { batch: chunk(prompt, at, count, capacity, this.base.config), cache: cacheInputs(this.cache, row, 1) },
    );
    store(this.cache, entries, { from: 0, to: row, at, count });
    return { logits, entries, count };
  }

  /** Writes a whole piece that was read before to a row, from position `at` on. */
  place(row: number, at: number, entries: TensorData): void {
    store(this.cache, entries, { from: 0, to: row, at, count: CHUNK });
  }

  /** Adds the newest token of each row to the cache; the logits after it, by row. Idle rows are undefined. */
  async next(texts: (Newest | undefined)[]): Promise<Float32Array[]> {
    const used = texts.findLastIndex((text) => text) + 1;
    const rows = this.sizes.find((size) => size >= used)!, { capacity } = this.cache;
    const batch = newest(texts.slice(0, rows), capacity, this.base.config);
    const inputs = { batch, cache: cacheInputs(this.cache, 0, rows) };
    const { logits, entries } = await this.steps.run(
      { rows, tokens: 1, capacity },
      this.options.adapter,
      inputs,
    );
    const K = this.base.config.vocabSize;
    return texts.map((text, row) => {
      if (text) store(this.cache, entries, { from: row, to: row, at: text.length, count: 1 });
      return logits.subarray(row * K, (row + 1) * K);
    });
  }

  private capacityFor(length: number, from: number): number {
    let capacity = from;
    const { limit, growth = 2 } = this.options;
    while (capacity < length) capacity = Math.min(limit, roundUp(growth * capacity, CHUNK));
    return capacity;
  }
}

/** `count` tokens of a prompt from `at` on, as the batch of a step of one row. */
function chunk(
  prompt: ArrayLike<number>,
  at: number,
  count: number,
  capacity: number,
  config: LlamaConfig,
): Params {
  const ids = Int32Array.from({ length: CHUNK }, (_, i) => i < count ? prompt[at + i] : 0);
  return {
    ids: i32([1, CHUNK], ids),
    positions: i32([1, CHUNK], Int32Array.from({ length: CHUNK }, (_, i) => at + i)),
    at: i32([1], Int32Array.of(count - 1)),
    ...masks([at], CHUNK, capacity, config),
  };
}

/** Each row's newest id as the batch of a step; an idle row sees itself only. */
function newest(texts: (Newest | undefined)[], capacity: number, config: LlamaConfig): Params {
  const rows = texts.length, lengths = texts.map((text) => text?.length ?? 0);
  return {
    ids: i32([rows, 1], Int32Array.from(texts, (text) => text?.id ?? 0)),
    positions: i32([rows, 1], Int32Array.from(lengths)),
    at: i32([rows], Int32Array.from(lengths, (_, row) => row)),
    ...masks(lengths, 1, capacity, config),
  };
}

/**
 * What C new tokens of each row may see, given how many the row has in the cache: all of those and the new ones up to
 * themselves; under `window` the nearest slidingWindow of them.
 */
function masks(lengths: number[], C: number, capacity: number, { slidingWindow }: LlamaConfig): Params {
  const width = capacity + C;
  const of = (window: number) => {
    const mask = new Float32Array(lengths.length * C * width).fill(FORBIDDEN);
    for (const [row, length] of lengths.entries()) {
      for (let i = 0; i < C; i++) {
        const start = (row * C + i) * width, first = Math.max(0, length + i - window + 1);
        if (first < length) mask.fill(0, start + first, start + length);
        mask.fill(0, start + capacity + Math.max(0, first - length), start + capacity + i + 1);
      }
    }
    return f32([lengths.length, 1, C, width], mask);
  };
  return { mask: of(Infinity), ...(slidingWindow ? { window: of(slidingWindow) } : {}) };
}
