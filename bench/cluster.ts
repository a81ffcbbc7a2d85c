// Bench: silhouettes and principal components of many features, ours beside scikit-learn's, time and peak memory, results
// checked for equality. The work itself: cluster_side.ts and peers/cluster.py.
import { join } from "node:path";
import { hardware, versions } from "../lib/run/machine.ts";
import { setUpPeers } from "../tools/peers.ts";
import { root } from "../tools/setup.ts";
import { writeRows } from "./cluster_data.ts";
import { parseFlags } from "./flags.ts";
import { columns, type Spread, spread } from "./report.ts";
import { loadAverage, ownSide, runSide, type Side } from "./side.ts";

const help = `deno task bench cluster [flags]

  --points N       points of the silhouettes, 576 numbers each (default 20000)
  --rows N         rows of the PCA, 4,096 numbers each (default 5000)
  --rounds N       rounds, each side once (default 3)
  --threads N      threads of each side (default 2)
  --no-full        without scikit-learn's full decomposition, which takes minutes and runs in the first round only
  --ours-only      without Python
  --json           one JSON object on stdout`;

/** What each side prints. */
interface ClusterResult {
  seconds: number;
  peakBytes: number;
  /** The silhouette; or the shares of variance and the components. */
  values: number[];
  versions?: Record<string, string>;
}

/** A piece of work and who does it; the first side is ours. */
interface Job {
  name: string;
  sides: Record<string, Side>;
  /** Sides whose results need not be equal, and sides that run in the first round only. */
  approximate?: string;
  once?: string;
  /** How many times as quick as the slowest of scikit-learn's exact sides ours is to be. */
  goal: number;
  /** The largest difference that passes as equal. */
  tolerance: number;
}

const folder = join(root, ".ual/bench/cluster");
const SILHOUETTE = join(folder, "silhouette.npy"), PCA = join(folder, "pca.npy");

/** Runs the bench; 1 where results differ or a goal is missed. */
export async function main(args: string[]): Promise<number> {
  const flags = parseFlags(args, {
    numbers: { points: 20_000, rows: 5_000, rounds: 3, threads: 2 },
    switches: ["ours-only", "no-full"],
  });
  if (flags.help) {
    console.log(help);
    return 0;
  }
  const python = flags["ours-only"] ? undefined : await setUpPeers(), before = loadAverage();
  const jobs = jobsOf(String(flags.threads), python, flags["no-full"]), results: Summary[] = [];
  try {
    console.error("writing rows");
    await writeRows(SILHOUETTE, [flags.points, 576], 40);
    await writeRows(PCA, [flags.rows, 4096], 1);
    for (const job of jobs) results.push(summary(job, await measure(job, flags.rounds)));
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
  const report = {
    bench: "cluster",
    machine: { ...hardware(), load: undefined },
    versions: { ...versions(), ...results[0].versions },
    settings: flags,
    jobs: results,
    load: { before, after: loadAverage() },
  };
  console.log(flags.json ? JSON.stringify(report) : text(report));
  return results.every((job) => job.agree && job.reached) ? 0 : 1;
}

function jobsOf(threads: string, python: string | undefined, noFull: boolean): Job[] {
  const script = join(root, "bench/peers/cluster.py");
  const side = (...args: string[]): Side => ({ program: python!, args: [script, ...args, threads], env: {} });
  const silhouettes = ["2", "40"].map((labels): Job => {
    const work = ["silhouette", SILHOUETTE, labels];
    return {
      name: `silhouette, ${labels} labels`,
      sides: {
        ours: ownSide("cluster_side.ts", ...work, threads),
        ...(python && { "scikit-learn": side(...work) }),
      },
      goal: 2,
      tolerance: 1e-6,
    };
  });
  const pca = (solver: string) => side("pca", PCA, solver);
  return [...silhouettes, {
    name: "PCA, 2 components",
    sides: {
      ours: ownSide("cluster_side.ts", "pca", PCA, threads),
      ...(python && { [RANDOMIZED]: pca("auto"), ...(noFull ? {} : { [FULL]: pca("full") }) }),
    },
    approximate: RANDOMIZED,
    once: FULL,
    goal: 1,
    tolerance: 1e-4,
  }];
}

/** What svd_solver="auto" takes at this size: not exact. */
const RANDOMIZED = "scikit-learn, randomized", FULL = "scikit-learn, full";

type Round = Record<string, ClusterResult>;

async function measure({ name: job, sides, once }: Job, rounds: number): Promise<Round[]> {
  const found: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    found.push({});
    for (const [name, side] of Object.entries(sides)) {
      if (round > 0 && name === once) continue;
      const result = found[round][name] = await runSide<ClusterResult>(name, side);
      console.error(`${job}: ${name}: ${result.seconds.toFixed(2)} s, load ${loadAverage()[0]}`);
    }
  }
  return found;
}

/** A side's share of a job, beside ours. */
interface SideSummary {
  seconds: Spread;
  peakBytes: number;
  /** Its time over ours, within a round. */
  ratio: Spread;
  /** The largest difference of its results from ours. */
  off: number;
}

interface Summary {
  name: string;
  goal: number;
  /** Whether ours is as quick as the goal beside every side, and equals all exact ones. */
  reached: boolean;
  agree: boolean;
  sides: Record<string, SideSummary>;
  versions: Record<string, string>;
}

function summary({ name: job, sides, approximate, goal, tolerance }: Job, rounds: Round[]): Summary {
  const rows = Object.keys(sides).map((name): [string, SideSummary] => {
    const own = rounds.filter((round) => round[name]);
    return [name, {
      seconds: spread(own.map((round) => round[name].seconds)),
      peakBytes: Math.max(...own.map((round) => round[name].peakBytes)),
      ratio: spread(own.map((round) => round[name].seconds / round.ours.seconds)),
      off: Math.max(
        ...own.flatMap((round) => round[name].values.map((v, i) => Math.abs(v - round.ours.values[i]))),
      ),
    }];
  });
  const theirs = rows.slice(1);
  return {
    name: job,
    goal,
    reached: theirs.every(([, { ratio }]) => ratio.median >= goal),
    agree: theirs.every(([name, { off }]) => name === approximate || off <= tolerance),
    sides: Object.fromEntries(rows),
    versions: Object.assign({}, ...Object.values(rounds[0]).map((result) => result.versions)),
  };
}

function text({ machine, versions, settings, jobs, load }: {
  machine: { cpu?: string; cores: number };
  versions: Record<string, string>;
  settings: { points: number; rows: number; rounds: number; threads: number };
  jobs: Summary[];
  load: { before: number[]; after: number[] };
}): string {
  const rows = jobs.flatMap(({ name: job, sides }) =>
    Object.entries(sides).map(([name, { seconds, peakBytes, ratio, off }]) => [
      `${job}: ${name}`,
      `${seconds.median.toFixed(2)} s`,
      `${seconds.min.toFixed(2)}–${seconds.max.toFixed(2)}`,
      `${(peakBytes / 1e6).toFixed(0)} MB`,
      name === "ours" ? "" : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
      name === "ours" ? "" : off.toExponential(1),
    ])
  );
  const goals = jobs.map(({ name, goal, reached, agree }) =>
    `${name}: ${goal} times as quick: ${reached ? "yes" : "no"}, equal: ${agree ? "yes" : "no"}`
  );
  return [
    `Silhouettes of ${settings.points} × 576 and a PCA of ${settings.rows} × 4096 float32; ${
      machine.cpu ?? "unknown processor"
    } (${machine.cores} cores), ${settings.threads} threads; rounds: ${settings.rounds}`,
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
    "",
    ...columns([["side", "time", "range", "peak memory", "its time / ours", "difference"], ...rows]),
    "",
    ...goals,
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}
