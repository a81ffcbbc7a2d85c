// The header of a safetensors file, parsed and checked before anything is read by it. The file itself: safetensors.ts.
// Format: u64 length, that many bytes of JSON, then the tensors' bytes without holes.
import { sizeOf } from "../jit/params.ts";
import { InputError } from "../run/errors.ts";
import type { RandomFile } from "../run/random_file.ts";

/** Bytes per element of each type of the format whose elements are whole bytes. */
// deno-fmt-ignore
const ELEMENT_BYTES = {
  BOOL: 1, U8: 1, I8: 1, F8_E5M2: 1, F8_E4M3: 1, F8_E8M0: 1, I16: 2, U16: 2, F16: 2, BF16: 2,
  I32: 4, U32: 4, F32: 4, F64: 8, I64: 8, U64: 8, C64: 8,
} as const;

/** An element type as safetensors names it. */
export type SafetensorsDtype = keyof typeof ELEMENT_BYTES;

/** Where a tensor lies: bytes [begin, end) from the start of the file. */
export interface TensorInfo {
  dtype: SafetensorsDtype;
  shape: number[];
  begin: number;
  end: number;
  /** The file, where a model lies in several (shards.ts). */
  file?: string;
}

/** What a header says. */
export interface Header {
  tensors: Map<string, TensorInfo>;
  metadata: Record<string, string>;
}

/** The longest header that Hugging Face's reader accepts. */
const MAX_HEADER_BYTES = 100_000_000;

/** Reads and checks the header of `file`. Throws InputError that names what is wrong; nothing is allocated by an unchecked number. */
export function readHeader(file: RandomFile): Header {
  const fail = (what: string): never => {
    throw new InputError(
      `Cannot read ${file.path}: ${what}; get the file again, it is damaged or no safetensors file`,
    );
  };
  if (file.size < 8) fail(`${file.size} bytes are too few for a safetensors header`);
  const length = new DataView(file.read(0, 8).buffer).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) fail(`its header would be ${length} bytes, over ${MAX_HEADER_BYTES}`);
  const start = 8 + Number(length);
  if (start > file.size) fail(`its header would end at byte ${start}, the file ends at ${file.size}`);
  const json = parseJson(file.read(8, start), fail);
  const metadata: Record<string, string> = {};
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of Object.entries(json)) {
    if (name !== "__metadata__") {
      tensors.set(
        name,
        tensorInfo(entry, start, file.size, (what) => fail(`tensor ${JSON.stringify(name)} ${what}`)),
      );
      continue;
    }
    if (!isObject(entry)) fail("its __metadata__ is not an object");
    for (const [key, value] of Object.entries(entry as object)) {
      if (typeof value !== "string") fail(`its __metadata__ has ${JSON.stringify(key)}, which is not a text`);
      metadata[key] = value;
    }
  }
  checkNoHoles(tensors, start, file.size, fail);
  return { tensors, metadata };
}

function parseJson(bytes: Uint8Array, fail: (what: string) => never): Record<string, unknown> {
  let text: string, json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    return fail("its header is not JSON");
  }
  if (!isObject(json) || !text.startsWith("{")) return fail("its header is not a JSON object");
  const twice = duplicateKey(text);
  if (twice !== undefined) fail(`its header names ${JSON.stringify(twice)} twice`);
  return json;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The first key that an object of this valid JSON text has twice (JSON.parse keeps the last without a word). */
function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let last = "";
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}:]/g)) {
    if (part === "{") open.push(new Set());
    else if (part === "}") open.pop();
    else if (part !== ":") last = part;
    else {
      const key = JSON.parse(last), keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
}

function tensorInfo(entry: unknown, start: number, size: number, fail: (what: string) => never): TensorInfo {
  if (!isObject(entry)) return fail("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  for (const key of Object.keys(entry)) {
    if (!["dtype", "shape", "data_offsets"].includes(key)) {
      fail(`has an unknown field ${JSON.stringify(key)}`);
    }
  }
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
    return fail(`has the unknown dtype ${JSON.stringify(dtype)}`);
  }
  if (!isCounts(shape)) return fail(`has the shape ${JSON.stringify(shape)}, not a list of counts`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return fail(`has the data_offsets ${JSON.stringify(offsets)}, not [begin, end]`);
  }
  const [begin, end] = [start + offsets[0], start + offsets[1]];
  if (end > size) fail(`ends at byte ${end}, the file at ${size}`);
  const bytes = sizeOf(shape) * ELEMENT_BYTES[dtype as SafetensorsDtype];
  if (bytes !== end - begin) fail(`has ${end - begin} bytes, ${dtype} [${shape}] needs ${bytes}`);
  return { dtype: dtype as SafetensorsDtype, shape, begin, end };
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

function checkNoHoles(
  tensors: Map<string, TensorInfo>,
  start: number,
  size: number,
  fail: (what: string) => never,
) {
  let at = start;
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of inOrder) {
    if (begin < at) {
      fail(`tensor ${JSON.stringify(name)} overlaps the one before it (byte ${begin}, free from ${at})`);
    }
    if (begin > at) {
      fail(`bytes ${at} to ${begin}, before tensor ${JSON.stringify(name)}, belong to no tensor`);
    }
    at = end;
  }
  if (at !== size) fail(`its tensors end at byte ${at}, the file at ${size}`);
}
