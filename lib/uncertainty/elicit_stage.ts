// The elicit stage: dialogues and a judge in; a folder with the ledger of answers, ratings.jsonl and a manifest out. Run again,
// it goes on where it ended; complete, it is skipped. Asking is elicit.ts.
import { join } from "node:path";
import { type Chat, type ChatOptions, type CostEstimate, type Endpoint, openChat } from "../chat/mod.ts";
import type { Example } from "../data/example.ts";
import { sha256Hex, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { hashLib } from "../run/machine.ts";
import { isCurrent, type Json, type StageKey, writeManifest } from "../run/manifest.ts";
import { elicit, elicitCost, type ElicitOptions } from "./elicit.ts";
import { bundledPrompt } from "./judge_prompt.ts";
import { ratingLines, type RatingRow, readRatings } from "./ratings_file.ts";

/** The stage's files in its folder. */
export const RATINGS_FILE = "ratings.jsonl", ANSWERS_FILE = "answers.jsonl";

/** The folders of lib that decide what the stage writes. */
const CODE = ["chat", "data", "run", "uncertainty"];

/** What to rate, by whom, into which folder. */
export interface ElicitJob extends ElicitOptions {
  /** Made where missing. */
  dir: string;
  /** What is rated. */
  examples: Example[];
  /** Who rates. */
  endpoint: Endpoint;
  /** Limits, patience, budget, price. The ledger is the folder's. */
  chat?: Omit<ChatOptions, "ledger">;
  /** Told what the calls may cost, before the first. */
  onEstimate?: (cost: CostEstimate) => void | Promise<void>;
}

/** What the stage left. */
export interface ElicitedRun {
  /** The folder. */
  dir: string;
  /** One an example, in their order. */
  rows: RatingRow[];
  /** Whether everything was there already. */
  skipped: boolean;
  /** USD: what the folder's answers cost in all; 0 without a price. */
  spent: number;
}

/**
 * Rates the examples into `dir`. What was answered is kept in its ledger whatever happens: the same call goes on from there,
 * and asks again where the transport failed; ratings.jsonl and the manifest are written when every example is rated or has
 * failed. Throws InputError where another process is at work in the folder, and as openChat() and elicit().
 */
export async function elicitStage(job: ElicitJob): Promise<ElicitedRun> {
  const { dir, examples, endpoint, chat: chatOptions, onEstimate, ...options } = job;
  const prompt = options.prompt ?? await bundledPrompt(),
    path = join(dir, RATINGS_FILE),
    start = performance.now();
  using _lock = lockFolder(dir);
  await using chat = await openChat(endpoint, { ...chatOptions, ledger: join(dir, ANSWERS_FILE) });
  const key = stageKey({ ...job, prompt }, chat);
  if (await isCurrent(dir, key)) {
    const rows = await readRatings(path);
    if (rows.every(({ failed }) => failed === undefined)) {
      return { dir, rows, skipped: true, spent: chat.spent() };
    }
  }
  await onEstimate?.(await elicitCost(examples, chat, { ...options, prompt }));
  const rows = await elicit(examples, chat, { ...options, prompt });
  await writeFileAtomic(path, ratingLines(rows));
  await writeManifest(dir, {
    ...key,
    stage: "elicit",
    outputs: [RATINGS_FILE],
    results: resultsOf(rows),
    volatile: { seconds: (performance.now() - start) / 1000, usd: chat.spent() },
  });
  return { dir, rows, skipped: false, spent: chat.spent() };
}

/** What decides the ratings. */
function stageKey({ examples, prompt, ...options }: ElicitJob, { endpoint }: Chat): StageKey {
  const { repeats = 1, temperature = 0, topP = 0.9, logprobs = true, maxTokens, maxCharacters } = options;
  const asked = examples.map(({ id, turns }) => [id, turns.map(({ role, content }) => [role, content])]);
  return {
    inputs: { examples: sha256Hex(JSON.stringify(asked)), prompt: sha256Hex(JSON.stringify(prompt)) },
    settings: {
      judge: endpoint.model,
      base_url: endpoint.baseUrl,
      fingerprint: endpoint.fingerprint ?? null,
      repeats,
      temperature,
      top_p: topP,
      logprobs,
      max_tokens: maxTokens ?? null,
      max_characters: maxCharacters ?? null,
    },
    code: hashLib(CODE),
  };
}

function resultsOf(rows: readonly RatingRow[]): Record<string, Json> {
  const { rated, failed, mean } = ratingSummary(rows);
  const asked = rows.flatMap(({ repeats }) => repeats.map(({ asked }) => asked));
  return { rated, failed, mean: mean ?? null, asked_again: asked.filter((n) => n > 1).length };
}

/** How many are rated, how many failed, and the means of the ratings and of the expected ones where there are some. */
export function ratingSummary(
  rows: readonly RatingRow[],
): { rated: number; failed: number; mean?: number; expected?: number } {
  const mean = (values: number[]) =>
    values.length ? values.reduce((a, b) => a + b, 0) / values.length : undefined;
  const ratings = rows.flatMap(({ rating }) => rating ?? []);
  return {
    rated: ratings.length,
    failed: rows.length - ratings.length,
    mean: mean(ratings),
    expected: mean(rows.flatMap(({ expected }) => expected ?? [])),
  };
}
