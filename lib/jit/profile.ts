// onnxruntime's profile (Chrome trace JSON) → the calls of kernels: which node, how long, on what shapes. Only the reader.
import { readBytes } from "../run/files.ts";

/** One call of one kernel. */
export interface KernelCall {
  /** The node's name; ours are operator and index, "FusedMatMul_12", unless onnxruntime made the node. */
  node: string;
  op: string;
  microseconds: number;
  inputs: number[][];
  outputs: number[][];
}

/** A session's profile. */
export interface Profile {
  /** Run after run, in the order of execution. */
  calls: KernelCall[];
  /** Microseconds of each run as a whole. */
  runs: number[];
  /** Microseconds of loading the graph and making the session. */
  session: number;
}

interface Event {
  cat: string;
  name: string;
  dur: number;
  args?: { op_name?: string; input_type_shape?: Shapes; output_type_shape?: Shapes };
}

/** One object a tensor: type → shape. */
type Shapes = Record<string, number[]>[];

/** Reads the file that a session with `profilePrefix` left. */
export async function readProfile(path: string): Promise<Profile> {
  const events: Event[] = JSON.parse(new TextDecoder().decode(await readBytes(path)));
  const of = (name: string) => events.filter((e) => e.cat === "Session" && e.name === name).map((e) => e.dur);
  const end = "_kernel_time";
  const calls = events.filter((e) => e.cat === "Node" && e.name.endsWith(end) && e.args?.op_name);
  return {
    calls: calls.map(({ name, dur, args }) => ({
      node: name.slice(0, -end.length),
      op: args!.op_name!,
      microseconds: dur,
      inputs: shapes(args!.input_type_shape),
      outputs: shapes(args!.output_type_shape),
    })),
    runs: of("model_run"),
    session: [...of("model_loading_array"), ...of("session_initialization")].reduce((a, b) => a + b, 0),
  };
}

function shapes(list: Shapes = []): number[][] {
  return list.map((tensor) => Object.values(tensor)[0] ?? []);
}
