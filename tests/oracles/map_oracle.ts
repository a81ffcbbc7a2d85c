// The truncated linear mapping once more, by bisection and plain loops: the oracle for lib/uncertainty/map.ts.

/** α and s with mean(min(α·u, ceiling)) = mean, α bisected until its two ends are neighbouring doubles. */
export function bisectedMapping(
  u: number[],
  mean: number,
  ceiling: number,
): { alpha: number; smoothing: number[] } {
  const meanAt = (alpha: number) => {
    let sum = 0;
    for (const value of u) sum += alpha * value < ceiling ? alpha * value : ceiling;
    return sum / u.length;
  };
  let low = 0, high = 1;
  while (meanAt(high) < mean) high *= 2;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (meanAt(middle) < mean) low = middle;
    else high = middle;
  }
  return { alpha: high, smoothing: u.map((value) => Math.min(high * value, ceiling)) };
}
