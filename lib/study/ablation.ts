// The runs of 06_ablate: over the strength of smoothing, and on data of high, low and mixed uncertainty. What they show:
// ablation_results.ts.
import { mix, splitByUncertainty } from "../curate/mod.ts";
import type { Example } from "../data/mod.ts";
import type { Preset } from "./presets.ts";
import type { StudyRun } from "./training.ts";

/** Settings of a short run: whole passes over few dialogues. */
const short = ({ ablation }: Preset, seed: number) => ({
  settings: { steps: undefined, epochs: ablation.epochs, seed },
});

/** SFT, and the preset's methods at every mean, each with every seed; "UAL-0.3", with several seeds "UAL-0.3-seed-1". */
export function strengthRuns(p: Preset, train: readonly Example[]): Record<string, StudyRun> {
  const { means, methods, seeds, trainCount } = p.ablation, examples = train.slice(0, trainCount);
  const kinds = [
    { method: "SFT" as const, mean: 0 },
    ...methods.flatMap((method) => means.map((mean) => ({ method, mean }))),
  ];
  return Object.fromEntries(kinds.flatMap(({ method, mean }) =>
    seeds.map((seed) => {
      const name = strengthName(method, mean) + (seeds.length > 1 ? `-seed-${seed}` : "");
      return [name, { examples, method, mean, ...short(p, seed) }];
    })
  ));
}

/** What a run's kind is called: "SFT", "UAL-0.3". */
export const strengthName = (method: string, mean: number | undefined): string =>
  mean ? `${method}-${mean}` : method;

/** A run on data of some uncertainty, as the paper's table 3 has them. */
export const MIXES = [
  { data: "high", method: "SFT" },
  { data: "low", method: "SFT" },
  { data: "mixed", method: "SFT" },
  { data: "mixed", method: "UAL" },
] as const;

/** A name of MIXES: "mixed-UAL". */
export const mixName = ({ data, method }: { data: string; method: string }): string => `${data}-${method}`;

/** The dialogues of the higher half by uncertainty, of the lower half, and half of each: as many of every kind. */
export function mixSets(p: Preset, train: readonly Example[]): Record<"high" | "low" | "mixed", Example[]> {
  const [low, high] = splitByUncertainty(train);
  const count = Math.min(p.ablation.trainCount, low.length, high.length);
  const { mixed } = mix([low, high], { shares: [1, 1], count, seed: p.settings.seed });
  return { high: high.slice(0, count), low: low.slice(0, count), mixed };
}

/** The runs of MIXES, all of the same number of dialogues and steps. */
export function mixRuns(
  p: Preset,
  sets: Record<"high" | "low" | "mixed", Example[]>,
): Record<string, StudyRun> {
  return Object.fromEntries(
    MIXES.map(({ data, method }) => [mixName({ data, method }), {
      examples: sets[data],
      method,
      ...short(p, p.settings.seed),
    }]),
  );
}

/** One row a set: how many dialogues, and how uncertain they are. */
export function mixTable(sets: Record<string, Example[]>): Record<string, string | number>[] {
  return Object.entries(sets).map(([set, examples]) => {
    const u = examples.map(({ uncertainty }) => uncertainty!);
    return {
      set,
      dialogues: u.length,
      "least uncertainty": Math.min(...u),
      mean: u.reduce((a, b) => a + b, 0) / u.length,
      largest: Math.max(...u),
    };
  });
}
