// Selection in steps: duplicates, benchmarks' items, DEITA's pick; each says what it left out and why. A range of uncertainty
// needs no other examples, so it is a stream of its own.
import type { Example } from "../data/example.ts";
import { InputError } from "../run/errors.ts";
import type { BenchmarkItem } from "./benchmarks.ts";
import { type Contamination, findOverlaps, type OverlapOptions } from "./decontaminate.ts";
import { dedupe, type DedupeOptions } from "./dedupe.ts";
import { deitaScore, pickDiverse, REDUNDANT } from "./deita.ts";

/** What to select by, in this order. */
export interface Selection {
  dedupe?: DedupeOptions;
  /** No example with words of these items. */
  benchmarks?: OverlapOptions & { items: readonly BenchmarkItem[] };
  /** The best `count` by scores, none redundant; those without scores are left out. */
  deita?: { count: number; threshold?: number; embeddings: ReadonlyMap<string, ArrayLike<number>> };
}

/** What one step did. */
export interface StepReport {
  step: "dedupe" | "decontaminate" | "deita";
  before: number;
  after: number;
  /** Each example that was left out, with the reason's figures. */
  dropped: { id: string; [why: string]: unknown }[];
  /** What else there is to say. */
  [detail: string]: unknown;
}

/** Uncertainties from `least` to `most`. */
export interface UncertaintyRange {
  least?: number;
  most?: number;
}

/** The examples whose uncertainty lies within the range, one at a time. Throws InputError where one has none. */
export async function* withinRange(
  examples: Iterable<Example> | AsyncIterable<Example>,
  { least = -Infinity, most = Infinity }: UncertaintyRange,
): AsyncGenerator<Example> {
  for await (const example of examples) {
    const { id, uncertainty } = example;
    if (uncertainty === undefined) {
      throw new InputError(`Cannot select by uncertainty: ${id} has none; rate the data first`);
    }
    if (uncertainty >= least && uncertainty <= most) yield example;
  }
}

/**
 * The selected examples in their order (DEITA's pick: best first) and a report a step. Throws InputError where a step lacks
 * what it needs: any scores, an embedding.
 */
export async function selectExamples(
  examples: readonly Example[],
  selection: Selection,
): Promise<{ selected: Example[]; steps: StepReport[] }> {
  const steps: StepReport[] = [];
  let left = [...examples];
  const { dedupe: duplicates, benchmarks, deita } = selection;
  const take = (step: Step) => {
    steps.push({
      step: step.step,
      before: left.length,
      after: step.kept.length,
      dropped: step.dropped,
      ...step.details,
    });
    left = step.kept;
  };
  if (duplicates) take(withoutDuplicates(left, duplicates));
  if (benchmarks) take(await withoutOverlaps(left, benchmarks));
  if (deita) take(byDeita(left, deita));
  return { selected: left, steps };
}

interface Step {
  step: StepReport["step"];
  kept: Example[];
  dropped: StepReport["dropped"];
  details?: Record<string, unknown>;
}

function withoutDuplicates(examples: Example[], options: DedupeOptions): Step {
  const { kept, duplicates } = dedupe(examples, options);
  return { step: "dedupe", kept, dropped: duplicates.map((duplicate) => ({ ...duplicate })) };
}

async function withoutOverlaps(
  examples: Example[],
  { items, ...options }: NonNullable<Selection["benchmarks"]>,
): Promise<Step> {
  const { overlaps, ...found }: Contamination = await findOverlaps(examples, items, options);
  const hit = new Set(overlaps.map(({ id }) => id));
  const kept = examples.filter(({ id }) => !hit.has(id));
  return {
    step: "decontaminate",
    kept,
    dropped: overlaps.map((overlap) => ({ ...overlap })),
    details: { ...found },
  };
}

function byDeita(
  examples: Example[],
  { count, threshold = REDUNDANT, embeddings }: NonNullable<Selection["deita"]>,
): Step {
  const scored = examples.filter(({ scores }) => scores);
  if (scored.length === 0) {
    throw new InputError("Cannot select by DEITA: no dialogue has scores; make them with ual data score");
  }
  const candidates = scored.map(({ id, scores }) => {
    const embedding = embeddings.get(id);
    if (embedding) return { id, score: deitaScore(scores!), embedding };
    throw new InputError(`Cannot select ${id} by DEITA: it has no embedding; make them with ual data score`);
  });
  const { picked, redundant } = pickDiverse(candidates, { count, threshold });
  const named = new Map(examples.map((example) => [example.id, example]));
  const left = new Set([...picked, ...redundant.map(({ id }) => id)]);
  const scoreOf = new Map(candidates.map(({ id, score }) => [id, score]));
  const dropped = [
    ...redundant.map((one) => ({ ...one, why: "redundant", score: scoreOf.get(one.id) })),
    ...candidates.filter(({ id }) => !left.has(id)).map(({ id, score }) => ({ id, why: "score", score })),
    ...examples.filter(({ scores }) => !scores).map(({ id }) => ({ id, why: "no scores" })),
  ];
  const scores = picked.map((id) => scoreOf.get(id)!);
  const details = { threshold, highest: scores[0] ?? null, lowest: scores.at(-1) ?? null };
  return { step: "deita", kept: picked.map((id) => named.get(id)!), dropped, details };
}
