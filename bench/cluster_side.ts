// Our side of cluster.ts: a silhouette or a PCA of a NumPy file's rows; prints one JSON line.
// deno run -A bench/cluster_side.ts silhouette FILE LABELS THREADS | pca FILE THREADS
import { pca } from "../lib/cluster/pca.ts";
import { silhouette } from "../lib/cluster/silhouette.ts";
import { openArray } from "../lib/cluster/mapped.ts";
import { peakMemory } from "../lib/run/machine.ts";

const [what, path, ...numbers] = Deno.args, [first, second] = numbers.map(Number);
const file = openArray(path), [n, d] = file.shape, x = file.slice(0, n * d) as Float32Array;
file.close();
const start = performance.now();
const values = what === "pca" ? await components(first) : [await mean(first, second)];
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, peakBytes: peakMemory(), values }));

async function components(threads: number): Promise<number[]> {
  const found = await pca(x, [n, d], { threads });
  return [...found.explainedVarianceRatio, ...found.components];
}

async function mean(groups: number, threads: number): Promise<number> {
  const labels = Int32Array.from({ length: n }, (_, i) => i % groups);
  return (await silhouette(x, [n, d], labels, { threads })).mean;
}
