// Items as both sides of harness.ts have them, set side by side: prompts, tokens, log-likelihoods, choices, texts, metrics.
import type { ItemRow } from "../lib/evaluate/item_row.ts";

/** A row of peers/harness_rows.py; the names are ItemRow's, with metrics and extracted answers beside them. */
export type HarnessRow =
  & Pick<ItemRow, "task" | "doc_index" | "context_sha256" | "n_context_tokens">
  & Partial<ItemRow>;

/** What agrees, and what does not, of one workload. */
export interface Agreement {
  /** Items that both sides have, and those that only one has. */
  items: number;
  unmatched: number;
  /** Items with another first context, by its hash. */
  contexts: number;
  /** Items with other tokens: their continuations', or how many the context has. */
  tokens: number;
  /** Log-likelihoods compared, and the largest difference, in nats. */
  loglikelihoods: number;
  maxDifference: number;
  /** Items with another likeliest choice; choices that one side calls greedy and the other does not. */
  choices: number;
  greedy: number;
  /** Items with another generated text or other extracted answers; texts compared. */
  texts: number;
  generations: number;
  /** Means of both sides over the same items, by task and metric, and on how many items they differ by more than 0.001. */
  metrics: Record<string, { ours: number; theirs: number; differ: number }>;
  /** The first few that differ, as "task row 3: tokens". */
  examples: string[];
}

/** The largest difference of a log-likelihood that passes as equal, in nats: ten times what rounding does in float32. */
export const TOLERANCE = 1e-3;
const SHOWN = 5;

/** Sets rows side by side by task and row of the file. */
export function compareRows(ours: ItemRow[], theirs: HarnessRow[]): Agreement {
  const found = new Map(theirs.map((row) => [`${row.task} row ${row.doc_index}`, row]));
  const pairs = ours.flatMap((our) => {
    const place = `${our.task} row ${our.doc_index}`, their = found.get(place);
    return their ? [{ place, our, their }] : [];
  });
  const out: Agreement = {
    items: pairs.length,
    unmatched: ours.length + theirs.length - 2 * pairs.length,
    contexts: 0,
    tokens: 0,
    loglikelihoods: 0,
    maxDifference: 0,
    choices: 0,
    greedy: 0,
    texts: 0,
    generations: 0,
    metrics: metricsOf(pairs),
    examples: [],
  };
  for (const pair of pairs) {
    for (const what of differences(pair, out)) {
      if (out.examples.length < SHOWN) out.examples.push(`${pair.place}: ${what}`);
    }
  }
  return out;
}

/** Whether nothing differs beyond rounding. */
export function agrees(a: Agreement): boolean {
  const counts = [a.unmatched, a.contexts, a.tokens, a.choices, a.greedy, a.texts];
  return a.items > 0 && a.maxDifference <= TOLERANCE && counts.every((n) => n === 0) &&
    Object.values(a.metrics).every(({ differ }) => differ === 0);
}

interface Pair {
  place: string;
  our: ItemRow;
  their: HarnessRow;
}

/** Adds a pair to the counts; what differs in words. */
function differences({ our, their }: Pair, out: Agreement): string[] {
  const found: string[] = [];
  const count = (name: "contexts" | "tokens" | "choices" | "texts", differs: boolean) => {
    if (!differs) return;
    out[name]++;
    found.push(name);
  };
  count("contexts", our.context_sha256 !== their.context_sha256);
  count(
    "tokens",
    our.n_context_tokens !== their.n_context_tokens ||
      String(our.continuation_token_ids) !== String(their.continuation_token_ids),
  );
  if (our.loglikelihoods && their.loglikelihoods) {
    const a = our.loglikelihoods, b = their.loglikelihoods;
    out.loglikelihoods += b.length;
    const gap = Math.max(...b.map((ll, i) => Math.abs(ll - (a[i] ?? NaN))));
    if (gap > TOLERANCE || Number.isNaN(gap)) found.push(`log-likelihoods by ${gap}`);
    out.maxDifference = Number.isNaN(gap) ? Infinity : Math.max(out.maxDifference, gap);
    count("choices", argmax(a) !== argmax(b));
    out.greedy += b.filter((_, i) => our.is_greedy![i] !== their.is_greedy![i]).length;
  }
  if (their.generated !== undefined) {
    out.generations++;
    count("texts", TEXTS.some((name) => our[name] !== their[name]));
  }
  return found;
}

const argmax = (values: number[]) => values.indexOf(Math.max(...values));

const TEXTS = ["generated", "strict_match", "flexible_extract"];
const METRICS = ["acc", "acc_norm", "mc2", "exact_match_strict", "exact_match_flexible"];

function metricsOf(pairs: Pair[]): Agreement["metrics"] {
  const out: Agreement["metrics"] = {};
  for (const [task, own] of Map.groupBy(pairs, ({ our }) => our.task)) {
    for (const name of METRICS.filter((name) => name in own[0].their)) {
      const values = own.map(({ our, their }) => [Number(our[name]), Number(their[name])]);
      const mean = (i: number) => values.reduce((sum, pair) => sum + pair[i], 0) / values.length;
      const differ = values.filter(([a, b]) => !(Math.abs(a - b) <= 1e-3)).length;
      out[`${task} ${name}`] = { ours: mean(0), theirs: mean(1), differ };
    }
  }
  return out;
}
