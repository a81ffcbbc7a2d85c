// Held-out perplexity during training: which adapter is the best so far, and when to stop early. One compiled scorer
// serves the whole run. Perplexity with an interval, and of other models, is lib/evaluate's.
import type { JitOptions, Params } from "../jit/mod.ts";
import { type Adapter, type Base, openScorer, type Sequence } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";

/** One evaluation: totals over all targets of the held-out dialogues, as `ual perplexity` gives them. */
export interface Evaluation {
  /** The optimizer step after which it was made. */
  step: number;
  /** exp(nll / tokens). */
  perplexity: number;
  /** Total negative log-likelihood in nats. */
  nll: number;
  /** The number of targets. */
  tokens: number;
}

/** The scorer of a run's held-out dialogues. */
export interface Heldout {
  /** The perplexity under the adapter `params`. Throws Error where it is not finite. */
  evaluate(step: number, params: Params): Promise<Evaluation>;
  close(): Promise<void>;
}

/** Compiles the scorer of `sequences` for adapters shaped as `like`. */
export async function openHeldout(
  base: Base,
  sequences: Sequence[],
  like: Adapter,
  options: JitOptions & { maxRows: number },
): Promise<Heldout> {
  const scorer = await openScorer(base, sequences, { ...options, like });
  return {
    close: () => scorer.close(),
    async evaluate(step, params) {
      let nll = 0, tokens = 0;
      for (const score of await scorer.score(params)) {
        nll += score.nll.reduce((a, b) => a + b, 0);
        tokens += score.nll.length;
      }
      const perplexity = Math.exp(nll / tokens);
      if (Number.isFinite(perplexity)) return { step, perplexity, nll, tokens };
      throw new Error(
        `Cannot go on training: after step ${step} the held-out perplexity is ${perplexity} (nll ${nll} over ${tokens} ` +
          "tokens); lower the learning rate, or look at the held-out dialogues",
      );
    },
  };
}

/** The evaluation of lowest perplexity, the first of equals. */
export function bestOf(evaluations: readonly Evaluation[]): Evaluation | undefined {
  return evaluations.reduce<Evaluation | undefined>(
    (best, one) => best === undefined || one.perplexity < best.perplexity ? one : best,
    undefined,
  );
}

/** Whether the last `patience` evaluations have all failed to be the best. */
export function isExhausted(evaluations: readonly Evaluation[], patience = Infinity): boolean {
  const best = bestOf(evaluations);
  return best !== undefined && evaluations.length - 1 - evaluations.indexOf(best) >= patience;
}

/** Throws InputError where evaluations are asked for without dialogues, or the other way round. */
export function checkEvaluation(
  { evalEvery, patience }: { evalEvery?: number; patience?: number },
  heldout?: Sequence[],
): void {
  const asked = Object.entries({ evalEvery, patience }).filter(([, value]) => value !== undefined);
  for (const [name, value] of asked) {
    if (!(Number.isSafeInteger(value) && value! >= 1)) {
      throw new InputError(`Cannot train with ${name} ${value}: give a whole number of at least 1`);
    }
  }
  if (heldout ? evalEvery && heldout.length : asked.length === 0) return;
  throw new InputError(
    heldout
      ? "Cannot evaluate during training: give some held-out dialogues and the steps between evaluations"
      : "Cannot evaluate during training or stop early: there are no held-out dialogues; give some",
  );
}
