// The judge stage: pairs and a judge in; a folder with ledger, annotations, leaderboard and summary out.
// Run again, it goes on where it ended; complete, it is skipped. Asking is judge_pairs.ts.
import { join } from "node:path";
import { type Chat, type ChatOptions, type CostEstimate, type Endpoint, openChat } from "../../chat/mod.ts";
import { ledgerEntries } from "../../chat/ledger_verify.ts";
import { readBytes, sha256Hex, writeFileAtomic } from "../../run/files.ts";
import { lockFolder } from "../../run/lock.ts";
import { hashLib } from "../../run/machine.ts";
import { isCurrent, type Json, sortedJson, type StageKey, writeManifest } from "../../run/manifest.ts";
import { annotationsJson, leaderboardCsv } from "./judge_files.ts";
import { type Annotation, judgeCost, judgePairs, type JudgePairsOptions } from "./judge_pairs.ts";
import { type JudgeSummary, judgeSummary } from "./judge_summary.ts";
import type { LengthTables } from "./length_controlled.ts";
import type { Paired } from "./model_outputs.ts";

/** The stage's files in its folder. The last is there while some pairs are judged and others are not. */
export const JUDGE_FILES = {
  answers: "answers.jsonl",
  annotations: "annotations.json",
  leaderboard: "leaderboard.csv",
  summary: "summary.json",
  partial: "annotations.partial.json",
} as const;

/** The folders of lib that decide what the stage writes. */
const CODE = ["chat", "evaluate", "run", "stats", "uncertainty"];

/** What to judge, by whom, into which folder. */
export interface JudgeJob extends JudgePairsOptions {
  /** Made where missing. */
  dir: string;
  /** What is judged, from pairOutputs(). */
  paired: Paired;
  /** Who judges. */
  endpoint: Endpoint;
  /** Limits, patience, budget, price. The ledger is the folder's. */
  chat?: Omit<ChatOptions, "ledger">;
  /** For length control. */
  tables?: LengthTables;
  /** Told what the calls may cost, before the first. */
  onEstimate?: (cost: CostEstimate) => void | Promise<void>;
}

/** What the stage left. */
export interface JudgedRun {
  dir: string;
  summary: JudgeSummary;
  /** One a pair, in their order; empty where everything was there already. */
  annotations: Annotation[];
  /** Whether everything was there already. */
  skipped: boolean;
}

/**
 * Judges the pairs into `dir`. What was answered is kept in its ledger whatever happens, and what was judged before an error in
 * annotations.partial.json: the same call goes on from there, and asks again where the transport failed. Throws InputError
 * where another process is at work in the folder, and as openChat() and judgePairs().
 */
export async function judgeStage(job: JudgeJob): Promise<JudgedRun> {
  const { dir, paired, endpoint, chat: chatOptions, tables = {}, onEstimate, ...options } = job;
  const ledger = join(dir, JUDGE_FILES.answers), start = performance.now();
  using _lock = lockFolder(dir);
  await using chat = await openChat(endpoint, { ...chatOptions, ledger });
  const key = stageKey(job, chat);
  const before = await isCurrent(dir, key) ? await readSummary(dir) : undefined;
  if (before?.failed === 0) return { dir, summary: before, annotations: [], skipped: true };
  await onEstimate?.(await judgeCost(paired.pairs, chat, options));
  const judged: Annotation[] = [], version = versionOf(job);
  const write = async (file: string, annotations: readonly Annotation[]) => {
    const asked = annotations.reduce(
      (n, { showings }) => n + showings.filter((s) => s.cached === false).length,
      0,
    );
    const seconds = asked ? (performance.now() - start) / 1000 / asked : undefined;
    const times = new Map<string, string>([...ledgerEntries(ledger)].map(({ key, time }) => [key, time]));
    await writeFileAtomic(join(dir, file), annotationsJson(annotations, { times, seconds, version }));
  };
  let annotations: Annotation[];
  try {
    annotations = await judgePairs(paired.pairs, chat, {
      ...options,
      onAnnotation: async (annotation, done, total) => {
        judged.push(annotation);
        await options.onAnnotation?.(annotation, done, total);
      },
    });
  } catch (error) {
    if (judged.some(({ showings }) => showings.length)) await write(JUDGE_FILES.partial, judged);
    throw error;
  }
  const summary = judgeSummary(annotations, tables);
  await write(JUDGE_FILES.annotations, annotations);
  await Deno.remove(join(dir, JUDGE_FILES.partial)).catch(() => {});
  await finish(job, { summary, key, start, annotations });
  return { dir, summary, annotations, skipped: false };
}

/** Writes what does not vary from run to run, and the manifest. */
async function finish(
  { dir, paired }: JudgeJob,
  { summary, key, start, annotations }: {
    summary: JudgeSummary;
    key: StageKey;
    start: number;
    annotations: readonly Annotation[];
  },
): Promise<void> {
  const preferences = sha256Hex(JSON.stringify(annotations.map(({ preference }) => preference)));
  const told = { ...jsonOf(summary), unpaired: { ...paired.unpaired }, pairs: paired.pairs.length };
  await writeFileAtomic(
    join(dir, JUDGE_FILES.leaderboard),
    leaderboardCsv(paired.pairs[0].generator_2, summary),
  );
  await writeFileAtomic(join(dir, JUDGE_FILES.summary), sortedJson(told));
  const { win_rate, standard_error, n_total, failed } = jsonOf(summary);
  await writeManifest(dir, {
    ...key,
    stage: "judge",
    outputs: [JUDGE_FILES.leaderboard, JUDGE_FILES.summary],
    results: { win_rate, standard_error, n_total, failed, preferences },
    volatile: { seconds: (performance.now() - start) / 1000 },
  });
}

/** A summary as JSON holds it: null for NaN. */
export function jsonOf(summary: JudgeSummary): Record<string, Json> {
  return JSON.parse(JSON.stringify(summary));
}

/** The summary in a folder; null stands for NaN again. */
async function readSummary(dir: string): Promise<JudgeSummary> {
  const text = new TextDecoder().decode(await readBytes(join(dir, JUDGE_FILES.summary)));
  return JSON.parse(text, (_, value) => value === null ? NaN : value);
}

const versionOf = ({ annotator, order = "random", seed = 0 }: JudgeJob) =>
  `ual; prompt ${annotator.prompt.hash}; ${order === "both" ? "both orders" : `order drawn, seed ${seed}`}`;

/** What decides the preferences and figures. */
function stageKey(
  { paired, annotator, order = "random", seed = 0, tables = {} }: JudgeJob,
  { endpoint }: Chat,
): StageKey {
  const { difficulty, gamed } = tables;
  return {
    inputs: {
      pairs: sha256Hex(JSON.stringify(paired.pairs)),
      prompt: annotator.prompt.hash,
      ...(difficulty || gamed
        ? { tables: sha256Hex(JSON.stringify([[...difficulty ?? []], gamed ?? []])) }
        : {}),
    },
    settings: {
      judge: endpoint.model,
      base_url: endpoint.baseUrl,
      fingerprint: endpoint.fingerprint ?? null,
      annotator: annotator.name,
      parameters: { ...annotator.parameters } as Json,
      order,
      seed: order === "both" ? null : seed,
    },
    code: hashLib(CODE),
  };
}
