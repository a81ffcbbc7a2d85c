// Safetensors files: a lazy reader that keeps offsets, and a writer that streams. The header's checks: safetensors_header.ts.
// Bytes as Hugging Face's safetensors 0.8 writes them, so that files of equal content are equal.
import { createHash } from "node:crypto";
import { f32, i32, sizeOf, type TensorData } from "../jit/params.ts";
import { InputError } from "../run/errors.ts";
import { replaceFile, writeAll } from "../run/files.ts";
import { RandomFile } from "../run/random_file.ts";
import { bfloatsToFloats, floatsToBfloats, floatsToHalves, halvesToFloats } from "./half.ts";
import { readHeader, type TensorInfo } from "./safetensors_header.ts";
export type { SafetensorsDtype, TensorInfo } from "./safetensors_header.ts";

/** An open safetensors file: the header is read and checked, tensors are read when asked for. */
export interface Safetensors {
  readonly path: string;
  /** Every tensor by name; byte offsets count from the start of the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** A tensor as float32 (F32, F16, BF16) or int32 (I32). Throws InputError for a name or type that is not there. */
  read(name: string): Promise<TensorData>;
  close(): void;
  [Symbol.dispose](): void;
}

/** Opens a safetensors file. Throws InputError where it is missing or its header is damaged or lies. */
export function openSafetensors(path: string): Promise<Safetensors> {
  return Promise.try(() => open(path));
}

function open(path: string): Safetensors {
  const file = RandomFile.open(path);
  try {
    const { tensors, metadata } = readHeader(file);
    return {
      path,
      tensors,
      metadata,
      read: (name) => Promise.try(() => readTensor(file, tensors.get(name), name)),
      close: () => file.close(),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readTensor(file: RandomFile, info: TensorInfo | undefined, name: string): TensorData {
  if (!info) throw new InputError(`Cannot read tensor ${name}: ${file.path} has none of that name`);
  const { dtype, shape, begin, end } = info;
  if (!["F32", "F16", "BF16", "I32"].includes(dtype)) {
    throw new InputError(
      `Cannot read tensor ${name} of ${file.path}: its type is ${dtype}; F32, F16, BF16 and I32 can be read`,
    );
  }
  const { buffer } = file.read(begin, end);
  if (dtype === "I32") return i32(shape, new Int32Array(buffer));
  if (dtype === "F32") return f32(shape, new Float32Array(buffer));
  return f32(shape, (dtype === "F16" ? halvesToFloats : bfloatsToFloats)(new Uint16Array(buffer)));
}

/** A type that a file stores float32 tensors in. */
export type StoredFloat = "F32" | "F16" | "BF16";

type Loaded = TensorData["data"] | Uint8Array<ArrayBuffer>;

/** A tensor to be written whose values are made when their turn comes. */
export interface LazyTensor {
  dtype: TensorData["dtype"];
  shape: number[];
  /** Instead of the type of WriteOptions; U8 for bytes. */
  stored?: StoredFloat | "U8";
  load: () => Loaded | Promise<Loaded>;
}

/** How to write: free text for the header, and the type that float32 tensors are stored in. */
export interface WriteOptions {
  metadata?: Record<string, string>;
  dtype?: StoredFloat;
}

/** The order of types in a file: wider first, then as in Hugging Face's list. */
const ORDER = ["F32", "I32", "BF16", "F16", "U8"];
const BYTES: Record<string, number> = { F32: 4, I32: 4, BF16: 2, F16: 2, U8: 1 };

/**
 * Writes named tensors as one safetensors file, whole or not at all, and returns its SHA-256. Tensors with `load` are
 * made one after the other, so a big model need not be in memory. int32 tensors are stored as I32.
 * Throws InputError where the place cannot be written, RangeError where a tensor does not fit its shape.
 */
export async function writeSafetensors(
  path: string,
  params: Record<string, TensorData | LazyTensor>,
  options: WriteOptions = {},
): Promise<string> {
  const float = options.dtype ?? "F32";
  const rows = Object.entries(params)
    .map(([name, tensor]) => ({ name, tensor, dtype: storedAs(tensor, float) }))
    .sort((a, b) => ORDER.indexOf(a.dtype) - ORDER.indexOf(b.dtype) || (a.name < b.name ? -1 : 1));
  const head = headerBytes(rows, options.metadata);
  const hash = createHash("sha256");
  await replaceFile(path, async (file) => {
    const put = (bytes: Uint8Array) => {
      hash.update(bytes);
      writeAll(file, bytes);
    };
    put(head);
    for (const { name, tensor, dtype } of rows) {
      const data = "load" in tensor ? await tensor.load() : tensor.data;
      if (data.length !== sizeOf(tensor.shape)) {
        throw new RangeError(
          `Cannot write tensor ${name}: ${data.length} values for shape [${tensor.shape}]`,
        );
      }
      put(encoded(data, dtype));
    }
  });
  return hash.digest("hex");
}

function storedAs(tensor: TensorData | LazyTensor, float: StoredFloat): string {
  if ("load" in tensor && tensor.stored) return tensor.stored;
  return tensor.dtype === "int32" ? "I32" : float;
}

interface Row {
  name: string;
  tensor: TensorData | LazyTensor;
  dtype: string;
}

function headerBytes(rows: Row[], metadata?: Record<string, string>): Uint8Array {
  const parts: string[] = [];
  if (metadata && Object.keys(metadata).length) {
    const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
    parts.push(`"__metadata__":${jsonObject(sorted.map(([key, value]) => [key, JSON.stringify(value)]))}`);
  }
  let at = 0;
  for (const { name, tensor: { shape }, dtype } of rows) {
    if (name === "__metadata__") {
      throw new RangeError("Cannot write a tensor named __metadata__: the format keeps that name");
    }
    const end = at + sizeOf(shape) * BYTES[dtype];
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`);
    at = end;
  }
  const json = new TextEncoder().encode(`{${parts.join(",")}}`);
  const bytes = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(32);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(json, 8);
  return bytes;
}

const jsonObject = (entries: string[][]) =>
  `{${entries.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(",")}}`;

function encoded(data: Loaded, dtype: string): Uint8Array {
  let stored: Loaded | Uint16Array = data;
  if (dtype === "F16") stored = floatsToHalves(data as Float32Array);
  if (dtype === "BF16") stored = floatsToBfloats(data as Float32Array);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}
