// The study that `reproduce` runs, stage by stage: where its files lie, its training runs, its scores and answers. Each stage
// is kept in the run's folder and skipped when nothing that made it has changed. What the numbers say: results.ts.
import { join } from "node:path";
import type { Example } from "../data/mod.ts";
import { calibrate, perplexity, sampleNll } from "../evaluate/mod.ts";
import {
  type Adapter,
  baseOf,
  encodePrompt,
  generate,
  type Model,
  readAdapter,
  type Score,
  scoreMany,
  toSequences,
} from "../model/mod.ts";
import { drawFigures, exportFigures, type Tables, writeTable } from "../plot/mod.ts";
import { METHODS, type Preset } from "./presets.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser, sha256File, sha256Hex, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { hashLib, versions } from "../run/machine.ts";
import type { Json, StageKey } from "../run/manifest.ts";
import { progressBar } from "../show/mod.ts";
import { ended, kept } from "./kept.ts";
import { LiveTraining } from "./live.ts";
import { readMetrics, TRAIN_CODE, type TrainedRun, trainStage } from "../train/mod.ts";

/** The base model and the methods, in the order of tables and figures. */
export const COMPARED: string[] = ["base", ...METHODS.map(({ name }) => name)];

/** Where a preset's files lie: `run` (stages and tables) and `figures`. UAL_OUT names another place for both. */
export function studyFolders({ name }: Preset): { run: string; figures: string } {
  const out = Deno.env.get("UAL_OUT"), root = join(import.meta.dirname!, "../..");
  return out
    ? { run: join(resolveUser(out), "runs", name), figures: join(resolveUser(out), "figures", name) }
    : { run: join(root, ".ual/runs", name), figures: join(root, "figures", name) };
}

/** Writes the tables into the run and their figures as JSON, SVG and PNG; returns the figures' file names. */
export async function keepFigures(p: Preset, tables: Partial<Tables>): Promise<string[]> {
  const { run, figures } = studyFolders(p);
  for (const [name, table] of Object.entries(tables)) {
    await writeTable(join(run, "tables"), name as keyof Tables, table as never);
  }
  const paths = await exportFigures(drawFigures(tables), figures);
  return paths.map((path) => `figures/${p.name}${path.slice(figures.length)}`);
}

/** The folder of a method's training run. */
const trainFolder = (p: Preset, method: string) => join(studyFolders(p).run, "train", method);

/**
 * Trains SFT, LS and UAL one after the other on `examples`, with one bar and one chart that move meanwhile. Runs that are
 * complete are skipped, a broken one goes on from its checkpoint, one of other settings is replaced. Throws InputError where a run was stopped by its flag.
 */
export async function trainMethods(
  p: Preset,
  model: Model,
  examples: Example[],
): Promise<Record<string, TrainedRun>> {
  const runs: Record<string, TrainedRun> = {};
  const live = new LiveTraining(METHODS.map(({ name }) => name));
  for (const { name, smoothing } of METHODS) {
    const dir = trainFolder(p, name);
    const mean = smoothing === "none" ? 0 : p.mean;
    const job = {
      examples,
      smoothing: { method: smoothing, mean, ceiling: p.ceiling },
      settings: p.settings,
      context: p.context,
      supervise: "response" as const,
    };
    const { hash, definition, chatTemplate } = model;
    const made = [job, hash, definition, chatTemplate, hashLib(TRAIN_CODE), versions()];
    await claimFolder(dir, sha256Hex(JSON.stringify(made)));
    const run = runs[name] = await trainStage({
      model,
      ...job,
      dir,
      onStart: async (done, total) => await live.start(name, dir, done ? await readMetrics(dir) : [], total),
      onStep: (metrics, total) => live.step(name, metrics, total),
    }).catch(async (error) => {
      await live.abandon();
      throw error;
    });
    if (run.stopped) {
      await live.abandon();
      const step = run.metrics.at(-1)!.step;
      throw new InputError(`Cannot go on: ${name} was stopped at step ${step}; run the cell again to resume`);
    }
    await live.done(name, run.metrics);
  }
  await live.finish();
  return runs;
}

/**
 * Makes `dir` the folder of the run `key`: what another run left there (other settings, data or code) is removed, so that
 * a changed study runs again by itself. Throws InputError where a process is at work in it.
 */
export async function claimFolder(dir: string, key: string): Promise<void> {
  const mark = join(dir, "study_key");
  if (await Deno.readTextFile(mark).catch(() => "") === key) return;
  using _lock = lockFolder(dir);
  for await (const { name } of Deno.readDir(dir)) {
    if (name !== ".lock") await Deno.remove(join(dir, name), { recursive: true });
  }
  await writeFileAtomic(mark, key);
}

/** The adapters that trainMethods() left; `base` has none. */
async function adapters(p: Preset, model: Model, methods: readonly string[]) {
  const read = (name: string) => readAdapter(join(trainFolder(p, name), "adapter"), model.config);
  const found: Record<string, Adapter | undefined> = {};
  for (const name of methods) found[name] = name === "base" ? undefined : await read(name);
  return found;
}

/** Scores the held-out dialogues' answers under the base model and the three adapters; by method, in the dialogues' order. */
export async function scoreMethods(
  p: Preset,
  model: Model,
  heldout: Example[],
): Promise<Record<string, Score[]>> {
  const { threads, maxRows } = p.settings;
  const settings = { context: p.context, supervise: "response", threads, maxRows } as const;
  const key = await stageKey(p, model, heldout, COMPARED, settings);
  const total = COMPARED.length * heldout.length;
  const bar = progressBar(`score ${COMPARED.join(", ")}`, total);
  const lines = await kept<ScoreLine>(
    join(studyFolders(p).run, "evaluate"),
    "scores.jsonl",
    key,
    async () => {
      const { sequences } = toSequences(model, heldout, settings);
      const scores = await scoreMany(baseOf(model), sequences, await adapters(p, model, COMPARED), {
        threads,
        maxRows,
        onBatch: (done, of) => bar.update(Math.round(done / of * total)),
      });
      return { lines: Object.entries(scores).flatMap(toLines), results: resultsOf(scores) };
    },
  );
  await ended(bar, `${heldout.length} dialogues under each model`);
  return Object.fromEntries(
    COMPARED.map((name) => [name, lines.filter(({ method }) => method === name).map(fromLine)]),
  );
}

/** One dialogue under one model, as scores.jsonl holds it. */
type ScoreLine = { method: string } & { [K in keyof Score]: Score[K] extends string ? string : number[] };

function toLines([method, scores]: [string, Score[]]): ScoreLine[] {
  return scores.map(({ id, nll, confidence, predicted, targets }) => ({
    method,
    id,
    nll: Array.from(nll),
    confidence: Array.from(confidence),
    predicted: Array.from(predicted),
    targets: Array.from(targets),
  }));
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

function resultsOf(scores: Record<string, Score[]>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(scores).map(([name, own]) => {
      const { ece, accuracy, confidence } = calibrate(own);
      return [name, { ...perplexity(sampleNll(own)), ece, accuracy, confidence }];
    }),
  );
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
  const key = await stageKey(p, model, asked, methods, { maxNew: p.maxNew, threads });
  const bar = progressBar(`answer as ${methods.join(", ")}`, methods.length * asked.length);
  const prompts = asked.map(({ turns }) => encodePrompt(tokenizer, model.chatTemplate, turns.slice(0, -1)));
  let shown = Promise.resolve(); // the bar's updates one after the other, while the model goes on
  const tell = (done: number, tokens = 0) => shown = shown.then(() => bar.update(done, { tokens }));
  const answers = await kept<Answer>(join(studyFolders(p).run, "answers"), "answers.jsonl", key, async () => {
    const lines: Answer[] = [];
    for (const [method, adapter] of Object.entries(await adapters(p, model, methods))) {
      const options = { adapter, threads, maxNew: p.maxNew, stop: eosIds };
      const onToken = () => void tell(lines.length, 1);
      const made = await generate(baseOf(model), prompts, { ...options, onToken });
      for (const [i, { ids, finish }] of made.entries()) {
        const text = tokenizer.decode(ids, { skipSpecial: true }).trim();
        lines.push({
          method,
          id: asked[i].id,
          text,
          tokens: ids.length,
          finished: finish === "stop",
        });
      }
      await tell(lines.length);
    }
    return { lines };
  });
  await ended(bar);
  return answers;
}

/** What decides a stage that runs the models `methods` on `examples`. */
async function stageKey(
  p: Preset,
  model: Model,
  examples: Example[],
  methods: string[],
  settings: StageKey["settings"],
): Promise<StageKey> {
  const inputs: StageKey["inputs"] = {
    model: model.hash,
    definition: model.definition,
    template: sha256Hex(model.chatTemplate),
    examples: sha256Hex(JSON.stringify(examples)),
  };
  for (const name of methods.filter((name) => name !== "base")) {
    inputs[name] = await sha256File(join(trainFolder(p, name), "adapter/adapter_model.safetensors"));
  }
  const own = await sha256File(import.meta.filename!);
  const code = sha256Hex(hashLib(["data", "evaluate", "jit", "model", "run", "stats"]) + own);
  return { inputs, settings: { ...settings, methods }, code };
}
