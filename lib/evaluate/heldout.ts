// Held-out dialogues as a task beside the benchmarks: how likely a model finds their answers, and how well its confidence
// matches how often it is right.
import type { Example } from "../data/mod.ts";
import type { JitOptions } from "../jit/mod.ts";
import {
  type Adapter,
  baseOf,
  byShape,
  type Model,
  type Score,
  scoreMany,
  toSequences,
} from "../model/mod.ts";
import { calibrate } from "./calibration.ts";
import { type Perplexity, perplexity, sampleNll } from "./perplexity.ts";

/** What a model makes of held-out dialogues. */
export interface HeldoutScore extends Perplexity {
  model: string;
  dialogues: number;
  /** Dialogues that were cut at the context, and those left out for want of an answer within it. */
  truncated: number;
  dropped: number;
  /** Expected calibration error of its next-token predictions, and how often they are right. */
  ece: number;
  accuracy: number;
}

/** How the dialogues are read. */
export interface HeldoutOptions extends JitOptions {
  /** Longest dialogue in tokens; more is cut. Default 1024. */
  context?: number;
  /** Jinja; default: the model's own. */
  template?: string;
  onBatch?: (done: number, total: number) => void | Promise<void>;
}

/**
 * The answers' perplexity, with a bootstrap interval over dialogues, and calibration under each adapter. Throws InputError
 * where no dialogue has an answer within the context.
 */
export async function evaluateHeldout(
  model: Model,
  adapters: Record<string, Adapter | undefined>,
  dialogues: Example[],
  { context = 1024, template, onBatch, ...jit }: HeldoutOptions = {},
): Promise<HeldoutScore[]> {
  const encoded = toSequences(model, dialogues, { context, supervise: "response", template });
  const scores: Record<string, Score[]> = {};
  for (const alike of byShape(adapters)) {
    Object.assign(scores, await scoreMany(baseOf(model), encoded.sequences, alike, { ...jit, onBatch }));
  }
  return Object.keys(adapters).map((name) => ({
    model: name,
    dialogues: scores[name].length,
    truncated: encoded.truncated.length,
    dropped: encoded.dropped.length,
    ...measures(scores[name]),
  }));
}

function measures(scores: Score[]) {
  const { ece, accuracy } = calibrate(scores);
  return { ...perplexity(sampleNll(scores)), ece, accuracy };
}
