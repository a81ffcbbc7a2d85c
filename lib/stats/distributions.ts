// Normal, Student's and binomial distributions: tails and quantiles. Double precision, no tables.

/** log Γ(x) for x > 0 (Lanczos's sum with Godfrey's 15 terms, g = 607/128); relative error below 1e-14. */
export function logGamma(x: number): number {
  const t = x + 607 / 128 - 0.5;
  const sum = LANCZOS.reduce((s, c, k) => s + (k === 0 ? c : c / (x + k - 1)), 0);
  return (x - 0.5) * Math.log(t) - t + Math.log(Math.sqrt(2 * Math.PI) * sum);
}

const LANCZOS = [
  0.99999999999999709182,
  57.156235665862923517,
  -59.597960355475491248,
  14.136097974741747174,
  -0.49191381609762019978,
  0.33994649984811888699e-4,
  0.46523628927048575665e-4,
  -0.98374475304879564677e-4,
  0.15808870322491248884e-3,
  -0.21026444172410488319e-3,
  0.21743961811521264320e-3,
  -0.16431810653676389022e-3,
  0.84418223983852743293e-4,
  -0.26190838401581408670e-4,
  0.36899182659531622704e-5,
];

/**
 * The regularised incomplete beta function I_x(a, b), a, b > 0, by its continued fraction (Numerical Recipes, 3rd edition,
 * section 6.4). `rest` is 1 − x, for an x so near 1 that the difference would be lost.
 */
export function incompleteBeta(a: number, b: number, x: number, rest = 1 - x): number {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  const scale = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(rest),
  );
  return x < (a + 1) / (a + b + 2)
    ? scale * betaFraction(a, b, x) / a
    : 1 - scale * betaFraction(b, a, rest) / b;
}

/** Lentz's method; the number of steps grows as √max(a, b). */
function betaFraction(a: number, b: number, x: number): number {
  let c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), h = d;
  for (let m = 1; m < 100_000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    h *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return h;
}

const away = (x: number) => Math.abs(x) < 1e-300 ? 1e-300 : x;

/** P(Z ≤ z) of the standard normal distribution; small tails keep their relative precision. */
export function normalCdf(z: number): number {
  if (Number.isNaN(z)) return NaN;
  if (z > 0) return 1 - normalCdf(-z);
  if (z < -38.5) return 0;
  return z < -3 ? density(z) * millsRatio(-z) : 0.5 + density(z) * taylor(z);
}

const density = (z: number) => Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);

/** Σ z^(2k+1) / (1·3·5 … (2k+1)): what φ(z) times it adds to a half (Marsaglia 2004). */
function taylor(z: number): number {
  let term = z, sum = z;
  for (let k = 3; sum + term !== sum; k += 2) sum += term *= z * z / k;
  return sum;
}

/** P(Z > z) / φ(z) for z ≥ 3, Laplace's continued fraction from its far end. */
function millsRatio(z: number): number {
  let f = z;
  for (let k = 200; k > 0; k--) f = z + k / f;
  return 1 / f;
}

/** The z with P(Z ≤ z) = p; ∓Infinity at 0 and 1. Throws RangeError for a p outside 0 to 1. */
export function normalQuantile(p: number): number {
  return quantile(p, normalCdf);
}

/** P(|T| ≥ |t|) of Student's distribution: two-sided p-value. `df` above 0, fractions too; Infinity is the normal. */
export function studentTwoSided(t: number, df: number): number {
  if (Number.isNaN(t) || !(df > 0)) return NaN;
  if (df === Infinity) return 2 * normalCdf(-Math.abs(t));
  return incompleteBeta(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t));
}

/** The t with P(T ≤ t) = p. Throws RangeError for a p outside 0 to 1; NaN unless df > 0. */
export function studentQuantile(p: number, df: number): number {
  if (!(df > 0)) return NaN;
  return quantile(p, (t) => studentTwoSided(t, df) / 2);
}

/** P(X ≤ k) of the binomial distribution with n trials; k a whole number. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  return k >= n ? 1 : incompleteBeta(n - k, k + 1, 1 - p, p);
}

/** Of a distribution that is symmetric around 0, by bisection of its lower tail: slow, but as exact as the tail is. */
function quantile(p: number, lowerTail: (x: number) => number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`Cannot take the quantile at ${p}: give a share from 0 to 1`);
  if (p === 0.5) return 0;
  if (p > 0.5) return -quantile(1 - p, lowerTail);
  if (p === 0) return -Infinity;
  let low = -1, high = 0;
  while (lowerTail(low) > p) [low, high] = [low * 2, low];
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (lowerTail(middle) > p) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}
