// Bases with random weights in real files, of any shape: what a step costs does not depend on what the weights are.
import {
  type Base,
  baseOf,
  type LlamaConfig,
  openSafetensors,
  weightShapes,
  writeSafetensors,
} from "../lib/model/mod.ts";

/** SmolLM2's shape of 135M parameters, with changes. */
export function shapeOf(change: Partial<LlamaConfig> = {}): LlamaConfig {
  return {
    architecture: "LlamaForCausalLM",
    vocabSize: 49152,
    hiddenSize: 576,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    headSize: 64,
    ffnSize: 1536,
    ropeTheta: 100000,
    rmsNormEps: 1e-5,
    tieEmbeddings: true,
    maxPositions: 8192,
    eosId: 2,
    eosIds: [2],
    ...change,
  };
}

/** The shapes of SmolLM2's larger models, by their names' sizes. */
export const SHAPES: Record<string, LlamaConfig> = {
  "360M": shapeOf({ hiddenSize: 960, layers: 32, heads: 15, kvHeads: 5, ffnSize: 2560 }),
  "1.7B": shapeOf({ hiddenSize: 2048, layers: 24, heads: 32, kvHeads: 32, ffnSize: 8192, ropeTheta: 130000 }),
};

/** The number of a model's weights. */
export function parameterCount(config: LlamaConfig): number {
  return weightShapes(config).values().reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0);
}

/** Writes float32 weights of standard deviation 0.02 (norms: 1) to `path`. One block of numbers repeats in all of them. */
export async function writeRandomBase(path: string, config: LlamaConfig): Promise<Base> {
  const shapes = [...weightShapes(config)];
  const sizes = shapes.map(([, shape]) => shape.reduce((a, b) => a * b));
  const pool = randomPool(Math.max(...sizes)), ones = new Float32Array(config.hiddenSize).fill(1);
  const tensors = shapes.map(([name, shape], i) => [name, {
    dtype: "float32" as const,
    shape,
    load: () => shape.length === 1 ? ones : pool.subarray(0, sizes[i]),
  }]);
  const hash = await writeSafetensors(path, Object.fromEntries(tensors));
  using weights = await openSafetensors(path);
  return baseOf({ config, weights, hash } as Parameters<typeof baseOf>[0]);
}

function randomPool(size: number): Float32Array {
  const pool = new Float32Array(size), block = Math.min(size, 1_000_003);
  const half = 0.02 * Math.sqrt(3); // uniform in ±half
  for (let i = 0, x = 1; i < block; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    pool[i] = (x / 2 ** 31 - 1) * half;
  }
  for (let done = block; done < size; done *= 2) pool.copyWithin(done, 0, Math.min(done, size - done));
  return pool;
}
