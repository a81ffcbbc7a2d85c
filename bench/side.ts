// One side of a comparison: a process of its own that reads a task file and prints one JSON line. Ours and the peers' alike.
import { why } from "../tools/command.ts";

/** What a side trains: written to a file by train.ts, read by lora_step.ts and peers/lora_step.py. */
export interface Task {
  /** The model's folder. */
  model: string;
  /** The start adapter's folder, PEFT's files. */
  adapter: string;
  /** Token ids, all rows of one length. Every token but a row's first is a target. */
  rows: number[][];
  targets: number;
  /** Timed steps, and the steps before them. */
  steps: number;
  warmup: number;
  threads: number;
  /** A peer that has taken longer than this after two or more steps stops there, and its last step counts. */
  limitSeconds: number;
}

/** What a side prints on its last line. */
export interface SideResult {
  /** Seconds of each timed step: forward, backward, AdamW. */
  seconds: number[];
  /** The loss of every step, warm-up included, in nats. */
  losses: number[];
  /** The most memory held, in bytes (VmHWM). */
  peakBytes: number;
  /** From the start of the process's own work to the first step: opening and compiling. */
  startSeconds: number;
  /** Ours: tracing and rewriting, and loading into onnxruntime. */
  traceSeconds?: number;
  sessionSeconds?: number;
  versions?: Record<string, string>;
}

/** How to start a side. */
export interface Side {
  program: string;
  args: string[];
  env: Record<string, string>;
}

/** Runs a side to its end. Throws Error naming it and its reason where it fails. */
export async function runSide(name: string, { program, args, env }: Side): Promise<SideResult> {
  const command = new Deno.Command(program, { args, env: { ...env, NO_COLOR: "1" }, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout).trim();
  if (!success) {
    throw new Error(`Cannot measure ${name}: ${why(text + "\n" + new TextDecoder().decode(stderr))}`);
  }
  return JSON.parse(text.split("\n").at(-1)!);
}

/** Processes that wanted to run, on average over 1, 5 and 15 minutes. */
export function loadAverage(): number[] {
  return Deno.loadavg().map((x) => Math.round(x * 100) / 100);
}
