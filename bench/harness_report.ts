// What harness.ts found, as text: one table of what agrees, one of speed.
import type { Agreement } from "./harness_compare.ts";
import type { WorkloadResult } from "./harness.ts";
import { columns, type Spread } from "./report.ts";

interface Report {
  settings: { threads: number; settings: string; rounds: number; mirror?: string };
  machine: { cpu?: string; cores: number };
  versions: Record<string, string>;
  results: WorkloadResult[];
  load: { before: number[]; after: number[] };
}

/** The report for reading. */
export function harnessText({ settings, machine, versions, results, load }: Report): string {
  const about = `${settings.mirror ? "mirror" : "bundled"} files, ${settings.settings}'s settings; ` +
    `${
      machine.cpu ?? "unknown processor"
    } (${machine.cores} cores), ${settings.threads} threads; rounds: ${settings.rounds}`;
  const timed = results.filter(({ agreement }) => agreement);
  return [
    about,
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
    "",
    ...columns([AGREEMENT, ...results.map(agreementRow)]),
    ...(timed.length ? ["", ...columns([SPEED, ...timed.map(speedRow)])] : []),
    ...examples(results),
    "",
    `load average before ${load.before.join(" ")}, after ${load.after.join(" ")}`,
  ].join("\n");
}

const AGREEMENT = [
  "shots in all",
  "prompts equal",
  "scored",
  "contexts equal",
  "tokens equal",
  "max |Δ ll|",
  "choices differ",
  "texts equal",
  "metrics (ours, theirs)",
];

function agreementRow({ label, shots, prompts, agreement }: WorkloadResult): string[] {
  const start = [`${label} (${shots})`, `${prompts.items - prompts.differ} of ${prompts.items}`];
  if (!agreement) return [...start, ...AGREEMENT.slice(2).map(() => "")];
  const { items, contexts, tokens, loglikelihoods, maxDifference, choices, generations, texts } = agreement;
  return [
    ...start,
    String(items),
    String(items - contexts),
    String(items - tokens),
    loglikelihoods ? maxDifference.toExponential(1) : "",
    loglikelihoods ? String(choices) : "",
    generations ? `${generations - texts} of ${generations}` : "",
    metricsText(agreement),
  ];
}

/** Means over the tasks of a workload: each metric once. */
function metricsText({ metrics }: Agreement): string {
  const groups = Map.groupBy(Object.entries(metrics), ([name]) => name.slice(name.lastIndexOf(" ") + 1));
  return [...groups].map(([name, entries]) => {
    const mean = (side: "ours" | "theirs") =>
      entries.reduce((sum, [, value]) => sum + value[side], 0) / entries.length;
    return `${name} ${mean("ours").toFixed(3)}, ${mean("theirs").toFixed(3)}`;
  }).join("; ");
}

const SPEED = [
  "",
  "ours items/s",
  "harness items/s",
  "batch",
  "ratio",
  "once compiled",
  "first result",
  "peak",
  "tried",
];

function speedRow(
  { label, ours, theirs, ratio, laterRatio, batch, tried, peakBytes, rounds }: WorkloadResult,
): string[] {
  const range = ({ median, min, max }: Spread) =>
    `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
  const gb = (bytes: number) => (bytes / 1e9).toFixed(1);
  const first = rounds!.map(({ ours }) => ours.firstSeconds!).toSorted((a, b) => a - b);
  return [
    label,
    range(ours!),
    range(theirs!),
    batch!,
    range(ratio!),
    laterRatio ? range(laterRatio) : "",
    `${first[first.length >> 1].toFixed(1)} s`,
    `${gb(peakBytes!.ours)}, ${gb(peakBytes!.theirs)} GB`,
    Object.entries(tried!).map(([size, speed]) => `${size}: ${speed.toFixed(2)}`).join(", "),
  ];
}

function examples(results: WorkloadResult[]): string[] {
  const lines = results.flatMap(({ prompts, agreement }) => [
    ...prompts.examples.map((place) => `another prompt: ${place}`),
    ...agreement?.examples.map((line) => `differs: ${line}`) ?? [],
  ]);
  return lines.length ? ["", ...lines] : [];
}
