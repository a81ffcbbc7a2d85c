// The study's elicitation: what was recorded, and what our own small model says when it is asked as a judge. The judge runs
// in this process behind the same API as any other; asking and reading answers is lib/uncertainty's.
import { join } from "node:path";
import { openChat } from "../chat/mod.ts";
import type { Example } from "../data/mod.ts";
import type { Model } from "../model/mod.ts";
import { sha256Hex } from "../run/files.ts";
import { hashLib } from "../run/machine.ts";
import type { StageKey } from "../run/manifest.ts";
import { serve } from "../serve/mod.ts";
import { progressBar } from "../show/mod.ts";
import type { Tables } from "../plot/mod.ts";
import {
  agreement,
  bundledPrompt,
  elicit,
  type MappingMethod,
  mapUncertainty,
  type RatingRow,
  type Ratings,
  readRatings,
  SCORE_KINDS,
  type ScoreRow,
  scoreUncertainty,
} from "../uncertainty/mod.ts";
import { ended, kept } from "./kept.ts";
import type { Preset } from "./presets.ts";
import { studyFolders } from "./folders.ts";

/** The ratings of the bundled dialogues by one of the two recorded passes, in the files' order. */
export async function recordedRatings(pass: 1 | 2): Promise<RatingRow[]> {
  return await readRatings(join(import.meta.dirname!, "../../data", `ratings_pass_${pass}.jsonl`));
}

/**
 * The ratings that the model itself gives to `examples` when it is asked as a judge: one call at a time, so that the numbers
 * repeat to the last digit. Answers go into a ledger in the run's folder and are not asked for twice.
 */
export async function judgeLocally(p: Preset, model: Model, examples: Example[]): Promise<RatingRow[]> {
  const dir = join(studyFolders(p).run, "elicit"), { threads } = p.settings;
  const prompt = await bundledPrompt("rate_small");
  const key = elicitKey(model, examples, { threads, prompt: prompt.hash });
  const bar = progressBar("ask the model", examples.length);
  const rows = await kept<RatingRow>(dir, "ratings.jsonl", key, async () => {
    await using server = await serve(model, { threads, batch: 1 });
    const endpoint = { baseUrl: server.url, model: server.models[0].id, keyedAs: "local" }; // the port is another each time
    await using chat = await openChat(endpoint, { ledger: join(dir, "ledger.jsonl"), concurrency: 1 });
    const onRating = (_: RatingRow, done: number) => bar.update(done);
    return { lines: await elicit(examples, chat, { prompt, onRating }) };
  });
  await ended(bar, `${rows.filter(({ rating }) => rating !== undefined).length} rated`);
  return rows;
}

/** What was recorded for each dialogue beside what a judge said of it. */
export function judgedRows(
  examples: readonly Example[],
  judged: readonly RatingRow[],
): Record<string, unknown>[] {
  return judged.map(({ id, rating, expected, failed }, i) => ({
    id,
    recorded: examples[i].uncertainty,
    printed: rating,
    expected,
    failed,
  }));
}

/** Two raters' ratings of the dialogues that both rated, as the table of the figure of their agreement. */
export function agreementTable(names: { a: string; b: string }, a: Ratings, b: Ratings): Tables["agreement"] {
  const rows = [...a.keys()].filter((id) => b.has(id)).map((id) => ({ id, a: a.get(id)!, b: b.get(id)! }));
  const { value, low, high } = agreement(a, b).spearman;
  return { rows, options: { ...names, spearman: { value, low, high } } };
}

/** The mappings `methods` of the examples' ratings, as the table of the figure that compares them. */
export function mappingsTable(
  examples: readonly Example[],
  methods: readonly Exclude<MappingMethod, "none">[],
  options: { mean: number; ceiling?: number; power?: number },
): Tables["mappings"] {
  const u = examples.map(({ uncertainty }) => uncertainty!);
  const rows = methods.flatMap((method) => {
    const { smoothing } = mapUncertainty(u, { method, ...options });
    return u.map((uncertainty, i) => ({ method, uncertainty, smoothing: smoothing[i] }));
  });
  return { rows, options: { mean: options.mean } };
}

/** Every kind of score of `examples` under the model: perplexity, entropy, and the spread of drawn answers. */
export async function scoreLocally(p: Preset, model: Model, examples: Example[]): Promise<ScoreRow[]> {
  const { threads, maxRows, seed } = p.settings;
  const draw = { samples: p.samples, maxNew: p.maxNew, seed };
  const key = elicitKey(model, examples, { threads, maxRows, context: p.context, draw });
  const bar = progressBar("score the dialogues", 100);
  let shown = Promise.resolve(); // the bar's updates one after the other, while the model goes on
  const onProgress = (what: string, share: number) => {
    const { from, to } = PARTS[what];
    shown = shown.then(() => bar.update(Math.round(from + share * (to - from)), { note: what }));
  };
  const options = { threads, maxRows, context: p.context, draw, onProgress };
  const rows = await kept<ScoreRow>(join(studyFolders(p).run, "score"), "scores.jsonl", key, async () => {
    const lines = await scoreUncertainty(model, examples, SCORE_KINDS, options);
    await shown;
    return { lines };
  });
  await ended(bar, `${SCORE_KINDS.join(", ")} of ${examples.length} dialogues`);
  return rows;
}

/** Where each part of scoring lies on the bar, by what scoreUncertainty() calls it. */
const PARTS: Record<string, { from: number; to: number }> = {
  answers: { from: 0, to: 10 },
  draws: { from: 10, to: 90 },
  "hidden states": { from: 90, to: 100 },
};

/** What decides a stage that asks the model about `examples`. */
function elicitKey(model: Model, examples: Example[], settings: StageKey["settings"]): StageKey {
  return {
    inputs: {
      model: model.hash,
      definition: model.definition,
      template: sha256Hex(model.chatTemplate),
      examples: sha256Hex(JSON.stringify(examples)),
    },
    settings,
    code: hashLib(["chat", "data", "jit", "model", "run", "serve", "uncertainty"]),
  };
}
