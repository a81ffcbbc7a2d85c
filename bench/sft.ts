// Bench: supervised fine-tuning on real dialogues (LIMA), ours with packed rows beside TRL's SFTTrainer with its padded
// batches, in one run: the same ids, order, adapter and steps. The work itself: lora_step.ts and peers/sft_step.py.
import { join, resolve } from "node:path";
import { readExamples, readSource } from "../lib/data/mod.ts";
import { baseOf, initLora, type Model, openModel, toSequences, writeAdapter } from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { writeFileAtomic } from "../lib/run/files.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { setUpPeers } from "../tools/peers.ts";
import { root } from "../tools/setup.ts";
import { parseFlags } from "./flags.ts";
import { lora } from "./lora_step.ts";
import { columns, largestSampleDifference, type Spread, spread } from "./report.ts";
import { loadAverage, ownSide, runSide, type SideResult, type Task } from "./side.ts";

const help = `deno task bench sft [flags]

  --data FILE      dialogues as JSONL (default: LIMA from the local mirror)
  --examples N     the first N of them that fit (default 64)
  --context N      longest dialogue in tokens; longer ones are left out (default 512)
  --batch N        samples a step (default 8)
  --rounds N       rounds, each side once (default 2)
  --steps N        timed steps a round (default 6)
  --warmup N       steps before them (default 2)
  --max-rows N     ours: rows of the longest dialogue computed at once (default 4, as ual train)
  --threads N      threads of each side (default: the cores)
  --json           one JSON object on stdout

TRL's settings are its defaults but for bf16 and gradient_checkpointing, which are off; ours follow them (no weight decay,
gradient norm at most 1, linear decay, a step's loss the mean over its tokens). Compared are each sample's losses.`;

/** The largest difference of a sample's loss in the first step that passes as equal, in nats. */
const TOLERANCE = 1e-4;
const folder = join(root, ".ual/bench/sft");

/** Runs the bench; 1 where a sample's loss differs between the sides. */
export async function main(args: string[]): Promise<number> {
  const flags = parse(args);
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const task = await writeTask(flags);
  const python = await setUpPeers();
  const before = loadAverage();
  const path = join(folder, "task.json");
  const sides = {
    ours: ownSide("lora_step.ts", path),
    trl: { program: python, args: [join(root, "bench/peers/sft_step.py"), path], env: {} },
  };
  const rounds: Round[] = [];
  for (let round = 1; round <= flags.rounds; round++) {
    const ours = await measured("ours", sides.ours, round), trl = await measured("trl", sides.trl, round);
    rounds.push({ ours, trl });
  }
  const report = {
    bench: "sft",
    task: {
      examples: task.rows.length,
      tokens: task.rows.flat().length,
      targets: task.targets,
      batch: flags.batch,
    },
    settings: { ...flags, help: undefined, json: undefined },
    machine: { ...hardware(), load: undefined },
    versions: { ...versions(), ...rounds[0].trl.versions },
    ...summary(rounds, flags.batch),
    load: { before, after: loadAverage() },
    rounds,
  };
  console.log(flags.json ? JSON.stringify(report) : text(report));
  if (report.firstStepDifference <= TOLERANCE) return 0;
  console.error("Cannot compare: a sample has another loss in the first step; the times mean nothing");
  return 1;
}

function parse(args: string[]) {
  return parseFlags(args, {
    numbers: {
      examples: 64,
      context: 512,
      batch: 8,
      rounds: 2,
      steps: 6,
      warmup: 2,
      "max-rows": 4,
      threads: navigator.hardwareConcurrency,
    },
    texts: ["data"],
  });
}

type SftFlags = ReturnType<typeof parse>;

async function writeTask(flags: SftFlags): Promise<Task> {
  const model = await openModel();
  try {
    const { steps, warmup, threads, batch } = flags;
    const sequences = await wholeDialogues(model, flags);
    const adapter = { params: initLora(baseOf(model).config, lora, 0), lora };
    await writeAdapter(join(folder, "adapter"), adapter, model.dir);
    const supervised = sequences.map((s) => [...s.supervised]);
    const task: Task = {
      model: model.dir,
      adapter: join(folder, "adapter"),
      rows: sequences.map((s) => [...s.ids]),
      supervised,
      targets: supervised.flat().reduce((a, b) => a + b, 0),
      batch,
      steps,
      warmup,
      threads,
      settings: {
        maxRows: flags["max-rows"],
        weightDecay: 0,
        clip: 1,
        schedule: "linear",
        weighting: "token",
      },
    };
    await writeFileAtomic(join(folder, "task.json"), JSON.stringify(task) + "\n");
    return task;
  } finally {
    model.weights.close();
  }
}

/** The first dialogues that fit whole, under the plain ChatML template. */
async function wholeDialogues(model: Model, { data, examples: count, context, batch }: SftFlags) {
  const all = data ? await readExamples(resolve(data)) : await readSource("mirror:lima");
  const template = await Deno.readTextFile(join(root, "data/templates/chatml.jinja"));
  const { sequences, truncated } = toSequences(model, all, { context, supervise: "response", template });
  const cut = new Set(truncated), whole = sequences.filter((s) => !cut.has(s.id)).slice(0, count);
  if (whole.length < Math.max(batch, count)) {
    throw new InputError(
      `Cannot take ${count} dialogues in steps of ${batch}: only ${whole.length} have at most ${context} tokens; ask for fewer or raise --context`,
    );
  }
  return whole;
}

type Round = Record<"ours" | "trl", SideResult & { load: number[] }>;

async function measured(name: string, side: Parameters<typeof runSide>[1], round: number) {
  const load = loadAverage();
  const result = await runSide(name, side);
  const seconds = result.seconds.map((s) => s.toFixed(2)).join(" ");
  console.error(`round ${round}, ${name}: ${seconds} s a step, load ${load[0]}`);
  return { ...result, load };
}

/** Examples a second over all timed steps of a round: steps differ in length, so their sum is compared, not their median. */
function summary(rounds: Round[], batch: number) {
  const speed = ({ seconds }: SideResult) => batch * seconds.length / seconds.reduce((a, b) => a + b, 0);
  const side = (name: "ours" | "trl") => ({
    examplesPerSecond: spread(rounds.map((round) => speed(round[name]))),
    peakBytes: Math.max(...rounds.map((round) => round[name].peakBytes)),
    startSeconds: spread(rounds.map((round) => round[name].startSeconds)).median,
    places: rounds[0][name].places!,
    losses: rounds[0][name].losses,
  });
  const differences = rounds.map(({ ours, trl }) => largestSampleDifference(ours.samples!, trl.samples!));
  return {
    sides: { ours: side("ours"), trl: side("trl") },
    ratio: spread(rounds.map(({ ours, trl }) => speed(ours) / speed(trl))),
    layout: rounds[0].ours.layout!,
    firstStepDifference: Math.max(...differences.map(([first]) => first)),
    largestDifference: Math.max(...differences.flat()),
    firstStep: rounds[0].ours.samples![0].map((ours, i) => ({ ours, trl: rounds[0].trl.samples![0][i] })),
  };
}

type Report = ReturnType<typeof summary> & {
  task: { examples: number; tokens: number; targets: number; batch: number };
  machine: { cpu?: string; cores: number };
  settings: { rounds: number; steps: number; threads: number; context: number };
  versions: Record<string, string>;
  load: { before: number[]; after: number[] };
};

function text(report: Report): string {
  const { task, machine, settings, versions, sides, ratio, layout, load } = report;
  const range = ({ median, min, max }: Spread) =>
    `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
  const rows = Object.entries(sides).map(([name, side]) => [
    name,
    range(side.examplesPerSecond),
    String(side.places),
    `${(side.peakBytes / 1e9).toFixed(2)} GB`,
    side.losses[0].toFixed(6),
    side.losses.at(-1)!.toFixed(6),
  ]);
  return [
    `fine-tuning on ${task.examples} dialogues of at most ${settings.context} tokens (${task.tokens} tokens, ` +
    `${task.targets} targets), ${task.batch} a step; ${
      machine.cpu ?? "unknown processor"
    } (${machine.cores} cores), ` +
    `${settings.threads} threads; rounds: ${settings.rounds}`,
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
    "",
    ...columns([["", "examples/s", "token places", "peak", "first loss", "last loss"], ...rows]),
    "",
    `ours/TRL: ${range(ratio)} examples/s; our rows: ${layout.B} × ${layout.T}, at most ${layout.R} targets`,
    `largest difference of a sample's loss: ${
      report.firstStepDifference.toExponential(1)
    } nats in the first step, ` +
    `${report.largestDifference.toExponential(1)} in all`,
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}
