// Small made-up tables and the figures drawn from them, for the tests of lib/plot. The numbers mean nothing.
import {
  agreementFigure,
  type AgreementRow,
  calibration,
  type CalibrationRow,
  caseStudyFigure,
  type CaseStudyRow,
  type CheckpointRow,
  checkpointsFigure,
  type ClusterPoint,
  clustersFigure,
  type CorrelationRow,
  correlationsFigure,
  type DifferenceRow,
  differencesFigure,
  entropyMixFigure,
  type EntropyMixRow,
  type Figure,
  heldoutPerplexity,
  judgedFigure,
  type JudgedRow,
  type LayerRow,
  layersFigure,
  lossByTercileFigure,
  mappingCurve,
  mappingMethods,
  type PaperCell,
  type PaperSilhouettes,
  paperTableFigure,
  type PerplexityRow,
  radarFigure,
  type RadarRow,
  type RatedRow,
  ratingsHistogram,
  type ScorePoint,
  scoresFigure,
  type SilhouetteRow,
  silhouettesFigure,
  type SmoothingMeanRow,
  smoothingMeansFigure,
  type TercileChangeRow,
  trainingCurves,
  trainingLive,
  type TrainingRow,
} from "../lib/plot/mod.ts";
import { mapUncertainty, truncatedLinear } from "../lib/uncertainty/mod.ts";

export const ratings: RatedRow[] = Array.from({ length: 60 }, (_, i) => ({
  category: ["creative", "advice", "summary", "facts & figures", "arithmetic"][i % 5],
  uncertainty: [84, 72, 47, 12, 3][i % 5] + ((i * 7) % 13),
}));

/** `steps` steps of each method, falling, with a ripple. */
export function training(steps: number, methods = ["SFT", "LS", "UAL"]): TrainingRow[] {
  return methods.flatMap((method, m) =>
    Array.from({ length: steps }, (_, i) => {
      const nll = 1.4 + 1.1 * Math.exp(-4 * i / steps) + 0.1 * Math.sin(2.1 * i + m);
      return { method, step: i + 1, nll, loss: nll + m * 0.6 };
    })
  );
}

export const perplexities: PerplexityRow[] = [
  { method: "base", perplexity: 9.871, low: 8.9, high: 11.2 },
  { method: "SFT", perplexity: 5.1234, low: 4.8, high: 5.5 },
  { method: "LS", perplexity: 5.4, low: 5.03, high: 5.8 },
  { method: "UAL", perplexity: 5.21, low: 4.9, high: 5.6 },
];

export const bins: CalibrationRow[] = ["base", "SFT", "LS", "UAL"].flatMap((method, m) =>
  Array.from({ length: 10 }, (_, bin) => ({
    method,
    bin,
    confidence: (bin + 0.4 + 0.05 * m) / 10,
    accuracy: ((bin + 0.5) / 10) ** [1.3, 1.5, 0.8, 1][m],
    count: 100 + 30 * bin + (bin === 9 ? 900 : 0),
  }))
);

export const ece = { base: 0.0612, SFT: 0.0871, LS: 0.041, UAL: 0.0231 };

/** The figure of the mapping of `ratings` with the given mean. */
export function mapped(mean: number, ceiling = 0.99): Figure {
  const u = ratings.map((row) => row.uncertainty);
  const { smoothing, alpha } = truncatedLinear(u, { mean, ceiling });
  return mappingCurve(u.map((uncertainty, i) => ({ uncertainty, smoothing: smoothing[i] })), {
    mean,
    ceiling,
    alpha,
  });
}

export const terciles: TercileChangeRow[] = ["SFT", "LS", "UAL"].flatMap((method, m) =>
  ["low", "middle", "high"].map((tercile, t) => {
    const change = -0.2 + 0.05 * m + 0.04 * t;
    return {
      method,
      tercile,
      from: 33 * t,
      to: 33 * t + 32,
      samples: 11,
      change,
      low: change - 0.05,
      high: change + 0.06,
    };
  })
);

export const agreed: AgreementRow[] = ratings.map(({ uncertainty }, i) => ({
  id: `d${i}`,
  a: uncertainty,
  b: Math.max(0, Math.min(99, uncertainty + ((i * 11) % 9) - 4)),
}));

export const correlations: CorrelationRow[] = [
  { a: "rating", b: "perplexity", value: 0.61, low: 0.4, high: 0.78, samples: 60 },
  { a: "rating", b: "spread", value: -0.8, low: -0.9, high: -0.62, samples: 60 },
  { a: "perplexity", b: "spread", value: NaN, low: NaN, high: NaN, samples: 1 },
];

/** `ratings` under three mappings of the same mean. */
export const methodRows = (["truncated-linear", "rank", "power"] as const).flatMap((method) => {
  const u = ratings.map((row) => row.uncertainty);
  const { smoothing } = mapUncertainty(u, { method, mean: 0.1, power: 2 });
  return u.map((uncertainty, i) => ({ method, uncertainty, smoothing: smoothing[i] }));
});

const MODELS = ["base", "SFT", "LS", "UAL", "PPL-UAL"];

const TASKS = [
  { task: "arc_challenge", metric: "acc_norm", level: 0.29, chance: 0.252, n: 60 },
  { task: "hellaswag", metric: "acc_norm", level: 0.43, chance: 0.25, n: 60 },
  { task: "mmlu", metric: "acc", level: 0.26, chance: 0.25, n: 114 },
  { task: "truthfulqa_mc2", metric: "mc2", level: 0.41, n: 60 },
  { task: "gsm8k", metric: "exact_match_flexible", level: 0.02, chance: 0, n: 60 },
];

export const scores: ScorePoint[] = TASKS.flatMap(({ level, ...task }, t) =>
  MODELS.map((model, m) => {
    const score = level + 0.013 * ((m * 3 + t) % 5), half = 1.96 * Math.sqrt(score * (1 - score) / task.n);
    return { model, ...task, score, low: Math.max(0, score - half), high: score + half };
  })
);

export const differences: DifferenceRow[] = TASKS.flatMap(({ task, metric, n }, t) =>
  [["SFT", "base"], ["UAL", "SFT"], ["UAL", "LS"]].map(([a, b], p) => {
    const difference = 0.02 * ((t + 2 * p) % 4) - 0.015, half = t === 2 ? 0.012 : 0.06;
    const distinguishable = Math.abs(difference) > half;
    const p_ = distinguishable ? 0.004 : Math.min(1, 0.3 + 0.2 * t);
    return {
      task,
      metric,
      a,
      b,
      difference,
      low: difference - half,
      high: difference + half,
      p: p_,
      distinguishable,
      n,
    };
  })
);

export const checkpoints: CheckpointRow[] = TASKS.slice(0, 3).flatMap(({ task, metric, level }, t) =>
  ["SFT", "LS", "UAL"].flatMap((method, m) =>
    [0, 10, 20, 30, 40].map((step) => {
      const score = level + (step / 40) * (0.02 * m - 0.01) + 0.004 * ((step / 10 + t) % 3);
      return { method, task, metric, step, score, low: score - 0.05, high: score + 0.05 };
    })
  )
);

export const smoothingMeans: SmoothingMeanRow[] = ["mmlu: acc (%)", "Silhouette (−1 to 1)"].flatMap((
  measure,
  t,
) => [
  { method: "SFT", mean: 0, measure, value: t ? 0.35 : 26, low: t ? 0.33 : 21, high: t ? 0.37 : 31 },
  ...["LS", "UAL", "PPL-UAL"].flatMap((method, m) =>
    [0.05, 0.1, 0.2, 0.3, 0.5].map((mean) => {
      const value = t ? 0.36 + 0.1 * mean + 0.01 * m : 26 + 9 * mean * (0.6 - mean) + m;
      const half = t ? 0.02 : 5;
      return { method, mean, measure, value, low: value - half, high: value + half };
    })
  ),
]);

export const judged: JudgedRow[] = [
  { a: "UAL", b: "SFT", wins: 31, draws: 4, losses: 25, winRate: 0.55, low: 0.43, high: 0.67 },
  { a: "UAL", b: "LS", wins: 33, draws: 1, losses: 26, winRate: 0.558, low: 0.44, high: 0.68 },
  {
    a: "SFT",
    b: "LS",
    wins: 58,
    draws: 2,
    losses: 0,
    winRate: 0.983,
    low: 0.96,
    high: 1,
    set: "held-out prompts",
  },
  { a: "UAL", b: "base", wins: 0, draws: 0, losses: 0, winRate: NaN },
];

export const entropyMix: EntropyMixRow[] = [
  { data: "base", method: "", math: 0.02, panel: "here" },
  {
    data: "high",
    method: "SFT",
    math: 0.03,
    mathLow: 0,
    mathHigh: 0.07,
    winRate: 0.61,
    winLow: 0.5,
    winHigh: 0.71,
    panel: "here",
  },
  {
    data: "low",
    method: "SFT",
    math: 0.08,
    mathLow: 0.02,
    mathHigh: 0.15,
    winRate: 0.34,
    winLow: 0.23,
    winHigh: 0.46,
    panel: "here",
  },
  {
    data: "mixed",
    method: "SFT",
    math: 0.05,
    mathLow: 0.01,
    mathHigh: 0.1,
    winRate: 0.5,
    winLow: 0.38,
    winHigh: 0.61,
    panel: "here",
  },
  {
    data: "mixed",
    method: "UAL",
    math: 0.063,
    mathLow: 0.01,
    mathHigh: 0.12,
    winRate: 0.56,
    winLow: 0.44,
    winHigh: 0.68,
    panel: "here",
  },
  { data: "high", method: "SFT", math: 0.3827, winRate: 0.6881, panel: "in the paper" },
  { data: "low", method: "SFT", math: 0.4651, winRate: 0.3705, panel: "in the paper" },
  { data: "mixed", method: "SFT", math: 0.427, winRate: 0.5508, panel: "in the paper" },
  { data: "mixed", method: "UAL", math: 0.4451, winRate: 0.657, panel: "in the paper" },
];

const METHODS = ["base", "SFT", "LS", "UAL", "PPL-UAL"];
const PAIRS = [['","', '" the"'], ['"<b>"', '" & co"']];

export const clusterPoints: ClusterPoint[] = PAIRS.flatMap((tokens, p) =>
  METHODS.slice(0, 4).flatMap((method, m) =>
    tokens.flatMap((token, t) =>
      Array.from({ length: 12 }, (_, i) => ({
        pair: tokens.join(" | "),
        method,
        token,
        x: 20 * t + 9 * Math.sin(3 * i + m + p),
        y: 11 * Math.cos(5 * i + t + m),
        context:
          `some words before it ⟦${token}⟧ and a few <after> it & more of them, so that the line is long`,
        silhouette: 0.31 + 0.02 * m - 0.4 * p,
      }))
    )
  )
);

export const silhouettes: SilhouetteRow[] = (["2-D PCA", "full space", "full space, less base"] as const)
  .flatMap((space, s) =>
    METHODS.slice(s === 2 ? 1 : 0).map((method, m) => {
      const value = s === 2 ? 0.004 * (m + 1) : 0.3 - 0.17 * s + 0.01 * m, half = s === 2 ? 0.002 : 0.08;
      return { method, space, pairs: "random", value, low: value - half, high: value + half, count: 100 };
    })
  ).concat(
    METHODS.map((method, m) => ({
      method,
      space: "2-D PCA",
      pairs: "chosen",
      value: 0.2 + 0.01 * m,
      low: 0.1,
      high: 0.3,
      count: 100,
    })),
  );

const paperSilhouettes: PaperSilhouettes[] = [
  {
    label: "the paper, 2-D PCA<br>Llama-2-7B on LIMA",
    values: { base: 0.354, SFT: 0.406, LS: 0.427, UAL: 0.446 },
  },
];

export const layers: LayerRow[] = METHODS.slice(0, 4).flatMap((method, m) =>
  ([0, 10, 20, "final"] as const).map((layer, l) => ({
    method,
    layer,
    value: 0.1 + 0.01 * l * m,
    low: 0.05,
    high: 0.16 + 0.01 * l,
  }))
);

export const radar: RadarRow[] = METHODS.flatMap((method, m) =>
  ["arc_challenge", "hellaswag", "mmlu", "truthfulqa_mc2", "winogrande", "gsm8k"].map((task, t) => {
    const score = 0.2 + 0.06 * ((t * 3 + m) % 6);
    return { method, task, score, low: score - 0.08, high: score + 0.08 };
  })
);

export const paperCells: PaperCell[] = METHODS.flatMap((row, r) =>
  ["ARC-c", "HellaSwag", "MMLU", "TruthfulQA"].map((column, c) => ({
    row,
    column,
    ours: 30 + r + 3 * c,
    low: 23 + r + 3 * c,
    high: 37 + r + 3 * c,
    ...(row === "LS" ? {} : { paper: 55 + 2 * r + 5 * c }),
  }))
);

const answers: CaseStudyRow[] = METHODS.slice(0, 4).map((method, m) => ({
  method,
  prompt: "Write a sentence about the sea & the <sky>, and say why you chose your words as you did.",
  answer: "The sea is wide, and the sky is wider; I chose plain words because they last. ".repeat(m + 1) +
    "\n\n- one\n- two",
  ...(m ? { verdict: "preferred to SFT's" } : {}),
}));

/** One of each figure, by file name. */
export function figures(): Record<string, Figure> {
  return {
    ratings: ratingsHistogram(ratings),
    mapping: mapped(0.1),
    mapping_cut: mapped(0.6),
    mappings: mappingMethods(methodRows, { mean: 0.1 }),
    agreement: agreementFigure(agreed, {
      a: "pass 1",
      b: "pass 2",
      spearman: { value: 0.98, low: 0.96, high: 0.99 },
    }),
    correlations: correlationsFigure(correlations),
    training: trainingCurves(training(48)),
    training_few: trainingCurves(training(6)),
    perplexity: heldoutPerplexity(perplexities),
    calibration: calibration(bins, ece),
    terciles: lossByTercileFigure(terciles),
    scores: scoresFigure(scores),
    scores_one: scoresFigure(scores.slice(0, 3)),
    differences: differencesFigure(differences),
    differences_few: differencesFigure(
      differences.filter(({ a, b }) => a === "UAL" && b === "SFT").slice(0, 2),
    ),
    checkpoints: checkpointsFigure(checkpoints),
    smoothing_means: smoothingMeansFigure(smoothingMeans),
    judged: judgedFigure(judged, { judge: "SmolLM2-135M-Instruct, both orders" }),
    entropy_mix: entropyMixFigure(entropyMix),
    clusters: clustersFigure(clusterPoints),
    silhouettes: silhouettesFigure(silhouettes, { paper: paperSilhouettes }),
    layers: layersFigure(layers),
    radar: radarFigure(radar),
    table2: paperTableFigure(paperCells, {
      title: "Table 2: benchmarks",
      unit: "%",
      paper: "Llama-2-7B on LIMA",
    }),
    table5: paperTableFigure(
      METHODS.slice(0, 3).map((row, r) => ({
        row,
        column: "Silhouette",
        ours: 0.32 + 0.01 * r,
        low: 0.22,
        high: 0.42,
        paper: 0.354 + 0.05 * r,
      })),
      { title: "Table 5: silhouettes", unit: "−1 to 1", paper: "Llama-2-7B on LIMA", digits: 3 },
    ),
    case_study: caseStudyFigure(answers),
    entropy_mix_one: entropyMixFigure(entropyMix.slice(0, 5).map(({ panel: _, ...row }) => row)),
    training_live: trainingLive(
      training(12).map((row) => ({ ...row, lr: 3e-4 * Math.min(1, row.step / 4) })),
      { method: "UAL", step: 12, total: 40, tokensPerSecond: 211.7, secondsLeft: 83.4, memory: 2.34e9 },
    ),
  };
}
