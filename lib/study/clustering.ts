// The features of the study's models, and how well pairs of tokens are told apart in them: 05_cluster. What the numbers say:
// clustering_results.ts; features, pairs and silhouettes are lib/cluster's.
import { join } from "node:path";
import {
  chosenPairs,
  CLUSTER_CODE,
  type Features,
  keptFeatures,
  limitPoints,
  type PairScore,
  pointsOf,
  randomPairs,
  type RankedPair,
  rankPairs,
  scorePairs,
  specialTokens,
  tokenCounts,
  type TokenPair,
} from "../cluster/mod.ts";
import { bundled, type Example } from "../data/mod.ts";
import { type Layer, type Model, type Sequence, toSequences } from "../model/mod.ts";
import { sha256Hex } from "../run/files.ts";
import { hashLib } from "../run/machine.ts";
import type { StageKey } from "../run/manifest.ts";
import { progressBar } from "../show/mod.ts";
import { studyFolders } from "./folders.ts";
import { ended, kept } from "./kept.ts";
import type { Preset } from "./presets.ts";
import { methodModels, modelInputs, openModels, type StudyModels } from "./study_models.ts";

/** Dialogues that no model was trained on: held-out ones, and training ones that the preset leaves over. */
export async function clusterTexts({ cluster, trainCount }: Preset): Promise<Example[]> {
  const unused = cluster.unused ? (await bundled("train", Infinity)).slice(trainCount) : [];
  return [...await bundled("heldout", cluster.heldout), ...unused.slice(0, cluster.unused)];
}

/** The texts as tokens; only those of the answers count, without the marks of turns. */
function answersOf(p: Preset, model: Model, texts: readonly Example[]): Sequence[] {
  const { sequences } = toSequences(model, texts, { context: p.context, supervise: "response" });
  const marks = specialTokens(model.tokenizer);
  return sequences.map((sequence) => ({
    ...sequence,
    supervised: sequence.supervised.map((one, i) => marks.has(sequence.ids[i]) ? 0 : one),
  }));
}

/** How many texts and tokens there are, and how many tokens come up often enough for pairs. */
export function textCounts(
  p: Preset,
  model: Model,
  texts: readonly Example[],
): {
  texts: number;
  "answer tokens": number;
  "different tokens": number;
  "often enough": number;
  pairs: number;
}[] {
  const counts = tokenCounts(pointsOf(answersOf(p, model, texts)));
  const often = [...counts.values()].filter((count) => count >= p.cluster.minCount).length;
  return [{
    texts: texts.length,
    "answer tokens": [...counts.values()].reduce((a, b) => a + b, 0),
    "different tokens": counts.size,
    "often enough": often,
    pairs: often * (often - 1) / 2,
  }];
}

/** Features of several models over the same texts. */
export interface StudyFeatures {
  features: Record<string, Features>;
  /** The texts that they come from, with the tokens that count marked. */
  sequences: Sequence[];
  /** Names models, texts and settings: what scores depend on. */
  inputs: Record<string, string>;
}

/**
 * The features, under each model (default: the base model and all methods), of the tokens that come up often enough, of each the first
 * `maxPoints`; at the final layer and those of the sweep. Kept in the run's folder `stage`.
 */
export async function collectFeatures(
  p: Preset,
  model: Model,
  texts: readonly Example[],
  { models = methodModels(p), stage = "cluster", layers = p.cluster.layers }: {
    models?: StudyModels;
    stage?: string;
    layers?: readonly number[];
  } = {},
): Promise<StudyFeatures> {
  const { threads, maxRows } = p.settings, { minCount, maxPoints } = p.cluster;
  const all = answersOf(p, model, texts), counts = tokenCounts(pointsOf(all));
  const tokens = new Set([...counts].filter(([, count]) => count >= minCount).map(([token]) => token));
  const sequences = limitPoints(all, { tokens, most: maxPoints });
  const opened = await openModels(models, model), total = texts.length * Object.keys(models).length;
  const bar = progressBar(`features under ${Object.keys(models).length} models`, total);
  const features = await keptFeatures(
    model,
    sequences,
    join(studyFolders(p).run, stage, "features"),
    opened,
    {
      layers: ["final", ...layers],
      threads,
      maxRows,
      onBatch: (done, of) => bar.update(Math.round(done / of * total)),
    },
  );
  const points = Object.values(features)[0].points.tokens.length;
  await ended(bar, `${points} features of ${tokens.size} tokens under each model`);
  const data = sequences.map(({ ids, supervised }) => [[...ids], [...supervised]]);
  return { features, sequences, inputs: modelInputs(model, opened.hashes, data) };
}

/** The preset's random pairs, the same for all models; as many as there are, where those are fewer. */
export function drawPairs(
  p: Preset,
  { features }: StudyFeatures,
  { seed = 0 }: { seed?: number } = {},
): TokenPair[] {
  const { points } = Object.values(features)[0], { minCount, pairs } = p.cluster;
  const tokens = [...tokenCounts(points).values()].filter((count) => count >= minCount).length;
  const count = Math.min(pairs, tokens * (tokens - 1) / 2);
  return randomPairs(points, { count, minCount, seed });
}

/** Scores of pairs under each model at each layer, kept in the run's folder. */
export async function scoreStudyPairs(
  p: Preset,
  { features, inputs }: StudyFeatures,
  pairs: readonly TokenPair[],
  { layers = ["final"], stage = "cluster" }: { layers?: readonly Layer[]; stage?: string } = {},
): Promise<PairScore[]> {
  const total = pairs.length * layers.length,
    bar = progressBar(`silhouettes of ${pairs.length} pairs`, total);
  const key: StageKey = {
    inputs,
    settings: { pairs: pairs.map(({ a, b, kind }) => [a, b, kind]), layers: [...layers] },
    code: clusterCode(),
  };
  const name = sha256Hex(JSON.stringify(key.settings)).slice(0, 8);
  const dir = join(studyFolders(p).run, stage, `${pairs[0].kind}-${name}`);
  const scores = await kept<PairScore>(dir, "silhouettes.jsonl", key, async () => {
    const lines: PairScore[] = [];
    for (const [i, layer] of layers.entries()) {
      const onPair = (done: number) => bar.update(i * pairs.length + done, { note: `layer ${layer}` });
      lines.push(...await scorePairs(features, pairs, { layer, onPair }));
    }
    return { lines };
  });
  await ended(bar, `under ${Object.keys(features).length} models`);
  return scores;
}

/**
 * Pairs as the paper's released code picks them, those with the largest ratio of the first model's silhouette to the second's; and as
 * the same rule picks them for the second.
 */
export async function choosePairs(
  p: Preset,
  { features, inputs }: StudyFeatures,
  [better, than]: readonly [string, string],
): Promise<{ chosen: TokenPair[]; against: TokenPair[] }> {
  const key: StageKey = { inputs, settings: { better, than }, code: clusterCode() };
  const dir = join(studyFolders(p).run, "cluster", `ranked-${better}-${than}`);
  const bar = progressBar(`pairs by the ratio of ${better} to ${than}`, 100);
  const ranked = await kept<RankedPair>(dir, "pairs.jsonl", key, async () => {
    const onPair = (done: number, total: number) => bar.update(Math.floor(100 * done / total));
    return { lines: await rankPairs(features[better], features[than], { onPair }) };
  });
  await ended(bar, `${ranked.length} pairs`);
  const count = Math.min(p.cluster.pairs, Math.floor(ranked.length / 2));
  return { chosen: chosenPairs(ranked, { count }), against: chosenPairs(ranked, { count, against: true }) };
}

const clusterCode = () => hashLib(CLUSTER_CODE);
