// Writing GGUF files, version 3: typed metadata, the table of tensors, then the tensors one after the other, each made when
// its turn comes. Not what the keys of a model are (export_gguf.ts). Bytes as llama.cpp's gguf 0.19.0 writes them.
import { createHash } from "node:crypto";
import { sizeOf } from "../jit/params.ts";
import { replaceFile, writeAll } from "../run/files.ts";
import { GGUF_TYPES, type GgufType, quantise } from "./quantise.ts";

/** A metadata value with its type in the file. */
export type GgufField =
  | { u32: number }
  | { f32: number }
  | { bool: boolean }
  | { text: string }
  | { texts: string[] }
  | { i32s: number[] };

/** A tensor to be written; the shape in row-major order. */
export interface GgufTensor {
  shape: number[];
  type: GgufType;
  /** Its float32 values. */
  load: () => Promise<Float32Array<ArrayBuffer>>;
}

/** Every tensor starts at a multiple of this many bytes (general.alignment's default). */
const ALIGNMENT = 32;

/**
 * Writes a GGUF file, whole or not at all, in the order of `fields` and `tensors`; returns its SHA-256. One tensor is in
 * memory at a time. Throws InputError where the place cannot be written, RangeError where a tensor does not fit its shape.
 */
export async function writeGguf(
  path: string,
  fields: Record<string, GgufField>,
  tensors: Record<string, GgufTensor>,
): Promise<string> {
  const head = header(fields, tensors), hash = createHash("sha256");
  await replaceFile(path, async (file) => {
    const put = (bytes: Uint8Array) => {
      hash.update(bytes);
      writeAll(file, bytes);
    };
    const putAligned = (bytes: Uint8Array) => {
      put(bytes);
      put(new Uint8Array(aligned(bytes.length) - bytes.length));
    };
    putAligned(head);
    for (const [name, { shape, type, load }] of Object.entries(tensors)) {
      const values = await load();
      if (values.length !== sizeOf(shape)) {
        throw new RangeError(`Cannot write tensor ${name}: ${values.length} values for shape [${shape}]`);
      }
      putAligned(quantise(values, type));
    }
  });
  return hash.digest("hex");
}

const aligned = (size: number) => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

function header(fields: Record<string, GgufField>, tensors: Record<string, GgufTensor>): Uint8Array {
  const out = new Bytes();
  out.ascii("GGUF");
  out.u32(3);
  out.u64(Object.keys(tensors).length);
  out.u64(Object.keys(fields).length);
  for (const [key, value] of Object.entries(fields)) {
    out.text(key);
    putField(out, value);
  }
  let offset = 0;
  for (const [name, { shape, type }] of Object.entries(tensors)) {
    const { number, values, bytes } = GGUF_TYPES[type];
    if ((shape.at(-1) ?? 1) % values) {
      throw new RangeError(
        `Cannot write tensor ${name} as ${type}: its rows of ${shape.at(-1)} are no whole blocks`,
      );
    }
    out.text(name);
    out.u32(shape.length);
    for (const size of shape.toReversed()) out.u64(size); // ggml's order, fastest first
    out.u32(number);
    out.u64(offset);
    offset = aligned(offset + sizeOf(shape) / values * bytes);
  }
  return out.done();
}

/** Type number, then the value (ggml's docs/gguf.md). */
function putField(out: Bytes, field: GgufField): void {
  if ("u32" in field) {
    out.u32(4);
    out.u32(field.u32);
  } else if ("f32" in field) {
    out.u32(6);
    out.f32(field.f32);
  } else if ("bool" in field) {
    out.u32(7);
    out.u8(Number(field.bool));
  } else if ("text" in field) {
    out.u32(8);
    out.text(field.text);
  } else if ("texts" in field) {
    out.list(8, field.texts.length);
    for (const text of field.texts) out.text(text);
  } else {
    out.list(5, field.i32s.length);
    for (const number of field.i32s) out.u32(number);
  }
}

/** Little-endian bytes, growing. */
class Bytes {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;
  #utf8 = new TextEncoder();

  /** Makes room for `count` bytes and returns where they start. */
  #take(count: number): number {
    if (this.#size + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#size + count));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#size += count;
    return this.#size - count;
  }

  #put(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  u8(value: number): void {
    const at = this.#take(1); // first: it may replace #bytes
    this.#bytes[at] = value;
  }

  /** Also a negative int32: the same bits. */
  u32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
  }

  u64(value: number): void {
    const at = this.#take(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  f32(value: number): void {
    const at = this.#take(4);
    this.#view.setFloat32(at, value, true);
  }

  ascii(text: string): void {
    this.#put(this.#utf8.encode(text));
  }

  /** Length, then UTF-8. */
  text(text: string): void {
    const bytes = this.#utf8.encode(text);
    this.u64(bytes.length);
    this.#put(bytes);
  }

  /** The head of an array of `count` values of the type number `of`. */
  list(of: number, count: number): void {
    this.u32(9);
    this.u32(of);
    this.u64(count);
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }
}
