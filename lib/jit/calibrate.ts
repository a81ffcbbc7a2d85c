// How long a graph's calls take on this machine: each distinct call (operator, settings, shapes) is run a few times on
// made-up values under onnxruntime's profiler (sample.ts). Not a run of the program itself.
import { join } from "node:path";
import type { Graph } from "./graph.ts";
import type { WeightsFile } from "./jit.ts";
import { toOnnx } from "./onnx.ts";
import { f32, i32 } from "./params.ts";
import { type Profile, readProfile } from "./profile.ts";
import { createSession, placed, type SessionOptions } from "./runtime.ts";
import { distinctCalls, type Sample, sampleGraph } from "./sample.ts";

/** What was measured. */
export interface Calibration {
  /** Seconds of one call, by signatureOf(). */
  calls: Map<string, number>;
  /** Seconds that pass between two calls. */
  gap: number;
  /** Seconds that the small graph took to load, and the small graph. */
  sessionSeconds: number;
  graph: Graph;
}

/** How to measure. */
export interface CalibrateOptions extends SessionOptions {
  /** The file behind the graph's weights. */
  weights?: WeightsFile;
  /** About how many seconds of runs. Default 2; two runs are timed at least. */
  budget?: number;
}

/** Seconds of one run of `graph`, added up from its calls' seconds. */
export function runSeconds(graph: Graph, { calls, gap }: Pick<Calibration, "calls" | "gap">): number {
  let seconds = 0;
  for (const [signature, { count }] of distinctCalls(graph)) {
    const own = calls.get(signature);
    if (own === undefined) throw new Error(`internal: no time for ${signature}`);
    seconds += count * (own + gap);
  }
  return seconds;
}

/** Times every distinct call of `graph`: the median of several runs after one that touches the memory. */
export async function calibrate(graph: Graph, options: CalibrateOptions = {}): Promise<Calibration> {
  const { weights, budget = 2, ...session } = options;
  const sample = sampleGraph(graph);
  const folder = await Deno.makeTempDir();
  try {
    const settings = { ...session, weightsFile: weights?.path, profilePrefix: join(folder, "profile") };
    const places = weights && placed(weights);
    const bytes = toOnnx(sample.graph, places?.name, places?.extents);
    const small = await createSession(bytes, sample.graph, settings);
    try {
      const feeds = { one: f32([], [1]), zero: i32([], [0]) };
      await small.run(feeds);
      const start = performance.now();
      for (let run = 0; run < 2 || (performance.now() - start < budget * 1000 && run < 20); run++) {
        await small.run(feeds);
      }
    } finally {
      await small.close();
    }
    const [file] = await Array.fromAsync(Deno.readDir(folder), (entry) => join(folder, entry.name));
    return { ...times(sample, await readProfile(file)), graph: sample.graph };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function times({ signatures }: Sample, { calls, runs, session }: Profile) {
  const each = calls.length / runs.length, timed = calls.slice(each); // the first run is not counted
  const seconds = new Map<string, number[]>();
  for (const { node, microseconds } of timed) {
    const signature = signatures.get(node);
    if (signature === undefined) continue;
    seconds.set(signature, [...seconds.get(signature) ?? [], microseconds / 1e6]);
  }
  const busy = timed.reduce((sum, call) => sum + call.microseconds, 0);
  const whole = runs.slice(1).reduce((a, b) => a + b, 0);
  return {
    calls: new Map([...seconds].map(([signature, list]) => [signature, median(list)])),
    gap: Math.max(0, whole - busy) / timed.length / 1e6,
    sessionSeconds: session / 1e6,
  };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b), n = sorted.length;
  return (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
}
