// Continuous batching: texts join and leave the rows (text_rows.ts) as they come, each with its own length, sampling and
// random stream. A prompt is read piece by piece, all growing texts take a token in one step. generate.ts and serve use it.
import type { Stream } from "../run/seed.ts";
import type { Base } from "./base.ts";
import type { PrefixCache } from "./prefix_cache.ts";
import { drawToken, type Sampling } from "./sampling.ts";
import type { Steps } from "./steps.ts";
import { CHUNK, type RowsOptions, TextRows } from "./text_rows.ts";

/** A text to continue. Its prompt must not be empty and must fit the rows' limit together with `maxNew`. */
export interface TextRequest {
  prompt: ArrayLike<number>;
  /** At most this many new tokens, at least 1. */
  maxNew: number;
  /** Ids that end the text; the one met is the last id returned. */
  stop: number[];
  sampling: Sampling;
  /** What tokens are drawn with above temperature 0: the value at a token's index. */
  random?: Stream;
  /** Called with each new id and the logits it was drawn from (valid during the call); true ends the text there. */
  onToken?: (id: number, logits: Float32Array) => boolean | void;
  /** Ends the text and frees its row; submit() then throws the signal's reason. */
  signal?: AbortSignal;
}

/** One generated text. */
export interface Generated {
  /** New ids, a stop id or the ids of a stop string included. */
  ids: number[];
  /** "stop" where a stop id or string ended it, "length" where `maxNew` did. */
  finish: "stop" | "length";
}

/** A text from the engine. */
export interface EngineText extends Generated {
  /** Prompt tokens that the prefix cache had. */
  cached: number;
}

/** How an engine works. */
export interface EngineOptions extends RowsOptions {
  /** Pieces of prompts read between two steps while texts grow: few for even growth, many for throughput. Default: all. */
  burst?: number;
  prefixes?: PrefixCache;
  /** Awaited after every piece and step: where others than the engine get their turn. Default: nowhere. */
  pause?: () => Promise<void>;
  /** Whether rows that a long text has made large become small again. Default false. */
  shrinks?: boolean;
}

/** A text under way or waiting. */
interface Text {
  request: TextRequest;
  ids: number[];
  /** Tokens in the cache; the newest id is not among them. */
  length: number;
  cached: number;
  state: "waiting" | "reading" | "growing" | "over";
  resolve(text: EngineText): void;
  reject(reason: unknown): void;
}

/** The engine of one model and adapter. */
export class Engine {
  private readonly rows: TextRows;
  private readonly places: (Text | undefined)[];
  private waitingTexts: Text[] = [];
  /** The text whose prompt is being read: one at a time, so that rows are taken late and from below. */
  private reading?: Text;
  private running = false;

  constructor(base: Base, steps: Steps, private readonly options: EngineOptions) {
    this.rows = new TextRows(base, steps, options);
    this.places = Array.from({ length: options.rows }, () => undefined);
  }

  /** Rows. */
  get size(): number {
    return this.places.length;
  }

  /** Texts without a row yet. */
  get waiting(): number {
    return this.waitingTexts.length;
  }

  /** Texts in rows. */
  get active(): number {
    return this.places.filter((text) => text).length;
  }

  /** Continues a text when there is a row for it, first come first served. */
  submit(request: TextRequest): Promise<EngineText> {
    const { signal } = request;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<EngineText>();
    const text: Text = { request, ids: [], length: 0, cached: 0, state: "waiting", resolve, reject };
    const cancel = () => this.fail(text, signal!.reason);
    signal?.addEventListener("abort", cancel, { once: true });
    this.waitingTexts.push(text);
    this.start();
    return promise.finally(() => signal?.removeEventListener("abort", cancel));
  }

  /** Ends all texts with `reason`. */
  close(reason: unknown): void {
    for (const text of [...this.waitingTexts, ...this.places]) if (text) this.fail(text, reason);
  }

  private start(): void {
    if (this.running) return;
    this.running = true;
    queueMicrotask(async () => {
      while (this.admit()) {
        await this.read();
        await this.step();
        await this.options.pause?.();
      }
      this.running = false;
    });
  }

  /** Gives the lowest free row to the next text, where none is being read; whether any row is taken. */
  private admit(): boolean {
    const row = this.places.indexOf(undefined);
    if (!this.reading && row >= 0 && this.waitingTexts.length) {
      this.places[row] = this.reading = this.waitingTexts.shift()!;
      this.reading.state = "reading";
    }
    return this.active > 0;
  }

  /** Reads pieces of prompts, one prompt after the other: all of them, or `burst` where texts wait for their next token. */
  private async read(): Promise<void> {
    const { burst = Infinity, pause } = this.options;
    for (let pieces = 0; this.reading; pieces++) {
      if (pieces >= burst && this.places.some((text) => text?.state === "growing")) return;
      const text = this.reading;
      try {
        await this.readPiece(text);
      } catch (error) {
        this.fail(text, error);
      }
      await pause?.();
      this.admit();
    }
  }

  private async readPiece(text: Text): Promise<void> {
    const { prompt, maxNew } = text.request, { prefixes } = this.options, row = this.places.indexOf(text);
    if (text.length === 0) {
      const room = prompt.length + Math.min(maxNew, CHUNK);
      if (this.options.shrinks && this.active === 1) this.rows.shrink(room);
      this.rows.reserve(room);
      for (const entries of prefixes?.find(prompt) ?? []) {
        this.rows.place(row, text.length, entries);
        text.length += CHUNK;
      }
      text.cached = text.length;
    }
    const { logits, entries, count } = await this.rows.read(row, prompt, text.length);
    if (text.state === "over") return;
    if (count === CHUNK) prefixes?.add(prompt, text.length, entries);
    text.length += count;
    if (text.length < prompt.length) return;
    this.reading = undefined;
    text.state = "growing";
    this.extend(text, logits);
  }

  /** A token more for every growing text. */
  private async step(): Promise<void> {
    const growing = this.places.map((text) => text?.state === "growing" ? text : undefined);
    if (growing.every((text) => !text)) return;
    try {
      const longest = growing.reduce((most, text) => Math.max(most, text?.length ?? 0), 0);
      this.rows.reserve(longest + 1);
      const logits = await this.rows.next(
        growing.map((text) => text && { id: text.ids.at(-1)!, length: text.length }),
      );
      growing.forEach((text, row) => {
        if (text?.state !== "growing") return;
        text.length++;
        this.extend(text, logits[row]);
      });
    } catch (error) {
      for (const text of growing) if (text) this.fail(text, error);
    }
  }

  /** Draws the next id of a text and ends it where that was the last. */
  private extend(text: Text, logits: Float32Array): void {
    const { ids, request: { maxNew, stop, sampling, random, onToken } } = text;
    try {
      const id = drawToken(logits, sampling, sampling.temperature ? random!.uniform(ids.length) : 0);
      ids.push(id);
      const wanted = onToken?.(id, logits) === true;
      const stopped = wanted || stop.includes(id);
      if (!stopped && ids.length < maxNew) return;
      this.leave(text);
      text.resolve({ ids, finish: stopped ? "stop" : "length", cached: text.cached });
    } catch (error) {
      this.fail(text, error);
    }
  }

  private fail(text: Text, reason: unknown): void {
    this.leave(text);
    text.reject(reason);
  }

  /** Frees what a text holds. A step that has begun may still write to its row: only where the next one there overwrites. */
  private leave(text: Text): void {
    text.state = "over";
    this.waitingTexts = this.waitingTexts.filter((other) => other !== text);
    if (this.reading === text) this.reading = undefined;
    const row = this.places.indexOf(text);
    if (row >= 0) this.places[row] = undefined;
  }
}
