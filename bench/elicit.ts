// Bench: so many ratings from a judge on loopback that takes a fixed time for each: ours, elicit() with its retries, limits
// and fsynced ledger, beside the openai package alone, a bare fetch loop, and the time that the judge itself needs: the time it spent
// on all calls over how many it had at once, which no client can beat.
import { join } from "node:path";
import { hardware, versions } from "../lib/run/machine.ts";
import { root } from "../tools/setup.ts";
import type { ElicitResult, ElicitTask } from "./elicit_side.ts";
import { parseFlags } from "./flags.ts";
import { columns, type Spread, spread } from "./report.ts";
import { loadAverage, ownSide, runSide } from "./side.ts";

const help = `deno task bench elicit [flags]

  --calls N        ratings (default 10000)
  --concurrency N  calls at once (default 64)
  --service N      milliseconds that the judge takes for one (default 100)
  --rounds N       how often each side runs, in turn (default 2)
  --json           one JSON object on stdout`;

/** How much longer than the judge itself needs ours may take. */
const GOAL = 1.1;
const folder = join(root, ".ual/bench/elicit");
const sides = ["ours", "openai", "fetch"] as const;

/** A side's result, and the seconds that the judge needed for it. */
type Measured = ElicitResult & { judge: number };

/** Runs the bench; 1 where ours takes more than 10% longer than the judge itself needs. */
export async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args, { numbers: { calls: 10_000, concurrency: 64, service: 100, rounds: 2 } });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const before = loadAverage(), rounds: Record<string, Measured>[] = [];
  for (let i = 0; i < flags.rounds; i++) {
    const round: Record<string, Measured> = {};
    // first one, then the other, so that none is always the first
    for (const side of i % 2 ? sides.toReversed() : sides) round[side] = await runOne(side, flags);
    rounds.push(round);
  }
  const report = sumUp(rounds, flags);
  const all = { ...report, load: { before, after: loadAverage() } };
  console.log(flags.json ? JSON.stringify(all) : text(all));
  return report.within ? 0 : 1;
}

interface Setting {
  calls: number;
  concurrency: number;
  service: number;
}

/** One side against a judge of its own, with an empty ledger. */
async function runOne(
  side: ElicitTask["side"],
  { calls, concurrency, service }: Setting,
): Promise<Measured> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const { program, args } = ownSide("elicit_server.ts", `${service}`);
  await using judge = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  const output = judge.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const baseUrl = (await output.read()).value!.trim(), path = join(folder, "task.json");
  const task: ElicitTask = { side, baseUrl, calls, concurrency, ledger: join(folder, "answers.jsonl") };
  await Deno.writeTextFile(path, JSON.stringify(task));
  const result = await runSide<ElicitResult>(side, ownSide("elicit_side.ts", path));
  await judge.stdin.close();
  const { busiest, spent } = JSON.parse((await output.read()).value!);
  if (result.answers !== calls) {
    throw new Error(`Cannot measure ${side}: ${result.answers} of ${calls} answers came`);
  }
  if (busiest > concurrency) throw new Error(`Cannot measure ${side}: it asked ${busiest} at once`);
  const needed = spent / concurrency / 1000;
  console.error(`${side}: ${result.seconds.toFixed(2)} s, of which the judge needed ${needed.toFixed(2)}`);
  return { ...result, judge: needed };
}

function sumUp(rounds: Record<string, Measured>[], { calls, concurrency, service }: Setting) {
  const ideal = Math.ceil(calls / concurrency) * service / 1000;
  const table = Object.fromEntries(sides.map((side) => [side, {
    seconds: spread(rounds.map((round) => round[side].seconds)),
    overIdeal: spread(rounds.map((round) => round[side].seconds / ideal)),
    overJudge: spread(rounds.map((round) => round[side].seconds / round[side].judge)),
    overFetch: spread(rounds.map((round) => round[side].seconds / round.fetch.seconds)),
    cpuMilliseconds: spread(rounds.map((round) => 1000 * round[side].cpuSeconds / calls)),
    peakBytes: Math.max(...rounds.map((round) => round[side].peakBytes)),
  }]));
  return {
    bench: "elicit",
    machine: { ...hardware(), load: undefined },
    versions: versions(),
    settings: { calls, concurrency, service, rounds: rounds.length },
    ideal,
    sides: table,
    within: table.ours.overJudge.median <= GOAL,
  };
}

function text(report: ReturnType<typeof sumUp> & { load: { before: number[]; after: number[] } }): string {
  const { settings: { calls, concurrency, service, rounds }, machine, ideal, load } = report;
  const shown = ({ median, min, max }: Spread) =>
    `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
  const rows = Object.entries(report.sides).map(([name, side]) => [
    name,
    shown(side.seconds),
    shown(side.overJudge),
    shown(side.overIdeal),
    shown(side.overFetch),
    shown(side.cpuMilliseconds),
    `${(side.peakBytes / 1e6).toFixed(0)} MB`,
  ]);
  return [
    `${calls} ratings, ${concurrency} at once, ${service} ms each: nominally ${ideal.toFixed(2)} s; ` +
    `${machine.cpu ?? "unknown processor"} (${machine.cores} cores), rounds: ${rounds}`,
    "",
    ...columns([
      ["", "seconds", "/ judge's need", "/ nominal", "/ fetch", "ms of processor a call", "peak"],
      ...rows,
    ]),
    "",
    `ours within ${GOAL.toFixed(2)} of what the judge needs: ${
      report.within ? "yes" : "no"
    }; load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}
