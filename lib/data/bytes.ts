// A user's file as pieces of bytes, unpacked where it is gzip. What the bytes mean is known to the readers of formats.
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError } from "../run/errors.ts";
import { readError } from "../run/files.ts";

/** How much is read at once. */
const PIECE = 1 << 20;

/**
 * The bytes of the file `path` in pieces, each good until the next is asked for; gzip (by its first bytes, also of several
 * members) is unpacked. Throws InputError where it is missing, a folder, a pipe (files are read several times), not readable,
 * or gzip that is damaged or cut off.
 */
export async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  const raw = filePieces(path);
  const first = await raw.next();
  if (first.done) return;
  const start = Uint8Array.from(first.value.subarray(0, 2));
  if (start[0] === 0x1f && start[1] === 0x8b) yield* gunzip(path, copies(first.value, raw));
  else {
    yield first.value;
    yield* raw;
  }
}

/** The first bytes of a file as readPieces() gives them, up to `count`. */
export async function peekBytes(path: string, count = 4096): Promise<Uint8Array> {
  const start = new Uint8Array(count);
  let length = 0;
  for await (const piece of readPieces(path)) {
    const part = piece.subarray(0, count - length);
    start.set(part, length);
    length += part.length;
    if (length === count) break;
  }
  return start.subarray(0, length);
}

async function* filePieces(path: string): AsyncGenerator<Uint8Array> {
  let file: Deno.FsFile;
  try {
    if ((await Deno.stat(path)).isFifo) {
      throw new InputError(`Cannot read ${path}: it is a pipe; save it as a file`);
    }
    file = await Deno.open(path);
  } catch (error) {
    throw readError(path, error);
  }
  const piece = new Uint8Array(PIECE);
  try {
    for (let n: number | null; (n = await file.read(piece)) !== null;) yield piece.subarray(0, n);
  } catch (error) {
    throw readError(path, error);
  } finally {
    file.close();
  }
}

/** Pieces of their own: zlib keeps them. */
async function* copies(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first.slice();
  for await (const piece of rest) yield piece.slice();
}

async function* gunzip(path: string, packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const unpacked = createGunzip({ chunkSize: PIECE >> 2 });
  pipeline(Readable.from(packed, { objectMode: true, highWaterMark: 2 }), unpacked, () => {});
  try {
    for await (const piece of unpacked) yield piece;
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code, message } = error as { code?: string; message: string };
    const what = code === "Z_BUF_ERROR" ? "its gzip ends too early" : `its gzip is damaged (${message})`;
    throw new InputError(`Cannot read ${path}: ${what}; get the file again`, { cause: error });
  } finally {
    unpacked.destroy();
  }
}
