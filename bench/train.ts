// Bench: a LoRA step of the 135M model, ours beside PyTorch + PEFT, in one run. The sides take turns, each round a fresh
// process that trains the same adapter on the same tokens. The work itself: lora_step.ts and peers/lora_step.py.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readExamples } from "../lib/data/source.ts";
import {
  baseOf,
  initLora,
  type LoraConfig,
  type Model,
  openModel,
  toSequences,
  writeAdapter,
} from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { writeFileAtomic } from "../lib/run/files.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { setUpPeers } from "../tools/peers.ts";
import { root } from "../tools/setup.ts";
import { matrixShare, readProfile } from "./profile.ts";
import { compare, type Measured, reportText } from "./report.ts";
import { loadAverage, runSide, type Side, type Task } from "./side.ts";

const help = `deno task bench train [flags]

  --rounds N       rounds, each side once (default 3)
  --steps N        timed steps a round (default 5)
  --warmup N       steps before them (default 2: the first ones touch fresh memory)
  --batch N        rows of --context tokens a step (default 4)
  --context N      tokens a row (default 256)
  --threads N      threads of each side (default: the cores)
  --wait-policy P  OMP_WAIT_POLICY for PyTorch, active or passive (default: not set, as PyTorch comes)
  --float32-only   leave PyTorch's bfloat16 out (minutes a step where the processor has no instructions for it)
  --json           one JSON object on stdout`;

/** How long a slow peer may go on. */
const limitSeconds = 200;

const lora: LoraConfig = { r: 8, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] };
const folder = join(root, ".ual/bench/train");

/** Runs the bench; 1 where the losses of ours and PyTorch's float32 differ. */
export async function main(args: string[]): Promise<number> {
  const flags = parse(args);
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const python = await setUpPeers();
  const task = await writeTask(flags);
  const sides = sidesOf(python, flags);
  const before = loadAverage();
  const rounds: Record<string, Measured>[] = [];
  for (let round = 1; round <= flags.rounds; round++) rounds.push(await oneRound(sides, round, flags.rounds));
  const shares = await profiled(sides.ours);
  const report = {
    bench: "train",
    task: { batch: task.rows.length, context: task.rows[0].length, targets: task.targets, lora },
    settings: { ...flags, help: undefined, json: undefined },
    machine: { ...hardware(), load: undefined },
    versions: { ...versions(), ...rounds[0]["torch float32"].versions },
    ...compare(rounds, task.rows.flat().length),
    matrixProducts: shares,
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : reportText(report));
  if (report.lossesAgree) return 0;
  console.error(
    "Cannot compare: ours and torch float32 do not have the same losses; their times mean nothing",
  );
  return 1;
}

function parse(args: string[]) {
  const string = { type: "string" } as const, boolean = { type: "boolean" } as const;
  const { values } = parseArgs({
    args,
    options: {
      rounds: string,
      steps: string,
      warmup: string,
      batch: string,
      context: string,
      threads: string,
      "wait-policy": string,
      "float32-only": boolean,
      json: boolean,
      help: boolean,
    },
  });
  const whole = (name: "rounds" | "steps" | "warmup" | "batch" | "context" | "threads", standard: number) => {
    const text = values[name] ?? String(standard);
    if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
    throw new InputError(`Cannot run the bench with --${name} ${text}: give a whole number from 1 on`);
  };
  const waitPolicy = values["wait-policy"];
  if (waitPolicy !== undefined && !/^(active|passive)$/i.test(waitPolicy)) {
    throw new InputError(`Cannot set --wait-policy ${waitPolicy}: choose active or passive`);
  }
  return {
    rounds: whole("rounds", 3),
    steps: whole("steps", 5),
    warmup: whole("warmup", 2),
    batch: whole("batch", 4),
    context: whole("context", 256),
    threads: whole("threads", navigator.hardwareConcurrency),
    waitPolicy,
    float32Only: values["float32-only"] ?? false,
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

type Flags = ReturnType<typeof parse>;

/** What all sides read: full rows of our own dialogues' tokens, every token a target; the start adapter as PEFT's files. */
async function writeTask(flags: Flags): Promise<Task> {
  const model = await openModel();
  try {
    const adapter = { params: initLora(baseOf(model).config, lora, 0), lora };
    await writeAdapter(join(folder, "adapter"), adapter, model.dir);
    const rows = await fullRows(model, flags.batch, flags.context);
    const { steps, warmup, threads } = flags;
    const task: Task = {
      model: model.dir,
      adapter: join(folder, "adapter"),
      rows,
      targets: flags.batch * (flags.context - 1),
      steps,
      warmup,
      threads,
      limitSeconds,
    };
    await writeFileAtomic(join(folder, "task.json"), JSON.stringify(task) + "\n");
    return task;
  } finally {
    model.weights.close();
  }
}

async function fullRows(model: Model, batch: number, context: number): Promise<number[][]> {
  const examples = await readExamples(join(root, "data/dialogues_train.jsonl"));
  const whole = { context: model.config.maxPositions, supervise: "all" } as const;
  const ids = toSequences(model, examples, whole).sequences.flatMap((s) => [...s.ids]);
  if (ids.length < batch * context) {
    throw new InputError(
      `Cannot fill ${batch} rows of ${context} tokens: our dialogues have ${ids.length}; ask for less`,
    );
  }
  return Array.from({ length: batch }, (_, i) => ids.slice(i * context, (i + 1) * context));
}

function sidesOf(python: string, { waitPolicy, float32Only }: Flags): Record<string, Side> {
  const task = join(folder, "task.json");
  const torch = (dtype: string): Side => ({
    program: python,
    args: [join(root, "bench/peers/lora_step.py"), task, dtype],
    env: waitPolicy ? { OMP_WAIT_POLICY: waitPolicy } : {},
  });
  return {
    ours: {
      program: Deno.execPath(),
      args: ["run", "-A", "--quiet", join(root, "bench/lora_step.ts"), task],
      env: {},
    },
    "torch float32": torch("float32"),
    ...(float32Only ? {} : { "torch bfloat16": torch("bfloat16") }),
  };
}

async function oneRound(sides: Record<string, Side>, round: number, rounds: number) {
  const results: Record<string, Measured> = {};
  for (const [name, side] of Object.entries(sides)) {
    const load = loadAverage();
    const result = await runSide(name, side);
    console.error(
      `round ${round} of ${rounds}, ${name}: ${
        result.seconds.map((s) => s.toFixed(2)).join(" ")
      } s a step, load ${load[0]}`,
    );
    results[name] = { ...result, load };
  }
  return results;
}

/** Ours once more under onnxruntime's profiler, which slows it: only the shares are used. */
async function profiled(ours: Side) {
  const prefix = join(folder, "profile");
  await removeProfiles();
  await runSide("ours, profiled", { ...ours, args: [...ours.args, prefix] });
  const [file] = await profiles();
  const share = matrixShare(await readProfile(join(folder, file)));
  await removeProfiles();
  return share;
}

async function profiles(): Promise<string[]> {
  const files = await Array.fromAsync(Deno.readDir(folder), (entry) => entry.name);
  return files.filter((name) => /^profile.*\.json$/.test(name));
}

async function removeProfiles() {
  for (const name of await profiles()) await Deno.remove(join(folder, name));
}
