// Reading a GGUF header from front to back: numbers, texts and typed values, never past the end of the file.
// What the values mean: gguf.ts. Format: ggml's docs/gguf.md, versions 2 and 3, little-endian.
import { InputError } from "../run/errors.ts";
import type { RandomFile } from "../run/random_file.ts";

/** A metadata value. 64-bit integers past 2^53 stay bigint. */
export type GgufValue = number | bigint | boolean | string | GgufValue[];

const PIECE = 1 << 20;
const STRING = 8, ARRAY = 9;

/** Longer than any vocabulary; keeps a lying file from taking all memory. */
const MAX_LENGTH = 1 << 24;

/** The fewest bytes a value of each type takes, by the format's type number: u8 i8 u16 i16 u32 i32 f32 bool string array u64 i64 f64. */
const LEAST_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];

/** A position in the header of `file`. Every method throws InputError at the file's end. */
export class GgufCursor {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #start = 0; // of #bytes in the file
  #at = 0; // in #bytes
  #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(readonly file: RandomFile) {}

  /** The position in the file. */
  get offset(): number {
    return this.#start + this.#at;
  }

  fail(what: string): never {
    throw new InputError(
      `Cannot read ${this.file.path}: ${what}; get the file again, it is damaged or no GGUF file`,
    );
  }

  /** Makes the next `count` bytes present and returns where they start. */
  #take(count: number): number {
    if (count > this.file.size - this.offset) {
      this.fail(`${count} bytes are announced at byte ${this.offset}, the file ends at ${this.file.size}`);
    }
    if (this.#at + count > this.#bytes.length) {
      this.#start = this.offset;
      this.#bytes = this.file.read(
        this.#start,
        Math.min(this.file.size, this.#start + Math.max(PIECE, count)),
      );
      this.#view = new DataView(this.#bytes.buffer);
      this.#at = 0;
    }
    this.#at += count;
    return this.#at - count;
  }

  u32(): number {
    const at = this.#take(4);
    return this.#view.getUint32(at, true);
  }

  /** A u64 that has to be a plain number; `what` names it in the error. */
  count(what: string): number {
    const at = this.#take(8);
    const value = this.#view.getBigUint64(at, true);
    if (value > Number.MAX_SAFE_INTEGER) this.fail(`${what} is ${value}`);
    return Number(value);
  }

  /** As count(), for things of at least `leastBytes` each that follow in the file. */
  countOf(what: string, leastBytes: number): number {
    const count = this.count(what);
    const left = this.file.size - this.offset;
    if (count > left / leastBytes) this.fail(`${what} is ${count}, more than fit in the ${left} bytes left`);
    return count;
  }

  text(what: string): string {
    const length = this.countOf(`the length of ${what}`, 1);
    const at = this.#take(length);
    try {
      return this.#utf8.decode(this.#bytes.subarray(at, at + length));
    } catch {
      return this.fail(`${what} is not valid UTF-8`);
    }
  }

  /** A value of the format's type number `type`; arrays may hold arrays, four deep. */
  value(type: number, key: string, depth = 0): GgufValue {
    if (type === STRING) return this.text(key);
    if (type !== ARRAY) return this.#number(type, key);
    if (depth === 4) this.fail(`${key} holds arrays more than four deep`);
    const of = this.u32();
    if (!(of in LEAST_BYTES)) this.fail(`${key} is an array of the unknown type ${of}`);
    const length = this.countOf(`the length of ${key}`, LEAST_BYTES[of]);
    if (length > MAX_LENGTH) this.fail(`${key} is an array of ${length} values, over ${MAX_LENGTH}`);
    const values: GgufValue[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(of, key, depth + 1));
    return values;
  }

  #number(type: number, key: string): number | bigint | boolean {
    if (!(type in LEAST_BYTES)) this.fail(`${key} has the unknown type ${type}`);
    const at = this.#take(LEAST_BYTES[type]), view = this.#view;
    switch (type) {
      case 0:
        return view.getUint8(at);
      case 1:
        return view.getInt8(at);
      case 2:
        return view.getUint16(at, true);
      case 3:
        return view.getInt16(at, true);
      case 4:
        return view.getUint32(at, true);
      case 5:
        return view.getInt32(at, true);
      case 6:
        return view.getFloat32(at, true);
      case 7:
        return this.#bool(view.getUint8(at), key);
      case 10:
        return plain(view.getBigUint64(at, true));
      case 11:
        return plain(view.getBigInt64(at, true));
      default:
        return view.getFloat64(at, true);
    }
  }

  #bool(byte: number, key: string): boolean {
    if (byte > 1) this.fail(`${key} is a truth value of ${byte}, not 0 or 1`);
    return byte === 1;
  }
}

const plain = (value: bigint) => Number.isSafeInteger(Number(value)) ? Number(value) : value;
