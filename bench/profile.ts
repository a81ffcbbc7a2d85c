// onnxruntime's profile (Chrome trace JSON) → where the time of a graph's operators went.
import { readBytes } from "../lib/run/files.ts";

interface Event {
  cat: string;
  name: string;
  /** Microseconds. */
  dur: number;
  args?: { op_name?: string };
}

/** Microseconds in the kernels of each operator type. */
export async function readProfile(path: string): Promise<Map<string, number>> {
  const events: Event[] = JSON.parse(new TextDecoder().decode(await readBytes(path)));
  const times = new Map<string, number>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time") || !args?.op_name) continue;
    times.set(args.op_name, (times.get(args.op_name) ?? 0) + dur);
  }
  return times;
}

/** Shares of the kernels' time, from 0 to 1. */
export interface Shares {
  /** In matrix products of every kind. */
  share: number;
  /** The operators that take most. */
  operators: { op: string; share: number }[];
}

/** The share of matrix products, and the eight operators that take most. */
export function matrixShare(times: Map<string, number>): Shares {
  const total = times.values().reduce((a, b) => a + b, 0);
  const operators = [...times].map(([op, time]) => ({ op, share: time / total }));
  operators.sort((a, b) => b.share - a.share);
  const share = operators.filter(({ op }) => /MatMul|Gemm/.test(op)).reduce((sum, o) => sum + o.share, 0);
  return { share, operators: operators.slice(0, 8) };
}
