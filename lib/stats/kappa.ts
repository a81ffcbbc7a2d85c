// Agreement of two raters on a scale of numbers: Cohen's kappa with quadratic weights.
import { type Estimate, estimate, type Measure } from "./bootstrap.ts";
import { sameLength } from "./correlation.ts";

/**
 * Cohen's kappa with quadratic weights (Cohen 1968): 1 − Σ w·observed / Σ w·expected with w = (a − b)², where observed are
 * the pairs of ratings and expected all pairs of one rater's ratings with the other's. The categories are the numbers
 * themselves and their distance is the difference: for ratings the whole numbers from 0 to 99, for bands 0, 1, 2; fractions
 * are categories between. With these weights no table of categories is needed:
 *
 * kappa = 1 − mean (a − b)² / (var a + var b + (mean a − mean b)²), population variances,
 *
 * which is also Lin's concordance correlation. 1: equal; 0: as by chance; NaN where all ratings of both are the same number.
 * Scikit-learn's cohen_kappa_score agrees where its `labels` are all whole numbers of the scale; without them it numbers only
 * those that occur, and distances shrink. Throws RangeError for columns of different lengths.
 */
export function quadraticKappa(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return kappaMeasure(a, b)(Array.from(a, (_, i) => i));
}

/** quadraticKappa() with its bootstrap interval over samples. */
export function kappaEstimate(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: { seed?: number } = {},
): Estimate {
  return estimate(a.length, kappaMeasure(a, b), options);
}

/** The kappa of the drawn samples. Throws RangeError as quadraticKappa(). */
export function kappaMeasure(a: ArrayLike<number>, b: ArrayLike<number>): Measure {
  sameLength(a, b);
  return (draw) => {
    const n = draw.length;
    let sumA = 0, sumB = 0, same = true;
    for (let i = 0; i < n; i++) {
      const x = a[draw[i]], y = b[draw[i]];
      sumA += x;
      sumB += y;
      same &&= x === a[draw[0]] && y === x;
    }
    if (same) return NaN;
    const meanA = sumA / n, meanB = sumB / n;
    let apart = 0, chance = n * (meanA - meanB) ** 2;
    for (let i = 0; i < n; i++) {
      const x = a[draw[i]], y = b[draw[i]];
      apart += (x - y) ** 2;
      chance += (x - meanA) ** 2 + (y - meanB) ** 2;
    }
    return 1 - apart / chance;
  };
}
