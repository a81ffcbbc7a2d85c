// What train.ts found, as numbers and as text. Ratios are taken within a round, whose sides ran next to each other.
import type { Shares } from "./profile.ts";
import type { SideResult } from "./side.ts";

/** A side's result in one round, with the load average when it started. */
export type Measured = SideResult & { load: number[] };

/** The middle of several rounds, and their ends. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** The largest difference of losses that passes as equal, in nats. */
const TOLERANCE = 1e-4;

/** The median of `values` (of an even count the mean of the middle two), the least and the most. */
export function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b), n = sorted.length;
  return {
    median: (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2,
    min: sorted[0],
    max: sorted[n - 1],
  };
}

/** Sums up rounds (side → result) of steps over `tokens` tokens. The first side is ours. */
export function compare(rounds: Record<string, Measured>[], tokens: number) {
  const names = Object.keys(rounds[0]), [ours, ...theirs] = names;
  const common = Math.min(...rounds.flatMap((round) => names.map((name) => round[name].losses.length)));
  const speed = (side: Measured) => tokens / spread(side.seconds).median;
  const sides = Object.fromEntries(names.map((name) => {
    const of = rounds.map((round) => round[name]), seconds = of.flatMap((side) => side.seconds);
    return [name, {
      // the middle round's middle step, the slowest and the fastest step
      tokensPerSecond: {
        median: spread(of.map(speed)).median,
        min: tokens / Math.max(...seconds),
        max: tokens / Math.min(...seconds),
      },
      steps: seconds.length,
      peakBytes: Math.max(...of.map((side) => side.peakBytes)),
      startSeconds: spread(of.map((side) => side.startSeconds)).median,
      firstLoss: of[0].losses[0],
      // after the last step that all sides took
      lastLoss: of[0].losses[common - 1],
    }];
  }));
  const ratios = Object.fromEntries(theirs.map((name) => [name, {
    speed: spread(rounds.map((round) => speed(round[ours]) / speed(round[name]))),
    memory: sides[ours].peakBytes / sides[name].peakBytes,
    lossDifference: largestDifference(rounds, ours, name),
  }]));
  const median = (of: (side: Measured) => number) => spread(rounds.map((round) => of(round[ours]))).median;
  return {
    sides,
    ratios,
    lossesAgree: ratios[theirs[0]].lossDifference <= TOLERANCE,
    compileSeconds: median((side) => side.traceSeconds!),
    sessionSeconds: median((side) => side.sessionSeconds!),
    rounds,
  };
}

function largestDifference(rounds: Record<string, Measured>[], a: string, b: string): number {
  return Math.max(...rounds.flatMap((round) => {
    const theirs = round[b].losses;
    return theirs.map((loss, i) => Math.abs(round[a].losses[i] - loss));
  }));
}

/** The largest difference of a sample's loss in each step, in nats; both sides took the same samples in each. */
export function largestSampleDifference(ours: number[][], theirs: number[][]): number[] {
  return ours.map((step, s) => {
    if (theirs[s]?.length !== step.length) {
      throw new Error(`internal: the sides differ in step ${s + 1}'s samples`);
    }
    return Math.max(...step.map((loss, i) => Math.abs(loss - theirs[s][i])));
  });
}

/** All that is printed. */
export interface Report extends ReturnType<typeof compare> {
  task: { batch: number; context: number; targets: number };
  machine: { cpu?: string; cores: number };
  settings: { rounds: number; steps: number; threads: number };
  versions: Record<string, string>;
  matrixProducts: Shares;
  /** The same beside processes that compute without end. */
  busy?: ReturnType<typeof compare> & { processes: number };
  load: { before: number[]; after: number[] };
}

/** The report for reading. */
export function reportText(report: Report): string {
  const { task, machine, settings, versions, sides, ratios, matrixProducts, load } = report;
  const percent = (x: number) => `${(100 * x).toFixed(0)}%`;
  const rows = Object.entries(sides).map(([name, side]) => {
    const { median, min, max } = side.tokensPerSecond, ratio = ratios[name];
    return [
      name,
      median.toFixed(0),
      `${min.toFixed(0)}–${max.toFixed(0)}`,
      String(side.steps),
      `${(side.peakBytes / 1e9).toFixed(2)} GB`,
      side.firstLoss.toFixed(6),
      side.lastLoss.toFixed(6),
      ratio
        ? `${ratio.speed.median.toFixed(2)} (${ratio.speed.min.toFixed(2)}–${ratio.speed.max.toFixed(2)})`
        : "",
      ratio ? ratio.memory.toFixed(2) : "",
    ];
  });
  const heads = [
    "",
    "tokens/s",
    "range",
    "steps",
    "peak",
    "first loss",
    "last loss",
    "ours/theirs: speed",
    "memory",
  ];
  return [
    `LoRA step, ${task.batch} × ${task.context} tokens, ${task.targets} targets; ${
      machine.cpu ?? "unknown processor"
    }` +
    ` (${machine.cores} cores), ${settings.threads} threads; rounds: ${settings.rounds}`,
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
    "",
    ...columns([heads, ...rows]),
    "",
    `ours: compile ${report.compileSeconds.toFixed(1)} s, session ${report.sessionSeconds.toFixed(1)} s, ` +
    `matrix products ${percent(matrixProducts.share)} of the kernels' time`,
    ...busyLines(report),
    matrixProducts.operators.map(({ op, share }) => `${op} ${percent(share)}`).join(", "),
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}

function busyLines({ busy }: Report): string[] {
  if (!busy) return [];
  const ratios = Object.entries(busy.ratios).map(([name, { speed }]) =>
    `${name} ${speed.median.toFixed(2)} (${speed.min.toFixed(2)}–${speed.max.toFixed(2)})`
  );
  const own = Object.values(busy.sides)[0].tokensPerSecond.median.toFixed(0);
  return [`beside ${busy.processes} busy processes: ours ${own} tokens/s; ours/theirs: ${ratios.join(", ")}`];
}

/** Lines of equally wide columns: the first to the left, the others to the right. */
export function columns(rows: string[][]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ").trimEnd()
  );
}
