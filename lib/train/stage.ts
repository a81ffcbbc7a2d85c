// The train stage: dialogues and settings in, a run's folder with an adapter and a manifest out. The command line and the
// notebooks both call it; the loop itself is loop.ts.
import { join } from "node:path";
import type { Example } from "../data/example.ts";
import type { JitOptions } from "../jit/mod.ts";
import {
  type Adapter,
  baseOf,
  initLora,
  loraModules,
  type Model,
  toSequences,
  writeAdapter,
} from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { sha256Hex, writeFileAtomic } from "../run/files.ts";
import { hashLib, versions } from "../run/machine.ts";
import {
  isCurrent,
  type Json,
  type Manifest,
  readManifest,
  sortedJson,
  type StageKey,
  writeManifest,
} from "../run/manifest.ts";
import {
  CEILING,
  type MappingMethod,
  mapUncertainty,
  smoothingFor,
  type SmoothingRow,
} from "../uncertainty/mod.ts";
import { adapterCard } from "./card.ts";
import { paramsHash } from "./checkpoint.ts";
import { adapterFiles, keptFolder, keptSteps } from "./kept_adapters.ts";
import { train, type TrainResult } from "./loop.ts";
import { readMetrics } from "./metrics.ts";
import { stepCount } from "./plan.ts";
import { releasedWarmup } from "./schedule.ts";
import type { StepMetrics, TrainSettings } from "./settings.ts";
import { type SampleSmoothing, SMOOTHING_FILE } from "./smoothing.ts";

/**
 * Where each sample's smoothing comes from: a mapping of the examples' uncertainties, the base model's entropy, the
 * perplexity in training, or a file's rows.
 */
export type Smoothing =
  | { method: MappingMethod | "entropy" | "perplexity"; mean: number; ceiling?: number; power?: number }
  | { method: "file"; rows: SmoothingRow[] };

/** A training run. */
export interface TrainJob {
  model: Model;
  examples: Example[];
  smoothing: Smoothing;
  /**
   * `steps` absent: `epochs` whole passes. With fidelity "released-code" the warm-up and `supervise` are theirs, whatever
   * is given here; with held-out dialogues, `evalEvery` is once a pass where it is absent.
   */
  settings: Omit<TrainSettings, "steps"> & { steps?: number; epochs?: number };
  context: number;
  supervise: "all" | "response";
  /** Evaluated on during training: the adapter of the lowest perplexity is the run's. */
  heldout?: Example[];
  /** Jinja; default: the model's own. */
  template?: string;
  /** An adapter to start from; its LoRA settings replace those of `settings`, dropout excepted. */
  init?: Adapter;
  dir: string;
  checkpointEvery?: number;
  /** Keeps the adapter after every so many steps, and after the last, under adapters/step-N. */
  keepEvery?: number;
  onStart?: (done: number, total: number) => void | Promise<void>;
  onStep?: (metrics: StepMetrics, total: number) => void | Promise<void>;
  /** The file that `examples` come from, for volatile.json: `ual evaluate` looks in it for benchmarks' items. */
  dataFile?: string;
  /** Told of dialogues that were cut or left out, and of what takes long before the first step. */
  onNotice?: (text: string) => void;
  jit?: JitOptions;
}

/** What the stage leaves. */
export interface TrainedRun {
  manifest?: Manifest;
  /** Complete before: nothing was computed. */
  skipped: boolean;
  /** A stop was asked for; run again to go on. */
  stopped: boolean;
  resumedFrom: number;
  metrics: StepMetrics[];
}

/** The folders of lib whose code decides the result. */
export const TRAIN_CODE: string[] = ["data", "jit", "model", "run", "train", "uncertainty"];

/**
 * Runs the stage in `job.dir`, or finds it complete, or goes on from its checkpoint. Writes metrics.jsonl, the adapter
 * with its card under adapter/, then volatile.json and manifest.json. With held-out dialogues adapter/ is the best one, which best/
 * has held since it was found, and last/ is that of the last step. With `keepEvery` there are some along the way too. All input is checked before anything is written.
 */
export async function trainStage(given: TrainJob): Promise<TrainedRun> {
  const start = performance.now();
  const job = given.settings.fidelity === "released-code" ? { ...given, supervise: "all" as const } : given;
  const { model, dir } = job;
  const { sequences, truncated, dropped } = encoded(job, job.examples, "dialogues");
  const heldout = job.heldout && encoded(job, job.heldout, "held-out dialogues").sequences;
  const { smoothing, uncertainty } = sampleSmoothing(job.smoothing, job.examples, sequences.map((s) => s.id));
  const settings = runSettings(job, sequences.length);
  const key = stageKey(job, settings, smoothing);
  if (await isCurrent(dir, key)) {
    const metrics = await readMetrics(dir);
    return { manifest: await readManifest(dir), skipped: true, stopped: false, resumedFrom: 0, metrics };
  }
  const run = await train(baseOf(model), sequences, smoothing, settings, {
    ...job,
    heldout,
    uncertainty,
    init: job.init?.params ?? initLora(model.config, settings.lora, settings.seed),
    code: sha256Hex(sortedJson([key.code, versions()])),
    made: madeWith(job),
    onBest: async (adapter) => void await writeAdapter(join(dir, "best"), adapter, nameOf(model)),
    onKeep: async (adapter, step) =>
      void await writeAdapter(join(dir, keptFolder(step)), adapter, nameOf(model)),
  });
  const metrics = await readMetrics(dir);
  const { stopped, resumedFrom } = run;
  if (stopped) return { skipped: false, stopped, resumedFrom, metrics };
  const { adapter, outputs } = await writeAdapters(dir, run, nameOf(model));
  const first = metrics[0], last = metrics.at(-1)!;
  const results = {
    steps: run.steps,
    samples: run.samples,
    tokens: run.tokens,
    adapter,
    first: { loss: first.loss, nll: first.nll },
    last: { loss: last.loss, nll: last.nll, grad_norm: last.grad_norm },
    ...(run.best ? { heldout: heldoutResults(run) } : {}),
    layout: { ...run.layout },
    graph_bytes: run.compile.bytes,
    truncated: truncated.length,
    dropped,
  };
  const nll = metrics.reduce((sum, m) => sum + m.nll, 0) / metrics.length;
  const card = adapterCard(key, { model: nameOf(model), versions: versions(), results, nll });
  await writeFileAtomic(join(dir, "adapter/README.md"), card);
  const manifest = await writeManifest(dir, {
    ...key,
    stage: "train",
    outputs: [
      ...outputs,
      ...keptSteps(job.keepEvery, run.steps).flatMap((step) => adapterFiles(keptFolder(step))),
      "adapter/README.md",
      ...(uncertainty || job.smoothing.method === "entropy" ? [SMOOTHING_FILE] : []),
    ],
    results,
    volatile: {
      ...timings(metrics, run.compile, start, resumedFrom),
      ...(job.dataFile ? { data: job.dataFile } : {}),
    },
  });
  return { manifest, skipped: false, stopped, resumedFrom, metrics };
}

/** Dialogues as tokens; says which were cut or left out. */
function encoded(job: TrainJob, examples: Example[], what: string) {
  const found = toSequences(job.model, examples, job);
  const notice = (ids: string[], how: string) =>
    ids.length &&
    job.onNotice?.(`${ids.length} of ${examples.length} ${what} ${how}: ${ids.slice(0, 5).join(", ")}`);
  notice(found.truncated, `cut at ${job.context} tokens`);
  notice(found.dropped, "left out, no answer within the context");
  return found;
}

/** Writes adapter/, and with held-out dialogues best/ and last/; what of it goes into the manifest. */
async function writeAdapters(dir: string, run: TrainResult, modelName: string) {
  const chosen = run.best?.adapter ?? run.adapter;
  const folders: Record<string, Adapter> = {
    adapter: chosen,
    ...(run.best ? { best: chosen, last: run.adapter } : {}),
  };
  let sha256 = "";
  for (const [name, adapter] of Object.entries(folders).reverse()) { // adapter/ at the end: complete where it is there
    sha256 = await writeAdapter(join(dir, name), adapter, modelName);
  }
  const parameters = Object.values(chosen.params).reduce((sum, { data }) => sum + data.length, 0);
  return {
    adapter: { sha256, parameters, bytes: 4 * parameters },
    outputs: Object.keys(folders).flatMap(adapterFiles),
  };
}

function heldoutResults({ best, evaluations, stoppedEarly }: TrainResult): Record<string, Json> {
  const brief = ({ step, perplexity }: { step: number; perplexity: number }) => ({ step, perplexity });
  return {
    tokens: best!.evaluation.tokens,
    best: brief(best!.evaluation),
    last: brief(evaluations.at(-1)!),
    evaluations: evaluations.map(brief),
    stopped_early: stoppedEarly,
  };
}

/**
 * The smoothing of the sequences `ids`, or how the model makes it; a mapping takes all examples in, as `ual map` does,
 * also those left out. `uncertainty` is what was mapped, to be kept beside it.
 */
function sampleSmoothing(
  source: Smoothing,
  examples: Example[],
  ids: string[],
): { smoothing: SampleSmoothing; uncertainty?: (number | undefined)[] } {
  if (source.method === "file") return { smoothing: smoothingFor(ids, source.rows) };
  const { method, mean, ceiling = CEILING, power } = source;
  if (method === "entropy" || method === "perplexity") return { smoothing: { method, mean, ceiling } };
  const all = examples.map((e) => e.id), u = examples.map((e) => e.uncertainty);
  const mapped = mapUncertainty(u, { method, mean, ceiling, power, ids: all }).smoothing;
  const smoothing = smoothingFor(ids, all.map((id, i) => ({ id, smoothing: mapped[i] })));
  const rated = new Map(all.map((id, i) => [id, u[i]]));
  return { smoothing, uncertainty: ids.map((id) => rated.get(id)) };
}

function runSettings({ settings, init, heldout, model }: TrainJob, count: number): TrainSettings {
  const { epochs = 1, steps: given, ...rest } = settings;
  const whole = (name: string, value: number, least: number) => {
    if (Number.isSafeInteger(value) && value >= least) return;
    throw new InputError(`Cannot train with ${name} ${value}: give a whole number of at least ${least}`);
  };
  for (const [name, value] of Object.entries({ epochs, batch: rest.batch })) whole(name, value, 1);
  whole("warmup", rest.warmup, 0);
  const { batch, fidelity = "paper", weighting = "sample" } = rest;
  const steps = given ?? stepCount(count, { batch, epochs, fidelity });
  whole("steps", steps, 1);
  const evalEvery = heldout ? rest.evalEvery ?? Math.ceil(count / batch) : rest.evalEvery;
  const lora = init ? { ...init.lora, dropout: rest.lora.dropout } : rest.lora;
  loraModules(model.config, lora); // names unknown projections before anything is written
  const resolved = { ...rest, steps, lora, fidelity, weighting, ...(evalEvery ? { evalEvery } : {}) };
  if (fidelity === "paper") return resolved;
  if (weighting !== "sample" || rest.schedule !== "constant") {
    throw new InputError(
      `Cannot train as the released code does with weighting ${weighting} and schedule ${rest.schedule}: it has its ` +
        "own; leave them at sample and constant",
    );
  }
  return { ...resolved, warmup: releasedWarmup(given === undefined ? epochs * count : given * batch) };
}

/** The settings that made sequences and smoothing. */
function madeWith({ context, supervise, smoothing: source, keepEvery }: TrainJob): Record<string, Json> {
  const { method, ...how } = source.method === "file" ? { method: "file" } : source;
  return { context, supervise, smoothing: method, ...how, ...(keepEvery ? { keepEvery } : {}) };
}

/** What other programs find the model by. */
const nameOf = ({ name, source }: Model) => source?.repo ?? name;

function stageKey(job: TrainJob, settings: TrainSettings, smoothing: SampleSmoothing): StageKey {
  const { method, ...how } = job.smoothing.method === "file" ? { method: "file" } : job.smoothing;
  const hash = (value: unknown) => sha256Hex(JSON.stringify(value));
  return {
    inputs: {
      model: job.model.hash,
      definition: job.model.definition,
      ...(job.model.source ? { source: `${job.model.source.repo}@${job.model.source.commit}` } : {}),
      examples: hash(job.examples),
      smoothing: hash("method" in smoothing ? smoothing : Array.from(smoothing)),
      template: sha256Hex(job.template ?? job.model.chatTemplate),
      ...(job.init ? { init: paramsHash(job.init.params) } : {}),
      ...(job.heldout ? { heldout: hash(job.heldout) } : {}),
    },
    settings: {
      ...settings,
      lora: { ...settings.lora },
      smoothing: { method, ...how },
      context: job.context,
      supervise: job.supervise,
      ...(job.keepEvery ? { keepEvery: job.keepEvery } : {}),
    } as Record<string, Json>,
    code: hashLib(TRAIN_CODE),
  };
}

/** What differs from run to run; the speed is the median over this process's steps after the first two. */
function timings(
  metrics: StepMetrics[],
  compile: Record<string, unknown>,
  start: number,
  resumedFrom: number,
) {
  const own = metrics.slice(resumedFrom);
  const rates = own.slice(Math.min(2, own.length - 1)).map((m) => m.tokens / m.seconds).sort((a, b) => a - b);
  return {
    seconds: (performance.now() - start) / 1000,
    compile: { trace_seconds: Number(compile.traceSeconds), session_seconds: Number(compile.sessionSeconds) },
    tokens_per_second: rates.length ? rates[rates.length >> 1] : 0,
    train_seconds: metrics.reduce((sum, m) => sum + m.seconds, 0),
    resumed_from: resumedFrom,
  };
}
