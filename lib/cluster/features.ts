// Token features: the hidden state before each supervised token, labelled with that token, of any model and adapter over any
// texts, streamed to NumPy files and mapped back. What clusters they form stands in the files beside this.
import { join } from "node:path";
import type { JitOptions } from "../jit/mod.ts";
import {
  type Adapter,
  type Base,
  checkLayer,
  eachHiddenState,
  type Layer,
  type Sequence,
  targetCount,
} from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { readBytes, writeFileAtomic } from "../run/files.ts";
import { FEATURES_INDEX, layerFile, openWriters, type RowWriter } from "./feature_files.ts";
import { type MappedArray, openArray } from "./mapped.ts";

/** Which token each feature belongs to, [points] each: the same for every layer and model over the same texts. */
export interface Points {
  /** The token at position t + 1: the label. */
  tokens: Int32Array;
  /** t, counted from 0 in its text. */
  positions: Int32Array;
  /** The text, an index into `sampleIds`. */
  samples: Int32Array;
  sampleIds: string[];
}

/** One model's features. */
export interface Features {
  points: Points;
  /** Numbers a feature has: the model's hidden size. */
  width: number;
  layers: Layer[];
  /** The features of the points `indices`, [indices, width] row-major. Throws RangeError for a layer that is not there. */
  rows(indices: ArrayLike<number>, layer?: Layer): Float32Array;
  close(): void;
}

/** How features are extracted. */
export interface FeatureOptions extends JitOptions {
  /** Default: the final one. See Layer. */
  layers?: readonly Layer[];
  /** Only the features of these tokens; default: of every supervised one. */
  tokens?: ReadonlySet<number>;
  maxRows?: number;
  onBatch?: (done: number, total: number) => void | Promise<void>;
}

/** The points of `sequences`, in the texts' order and from left to right within each. */
export function pointsOf(sequences: readonly Sequence[]): Points {
  const count = sequences.reduce((sum, sequence) => sum + targetCount(sequence), 0);
  const tokens = new Int32Array(count), positions = new Int32Array(count), samples = new Int32Array(count);
  let at = 0;
  sequences.forEach(({ ids, supervised }, sample) =>
    supervised.forEach((one, i) => {
      if (!one) return;
      [tokens[at], positions[at], samples[at]] = [ids[i], i - 1, sample];
      at++;
    })
  );
  return { tokens, positions, samples, sampleIds: sequences.map(({ id }) => id) };
}

/** Throws RangeError unless that many points of a token can be scored. */
export function checkMost(most: number): void {
  if (most === Infinity || (Number.isInteger(most) && most >= 2)) return;
  throw new RangeError(`Cannot take ${most} points of a token: give a whole number from 2 on`);
}

/** The same texts with fewer points: those of `tokens`, of each the first `most` in the texts' order. */
export function limitPoints(
  sequences: readonly Sequence[],
  { tokens, most = Infinity }: { tokens?: ReadonlySet<number>; most?: number },
): Sequence[] {
  checkMost(most);
  const seen = new Map<number, number>();
  return sequences.map(({ id, ids, supervised }) => ({
    id,
    ids,
    supervised: supervised.map((one, i) => {
      const count = seen.get(ids[i]) ?? 0;
      if (!one || count >= most || (tokens && !tokens.has(ids[i]))) return 0;
      seen.set(ids[i], count + 1);
      return 1;
    }),
  }));
}

/** extractMany() of one model, into `dir` itself. */
export async function extractFeatures(
  base: Base,
  sequences: Sequence[],
  dir: string,
  { adapter, ...options }: FeatureOptions & { adapter?: Adapter } = {},
): Promise<Features> {
  await extract(base, sequences, { only: { dir, adapter } }, options);
  return await openFeatures(dir);
}

/**
 * Runs each model (undefined: the base model alone) once over all texts and writes its features into `dir`/name: a file a layer
 * ([points, width] float32), tokens, positions and samples ([points] int32), all for numpy.load(), and at the end features.json.
 * Memory: a batch. Throws InputError where no token is supervised or the files cannot be written; RangeError for a layer that the
 * model does not have.
 */
export async function extractMany(
  base: Base,
  sequences: Sequence[],
  dir: string,
  adapters: Record<string, Adapter | undefined>,
  options: FeatureOptions = {},
): Promise<Record<string, Features>> {
  const models = Object.entries(adapters).map(([name, adapter]) => [name, { dir: join(dir, name), adapter }]);
  await extract(base, sequences, Object.fromEntries(models), options);
  return await openMany(dir, Object.keys(adapters));
}

/** Each model's folder and adapter. */
type Targets = Record<string, { dir: string; adapter?: Adapter }>;

async function extract(
  base: Base,
  given: Sequence[],
  targets: Targets,
  { layers: wanted = ["final"], tokens, ...options }: FeatureOptions,
): Promise<void> {
  const layers = [...new Set(wanted)];
  layers.forEach((layer) => checkLayer(base.config, layer));
  if (layers.length === 0) throw new RangeError("Cannot extract features of no layer: name one");
  for (const sequence of given) checkSequence(sequence, base.config.vocabSize);
  for (const name of Object.keys(targets)) {
    if (!/^\.*$/.test(name) && !/[/\\\0]/.test(name)) continue;
    throw new RangeError(
      `Cannot extract features of ${JSON.stringify(name)}: a folder cannot be called that`,
    );
  }
  const sequences = tokens ? limitPoints(given, { tokens }) : given;
  const points = pointsOf(sequences), width = base.config.hiddenSize;
  if (points.tokens.length === 0) {
    throw new InputError(
      `Cannot extract features: none of ${sequences.length} texts has a supervised token that is wanted; give longer texts`,
    );
  }
  const used: Sequence[] = [], starts: number[] = []; // no pass over texts without points
  let start = 0;
  for (const sequence of sequences) {
    const count = targetCount(sequence);
    if (count) {
      used.push(sequence);
      starts.push(start);
    }
    start += count;
  }
  const writers: Record<string, Map<Layer, RowWriter>> = {};
  try {
    for (const [name, { dir }] of Object.entries(targets)) {
      writers[name] = await openWriters(dir, layers, points, width);
    }
    const adapters = Object.fromEntries(
      Object.entries(targets).map(([name, { adapter }]) => [name, adapter]),
    );
    await eachHiddenState(base, used, adapters, ({ name, layer, sequence, from, data }) => {
      writers[name].get(layer)!.write(starts[sequence] + from, data);
    }, { ...options, layers });
  } finally {
    for (const own of Object.values(writers)) for (const writer of own.values()) writer.close();
  }
  for (const { dir } of Object.values(targets)) {
    const { sampleIds } = points, count = points.tokens.length;
    await writeFileAtomic(
      join(dir, FEATURES_INDEX),
      JSON.stringify({ points: count, width, layers, sampleIds }) + "\n",
    );
  }
}

/** Throws RangeError for ids the model does not have, and for marks that do not fit the ids. */
function checkSequence({ id, ids, supervised }: Sequence, vocabSize: number): void {
  const fail = (why: string) => new RangeError(`Cannot extract features of the text ${id}: ${why}`);
  if (supervised.length !== ids.length) throw fail(`${ids.length} tokens have ${supervised.length} marks`);
  const wrong = ids.find((token) => !(token >= 0 && token < vocabSize));
  if (wrong !== undefined) throw fail(`token #${wrong} is none of the model's ${vocabSize}`);
  if (supervised[0]) throw fail("its first token is supervised, and nothing precedes it");
  if (supervised.some((one) => one > 1)) throw fail("a token is neither supervised (1) nor not (0)");
}

/**
 * Opens what extractFeatures() wrote, mapped into memory; `map: false` reads instead. Throws InputError where the folder holds no
 * features, or their files do not fit each other.
 */
export async function openFeatures(dir: string, { map = true }: { map?: boolean } = {}): Promise<Features> {
  const { points: count, width, layers, sampleIds } = await readIndex(dir);
  const opened: MappedArray[] = [];
  const open = (name: string, dtype: MappedArray["dtype"], shape: number[]) => {
    const path = join(dir, name), array = openArray(path, { map });
    opened.push(array);
    if (array.dtype === dtype && String(array.shape) === String(shape)) return array;
    throw new InputError(
      `Cannot read ${path}: it is ${array.dtype} [${array.shape}] and ${FEATURES_INDEX} says ${dtype} [${shape}]; extract again`,
    );
  };
  try {
    const ints = (name: string) => open(`${name}.npy`, "<i4", [count]).slice(0, count) as Int32Array;
    const points = {
      tokens: ints("tokens"),
      positions: ints("positions"),
      samples: ints("samples"),
      sampleIds,
    };
    const arrays = new Map(layers.map((layer) => [layer, open(layerFile(layer), "<f4", [count, width])]));
    return {
      points,
      width,
      layers,
      rows: (indices, layer = "final") => rowsOf(arrays.get(layer), indices, { layer, layers, width, count }),
      close: () => opened.forEach((array) => array.close()),
    };
  } catch (error) {
    opened.forEach((array) => array.close());
    throw error;
  }
}

/** openFeatures() of each `dir`/name. */
export async function openMany(dir: string, names: readonly string[]): Promise<Record<string, Features>> {
  const opened: Record<string, Features> = {};
  try {
    for (const name of names) opened[name] = await openFeatures(join(dir, name));
    return opened;
  } catch (error) {
    for (const features of Object.values(opened)) features.close();
    throw error;
  }
}

function rowsOf(
  array: MappedArray | undefined,
  indices: ArrayLike<number>,
  { layer, layers, width, count }: { layer: Layer; layers: Layer[]; width: number; count: number },
): Float32Array {
  if (!array) throw new RangeError(`Cannot read layer ${layer}: only ${layers.join(", ")} were extracted`);
  const rows = new Float32Array(indices.length * width);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i];
    if (!(Number.isInteger(row) && row >= 0 && row < count)) {
      throw new RangeError(`Cannot read feature ${row}: there are ${count}`);
    }
    rows.set(array.slice(row * width, (row + 1) * width), i * width);
  }
  return rows;
}

async function readIndex(
  dir: string,
): Promise<{ points: number; width: number; layers: Layer[]; sampleIds: string[] }> {
  const path = join(dir, FEATURES_INDEX), text = new TextDecoder().decode(await readBytes(path));
  try {
    const index = JSON.parse(text);
    const whole = [index.points, index.width].every((n) => Number.isSafeInteger(n) && n > 0);
    const isLayer = (layer: unknown) =>
      layer === "final" || (Number.isSafeInteger(layer) && Number(layer) >= 0);
    const layers = Array.isArray(index.layers) && index.layers.length > 0 && index.layers.every(isLayer);
    if (whole && layers && Array.isArray(index.sampleIds)) return index;
  } catch {
    // said below
  }
  throw new InputError(`Cannot read ${path}: it is no index of features; extract them again`);
}
