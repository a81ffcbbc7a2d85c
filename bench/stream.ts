// Bench: a long JSONL of dialogues read, checked, mapped and written, ours beside Python: a json loop that does the same, and
// `datasets`. Peak memory at two lengths shows whether it grows. The work itself: stream_side.ts and peers/stream.py.
import { join } from "node:path";
import { bundled } from "../lib/data/bundled.ts";
import { writeExamples } from "../lib/data/write.ts";
import type { Example } from "../lib/data/example.ts";
import { hardware, versions } from "../lib/run/machine.ts";
import { setUpPeers } from "../tools/peers.ts";
import { root } from "../tools/setup.ts";
import { parseFlags } from "./flags.ts";
import { columns, spread } from "./report.ts";
import { loadAverage, ownSide, runSide, type Side } from "./side.ts";

const help = `deno task bench stream [flags]

  --lines N        lines of the long file, a tenth of them in the short one (default 1000000)
  --rounds N       rounds, each side once (default 2)
  --ours-only      without Python
  --json           one JSON object on stdout

Lines are our own dialogues over and over, with ids of their own; the files (0.7 GB at a million lines) are removed.`;

/** What each side prints. */
interface StreamResult {
  seconds: number;
  peakBytes: number;
  /** Dialogues written, and the sum over them of the characters of the answers: the same on all sides. */
  count: number;
  characters: number;
}

const folder = join(root, ".ual/bench/stream");

/** How much more memory the long file may take than the short one, in bytes, and still count as constant. */
const SLACK = 64 * 2 ** 20;

/** Runs the bench; 1 where our memory grows with the file or the sides' counts differ. */
export async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args, { numbers: { lines: 1_000_000, rounds: 2 }, switches: ["ours-only"] });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const lengths = [Math.ceil(flags.lines / 10), flags.lines];
  const python = flags["ours-only"] ? undefined : await setUpPeers();
  const before = loadAverage(), lengthResults = [];
  try {
    for (const lines of lengths) lengthResults.push(await measure(lines, flags.rounds, python));
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
  const growth = lengthResults[1].sides.ours.peakBytes - lengthResults[0].sides.ours.peakBytes;
  const report = {
    bench: "stream",
    machine: { ...hardware(), load: undefined },
    versions: versions(),
    lengths: lengthResults,
    growthBytes: growth,
    constant: growth <= SLACK,
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : text(report));
  return report.constant && lengthResults.every((length) => length.agree) ? 0 : 1;
}

interface Length {
  lines: number;
  bytes: number;
  agree: boolean;
  sides: Record<string, { seconds: number; megabytesPerSecond: number; peakBytes: number }>;
}

async function measure(lines: number, rounds: number, python?: string): Promise<Length> {
  const path = join(folder, `${lines}.jsonl`), out = join(folder, "out.jsonl");
  console.error(`writing ${lines} lines`);
  await writeExamples(path, manyDialogues(lines));
  const { size: bytes } = await Deno.stat(path);
  const results: Record<string, StreamResult[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, side] of Object.entries(sidesOf(path, out, python))) {
      await Deno.remove(join(folder, "cache"), { recursive: true }).catch(() => {}); // datasets' own
      const result = await runSide<StreamResult>(name, side);
      (results[name] ??= []).push(result);
      console.error(`${name}, ${lines} lines: ${result.seconds.toFixed(1)} s, load ${loadAverage()[0]}`);
    }
  }
  await Deno.remove(path);
  const all = Object.values(results).flat();
  const sides = Object.fromEntries(
    Object.entries(results).map(([name, of]) => {
      const seconds = spread(of.map((result) => result.seconds)).median;
      const peakBytes = Math.max(...of.map((result) => result.peakBytes));
      return [name, { seconds, megabytesPerSecond: bytes / 1e6 / seconds, peakBytes }];
    }),
  );
  return {
    lines,
    bytes,
    agree: all.every((r) => r.count === lines && r.characters === all[0].characters),
    sides,
  };
}

/** Our own dialogues over and over, with ids of their own. */
async function* manyDialogues(count: number): AsyncGenerator<Example> {
  const examples = await bundled("train");
  for (let i = 0; i < count; i++) {
    const { id: _id, reason: _reason, ...example } = examples[i % examples.length];
    yield { id: `dialogue-${i}`, ...example };
  }
}

function sidesOf(path: string, out: string, python?: string): Record<string, Side> {
  const ours = ownSide("stream_side.ts", path, out);
  if (!python) return { ours };
  const script = join(root, "bench/peers/stream.py"), cache = join(folder, "cache");
  const peer = (kind: string): Side => ({
    program: python,
    args: [script, kind, path, out],
    env: { HF_HOME: cache },
  });
  return { ours, "json loop": peer("loop"), datasets: peer("datasets") };
}

interface Report {
  machine: { cpu?: string; cores: number };
  lengths: Length[];
  growthBytes: number;
  constant: boolean;
  load: { before: number[]; after: number[] };
}

function text({ machine, lengths, growthBytes, constant, load }: Report): string {
  const rows = lengths.flatMap(({ lines, bytes, sides }) =>
    Object.entries(sides).map(([name, side]) => [
      name,
      String(lines),
      `${(bytes / 1e6).toFixed(0)} MB`,
      `${side.seconds.toFixed(2)} s`,
      `${side.megabytesPerSecond.toFixed(0)} MB/s`,
      `${(side.peakBytes / 1e6).toFixed(0)} MB`,
      `${(sides.ours.megabytesPerSecond / side.megabytesPerSecond).toFixed(2)}`,
    ])
  );
  const agree = lengths.every((length) => length.agree);
  return [
    `JSONL read, checked, mapped, written; ${machine.cpu ?? "unknown processor"} (${machine.cores} cores)`,
    "",
    ...columns([["side", "lines", "file", "time", "speed", "peak memory", "ours / it"], ...rows]),
    "",
    `ten times the lines: our peak memory ${(growthBytes / 1e6).toFixed(0)} MB more, constant: ${
      constant ? "yes" : "no"
    }; ` +
    `all sides wrote the same: ${agree ? "yes" : "no"}`,
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}
