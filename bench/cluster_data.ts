// Rows like a model's features for cluster.ts: groups with means of their own, and a spectrum that falls slowly.
import { npyHeader } from "../lib/cluster/npy.ts";
import { replaceFile, writeAll } from "../lib/run/files.ts";
import { stream } from "../lib/run/seed.ts";

/** Directions in which rows vary beside noise. */
const RANK = 96;

/** Writes [n, d] float32: row i is of group i % groups; direction k has the size k^−0.7, noise 0.3 of the first. */
export async function writeRows(path: string, [n, d]: [number, number], groups: number): Promise<void> {
  const drawn = stream(0, "features"), at = (part: number) => part * 2 ** 31;
  const directions = Array.from(
    { length: RANK },
    (_, k) => Float32Array.from({ length: d }, (_, j) => (k + 1) ** -0.7 * drawn.normal(at(1) + k * d + j)),
  );
  const means = Array.from(
    { length: groups },
    (_, g) => Float32Array.from({ length: d }, (_, j) => 2 + 0.5 * drawn.normal(at(2) + g * d + j)),
  );
  await replaceFile(path, (file) => {
    writeAll(file, npyHeader("<f4", [n, d]));
    for (let i = 0; i < n; i++) {
      const row = means[i % groups].map((mean, j) => mean + 0.3 * drawn.normal(i * d + j));
      directions.forEach((direction, k) => {
        const share = drawn.normal(at(3) + i * RANK + k);
        for (let j = 0; j < d; j++) row[j] += share * direction[j];
      });
      writeAll(file, new Uint8Array(row.buffer));
    }
  });
}
