// One side of a comparison: a process of its own that reads a task file and prints one JSON line. Ours and the peers' alike.
import type { Base } from "../lib/model/mod.ts";
import type { TrainSettings } from "../lib/train/mod.ts";
import { why } from "../tools/command.ts";

/** What a side trains: written to a file by a bench, read by lora_step.ts and the programs in peers/. */
export interface Task {
  /** The model's folder. */
  model: string;
  /** Instead of the folder: a base whose weights have no tokenizer beside them. */
  base?: Base;
  /** The start adapter's folder, PEFT's files; without it ours starts a fresh one. */
  adapter?: string;
  /** Token ids, one list a sample. */
  rows: number[][];
  /** 1 where a token is a target, as `rows`. Default: all but each sample's first. */
  supervised?: number[][];
  targets: number;
  /** Samples a step, in order and from the start again after the last. Default: all. */
  batch?: number;
  /** Timed steps, and the steps before them. */
  steps: number;
  warmup: number;
  threads: number;
  /** What else ours trains with, where it is not the bench's standard. */
  settings?: Partial<TrainSettings>;
  /** A peer that has taken longer than this after two or more steps stops there, and its last step counts. */
  limitSeconds?: number;
}

/** What a side prints on its last line. */
export interface SideResult {
  /** Seconds of each timed step, from the end of the step before to its own: forward, backward, AdamW. */
  seconds: number[];
  /** The loss of every step, warm-up included, in nats. */
  losses: number[];
  /** Each sample's mean negative log-likelihood in every step, in the step's order. */
  samples?: number[][];
  /** The most memory held, in bytes (VmHWM). */
  peakBytes: number;
  /** From the start of the process's own work to the first step: opening and compiling. */
  startSeconds: number;
  /** Ours: tracing and rewriting, and loading into onnxruntime. */
  traceSeconds?: number;
  sessionSeconds?: number;
  /** Ours: the size of the graph's ONNX file, and the rows of a batch. */
  graphBytes?: number;
  layout?: { B: number; T: number; R: number };
  /** Token places computed in all steps, padding included. */
  places?: number;
  versions?: Record<string, string>;
}

/** How to start a side. */
export interface Side {
  program: string;
  args: string[];
  env: Record<string, string>;
}

/** Runs a side to its end. Throws Error naming it and its reason where it fails. */
export async function runSide<T = SideResult>(name: string, { program, args, env }: Side): Promise<T> {
  const command = new Deno.Command(program, { args, env: { ...env, NO_COLOR: "1" }, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout).trim();
  if (!success) {
    throw new Error(`Cannot measure ${name}: ${why(text + "\n" + new TextDecoder().decode(stderr))}`);
  }
  return JSON.parse(text.split("\n").at(-1)!);
}

/** A script of ours as a side: a file of bench/ and its arguments. */
export function ownSide(script: string, ...args: string[]): Side {
  const path = new URL(script, import.meta.url).pathname;
  return {
    program: Deno.execPath(),
    args: ["run", "-A", "--quiet", decodeURIComponent(path), ...args],
    env: {},
  };
}

/** Processes that wanted to run, on average over 1, 5 and 15 minutes. */
export function loadAverage(): number[] {
  return Deno.loadavg().map((x) => Math.round(x * 100) / 100);
}

/** Runs `body` while `count` processes compute without end, each as much as it gets; ends them after it. */
export async function besideBusy<T>(count: number, body: () => Promise<T>): Promise<T> {
  const busy = Array.from({ length: count }, () =>
    new Deno.Command(Deno.execPath(), {
      args: ["eval", "let x = 1; while (x > 0) x = (x * 69069 + 1) % 4294967296 + 1;"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn());
  try {
    return await body();
  } finally {
    for (const process of busy) process.kill("SIGKILL");
    await Promise.all(busy.map((process) => process.status));
  }
}
