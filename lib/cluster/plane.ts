// Features of labelled points in the plane of their two first principal components: the paper's view of a pair (section 4).
import { pca, type PcaMethod } from "./pca.ts";
import { silhouette } from "./silhouette.ts";

/** Points in their plane. */
export interface Plane {
  /** Coordinates, [n, 2] row-major. */
  scores: Float64Array;
  /** Mean silhouette of the labels in the plane. */
  silhouette: number;
  /** Share of the variance that the plane shows. */
  explained: number;
}

/** `x` [n, d] under `labels` [n] in the plane; `method` as pca() has it. Throws InputError as pca() and silhouette(). */
export async function inPlane(
  x: Float32Array,
  [n, d]: [number, number],
  labels: Uint8Array,
  { method }: { method?: PcaMethod } = {},
): Promise<Plane> {
  const { scores, explainedVarianceRatio } = await pca(x, [n, d], { method });
  const { mean } = await silhouette(scores, [n, 2], labels);
  return { scores, silhouette: mean, explained: explainedVarianceRatio.reduce((a, b) => a + b, 0) };
}
