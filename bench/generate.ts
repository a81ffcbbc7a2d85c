// Bench: greedy answers with a key/value cache, ours beside transformers' generate in one run: the same prompts, batches and
// number of tokens, and how many texts are the same. The work itself: generate_side.ts and peers/generate.py.
import { join } from "node:path";
import { bundled } from "../lib/data/bundled.ts";
import { encodePrompt, openModel } from "../lib/model/mod.ts";
import { writeFileAtomic } from "../lib/run/files.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { setUpPeers } from "../tools/peers.ts";
import { root } from "../tools/setup.ts";
import { parseFlags } from "./flags.ts";
import { columns, type Spread, spread } from "./report.ts";
import { loadAverage, ownSide, runSide } from "./side.ts";

const help = `deno task bench generate [flags]

  --batch N        texts side by side, beside 1 (default 16)
  --max-new N      new tokens a text (default 128)
  --rounds N       rounds, each side once (default 3)
  --threads N      threads of each side (default: the cores)
  --json           one JSON object on stdout

A side's speed is that of the steps after the prompts are read. Compiling and loading count as start.`;

/** What both sides answer. */
export interface GenerateTask {
  /** The model's folder. */
  model: string;
  /** Prompts' token ids. */
  prompts: number[][];
  maxNew: number;
  threads: number;
}

interface SideResult {
  /** Seconds of each step. */
  seconds: number[];
  /** New ids of each text. */
  ids: number[][];
  peakBytes: number;
  startSeconds: number;
  versions?: Record<string, string>;
}

const folder = join(root, ".ual/bench/generate");
const SIDES = ["ours", "ours int8", "transformers"] as const;
type Round = Record<(typeof SIDES)[number], SideResult>;

/** Runs the bench; 1 where most of the float32 texts differ from the peer's. */
export async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args, {
    numbers: { batch: 16, "max-new": 128, rounds: 3, threads: navigator.hardwareConcurrency },
  });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const path = await writeTask(flags.batch, flags["max-new"], flags.threads);
  const python = await setUpPeers();
  const before = loadAverage();
  const batches = [];
  for (const batch of new Set([1, flags.batch])) {
    const rounds: Round[] = [];
    for (let i = 0; i < flags.rounds; i++) rounds.push(await round(python, path, batch));
    batches.push({ batch, ...summary(rounds, batch) });
  }
  const peer = batches[0].versions;
  const report = {
    bench: "generate",
    settings: { ...flags, help: undefined, json: undefined },
    machine: { ...hardware(), load: undefined },
    versions: { ...versions(), ...peer },
    batches,
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : text(report));
  return batches.every(({ sameTexts, texts }) => 2 * sameTexts > texts) ? 0 : 1;
}

async function writeTask(batch: number, maxNew: number, threads: number): Promise<string> {
  const model = await openModel();
  const examples = [...await bundled("heldout"), ...await bundled("train")].slice(0, batch);
  const prompts = examples.map(({ turns }) =>
    encodePrompt(model.tokenizer, model.chatTemplate, turns.slice(0, -1))
  );
  model.weights.close();
  const task: GenerateTask = { model: model.dir, prompts: prompts.map((ids) => [...ids]), maxNew, threads };
  const path = join(folder, "task.json");
  await writeFileAtomic(path, JSON.stringify(task) + "\n");
  return path;
}

async function round(python: string, path: string, batch: number): Promise<Round> {
  const peer = {
    program: python,
    args: [join(root, "bench/peers/generate.py"), path, String(batch)],
    env: {},
  };
  const own = (weights: string) => ownSide("generate_side.ts", path, String(batch), weights);
  const run = async (name: string, side: Parameters<typeof runSide>[1]) => {
    const result = await runSide<SideResult>(name, side);
    console.error(`batch ${batch}, ${name}: ${(1000 * spread(result.seconds).median).toFixed(1)} ms a step`);
    return result;
  };
  return {
    "ours": await run("ours", own("float32")),
    "ours int8": await run("ours int8", own("int8")),
    "transformers": await run("transformers", peer),
  };
}

function summary(rounds: Round[], batch: number) {
  const speed = ({ seconds }: SideResult) => batch * seconds.length / seconds.reduce((a, b) => a + b, 0);
  const sides = Object.fromEntries(SIDES.map((name) => [name, {
    tokensPerSecond: spread(rounds.map((r) => speed(r[name]))),
    peakBytes: Math.max(...rounds.map((r) => r[name].peakBytes)),
    startSeconds: spread(rounds.map((r) => r[name].startSeconds)).median,
  }]));
  const [{ ours, "ours int8": int8, transformers }] = rounds;
  const same = (a: SideResult, b: SideResult) =>
    a.ids.filter((ids, i) => String(ids) === String(b.ids[i])).length;
  return {
    sides,
    ratio: spread(rounds.map((r) => speed(r.ours) / speed(r.transformers))),
    int8Ratio: spread(rounds.map((r) => speed(r["ours int8"]) / speed(r.transformers))),
    texts: ours.ids.length,
    sameTexts: same(ours, transformers),
    sameInt8Texts: same(int8, transformers),
    versions: transformers.versions!,
  };
}

interface Report {
  settings: { rounds: number; threads: number; "max-new": number };
  machine: { cpu?: string; cores: number };
  versions: Record<string, string>;
  batches: ({ batch: number } & ReturnType<typeof summary>)[];
  load: { before: number[]; after: number[] };
}

function text({ settings, machine, versions, batches, load }: Report): string {
  const range = ({ median, min, max }: Spread, digits: number) =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
  const lines = batches.flatMap(({ batch, sides, ratio, int8Ratio, texts, sameTexts, sameInt8Texts }) => {
    const extra: Record<string, string[]> = {
      "ours": [range(ratio, 2), `${sameTexts} of ${texts}`],
      "ours int8": [range(int8Ratio, 2), `${sameInt8Texts} of ${texts}`],
    };
    return Object.entries(sides).map(([name, side]) => [
      `batch ${batch}, ${name}`,
      range(side.tokensPerSecond, 0),
      `${(side.peakBytes / 1e9).toFixed(2)} GB`,
      `${side.startSeconds.toFixed(1)} s`,
      ...extra[name] ?? ["", ""],
    ]);
  });
  return [
    `greedy answers of ${settings["max-new"]} tokens; ${
      machine.cpu ?? "unknown processor"
    } (${machine.cores} cores), ` +
    `${settings.threads} threads; rounds: ${settings.rounds}`,
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
    "",
    ...columns([["", "tokens/s", "peak", "start", "to transformers", "same texts"], ...lines]),
    "",
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}
