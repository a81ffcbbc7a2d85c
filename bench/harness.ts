// Bench: benchmarks beside the real lm-evaluation-harness on the same local files and weights: whether prompts, tokens,
// log-likelihoods, choices and texts agree, and items a second. The work itself: harness_side.ts and peers/harness.py.
import { join } from "node:path";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import type { Item, OpenTask, Settings } from "../lib/evaluate/task.ts";
import { openModel } from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { sha256Hex, writeFileAtomic } from "../lib/run/files.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { setUpPeers } from "../tools/peers.ts";
import { root } from "../tools/setup.ts";
import { parseFlags } from "./flags.ts";
import { type Agreement, agrees, compareRows } from "./harness_compare.ts";
import { harnessText } from "./harness_report.ts";
import { filesOf, parseWorkload, type Work, WORKLOADS } from "./harness_work.ts";
import { type Spread, spread } from "./report.ts";
import { loadAverage, ownSide, runSide } from "./side.ts";

const help = `deno task bench harness [flags]

  --tasks LIST     workloads with commas between them, each TASK[+TASK…][:SHOTS][/ITEMS A TASK] (default:
                   ${WORKLOADS.join(", ")})
  --limit N        items of each task, instead of the workloads' own
  --settings NAME  harness or openllm: shots where a workload names none, and where they come from (default harness)
  --mirror DIR     the folder of real benchmarks (default: the project's bundled ones)
  --model PATH     the model's folder (default: the default model)
  --batches LIST   the harness's batch sizes; with several each is tried once and the fastest kept (default 1,8,16,32)
  --rounds N       rounds, each side once, ours first (default 3)
  --threads N      threads of each side (default: the cores)
  --prompts        compare the prompts of all documents and stop; no model runs
  --json           one JSON object on stdout

Timed is what turns prompts into results. The harness: its model's loglikelihood() and generate_until(), that is encoding,
forward passes, decoding; loading, building prompts and a first item are not counted. Ours: all of evaluate(), which also
compiles its programs and grades; beside it the ratio for what came after its first batch, when that is compiled. The
harness runs with OMP_WAIT_POLICY=PASSIVE, in float32.`;

const folder = join(root, ".ual/bench/harness");

/** A side's result in a round. */
export interface SideRun {
  seconds: number;
  items: number;
  peakBytes: number;
  startSeconds: number;
  /** Ours: seconds of `seconds` that went by before the first item was scored. */
  firstSeconds?: number;
  /** Ours: the items after the first batch, and their seconds: its speed once it is compiled. */
  later?: { items: number; seconds: number };
  versions?: Record<string, string>;
}

/** What came out for a workload. */
export interface WorkloadResult {
  label: string;
  shots: number;
  /** Documents whose whole prompt and right answer were compared, and how many differ. */
  prompts: { items: number; differ: number; examples: string[] };
  agreement?: Agreement;
  /** Items a second of both, and ours to the harness's. */
  ours?: Spread;
  theirs?: Spread;
  ratio?: Spread;
  /** The same for ours once compiled, as in a run over a whole benchmark; absent where all fitted one batch. */
  laterRatio?: Spread;
  batch?: string;
  /** Items a second at each batch size that was tried. */
  tried?: Record<string, number>;
  peakBytes?: { ours: number; theirs: number };
  startSeconds?: { ours: number; theirs: number };
  rounds?: { ours: SideRun; theirs: SideRun }[];
}

/** Runs the bench; 1 where a prompt, token, choice or text differs, or a log-likelihood by more than 0.001. */
export async function main(args: string[]): Promise<number> {
  const flags = parse(args);
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const works = await writeWorks(flags);
  const python = await setUpPeers(), before = loadAverage(), results: WorkloadResult[] = [];
  for (const { path, work, opened } of works) {
    const prompts = await comparePrompts(python, path, opened);
    const result: WorkloadResult = { label: work.label, shots: opened[0].shots, prompts };
    console.error(`${work.label}: ${prompts.items} prompts, ${prompts.differ} differ`);
    if (!flags.prompts) Object.assign(result, await timed(python, path, flags));
    results.push(result);
  }
  const report = {
    bench: "harness",
    settings: { ...flags, help: undefined, json: undefined },
    machine: { ...hardware(), load: undefined },
    versions: { ...versions(), ...results.flatMap(({ rounds = [] }) => rounds)[0]?.theirs.versions },
    results,
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : harnessText(report));
  return results.every((r) => r.prompts.differ === 0 && (!r.agreement || agrees(r.agreement))) ? 0 : 1;
}

type BenchFlags = ReturnType<typeof parse>;

function parse(args: string[]) {
  const { limit, settings = "harness", batches = "1,8,16,32", ...flags } = parseFlags(args, {
    numbers: { rounds: 3, threads: navigator.hardwareConcurrency },
    texts: ["tasks", "limit", "settings", "mirror", "model", "batches"],
    switches: ["prompts"],
  });
  if (settings !== "harness" && settings !== "openllm") {
    throw new InputError(`Cannot run the bench with --settings ${settings}: choose from harness, openllm`);
  }
  if (limit !== undefined && !/^[1-9]\d{0,8}$/.test(limit)) {
    throw new InputError(`Cannot run the bench with --limit ${limit}: give a whole number from 1 on`);
  }
  const sizes = batches.split(",");
  const wrong = sizes.find((size) => size !== "auto" && !/^[1-9]\d{0,3}$/.test(size));
  if (wrong !== undefined) {
    throw new InputError(`Cannot run the bench with --batches ${wrong}: give whole numbers, or auto`);
  }
  const workloads = (flags.tasks?.split(",") ?? WORKLOADS).map((text) =>
    parseWorkload(text.trim(), limit === undefined ? undefined : Number(limit))
  );
  return { ...flags, settings: settings as Settings, batches: sizes, workloads };
}

/** Each workload's file, and all of its documents as our side asks them. */
async function writeWorks({ workloads, settings, mirror, model: ref, threads }: BenchFlags) {
  const model = await openModel(ref);
  model.weights.close();
  const works = [];
  for (const [i, workload] of workloads.entries()) {
    const opened = await openTasks(workload.names, { mirror }, { settings, shots: workload.shots });
    const work: Work = {
      ...workload,
      model: model.dir,
      threads,
      mirror,
      settings,
      openllm: settings === "openllm",
      tasks: opened.map((task) => filesOf(task, mirror)),
    };
    const path = join(folder, `work_${i}.json`);
    await writeFileAtomic(path, JSON.stringify(work) + "\n");
    works.push({ path, work, opened });
  }
  return works;
}

async function comparePrompts(python: string, path: string, opened: OpenTask[]) {
  const script = join(root, "bench/peers/harness_prompts.py");
  const theirs = await runSide<Record<string, Record<string, string>>>("the harness's prompts", {
    program: python,
    args: [script, path],
    env: {},
  });
  const found = { items: 0, differ: 0, examples: [] as string[] };
  for (const { task, items } of opened) {
    found.items += items.length;
    for (const item of items.filter((item) => theirs[task.name][item.docIndex] !== asked(item))) {
      if (++found.differ <= 5) found.examples.push(`${task.name} row ${item.docIndex}`);
    }
  }
  return found;
}

/** The hash of all that an item is made of, as peers/harness_prompts.py makes it. */
function asked(item: Item): string {
  const parts = item.kind === "choice"
    ? [
      ...item.continuations.flatMap((text, i) => [item.contexts[i] ?? item.contexts[0], text]),
      String(item.gold),
    ]
    : [item.contexts[0], item.target];
  return sha256Hex(parts.join("\0"));
}

async function timed(python: string, path: string, { batches, rounds: count }: BenchFlags) {
  const rows = { ours: join(folder, "ours.jsonl"), theirs: join(folder, "theirs.jsonl") };
  const theirs = (batch: string) =>
    runSide<SideRun>(`the harness at batch ${batch}`, {
      program: python,
      args: [join(root, "bench/peers/harness.py"), path, batch, rows.theirs],
      env: {},
    });
  const speed = ({ items, seconds }: SideRun) => items / seconds;
  const later = (side: SideRun) => ({ ...side, ...side.later });
  const said = (name: string, side: SideRun) =>
    console.error(`  ${name}: ${side.items} items in ${side.seconds.toFixed(1)} s`);
  const tried: Record<string, number> = {};
  if (batches.length > 1) {
    for (const batch of batches) {
      const side = await theirs(batch);
      tried[batch] = speed(side);
      said(`batch ${batch}`, side);
    }
  }
  const batch = batches.reduce((best, b) => tried[b] > tried[best] ? b : best);
  const rounds: { ours: SideRun; theirs: SideRun }[] = [];
  for (let i = 0; i < count; i++) {
    const ours = await runSide<SideRun>("ours", ownSide("harness_side.ts", path, rows.ours));
    said("ours", ours);
    const their = await theirs(batch);
    said(`the harness, batch ${batch}`, their);
    rounds.push({ ours, theirs: their });
  }
  const most = (side: "ours" | "theirs") => Math.max(...rounds.map((round) => round[side].peakBytes));
  const start = (side: "ours" | "theirs") => spread(rounds.map((round) => round[side].startSeconds)).median;
  return {
    agreement: compareRows(await readRows(rows.ours), await readRows(rows.theirs)),
    ours: spread(rounds.map((round) => speed(round.ours))),
    theirs: spread(rounds.map((round) => speed(round.theirs))),
    ratio: spread(rounds.map(({ ours, theirs }) => speed(ours) / speed(theirs))),
    ...(rounds.every(({ ours }) => ours.later!.items > 0)
      ? { laterRatio: spread(rounds.map(({ ours, theirs }) => speed(later(ours)) / speed(theirs))) }
      : {}),
    batch,
    tried,
    peakBytes: { ours: most("ours"), theirs: most("theirs") },
    startSeconds: { ours: start("ours"), theirs: start("theirs") },
    rounds,
  };
}

async function readRows(path: string) {
  return (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
}
