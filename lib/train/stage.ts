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
import { readJsonl, sha256Hex } from "../run/files.ts";
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
import { paramsHash, type StepMetrics, train, type TrainSettings } from "./loop.ts";

/** Where each sample's smoothing comes from: a mapping of the examples' uncertainties, or a file's rows. */
export type Smoothing =
  | { method: MappingMethod; mean: number; ceiling?: number }
  | { method: "file"; rows: SmoothingRow[] };

/** A training run. */
export interface TrainJob {
  model: Model;
  examples: Example[];
  smoothing: Smoothing;
  /** `steps` absent: `epochs` whole passes. */
  settings: Omit<TrainSettings, "steps"> & { steps?: number; epochs?: number };
  context: number;
  supervise: "all" | "response";
  /** Jinja; default: the model's own. */
  template?: string;
  /** An adapter to start from; its LoRA settings replace those of `settings`, dropout excepted. */
  init?: Adapter;
  dir: string;
  checkpointEvery?: number;
  onStart?: (done: number, total: number) => void | Promise<void>;
  onStep?: (metrics: StepMetrics, total: number) => void | Promise<void>;
  /** Told of dialogues that were cut or left out. */
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
 * under adapter/, then volatile.json and manifest.json. All input is checked before anything is written.
 */
export async function trainStage(job: TrainJob): Promise<TrainedRun> {
  const start = performance.now();
  const { model, dir } = job;
  const { sequences, truncated, dropped } = toSequences(model, job.examples, job);
  const notice = (ids: string[], what: string) =>
    ids.length &&
    job.onNotice?.(
      `${ids.length} of ${job.examples.length} dialogues ${what}: ${ids.slice(0, 5).join(", ")}`,
    );
  notice(truncated, `cut at ${job.context} tokens`);
  notice(dropped, "left out, no answer within the context");
  const smoothing = sampleSmoothing(job.smoothing, job.examples, sequences.map((s) => s.id));
  const settings = runSettings(job, sequences.length);
  const key = stageKey(job, settings, smoothing);
  if (await isCurrent(dir, key)) {
    return {
      manifest: await readManifest(dir),
      skipped: true,
      stopped: false,
      resumedFrom: 0,
      metrics: await readMetrics(dir),
    };
  }
  const init = job.init?.params ?? initLora(model.config, settings.lora, settings.seed);
  const { onStart, onStep, checkpointEvery, jit } = job;
  const code = sortedJson([key.code, versions()]);
  const run = await train(baseOf(model), sequences, smoothing, settings, {
    dir,
    init,
    onStart,
    onStep,
    checkpointEvery,
    code,
    jit,
  });
  const metrics = await readMetrics(dir);
  const { stopped, resumedFrom } = run;
  if (stopped) return { skipped: false, stopped, resumedFrom, metrics };
  const adapterHash = await writeAdapter(join(dir, "adapter"), run.adapter, model.name);
  const parameters = Object.values(run.adapter.params).reduce((sum, { data }) => sum + data.length, 0);
  const last = metrics.at(-1)!;
  const manifest = await writeManifest(dir, {
    ...key,
    stage: "train",
    outputs: ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"],
    results: {
      steps: run.steps,
      samples: run.samples,
      tokens: run.tokens,
      adapter: { sha256: adapterHash, parameters, bytes: 4 * parameters },
      first: { loss: metrics[0].loss, nll: metrics[0].nll },
      last: { loss: last.loss, nll: last.nll, grad_norm: last.grad_norm },
      layout: { ...run.layout },
      graph_bytes: run.compile.bytes,
      truncated: truncated.length,
      dropped,
    },
    volatile: timings(metrics, run.compile, start, resumedFrom),
  });
  return { manifest, skipped: false, stopped, resumedFrom, metrics };
}

/** The rows of metrics.jsonl in `dir`. */
export async function readMetrics(dir: string): Promise<StepMetrics[]> {
  return (await readJsonl(join(dir, "metrics.jsonl"))).map(({ value }) => value as StepMetrics);
}

/** The smoothing of the sequences `ids`; a mapping takes all examples in, as `ual map` does, also those left out. */
function sampleSmoothing(smoothing: Smoothing, examples: Example[], ids: string[]): Float64Array {
  if (smoothing.method === "file") return smoothingFor(ids, smoothing.rows);
  const { method, mean, ceiling = CEILING } = smoothing;
  const all = examples.map((e) => e.id);
  const mapped =
    mapUncertainty(examples.map((e) => e.uncertainty), { method, mean, ceiling, ids: all }).smoothing;
  return smoothingFor(ids, all.map((id, i) => ({ id, smoothing: mapped[i] })));
}

function runSettings({ settings, init, smoothing: _, ...job }: TrainJob, count: number): TrainSettings {
  const { epochs = 1, steps = epochs * Math.ceil(count / settings.batch), ...rest } = settings;
  for (
    const [name, value, least] of [["steps", steps, 1], ["batch", rest.batch, 1], [
      "warmup",
      rest.warmup,
      0,
    ]] as const
  ) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InputError(`Cannot train with ${name} ${value}: give a whole number of at least ${least}`);
    }
  }
  const lora = init ? { ...init.lora, dropout: rest.lora.dropout } : rest.lora;
  loraModules(job.model.config, lora); // names unknown projections before anything is written
  return { ...rest, steps, lora };
}

function stageKey(job: TrainJob, settings: TrainSettings, smoothing: Float64Array): StageKey {
  const { method, ...how } = job.smoothing.method === "file" ? { method: "file" } : job.smoothing;
  return {
    inputs: {
      model: job.model.hash,
      definition: job.model.definition,
      examples: sha256Hex(JSON.stringify(job.examples)),
      smoothing: sha256Hex(JSON.stringify(Array.from(smoothing))),
      template: sha256Hex(job.template ?? job.model.chatTemplate),
      ...(job.init ? { init: paramsHash(job.init.params) } : {}),
    },
    settings: {
      ...settings,
      lora: { ...settings.lora },
      smoothing: { method, ...how },
      context: job.context,
      supervise: job.supervise,
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
