// 95% intervals of shares and means in closed form. Bootstrap intervals are bootstrap.ts.
import { normalQuantile, studentQuantile } from "./distributions.ts";
import type { Mean } from "./standard_error.ts";

/**
 * Wilson's score interval of a share p among n independent items (Wilson 1927), by default at 95%:
 * (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n). Unlike p ± z·stderr it is right for small n and near 0 and 1, and
 * never leaves them. [0, 1] for n = 0.
 */
export function wilsonInterval(
  p: number,
  n: number,
  critical: number = normalQuantile(0.975),
): [number, number] {
  if (n === 0) return [0, 1];
  const z2 = critical ** 2 / n, centre = p + z2 / 2;
  const half = critical * Math.sqrt((p * (1 - p) + z2 / 4) / n);
  const low = p === 0 ? 0 : (centre - half) / (1 + z2); // exact at the ends, where the sums cancel but for rounding
  return [Math.max(0, low), p === 1 ? 1 : Math.min(1, (centre + half) / (1 + z2))];
}

/**
 * A share's interval from its standard error where errors are clustered: Wilson's with the number of independent items that
 * would have this error, n* = p(1 − p)/stderr² but n at most, and Student's quantile for the few clusters behind the error,
 * as surveys do (Franco, Little, Louis and Slud 2019, "Comparative study of confidence intervals for proportions in complex
 * sample surveys"). NaN where there is but one cluster.
 */
export function clusteredShareInterval({ value: p, stderr, df, n }: Mean): [number, number] {
  if (!(df > 0)) return [NaN, NaN];
  const effective = stderr > 0 ? Math.min(n, p * (1 - p) / stderr ** 2) : n;
  return wilsonInterval(p, effective, studentQuantile(0.975, df));
}

/**
 * A mean's 95% interval value ± t·stderr with Student's quantile: exact for normal values, near enough for others by the
 * central limit theorem, wider than the normal's where n is small, and the same where it is large. NaN without stderr.
 */
export function meanInterval({ value, stderr, df }: Pick<Mean, "value" | "stderr" | "df">): [number, number] {
  const half = studentQuantile(0.975, df) * stderr;
  return [value - half, value + half];
}
