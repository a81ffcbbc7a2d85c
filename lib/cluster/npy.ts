// NumPy's file format, as far as features need it: little-endian float32 and int32 arrays in C order, version 1.0.
// The format: numpy/lib/format.py. Reading the data itself is mapped.ts's.
import { InputError } from "../run/errors.ts";

/** What such a file's header says. */
export interface NpyHeader {
  dtype: "<f4" | "<i4";
  shape: number[];
  /** Bytes before the data. */
  offset: number;
}

const MAGIC = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];

/** Digits that numpy leaves room for, so that the first dimension of a file can grow in place. */
const GROWTH = 21;

/** The bytes before the data of an array, as numpy.save() writes them; a multiple of 64. */
export function npyHeader(dtype: NpyHeader["dtype"], shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const room = text.length + GROWTH - String(shape[0]).length;
  const total = Math.ceil((MAGIC.length + 2 + room + 1) / 64) * 64, length = total - MAGIC.length - 2;
  const bytes = new Uint8Array(total).fill(0x20);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint16(MAGIC.length, length, true);
  bytes.set(new TextEncoder().encode(text), MAGIC.length + 2);
  bytes[total - 1] = 0x0a;
  return bytes;
}

/** An int32 array of one dimension as a whole file. */
export function npyInts(values: Int32Array): Uint8Array<ArrayBuffer> {
  const head = npyHeader("<i4", [values.length]), bytes = new Uint8Array(head.length + values.byteLength);
  bytes.set(head);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), head.length);
  return bytes;
}

/** The header at the start of `bytes`, of the file `path` of `size` bytes. Throws InputError for any file but those described above. */
export function readNpyHeader(bytes: Uint8Array, path: string, size: number): NpyHeader {
  const fail = (why: string) =>
    new InputError(`Cannot read ${path}: ${why}; extract the features again, or write it with numpy.save()`);
  if (bytes.length < 12 || MAGIC.slice(0, 6).some((byte, i) => bytes[i] !== byte)) {
    throw fail("it is not a NumPy file");
  }
  if (bytes[6] !== 1) throw fail(`its format is version ${bytes[6]}.${bytes[7]}, not 1.0`);
  const offset = 10 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const text = new TextDecoder("latin1").decode(bytes.subarray(10, offset));
  const dtype = /'descr':\s*'([^']*)'/.exec(text)?.[1], order = /'fortran_order':\s*(\w+)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1].split(",").filter((n) => n.trim()).map(Number);
  if (!shape || offset > bytes.length) throw fail("its header is damaged");
  if (dtype !== "<f4" && dtype !== "<i4") throw fail(`it holds ${dtype ?? "records"}, not float32 or int32`);
  if (order !== "False") throw fail("it is in Fortran order");
  const wanted = offset + 4 * shape.reduce((a, b) => a * b, 1);
  if (size !== wanted) throw fail(`it has ${size} bytes and its header promises ${wanted}`);
  return { dtype, shape, offset };
}
