// Held-out perplexity of the supervised tokens, with a bootstrap interval over dialogues.
import type { Score } from "../model/mod.ts";
import { bootstrap, interval } from "../stats/mod.ts";

/** Totals over all targets of all samples. */
export interface Perplexity {
  /** exp(nll / tokens). */
  perplexity: number;
  /** Total negative log-likelihood in nats. */
  nll: number;
  /** The number of targets. */
  tokens: number;
  /** Lower end of the 95% percentile interval, samples drawn with replacement. */
  low: number;
  /** Its upper end. */
  high: number;
}

/** One sample's part of it. */
export interface SampleNll {
  /** The sample. */
  id: string;
  /** Total negative log-likelihood in nats. */
  nll: number;
  /** The number of its targets. */
  tokens: number;
}

/** Totals per sample, in nats. */
export function sampleNll(scores: Score[]): SampleNll[] {
  return scores.map(({ id, nll }) => ({ id, nll: nll.reduce((a, b) => a + b, 0), tokens: nll.length }));
}

/** The perplexity over `samples` with its interval. Throws RangeError where there is no target. */
export function perplexity(samples: SampleNll[], options: { seed?: number } = {}): Perplexity {
  const total = sum(samples);
  if (total.tokens === 0) throw new RangeError("Cannot take a perplexity: there are no supervised tokens");
  if (!Number.isFinite(total.nll)) {
    const bad = samples.filter((s) => !Number.isFinite(s.nll)).map((s) => s.id).slice(0, 5);
    throw new Error(
      `Cannot take a perplexity: the log-likelihood of ${
        bad.join(", ")
      } is not finite; check model and adapter`,
    );
  }
  const draws = bootstrap(
    samples.length,
    options.seed ?? 0,
    (draw) => ppl(sum(draw.map((i) => samples[i]))),
  );
  const [low, high] = interval(draws);
  return { perplexity: ppl(total), nll: total.nll, tokens: total.tokens, low, high };
}

/** log ppl(a) − log ppl(b) on the same samples, with the paired bootstrap's 95% interval: below 0, `a` is better. */
export function comparePerplexity(
  a: SampleNll[],
  b: SampleNll[],
  options: { seed?: number } = {},
): { difference: number; low: number; high: number } {
  if (a.some(({ id, tokens }, i) => id !== b[i]?.id || tokens !== b[i].tokens) || a.length !== b.length) {
    throw new RangeError("Cannot compare perplexities: they are not of the same samples");
  }
  const difference = (x: SampleNll[], y: SampleNll[]) => Math.log(ppl(sum(x))) - Math.log(ppl(sum(y)));
  const draws = bootstrap(
    a.length,
    options.seed ?? 0,
    (draw) => difference(draw.map((i) => a[i]), draw.map((i) => b[i])),
  );
  const [low, high] = interval(draws);
  return { difference: difference(a, b), low, high };
}

function sum(samples: SampleNll[]): { nll: number; tokens: number } {
  let nll = 0, tokens = 0;
  for (const s of samples) {
    nll += s.nll;
    tokens += s.tokens;
  }
  return { nll, tokens };
}

const ppl = ({ nll, tokens }: { nll: number; tokens: number }) => Math.exp(nll / tokens);
