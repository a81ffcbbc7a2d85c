// Scores of a dataset under a model, beside a judge's ratings: how unlikely the answers are to it, how open the next token is,
// how far its own answers spread. The file of scores is scores_file.ts; comparing them is agreement.ts.
import type { Example } from "../data/example.ts";
import type { JitOptions } from "../jit/mod.ts";
import { baseOf, type Model, score, toSequences } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { entropyUncertainty } from "./entropy.ts";
import type { ScoreRow } from "./scores_file.ts";
import { drawAnswers, type DrawOptions, hiddenSpread, requestIds, wordSpread } from "./spread.ts";

/**
 * What can be measured: `perplexity`: of the answers' tokens, each predicted from those before it; `entropy`: the mean
 * predictive entropy there over its largest value; `spread`: of several answers drawn, by their words; `hidden-spread`: of the
 * same answers by the model's hidden states.
 */
export const SCORE_KINDS = ["perplexity", "entropy", "spread", "hidden-spread"] as const;
/** One of SCORE_KINDS. */
export type ScoreKind = typeof SCORE_KINDS[number];

/** How to score. */
export interface ScoringOptions extends JitOptions {
  /** Longest dialogue in tokens; more is cut. Default 256. */
  context?: number;
  /** A Jinja chat template instead of the model's own. */
  template?: string;
  /** Rows of a batch at most: memory against speed. Default 4. */
  maxRows?: number;
  /** How answers are drawn. */
  draw?: Omit<DrawOptions, "onToken" | "template" | keyof JitOptions>;
  /** ROUGE-L from which on two answers are alike; default 0.4. */
  threshold?: number;
  /** Told how far it is, of what: a share from 0 to 1. */
  onProgress?: (what: string, share: number) => void | Promise<void>;
}

/**
 * A row for each example, in their order, with the scores of `kinds`. An example whose answer begins beyond the context has no
 * perplexity and entropy, one whose request is longer has no spread. Throws InputError for no kinds, and as toSequences() and generate() do.
 */
export async function scoreUncertainty(
  model: Model,
  examples: readonly Example[],
  kinds: readonly ScoreKind[] = ["perplexity", "entropy"],
  options: ScoringOptions = {},
): Promise<ScoreRow[]> {
  const unknown = kinds.find((kind) => !SCORE_KINDS.includes(kind));
  if (kinds.length === 0 || unknown !== undefined) {
    const what = unknown === undefined ? "no kind of score" : `the score "${unknown}"`;
    throw new InputError(`Cannot measure ${what}: choose from ${SCORE_KINDS.join(", ")}`);
  }
  const rows = new Map(examples.map(({ id }) => [id, { id } as ScoreRow]));
  const add = (id: string, found: Partial<ScoreRow>) => Object.assign(rows.get(id)!, found);
  if (kinds.includes("perplexity") || kinds.includes("entropy")) {
    await scoreAnswers(model, examples, kinds, options, add);
  }
  if (kinds.includes("spread") || kinds.includes("hidden-spread")) {
    await scoreSpread(model, examples, kinds, options, add);
  }
  return examples.map(({ id }) => rows.get(id)!);
}

type Add = (id: string, found: Partial<ScoreRow>) => void;

async function scoreAnswers(
  model: Model,
  examples: readonly Example[],
  kinds: readonly ScoreKind[],
  options: ScoringOptions,
  add: Add,
): Promise<void> {
  const { context = 256, template, draw: _, threshold: __, onProgress, ...rest } = options;
  const { sequences } = toSequences(model, examples, { context, supervise: "response", template });
  const entropy = kinds.includes("entropy");
  const onBatch = (done: number, total: number) => onProgress?.("answers", done / total);
  const scores = await score(baseOf(model), sequences, { ...rest, entropy, onBatch });
  const entropies = entropy ? entropyUncertainty(scores, model.config.vocabSize) : undefined;
  scores.forEach(({ id, nll }, i) => {
    const mean = nll.reduce((a, b) => a + b, 0) / nll.length;
    add(id, {
      ...(kinds.includes("perplexity") ? { nll: mean, perplexity: Math.exp(mean), tokens: nll.length } : {}),
      ...(entropies ? { entropy: entropies[i] } : {}),
    });
  });
}

async function scoreSpread(
  model: Model,
  examples: readonly Example[],
  kinds: readonly ScoreKind[],
  options: ScoringOptions,
  add: Add,
): Promise<void> {
  const { context = 256, template, draw = {}, threshold, onProgress, maxRows, ...jit } = options;
  const fits = examples.filter(({ turns }) => requestIds(model, turns, template).length <= context);
  if (fits.length === 0) {
    throw new InputError(
      `Cannot draw answers to these ${examples.length} dialogues: no request is within ${context} tokens; raise the context`,
    );
  }
  const total = fits.length * (draw.samples ?? 5) * (draw.maxNew ?? 48);
  let made = 0;
  const onToken = () => void onProgress?.("draws", ++made / total);
  const drawn = await drawAnswers(model, fits, { ...jit, ...draw, template, onToken });
  if (kinds.includes("spread")) {
    wordSpread(drawn, { threshold }).forEach((spread, i) => add(drawn[i].id, { spread }));
  }
  if (!kinds.includes("hidden-spread")) return;
  const onBatch = (done: number, all: number) => onProgress?.("hidden states", done / all);
  const spreads = await hiddenSpread(model, drawn, { ...jit, maxRows, onBatch });
  spreads.forEach((spread, i) => add(drawn[i].id, { hidden_spread: spread }));
}
