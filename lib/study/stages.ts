// Stages of the study on dialogues: held-out scores under each model, and answers to requests. Each is kept in the run's folder and
// skipped when nothing that made it has changed. What the numbers say: results.ts; benchmarks: benchmarks.ts.
import { join } from "node:path";
import type { Example } from "../data/mod.ts";
import { calibrate, perplexity, sampleNll } from "../evaluate/mod.ts";
import {
  baseOf,
  encodePrompt,
  generate,
  type Model,
  type Score,
  scoreMany,
  toSequences,
} from "../model/mod.ts";
import type { Preset } from "./presets.ts";
import { sha256File, sha256Hex } from "../run/files.ts";
import { hashLib } from "../run/machine.ts";
import type { Json, StageKey } from "../run/manifest.ts";
import { progressBar } from "../show/mod.ts";
import { studyFolders } from "./folders.ts";
import { ended, keptEach } from "./kept.ts";
import { methodModels, modelInputs, openModels, type StudyModels } from "./study_models.ts";

/** The methods that the notebook 03_train shows; the others are trained where they are compared. */
export const SHOWN = ["SFT", "LS", "UAL"] as const;

/**
 * Scores the held-out dialogues' answers under each model (default: the base and the three that are shown); by model, in the
 * dialogues' order. Each model's scores are kept on their own in the run's folder `stage`; those that are missing are made in one
 * pass.
 */
export async function scoreMethods(
  p: Preset,
  model: Model,
  heldout: Example[],
  { models = methodModels(p, SHOWN), stage = "evaluate" }: { models?: StudyModels; stage?: string } = {},
): Promise<Record<string, Score[]>> {
  const { threads, maxRows } = p.settings, names = Object.keys(models);
  const settings = { context: p.context, supervise: "response", threads, maxRows } as const;
  const { adapters, hashes } = await openModels(models, model);
  const total = names.length * heldout.length;
  const bar = progressBar(`score under ${names.length} models`, total);
  const parts = stageParts(p, stage, { model, hashes, names, data: heldout, settings });
  const lines = await keptEach<ScoreLine>(parts, "scores.jsonl", async (missing) => {
    const { sequences } = toSequences(model, heldout, settings);
    const some = Object.fromEntries(missing.map((name) => [name, adapters[name]]));
    const scores = await scoreMany(baseOf(model), sequences, some, {
      threads,
      maxRows,
      onBatch: (done, of) => bar.update(Math.round(done / of * total)),
    });
    return Object.fromEntries(
      Object.entries(scores).map((
        [name, own],
      ) => [name, { lines: own.map(toLine), results: resultsOf(own) }]),
    );
  });
  await ended(bar, `${heldout.length} dialogues under each model`);
  return Object.fromEntries(names.map((name) => [name, lines[name].map(fromLine)]));
}

/** Where each model's part of a stage lies, and what decides it. */
export function stageParts(
  p: Preset,
  stage: string,
  { model, hashes, names, data, settings }: {
    model: Model;
    hashes: Record<string, string>;
    names: readonly string[];
    data: unknown;
    settings: Record<string, Json>;
  },
): Record<string, { dir: string; key: StageKey }> {
  const code = hashLib(["data", "evaluate", "jit", "model", "run", "stats"]);
  return Object.fromEntries(names.map((name) => {
    const own: Record<string, string> = hashes[name] ? { adapter: hashes[name] } : {};
    const key = { inputs: modelInputs(model, own, data), settings, code };
    return [name, { dir: join(studyFolders(p).run, stage, name), key }];
  }));
}

/** One dialogue under one model, as scores.jsonl holds it. */
type ScoreLine = { [K in keyof Score]: Score[K] extends string ? string : number[] };

function toLine({ id, nll, confidence, predicted, targets }: Score): ScoreLine {
  return {
    id,
    nll: Array.from(nll),
    confidence: Array.from(confidence),
    predicted: Array.from(predicted),
    targets: Array.from(targets),
  };
}

function fromLine({ id, nll, confidence, predicted, targets }: ScoreLine): Score {
  return {
    id,
    nll: Float64Array.from(nll),
    confidence: Float32Array.from(confidence),
    predicted: Int32Array.from(predicted),
    targets: Int32Array.from(targets),
  };
}

function resultsOf(own: Score[]): Record<string, Json> {
  const { ece, accuracy, confidence } = calibrate(own);
  return { ...perplexity(sampleNll(own)), ece, accuracy, confidence };
}

/** One answer of one model. */
export interface Answer {
  method: string;
  /** The dialogue whose request it answers. */
  id: string;
  text: string;
  /** Generated tokens; `finished` where the model ended its turn itself. */
  tokens: number;
  finished: boolean;
}

/** Greedy answers of the models `methods` to the requests of `asked`, at most `p.maxNew` tokens each. */
export async function answerMethods(
  p: Preset,
  model: Model,
  asked: Example[],
  methods: string[],
): Promise<Answer[]> {
  const { threads } = p.settings, { tokenizer, config: { eosIds } } = model;
  const models = Object.fromEntries(methods.map((name) => [name, methodModels(p)[name]]));
  const { adapters, hashes } = await openModels(models, model);
  const bar = progressBar(`answer as ${methods.join(", ")}`, methods.length * asked.length);
  const prompts = asked.map(({ turns }) => encodePrompt(tokenizer, model.chatTemplate, turns.slice(0, -1)));
  let shown = Promise.resolve(); // the bar's updates one after the other, while the model goes on
  const tell = (done: number, tokens = 0) => shown = shown.then(() => bar.update(done, { tokens }));
  const own = await sha256File(import.meta.filename!);
  const settings = { maxNew: p.maxNew, threads, code: sha256Hex(own) };
  const parts = stageParts(p, "answers", { model, hashes, names: methods, data: asked, settings });
  let done = 0;
  const answers = await keptEach<Answer>(parts, "answers.jsonl", async (missing) => {
    const all: Record<string, { lines: Answer[] }> = {};
    for (const method of missing) {
      const options = { adapter: adapters[method], threads, maxNew: p.maxNew, stop: eosIds };
      const made = await generate(baseOf(model), prompts, { ...options, onToken: () => void tell(done, 1) });
      const lines = made.map(({ ids, finish }, i) => {
        const text = tokenizer.decode(ids, { skipSpecial: true }).trim();
        return { method, id: asked[i].id, text, tokens: ids.length, finished: finish === "stop" };
      });
      all[method] = { lines };
      await tell(done += lines.length);
    }
    return all;
  });
  await ended(bar);
  return methods.flatMap((method) => answers[method]);
}
