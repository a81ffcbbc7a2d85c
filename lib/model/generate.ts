// Generation with a key/value cache: many prompts through a few rows, a row taken over by the next prompt when its text
// has ended. The rows at work: engine.ts; how a token is drawn: sampling.ts.
import type { JitOptions } from "../jit/mod.ts";
import { InputError } from "../run/errors.ts";
import { type Stream, stream } from "../run/seed.ts";
import type { Adapter, Base } from "./base.ts";
import { commonLength } from "./common_length.ts";
import { Engine, type Generated } from "./engine.ts";
import { roundUp } from "./rows.ts";
import { checkSampling, type Sampling } from "./sampling.ts";
import { bytesPerToken } from "./kv_cache.ts";
import { PrefixCache } from "./prefix_cache.ts";
import { openSteps } from "./steps.ts";
import { CHUNK } from "./text_rows.ts";
export type { Generated } from "./engine.ts";

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
  /** The stream of a prompt's draws; default: named by the prompt's place, from `seed`. */
  streamOf?: (prompt: number) => Stream;
  /** Texts that grow side by side. Default 16. */
  batch?: number;
  /** Called with each new id and its prompt's index. */
  onToken?: (id: number, prompt: number) => void;
}

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
  const { adapter, maxNew, batch = 16 } = options;
  if (maxNew === 0 || prompts.length === 0) return prompts.map(() => ({ ids: [], finish: "length" }));
  const longest = longestOf(prompts), limit = roundUp(longest + maxNew, CHUNK);
  const steps = openSteps(base, options);
  const engine = new Engine(base, steps, {
    adapter,
    rows: Math.min(batch, prompts.length),
    capacity: Math.min(limit, roundUp(longest + 1, CHUNK) + ROOM),
    limit,
    prefixes: prefixesFor(base, prompts, longest),
  });
  try {
    const texts = await Promise.all(prompts.map((prompt, i) => engine.submit(request(prompt, i, options))));
    return texts.map(({ ids, finish }) => ({ ids, finish }));
  } finally {
    engine.close(new Error("internal: generation has ended"));
    await steps.close();
  }
}

/** A cache where all prompts begin alike by a piece at least (shots): room for two prompts keeps that beginning in it. */
function prefixesFor(
  { config }: Base,
  prompts: ArrayLike<number>[],
  longest: number,
): PrefixCache | undefined {
  if (prompts.length < 2 || commonLength(prompts, 0, CHUNK) < CHUNK) return undefined;
  return new PrefixCache(2 * roundUp(longest, CHUNK) * bytesPerToken(config));
}

function request(prompt: ArrayLike<number>, index: number, options: GenerateOptions) {
  const { maxNew, stop, stopStrings = [], decode, seed = 0, onToken } = options;
  const { streamOf = (i: number) => stream(seed, "generate", i) } = options;
  const ids: number[] = [];
  return {
    prompt,
    maxNew,
    stop,
    sampling: options,
    random: options.temperature ? streamOf(index) : undefined,
    onToken(id: number) {
      ids.push(id);
      onToken?.(id, index);
      return stopStrings.length > 0 && includesAny(decode!(ids), stopStrings);
    },
  };
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
