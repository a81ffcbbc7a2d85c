// The files of a folder of features, and the writers that fill them row by row.
import { join } from "node:path";
import type { Layer } from "../model/mod.ts";
import { writeAll, writeError, writeFileAtomic } from "../run/files.ts";
import type { Points } from "./features.ts";
import { npyHeader, npyInts } from "./npy.ts";

/** The file that is written last: without it a folder holds no features. */
export const FEATURES_INDEX = "features.json";

/** The file of a layer's features. */
export const layerFile = (layer: Layer): string =>
  layer === "final" ? "features.npy" : `features_layer_${layer}.npy`;

/** The files of features with these layers. */
export const featureFiles = (layers: readonly Layer[]): string[] => [
  ...layers.map(layerFile),
  "tokens.npy",
  "positions.npy",
  "samples.npy",
  FEATURES_INDEX,
];

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Writes rows of a file at their places. */
export interface RowWriter {
  write(row: number, data: Float32Array): void;
  close(): void;
}

/**
 * Makes `dir` ready for features of these layers: writes what belongs to the points, takes away an old index, and opens a file a layer.
 * Throws InputError where it cannot be written to.
 */
export async function openWriters(
  dir: string,
  layers: readonly Layer[],
  points: Points,
  width: number,
): Promise<Map<Layer, RowWriter>> {
  try {
    await Deno.mkdir(dir, { recursive: true });
    removeIfThere(join(dir, FEATURES_INDEX));
  } catch (error) {
    throw writeError(dir, error);
  }
  for (const name of ["tokens", "positions", "samples"] as const) {
    await writeFileAtomic(join(dir, `${name}.npy`), npyInts(points[name]));
  }
  const shape: [number, number] = [points.tokens.length, width];
  const writers = new Map<Layer, RowWriter>();
  try {
    for (const layer of layers) writers.set(layer, openWriter(join(dir, layerFile(layer)), shape));
  } catch (error) {
    for (const writer of writers.values()) writer.close();
    throw error;
  }
  return writers;
}

function openWriter(path: string, [count, width]: [number, number]): RowWriter {
  const head = npyHeader("<f4", [count, width]),
    guarded = <T>(action: () => T): T => {
      try {
        return action();
      } catch (error) {
        throw writeError(path, error);
      }
    };
  // A new file rather than a shorter one: who has the old one mapped keeps it.
  const file = guarded(() => {
    removeIfThere(path);
    return Deno.openSync(path, { write: true, createNew: true });
  });
  const put = (position: number, bytes: Uint8Array) =>
    guarded(() => {
      file.seekSync(position, Deno.SeekMode.Start);
      writeAll(file, bytes);
    });
  put(0, head);
  return {
    write: (row, data) =>
      put(head.length + 4 * row * width, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    close: () => file.close(),
  };
}
