// `ual plan`: what `ual train` with the same flags would take, in memory and time. Trains and writes nothing.
import type { Output } from "../cli.ts";
import { baseOf } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { hardware } from "../run/machine.ts";
import { estimateTraining, type TrainEstimate } from "../train/estimate.ts";
import { stepCount, type TrainJob } from "../train/mod.ts";
import type { Flags } from "./flags.ts";
import { adapterOf, modelOf, sequencesOf } from "./model.ts";
import { compileOf, settingsOf } from "./train.ts";

/** Estimates the run of these flags on this machine. */
export async function plan(flags: Flags): Promise<Output> {
  const start = performance.now();
  const { epochs = 1, steps: given, engine, ...settings }: TrainJob["settings"] = settingsOf(flags);
  if (engine) {
    throw new InputError(`Cannot plan a run on ${engine}: it compiles no graph to count; leave --engine out`);
  }
  const { model, template } = await modelOf(flags);
  const init = await adapterOf(flags, model, "init-adapter");
  const { sequences } = await sequencesOf(flags, model, template);
  model.weights.close();
  const { batch, fidelity } = settings;
  const steps = given ?? stepCount(sequences.length, { batch, epochs, fidelity });
  const lora = init ? { ...init.lora, dropout: settings.lora.dropout } : settings.lora;
  const estimate = await estimateTraining(baseOf(model), sequences, { ...settings, lora, steps }, {
    init: init?.params,
    openSeconds: (performance.now() - start) / 1000,
    jit: compileOf(flags),
  });
  const { memory, cores, load } = hardware();
  const machine = { device: "cpu", cores, memory, threads: settings.threads, load };
  const notCounted = flags.text("heldout") ? ["held-out evaluations"] : [];
  if (flags.text("smoothing") === "entropy") notCounted.push("scoring the dialogues for their entropy");
  return {
    json: { model: model.name, ...estimate, machine, not_counted: notCounted },
    text: text(estimate, machine, notCounted),
  };
}

interface Machine {
  memory?: number;
  threads: number;
  load?: number[];
}

function text(estimate: TrainEstimate, machine: Machine, notCounted: string[]): string {
  const { steps, batches, samples, tokens, layout: { B, T, R }, graph, memory, time } = estimate;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  const fits = machine.memory === undefined
    ? ""
    : memory.total > machine.memory
    ? `; MORE than this machine's ${gigabytes(machine.memory)}: lower --max-rows or --context`
    : `; this machine has ${gigabytes(machine.memory)}`;
  return [
    `steps   ${steps} of ${
      (samples / steps).toFixed(1)
    } samples, ${tokens} tokens; ${batches} batches of ${B} × ${T} tokens ` +
    `with up to ${R} targets`,
    `memory  ${gigabytes(memory.total)} at most: weights ${gigabytes(memory.weights)}, values of a batch ` +
    `${gigabytes(memory.values)}, process ${gigabytes(memory.process)}, adapter ${
      gigabytes(memory.adapter)
    }${fits}`,
    `time    ${duration(time.total)}: start ${duration(time.start)}, then ${
      (batches / steps * time.batch + time.update).toFixed(2)
    } s ` +
    `a step on ${machine.threads} threads as busy as they are now${
      machine.load ? ` (load ${machine.load[0]})` : ""
    }`,
    `work    ${
      (graph.flops / 1e9).toFixed(0)
    } billion operations a batch in matrix products, ${graph.calls} calls`,
    ...(notCounted.length ? [`without ${notCounted.join(" and ")}`] : []),
  ].join("\n");
}

function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
