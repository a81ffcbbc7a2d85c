// Small made-up tables and the figures drawn from them, for the tests of lib/plot. The numbers mean nothing.
import {
  agreementFigure,
  type AgreementRow,
  calibration,
  type CalibrationRow,
  type CorrelationRow,
  correlationsFigure,
  type Figure,
  heldoutPerplexity,
  lossByTercileFigure,
  mappingCurve,
  mappingMethods,
  type PerplexityRow,
  type RatedRow,
  ratingsHistogram,
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
    training_live: trainingLive(
      training(12).map((row) => ({ ...row, lr: 3e-4 * Math.min(1, row.step / 4) })),
      { method: "UAL", step: 12, total: 40, tokensPerSecond: 211.7, secondsLeft: 83.4, memory: 2.34e9 },
    ),
  };
}
