// Where the time of a profiled run goes: by operator, and by operator and shapes. Tables from onnxruntime's profile, which
// lib/jit/profile.ts reads.
import { sizeOf } from "../lib/jit/params.ts";
import type { KernelCall, Profile } from "../lib/jit/profile.ts";

const isProduct = (op: string) => /MatMul|Gemm/.test(op);

/** Microseconds in the kernels of each operator type, over all runs. */
export function operatorTimes({ calls }: Pick<Profile, "calls">): Map<string, number> {
  const times = new Map<string, number>();
  for (const { op, microseconds } of calls) times.set(op, (times.get(op) ?? 0) + microseconds);
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
  const share = operators.filter(({ op }) => isProduct(op)).reduce((sum, o) => sum + o.share, 0);
  return { share, operators: operators.slice(0, 8) };
}

/** One line of a table: calls of one run, and their time. */
export interface ProfileRow {
  op: string;
  /** Input and output shapes; "" in the table by operator. */
  shapes: string;
  /** In one run. */
  calls: number;
  milliseconds: number;
  /** Of the kernels' time. */
  share: number;
  /** Billions of multiplications and additions a second, of matrix products. */
  gigaflops?: number;
}

/** The last runs of a profile without the first `skip`, which touch fresh memory. */
export function lastRuns({ calls, runs, session }: Profile, skip: number): Profile {
  const each = calls.length / runs.length;
  return { calls: calls.slice(skip * each), runs: runs.slice(skip), session };
}

/** Time of one run by operator, or by operator and shapes; most first. */
export function profileRows({ calls, runs }: Profile, by: "operator" | "shapes"): ProfileRow[] {
  const groups = new Map<string, KernelCall[]>();
  for (const call of calls) {
    const key = by === "operator" ? call.op : `${call.op} ${shapesOf(call)}`;
    const group = groups.get(key);
    if (group) group.push(call);
    else groups.set(key, [call]);
  }
  const total = calls.reduce((sum, call) => sum + call.microseconds, 0);
  const rows = [...groups.values()].map((group): ProfileRow => {
    const [first] = group, time = group.reduce((sum, call) => sum + call.microseconds, 0);
    const work = group.reduce((sum, call) => sum + productFlops(call), 0);
    return {
      op: first.op,
      shapes: by === "operator" ? "" : shapesOf(first),
      calls: group.length / runs.length,
      milliseconds: time / runs.length / 1000,
      share: time / total,
      ...(work ? { gigaflops: work / time / 1000 } : {}),
    };
  });
  return rows.sort((a, b) => b.milliseconds - a.milliseconds);
}

function shapesOf({ inputs, outputs }: KernelCall): string {
  const list = (shapes: number[][]) => shapes.map((shape) => `[${shape}]`).join(" ");
  return `${list(inputs)} → ${list(outputs)}`;
}

/**
 * 2·M·N·K of each matrix. K from the size of an operand that has as many matrices as the result, transposed or not;
 * a packed weight on the right is not in the profile.
 */
function productFlops({ op, inputs: [left, right], outputs: [out] }: KernelCall): number {
  if (!isProduct(op)) return 0;
  const useLeft = !right || left.length === out.length;
  const beside = useLeft ? out.at(-2) ?? 1 : out.at(-1)!;
  return 2 * sizeOf(out) * sizeOf(useLeft ? left : right) / (sizeOf(out.slice(0, -2)) * beside);
}
