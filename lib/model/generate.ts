// Generation with a key/value cache: many prompts through a few rows, a row taken over by the next prompt when its text
// has ended. The compiled steps: decode.ts; how a token is drawn: sampling.ts.
import { type Compiled, f32, i32, type JitOptions, type TensorData } from "../jit/mod.ts";
import { InputError } from "../run/errors.ts";
import { stream } from "../run/seed.ts";
import type { Adapter, Base } from "./base.ts";
import type { LlamaConfig } from "./config.ts";
import { compileStep, FORBIDDEN } from "./decode.ts";
import { cacheInputs, createCache, grow, type KvCache, store } from "./kv_cache.ts";
import { roundUp } from "./rows.ts";
import { checkSampling, drawToken, type Sampling } from "./sampling.ts";

/** How to generate. */
export interface GenerateOptions extends JitOptions, Sampling {
  adapter?: Adapter;
  /** At most this many new tokens. */
  maxNew: number;
  /** Ids that end a text; the one met is the last id returned. */
  stop: number[];
  /** Strings that end a text, found in what `decode` makes of its ids. */
  stopStrings?: string[];
  /** Ids to text; needed for `stopStrings`. */
  decode?: (ids: number[]) => string;
  /** Seed of the draws; each prompt has its own stream, whatever it is generated beside. Default 0. */
  seed?: number;
  /** Texts that grow side by side. Default 16. */
  batch?: number;
  /** Called with each new id and its prompt's index. */
  onToken?: (id: number, prompt: number) => void;
}

/** One generated text. */
export interface Generated {
  /** New ids, a stop id or the ids of a stop string included. */
  ids: number[];
  /** "stop" where a stop id or string ended it, "length" where `maxNew` did. */
  finish: "stop" | "length";
}

/** Prompt tokens read in one call. */
const CHUNK = 64;

/** Cached positions beyond what the texts need at once: a cache grows by doubling. */
const ROOM = 256;

/**
 * A continuation of each prompt, in the prompts' order. At temperature 0 (the default) the most likely token each time
 * (ties: the lower id).
 * Throws InputError where a prompt is empty or exceeds the model's context with its new tokens, and for bad settings.
 */
export async function generate(
  base: Base,
  prompts: ArrayLike<number>[],
  options: GenerateOptions,
): Promise<Generated[]> {
  check(base, prompts, options);
  const results: Generated[] = prompts.map(() => ({ ids: [], finish: "length" }));
  if (options.maxNew === 0 || prompts.length === 0) return results;
  const decoder = await openDecoder(base, prompts, options);
  try {
    const waiting = [...prompts.keys()];
    const rows: (Text | undefined)[] = Array.from({ length: decoder.rows }, () => undefined);
    while (true) {
      for (let row = 0; row < rows.length; row++) {
        while (!rows[row] && waiting.length) {
          const index = waiting.shift()!,
            text = { index, length: prompts[index].length, ids: results[index].ids };
          const logits = await decoder.read(row, prompts[index]);
          if (!extend(text, logits, results[index], options)) rows[row] = text;
        }
      }
      if (rows.every((text) => !text)) return results;
      const logits = await decoder.next(rows);
      for (const [row, text] of rows.entries()) {
        if (text && extend(text, logits[row], results[text.index], options)) rows[row] = undefined;
      }
    }
  } finally {
    await decoder.close();
  }
}

/** A text under way. */
interface Text {
  index: number;
  /** Tokens in the cache; the newest id is not yet among them. */
  length: number;
  ids: number[];
}

/** Adds the next id; true where the text has ended. */
function extend(text: Text, logits: Float32Array, result: Generated, options: GenerateOptions): boolean {
  const { maxNew, stop, stopStrings = [], decode, seed = 0, onToken } = options;
  const u = options.temperature ? stream(seed, "generate", text.index).uniform(text.ids.length) : 0;
  const id = drawToken(logits, options, u);
  text.ids.push(id);
  onToken?.(id, text.index);
  const ended = stop.includes(id) || (stopStrings.length > 0 && includesAny(decode!(text.ids), stopStrings));
  if (ended) result.finish = "stop";
  return ended || text.ids.length === maxNew;
}

/** `text` up to the first of `strings` in it. */
export function textBefore(text: string, strings: string[]): string {
  const found = strings.map((s) => text.indexOf(s)).filter((at) => at >= 0);
  return found.length ? text.slice(0, Math.min(...found)) : text;
}

const includesAny = (text: string, strings: string[]) => strings.some((s) => text.includes(s));

function check({ config }: Base, prompts: ArrayLike<number>[], options: GenerateOptions): void {
  const { maxNew, batch = 16, stopStrings = [], decode } = options;
  checkSampling(options);
  if (!Number.isSafeInteger(batch) || batch < 1) {
    throw new InputError(`Cannot generate ${batch} texts side by side: give a whole number from 1 on`);
  }
  if (stopStrings.includes("")) {
    throw new InputError('Cannot stop at "": give strings with at least a character');
  }
  if (stopStrings.length && !decode) throw new TypeError("Cannot look for stop strings: give decode as well");
  const empty = prompts.findIndex((prompt) => prompt.length === 0);
  if (empty >= 0) {
    throw new InputError(`Cannot continue prompt ${empty + 1}: it has no tokens; give it some text`);
  }
  const longest = longestOf(prompts) + maxNew;
  if (longest > config.maxPositions) {
    throw new InputError(
      `Cannot generate ${maxNew} tokens: with the prompt they are ${longest}, the model's context is ${config.maxPositions}; ask for fewer`,
    );
  }
}

const longestOf = (prompts: ArrayLike<number>[]) =>
  prompts.reduce((most, { length }) => Math.max(most, length), 0);

/** The rows that texts grow in. */
interface Decoder {
  rows: number;
  /** Puts a prompt into a row in place of what was there; the logits after its last token. */
  read(row: number, prompt: ArrayLike<number>): Promise<Float32Array>;
  /** Adds each text's newest id to its row; the logits after it, by row. */
  next(texts: (Text | undefined)[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

async function openDecoder(
  base: Base,
  prompts: ArrayLike<number>[],
  options: GenerateOptions,
): Promise<Decoder> {
  const { config } = base, { adapter, maxNew, batch = 16 } = options;
  const params = adapter?.params ?? {};
  const limit = roundUp(longestOf(prompts) + maxNew, CHUNK);
  const rows = Math.min(batch, prompts.length);
  let cache = createCache(config, rows, Math.min(limit, roundUp(longestOf(prompts) + 1, CHUNK) + ROOM));
  const compile = (tokens: number, rows: number) =>
    compileStep(base, { rows, tokens, capacity: cache.capacity }, options);
  let reader: Compiled | undefined = await compile(CHUNK, 1);
  let stepper: Compiled | undefined = maxNew > 1 ? await compile(1, rows) : undefined;
  const close = async () => {
    await reader?.close();
    await stepper?.close();
    reader = stepper = undefined;
  };
  return {
    rows,
    close,
    async read(row, prompt) {
      reader ??= await compile(CHUNK, 1);
      let logits!: Float32Array;
      for (let at = 0; at < prompt.length; at += CHUNK) {
        const count = Math.min(CHUNK, prompt.length - at);
        const made = await reader({
          params,
          batch: chunk(prompt, at, count, cache, config),
          cache: cacheInputs(cache, row),
        });
        store(cache, made.entries as TensorData, { from: 0, to: row, at, count });
        logits = (made.logits as TensorData).data as Float32Array;
      }
      return logits;
    },
    async next(texts) {
      const longest = texts.reduce((most, text) => Math.max(most, text ? text.length + 1 : 0), 0);
      if (longest > cache.capacity) {
        cache = grow(cache, Math.min(limit, 2 * cache.capacity));
        await close(); // they are made for the old size
      }
      stepper ??= await compile(1, rows);
      const made = await stepper({ params, batch: newest(texts, cache, config), cache: cacheInputs(cache) });
      const all = (made.logits as TensorData).data as Float32Array, K = config.vocabSize;
      return texts.map((text, row) => {
        if (text) {
          store(cache, made.entries as TensorData, { from: row, to: row, at: text.length++, count: 1 });
        }
        return all.subarray(row * K, (row + 1) * K);
      });
    },
  };
}

/** `count` tokens of a prompt from `at` on, as the batch of a step of one row. */
function chunk(prompt: ArrayLike<number>, at: number, count: number, cache: KvCache, config: LlamaConfig) {
  const ids = Int32Array.from({ length: CHUNK }, (_, i) => i < count ? prompt[at + i] : 0);
  return {
    ids: i32([1, CHUNK], ids),
    positions: i32([1, CHUNK], Int32Array.from({ length: CHUNK }, (_, i) => at + i)),
    at: i32([1], Int32Array.of(count - 1)),
    ...masks([at], CHUNK, cache, config),
  };
}

/** Each text's newest id as the batch of a step; an idle row sees itself only. */
function newest(texts: (Text | undefined)[], cache: KvCache, config: LlamaConfig) {
  const rows = texts.length, lengths = texts.map((text) => text?.length ?? 0);
  return {
    ids: i32([rows, 1], Int32Array.from(texts, (text) => text?.ids.at(-1) ?? 0)),
    positions: i32([rows, 1], Int32Array.from(lengths)),
    at: i32([rows], Int32Array.from(lengths, (_, row) => row)),
    ...masks(lengths, 1, cache, config),
  };
}

/**
 * What C new tokens of each row may see, given how many the row has in the cache: all of those and the new ones up to
 * themselves; under `window` the nearest slidingWindow of them.
 */
function masks(lengths: number[], C: number, { capacity }: KvCache, { slidingWindow }: LlamaConfig) {
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
