// Bench: a LoRA step of the 135M model, ours beside PyTorch + PEFT, in one run. The sides take turns, each round a fresh
// process that trains the same adapter on the same tokens. The work itself: lora_step.ts and peers/lora_step.py.
import { join } from "node:path";
import { readProfile } from "../lib/jit/profile.ts";
import { InputError } from "../lib/run/errors.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { setUpPeers } from "../tools/peers.ts";
import { root } from "../tools/setup.ts";
import { parseFlags } from "./flags.ts";
import { lora } from "./lora_step.ts";
import { matrixShare, operatorTimes } from "./profile.ts";
import { compare, type Measured, reportText } from "./report.ts";
import { besideBusy, loadAverage, ownSide, runSide, type Side } from "./side.ts";
import { writeTask } from "./task.ts";

const help = `deno task bench train [flags]

  --rounds N       rounds, each side once (default 3)
  --steps N        timed steps a round (default 5)
  --warmup N       steps before them (default 2: the first ones touch fresh memory)
  --batch N        rows of --context tokens a step (default 4)
  --context N      tokens a row (default 256)
  --threads N      threads of each side (default: the cores)
  --busy N         then as many rounds again beside N processes that compute without end (default 0: none)
  --wait-policy P  OMP_WAIT_POLICY for PyTorch, active or passive (default: not set, as PyTorch comes)
  --float32-only   leave PyTorch's bfloat16 out (minutes a step where the processor has no instructions for it)
  --tfjs-node      also the same program run eagerly by tfjs-node (deno task setup --engine tfjs-node), with huge pages
  --json           one JSON object on stdout`;

/** How long a slow peer may go on. */
const limitSeconds = 200;

const folder = join(root, ".ual/bench/train");

/** Runs the bench; 1 where the losses of ours and PyTorch's float32 differ. */
export async function main(args: string[]): Promise<number> {
  const flags = parse(args);
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const python = await setUpPeers();
  const task = await writeTask(folder, { ...flags, limitSeconds });
  const sides = sidesOf(python, flags);
  const before = loadAverage();
  const rounds = await allRounds(sides, flags.rounds);
  const tokens = task.rows.flat().length;
  const busy = flags.busy > 0
    ? await besideBusy(flags.busy, () => allRounds(sides, flags.rounds, `beside ${flags.busy} busy, `))
    : undefined;
  const shares = await profiled(sides.ours);
  const report = {
    bench: "train",
    task: { batch: task.rows.length, context: task.rows[0].length, targets: task.targets, lora },
    settings: { ...flags, help: undefined, json: undefined },
    machine: { ...hardware(), load: undefined },
    versions: { ...versions(), ...rounds[0]["torch float32"].versions },
    ...compare(rounds, tokens),
    ...(busy ? { busy: { processes: flags.busy, ...compare(busy, tokens) } } : {}),
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
  const { "wait-policy": waitPolicy, "float32-only": float32Only, "tfjs-node": tfjsNode, ...rest } =
    parseFlags(args, {
      numbers: {
        rounds: 3,
        steps: 5,
        warmup: 2,
        batch: 4,
        context: 256,
        threads: navigator.hardwareConcurrency,
        busy: 0,
      },
      texts: ["wait-policy"],
      switches: ["float32-only", "tfjs-node"],
    });
  if (waitPolicy !== undefined && !/^(active|passive)$/i.test(waitPolicy)) {
    throw new InputError(`Cannot set --wait-policy ${waitPolicy}: choose active or passive`);
  }
  return { ...rest, waitPolicy, float32Only, tfjsNode };
}

type Flags = ReturnType<typeof parse>;

function sidesOf(python: string, { waitPolicy, float32Only, tfjsNode }: Flags): Record<string, Side> {
  const task = join(folder, "task.json"), env = { GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" };
  const torch = (dtype: string): Side => ({
    program: python,
    args: [join(root, "bench/peers/lora_step.py"), task, dtype],
    env: waitPolicy ? { OMP_WAIT_POLICY: waitPolicy } : {},
  });
  return {
    ours: ownSide("lora_step.ts", task),
    "torch float32": torch("float32"),
    ...(float32Only ? {} : { "torch bfloat16": torch("bfloat16") }),
    ...(tfjsNode ? { "tfjs-node": { ...ownSide("lora_step.ts", task, "--engine=tfjs-node"), env } } : {}),
  };
}

async function allRounds(sides: Record<string, Side>, count: number, note = "") {
  const rounds: Record<string, Measured>[] = [];
  for (let round = 1; round <= count; round++) {
    rounds.push(await oneRound(sides, `${note}round ${round} of ${count}`));
  }
  return rounds;
}

async function oneRound(sides: Record<string, Side>, title: string) {
  const results: Record<string, Measured> = {};
  for (const [name, side] of Object.entries(sides)) {
    const load = loadAverage();
    const result = await runSide(name, side);
    console.error(
      `${title}, ${name}: ${result.seconds.map((s) => s.toFixed(2)).join(" ")} s a step, load ${load[0]}`,
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
  const share = matrixShare(operatorTimes(await readProfile(join(folder, file))));
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
