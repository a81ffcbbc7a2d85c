// GGUF files, versions 2 and 3: metadata, the table of tensors, and tensors as float32 when asked for.
// Not the meaning of a model's metadata (convert_gguf.ts). Format: ggml's docs/gguf.md.
import { f32, sizeOf, type TensorData } from "../jit/params.ts";
import { InputError } from "../run/errors.ts";
import { RandomFile } from "../run/random_file.ts";
import { DEQUANTISE } from "./dequantise.ts";
import { GgufCursor, type GgufValue } from "./gguf_cursor.ts";
export type { GgufValue } from "./gguf_cursor.ts";

/** Type number → name, values in a block, bytes of a block (ggml.h and ggml-common.h). */
// deno-fmt-ignore
const TYPES: Record<number, readonly [name: string, values: number, bytes: number]> = {
  0: ["F32", 1, 4], 1: ["F16", 1, 2], 2: ["Q4_0", 32, 18], 3: ["Q4_1", 32, 20], 6: ["Q5_0", 32, 22],
  7: ["Q5_1", 32, 24], 8: ["Q8_0", 32, 34], 9: ["Q8_1", 32, 36], 10: ["Q2_K", 256, 84], 11: ["Q3_K", 256, 110],
  12: ["Q4_K", 256, 144], 13: ["Q5_K", 256, 176], 14: ["Q6_K", 256, 210], 15: ["Q8_K", 256, 292],
  16: ["IQ2_XXS", 256, 66], 17: ["IQ2_XS", 256, 74], 18: ["IQ3_XXS", 256, 98], 19: ["IQ1_S", 256, 50],
  20: ["IQ4_NL", 32, 18], 21: ["IQ3_S", 256, 110], 22: ["IQ2_S", 256, 82], 23: ["IQ4_XS", 256, 136],
  24: ["I8", 1, 1], 25: ["I16", 1, 2], 26: ["I32", 1, 4], 27: ["I64", 1, 8], 28: ["F64", 1, 8],
  29: ["IQ1_M", 256, 56], 30: ["BF16", 1, 2], 34: ["TQ1_0", 256, 54], 35: ["TQ2_0", 256, 66], 39: ["MXFP4", 32, 17],
};

/** Where a tensor lies: bytes [begin, end) from the start of the file; the shape in row-major order (ggml's reversed). */
export interface GgufTensorInfo {
  /** ggml's name of the type, such as "Q4_1". */
  type: string;
  shape: number[];
  begin: number;
  end: number;
}

/** An open GGUF file: the header is read and checked, tensors are read when asked for. */
export interface Gguf {
  readonly path: string;
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
  /** A tensor as float32 of a type in DEQUANTISE. Throws InputError for a name or type that is not there. */
  read(name: string): Promise<TensorData>;
  close(): void;
  [Symbol.dispose](): void;
}

/** Opens a GGUF file. Throws InputError where it is missing or its header is damaged or lies. */
export function openGguf(path: string): Promise<Gguf> {
  return Promise.try(() => open(path));
}

function open(path: string): Gguf {
  const file = RandomFile.open(path);
  try {
    const { version, metadata, tensors } = readHeader(new GgufCursor(file));
    return {
      path,
      version,
      metadata,
      tensors,
      read: (name) => Promise.try(() => readTensor(file, tensors.get(name), name)),
      close: () => file.close(),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readTensor(file: RandomFile, info: GgufTensorInfo | undefined, name: string): TensorData {
  if (!info) throw new InputError(`Cannot read tensor ${name}: ${file.path} has none of that name`);
  const dequantise = DEQUANTISE[info.type];
  if (!dequantise) {
    throw new InputError(
      `Cannot read tensor ${name} of ${file.path}: its type is ${info.type}; ` +
        `${Object.keys(DEQUANTISE).join(", ")} can be read, take a file of one of these`,
    );
  }
  return f32(info.shape, dequantise(file.read(info.begin, info.end)));
}

function readHeader(cursor: GgufCursor) {
  if (cursor.file.size < 24 || cursor.u32() !== 0x46554747) cursor.fail("it does not start as a GGUF file");
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    cursor.fail(`it has version ${version}; versions 2 and 3 (little-endian) can be read`);
  }
  const tensorCount = cursor.countOf("the number of tensors", 24); // name length, dimensions, type, offset
  const valueCount = cursor.countOf("the number of metadata values", 13); // key length, type, value
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const key = cursor.text("a metadata key");
    if (metadata.has(key)) cursor.fail(`it has the metadata key ${JSON.stringify(key)} twice`);
    metadata.set(key, cursor.value(cursor.u32(), `metadata ${JSON.stringify(key)}`));
  }
  const alignment = metadata.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || !Number.isInteger(alignment) || alignment < 1) {
    return cursor.fail(`its alignment is ${alignment}`);
  }
  const tensors = new Map<string, GgufTensorInfo>();
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.text("a tensor's name");
    if (tensors.has(name)) cursor.fail(`it has the tensor ${JSON.stringify(name)} twice`);
    tensors.set(name, tensorInfo(cursor, `tensor ${JSON.stringify(name)}`, alignment));
  }
  const start = Math.ceil(cursor.offset / alignment) * alignment;
  placeTensors(cursor, tensors, start);
  return { version, metadata, tensors };
}

/** One row of the table; begin and end still count from the start of the data. */
function tensorInfo(cursor: GgufCursor, what: string, alignment: number): GgufTensorInfo {
  const dimensions = cursor.u32();
  if (dimensions > 4) cursor.fail(`${what} has ${dimensions} dimensions, more than 4`);
  const shape = Array.from({ length: dimensions }, () => cursor.count(`a dimension of ${what}`)).reverse();
  const number = cursor.u32();
  const type = TYPES[number];
  if (!type) return cursor.fail(`${what} has the unknown type ${number}`);
  const [name, blockValues, blockBytes] = type;
  const begin = cursor.count(`the offset of ${what}`);
  if (begin % alignment) cursor.fail(`${what} starts at offset ${begin}, no multiple of ${alignment}`);
  const last = shape.at(-1) ?? 1;
  if (last % blockValues) {
    cursor.fail(`${what} has rows of ${last} values, no multiple of ${name}'s ${blockValues}`);
  }
  const bytes = sizeOf(shape) / blockValues * blockBytes;
  if (!Number.isSafeInteger(begin + bytes)) cursor.fail(`${what} would have the shape [${shape}]`);
  return { type: name, shape, begin, end: begin + bytes };
}

/** Makes the tensors' offsets count from the start of the file, and checks that they lie in it and apart. */
function placeTensors(cursor: GgufCursor, tensors: Map<string, GgufTensorInfo>, start: number): void {
  let free = 0;
  for (const [name, info] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (info.begin < free) {
      cursor.fail(
        `tensor ${JSON.stringify(name)} overlaps the one before it (offset ${info.begin}, free from ${free})`,
      );
    }
    free = info.end;
    info.begin += start;
    info.end += start;
    if (info.end > cursor.file.size) {
      cursor.fail(`tensor ${JSON.stringify(name)} ends at byte ${info.end}, the file at ${cursor.file.size}`);
    }
  }
}
