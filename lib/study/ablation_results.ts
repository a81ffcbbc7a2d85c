// What the ablations say, as rows for tables and figures, and the verdict on each of the paper's claims. Scores, tests and verdicts
// are lib/evaluate's.
import type { ItemRow } from "../evaluate/item_row.ts";
import {
  type Annotation,
  type Claim,
  claimVerdict,
  compareModels,
  comparePerplexity,
  judgeSummary,
  type OpenTask,
  perplexity,
  pointsText,
  pText,
  sampleNll,
  type table3Cells,
  taskInfo,
  type TaskScore,
} from "../evaluate/mod.ts";
import type { Score } from "../model/mod.ts";
import type { CheckpointRow, EntropyMixRow, JudgedRow, SmoothingMeanRow } from "../plot/mod.ts";
import { holm, meanInterval, meanWithError, pairedBootstrap, studentTwoSided } from "../stats/mod.ts";
import { MIXES, mixName, strengthName } from "./ablation.ts";
import { type Judged, taskScores } from "./benchmark_results.ts";
import { calibrationError } from "./calibration_error.ts";
import { mean } from "./examples.ts";
import type { JudgedPair } from "./judging.ts";
import { type Row, verdict } from "./results.ts";
import type { StudyRun } from "./training.ts";

/** Rows of runs that differ in their seed alone as rows of one model each: every measure is its mean over the seeds. */
export function overSeeds(
  rows: readonly ItemRow[],
  runs: Record<string, StudyRun>,
  tasks: readonly OpenTask[],
): ItemRow[] {
  const metrics = new Map(tasks.map(({ task }) => [task.name, task.metrics]));
  const kindOf = (model: string) => strengthName(runs[model].method, runs[model].mean);
  const known = rows.filter(({ model }) => model in runs);
  const groups = Map.groupBy(known, (row) => `${kindOf(row.model)}\n${row.task}\n${row.doc_index}`);
  return [...groups.values()].map((own) => {
    const means = metrics.get(own[0].task)!.map((
      metric,
    ) => [metric, mean(own.map((row) => row[metric] as number))]);
    return { ...own[0], ...Object.fromEntries(means), model: kindOf(own[0].model) };
  });
}

/** Perplexity and calibration error on held-out dialogues, and scores on tasks, over the mean smoothing. */
export function strengthRows(
  runs: Record<string, StudyRun>,
  dialogues: Record<string, Score[]>,
  scores: readonly TaskScore[],
): SmoothingMeanRow[] {
  const kinds = Map.groupBy(Object.keys(runs), (name) => strengthName(runs[name].method, runs[name].mean));
  return [...kinds].flatMap(([kind, names]) => {
    const { method, mean: strength = 0 } = runs[names[0]], of = { method, mean: strength };
    const nll = names.map((name) => sampleNll(dialogues[name]));
    const samples = nll[0].map((sample, i) => ({ ...sample, nll: mean(nll.map((own) => own[i].nll)) }));
    const { perplexity: value, low, high } = perplexity(samples);
    const error = calibrationError(names.map((name) => dialogues[name]));
    const own = firstMeasures(scores.filter(({ model }) => model === kind));
    return [
      { ...of, measure: "Held-out perplexity", value, low, high },
      {
        ...of,
        measure: "Held-out calibration error (%)",
        value: 100 * error.value,
        low: 100 * error.low,
        high: 100 * error.high,
      },
      ...own.map(({ task, metric, value, low, high }) => ({
        ...of,
        measure: `${task}: ${metric} (%)`,
        value: 100 * value,
        low: 100 * low,
        high: 100 * high,
      })),
    ];
  });
}

/** Scores of a task or group by its first measure. */
function firstMeasures(scores: readonly TaskScore[]): TaskScore[] {
  return scores.filter(({ level, group, task, metric }) =>
    level !== "subgroup" && !(level === "task" && group) &&
    metric === scores.find((one) => one.task === task)!.metric
  );
}

/** The paired difference in held-out log perplexity of each strength from the run without smoothing, one row a run. */
export function strengthLosses(runs: Record<string, StudyRun>, dialogues: Record<string, Score[]>): Row[] {
  const plain = Object.keys(runs).filter((name) => runs[name].method === "SFT");
  return Object.entries(runs).filter(([, { method }]) => method !== "SFT").map(([name, run]) => {
    const reference = plain.find((one) => runs[one].settings?.seed === run.settings?.seed)!;
    const compared = comparePerplexity(sampleNll(dialogues[name]), sampleNll(dialogues[reference]));
    return { run: name, against: reference, ...compared, verdict: verdict([name, reference], compared) };
  });
}

/** Scores along training; step 0 is the base model. */
export function checkpointRows(scores: readonly TaskScore[], methods: readonly string[]): CheckpointRow[] {
  return firstMeasures(scores).flatMap(({ model, task, metric, value, low, high }) => {
    const [method, step] = model === "base" ? [undefined, "0"] : model.split("@");
    return (method ? [method] : methods).map((name) => ({
      method: name,
      task,
      metric,
      step: Number(step),
      score: value,
      low,
      high,
    }));
  }).sort((a, b) => methods.indexOf(a.method) - methods.indexOf(b.method) || a.step - b.step);
}

/** The measure of each written task: the last number of the answer, where the task has that. */
export const MATH_METRICS: Record<string, string> = { gsm8k: "exact_match_flexible" };

/** The figure of mixed data: mathematics, and the win rate against the base model. */
export function mixRows(
  scores: readonly TaskScore[],
  judged: Record<string, JudgedPair[]>,
): EntropyMixRow[] {
  const math = (model: string) => scores.find((one) => one.model === model && one.level === "average")!;
  const base = math("base");
  return [
    { data: "base", method: "", math: base.value, mathLow: base.low, mathHigh: base.high, winRate: null },
    ...MIXES.map((one) => {
      const name = mixName(one), own = math(name);
      const { win_rate, win_rate_interval: [low, high] } = summaryOf(judged[`${name} against base`]);
      return {
        ...one,
        math: own.value,
        mathLow: own.low,
        mathHigh: own.high,
        winRate: share(win_rate),
        winLow: share(low),
        winHigh: share(high),
      };
    }),
  ].map((row) => ({ ...row, panel: "here" }));
}

/** What table 3's figure takes: mathematics in all and by task, and the preference over the base model. */
export function mixScores(
  scores: readonly TaskScore[],
  judged: Record<string, JudgedPair[]>,
): Parameters<typeof table3Cells>[0] {
  const of = (model: string, task: string) =>
    scores.find((one) =>
      one.model === model && one.task === task && (MATH_METRICS[task] ?? one.metric) === one.metric
    );
  return mixRows(scores, judged).map((row) => {
    const model = row.method ? mixName({ data: row.data, method: row.method }) : "base";
    const { math, mathLow, mathHigh, winRate, winLow, winHigh } = row;
    return {
      data: row.data,
      method: row.method,
      math: { value: math, low: mathLow, high: mathHigh },
      gsm8k: of(model, "gsm8k"),
      metamath: of(model, "metamath"),
      winRate: winRate === null || winRate === undefined
        ? null
        : { value: winRate, low: winLow, high: winHigh },
    };
  });
}

const share = (percent: number) => Number.isFinite(percent) ? percent / 100 : null;
const summaryOf = (pairs: readonly JudgedPair[]) => judgeSummary(pairs as Annotation[]);

/** What the paper's table 3 says of mathematics and of preference. */
const MIX_CLAIMS: Record<"math" | "preference", Claim[]> = {
  math: [{ better: "low-SFT", than: "high-SFT" }, { better: "mixed-UAL", than: "mixed-SFT" }],
  preference: [{ better: "high-SFT", than: "low-SFT" }, { better: "mixed-UAL", than: "mixed-SFT" }],
};

/** The verdicts on the claims of table 3, corrected over all of them. */
export function mixClaims(
  rows: readonly ItemRow[],
  tasks: readonly OpenTask[],
  judged: Record<string, JudgedPair[]>,
): Judged[] {
  const average = tasks.map(({ task }) => task.name);
  const math = MIX_CLAIMS.math.map(({ better, than }) => {
    const infos = tasks.map(taskInfo), metrics = MATH_METRICS;
    const pairs: [string, string][] = [[than, better]];
    const found = compareModels(rows, infos, { pairs, average, metrics }).find(({ level }) =>
      level === "average"
    )!;
    return { claim: `${better} > ${than}, math`, ...found };
  });
  const preference = MIX_CLAIMS.preference.map(({ better, than }) => ({
    claim: `${better} > ${than}, preference`,
    ...preferenceDifference(judged[`${than} against base`], judged[`${better} against base`]),
  }));
  return corrected([...math, ...preference]);
}

/** Mean difference of the preferences for two models over one reference, on prompts that have both; a share of wins. */
export function preferenceDifference(
  a: readonly JudgedPair[],
  b: readonly JudgedPair[],
): { difference: number; low: number; high: number; p: number; n: number } {
  const differences = a.flatMap(({ preference }, i) => {
    const other = b[i].preference;
    return preference === null || other === null ? [] : [other - preference];
  });
  return { ...pairedBootstrap([differences])[0], n: differences.length };
}

/** One difference that a claim holds to be above 0. */
interface Found {
  claim: string;
  difference: number;
  low: number;
  high: number;
  p: number;
  n: number;
}

/** Claims with their verdicts, p corrected over all of them. */
function corrected(found: readonly Found[]): Judged[] {
  const ps = holm(found.map(({ p }) => p));
  return found.map(({ claim, difference, low, high, n }, i) => ({
    claim,
    verdict: claimVerdict({ difference, p: ps[i] }, "higher"),
    why:
      `Difference ${pointsText(difference)} points (95% interval ${pointsText(low)} to ${
        pointsText(high)
      }), ` +
      `p ${pText(ps[i])} after Holm's correction, ${n} items.`,
  }));
}

/** Judged pairs as the rows of their figure. */
export function judgedFigureRows(judged: Record<string, JudgedPair[]>, set?: string): JudgedRow[] {
  return Object.entries(judged).map(([name, pairs]) => {
    const [a, b] = name.split(" against "), found = summaryOf(pairs);
    const [low, high] = found.win_rate_interval;
    return {
      a,
      b,
      wins: found.n_wins,
      draws: found.n_draws,
      losses: found.n_wins_base,
      winRate: share(found.win_rate) ?? 0.5,
      low: share(low),
      high: share(high),
      ...(set ? { set } : {}),
    };
  });
}

/** How the judge judged: rates, whether the place in which an answer was shown decided, and what it failed at. */
export function judgedTable(judged: Record<string, JudgedPair[]>): Row[] {
  return Object.entries(judged).map(([comparison, pairs]) => {
    const { win_rate, n_total, failed, identical, avg_length, position } = summaryOf(pairs);
    return {
      comparison,
      "win rate (%)": told(win_rate),
      pairs: n_total,
      "same answer twice": identical,
      failed,
      "first shown wins (%)": told(position.first_wins),
      "winner the same in both orders": position.both
        ? `${position.both.same} of ${position.both.pairs}`
        : "–",
      "length, reference": avg_length.reference,
      "length, model": avg_length.model,
    };
  });
}

const told = (value: number) => Number.isNaN(value) ? "–" : value;

/** The verdicts on "the model is preferred to the reference", for each comparison, corrected over all. */
export function judgedPairClaims(judged: Record<string, JudgedPair[]>): Judged[] {
  return corrected(
    Object.entries(judged).map(([name, pairs]) => {
      const wins = pairs.flatMap(({ preference }) => preference === null ? [] : [preference - 1.5]);
      const found = meanWithError(wins), [low, high] = meanInterval(found);
      const p = wins.every((win) => win === wins[0])
        ? 1
        : studentTwoSided(found.value / found.stderr, found.df);
      return {
        claim: name.replace(" against ", " > "),
        difference: found.value,
        low,
        high,
        p,
        n: wins.length,
      };
    }),
  );
}

/** Scores of the mathematics tasks with their average. */
export const mathScores = (rows: readonly ItemRow[], tasks: readonly OpenTask[]): TaskScore[] =>
  taskScores(rows, tasks, { average: tasks.map(({ task }) => task.name), metrics: MATH_METRICS });
