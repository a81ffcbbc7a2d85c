// Quantised blocks of GGUF files as float32, formula by formula as ggml's reference does it. Where blocks lie: gguf.ts.
// Layouts: ggml-common.h (block_q4_0 … block_q6_K); scales d and minima m are halves. Blocks have 32 values, those of the
// K types 256 in groups with scales of their own. Every step is rounded to float32, as gguf's Python and ggml's C do it.
import { bfloatsToFloats, halfTable, halvesToFloats } from "./half.ts";

/** Makes float32 values of a tensor's bytes; `bytes` starts its buffer and holds whole blocks. */
export type Dequantise = (bytes: Uint8Array<ArrayBuffer>) => Float32Array;

/** The types that can be read, by ggml's name. */
export const DEQUANTISE: Readonly<Record<string, Dequantise>> = {
  F32: (bytes) => new Float32Array(bytes.buffer),
  F16: (bytes) => halvesToFloats(new Uint16Array(bytes.buffer)),
  BF16: (bytes) => bfloatsToFloats(new Uint16Array(bytes.buffer)),
  Q8_0,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q4_K,
  Q5_K,
  Q6_K,
};

/** Values in a block of these types. */
const BLOCK = 32;

/** x = d·q; a block is d, then 32 signed bytes q. */
function Q8_0(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const half = halfTable(), signed = new Int8Array(bytes.buffer);
  const out = new Float32Array(bytes.length / 34 * BLOCK);
  for (let at = 0, to = 0; at < bytes.length; at += 34, to += BLOCK) {
    const d = half[bytes[at] | bytes[at + 1] << 8];
    for (let i = 0; i < BLOCK; i++) out[to + i] = d * signed[at + 2 + i];
  }
  return out;
}

/** x = d·(q − 8); a block is d, then 16 bytes: low nibbles are values 0–15, high nibbles 16–31. */
function Q4_0(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const half = halfTable();
  const out = new Float32Array(bytes.length / 18 * BLOCK);
  for (let at = 0, to = 0; at < bytes.length; at += 18, to += BLOCK) {
    const d = half[bytes[at] | bytes[at + 1] << 8];
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 2 + i];
      out[to + i] = d * ((pair & 15) - 8);
      out[to + 16 + i] = d * ((pair >> 4) - 8);
    }
  }
  return out;
}

/** x = d·q + m, product and sum each rounded to float32; a block is d, m, then 16 bytes of nibbles as in Q4_0. */
function Q4_1(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const half = halfTable();
  const out = new Float32Array(bytes.length / 20 * BLOCK);
  for (let at = 0, to = 0; at < bytes.length; at += 20, to += BLOCK) {
    const d = half[bytes[at] | bytes[at + 1] << 8];
    const m = half[bytes[at + 2] | bytes[at + 3] << 8];
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 4 + i];
      out[to + i] = Math.fround(d * (pair & 15)) + m;
      out[to + 16 + i] = Math.fround(d * (pair >> 4)) + m;
    }
  }
  return out;
}

/** x = d·(q − 16); a block is d, 32 fifth bits, then 16 bytes of nibbles as in Q4_0. */
function Q5_0(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const half = halfTable(), out = new Float32Array(bytes.length / 22 * BLOCK);
  for (let at = 0, to = 0; at < bytes.length; at += 22, to += BLOCK) {
    const d = half[bytes[at] | bytes[at + 1] << 8];
    for (let i = 0; i < BLOCK; i++) out[to + i] = d * (fiveBits(bytes, at + 2, i) - 16);
  }
  return out;
}

/** x = d·q + m; a block is d, m, then as Q5_0. */
function Q5_1(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const half = halfTable(), out = new Float32Array(bytes.length / 24 * BLOCK);
  for (let at = 0, to = 0; at < bytes.length; at += 24, to += BLOCK) {
    const d = half[bytes[at] | bytes[at + 1] << 8], m = half[bytes[at + 2] | bytes[at + 3] << 8];
    for (let i = 0; i < BLOCK; i++) out[to + i] = Math.fround(d * fiveBits(bytes, at + 4, i)) + m;
  }
  return out;
}

/** Value i of a block of Q5_0 or Q5_1 from its fifth bits on. */
function fiveBits(bytes: Uint8Array, at: number, i: number): number {
  const pair = bytes[at + 4 + (i & 15)], nibble = i < 16 ? pair & 15 : pair >> 4;
  return nibble | (bytes[at + (i >> 3)] >> (i & 7) & 1) << 4;
}

/** Values in a block of the K types. */
const SUPER = 256;

/** x = d·scale·q − dmin·min by groups of 32; a block is d, dmin, 12 bytes of scales and minima, 128 bytes of nibbles. */
function Q4_K(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  return withMinima(bytes, 144, (at, group, i) => nibbleOf(bytes, at + 16, group, i));
}

/** As Q4_K, with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to value i of group g. */
function Q5_K(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  return withMinima(
    bytes,
    176,
    (at, group, i) => nibbleOf(bytes, at + 48, group, i) | (bytes[at + 16 + i] >> group & 1) << 4,
  );
}

/** Groups 2j and 2j + 1 are the low and the high nibbles of the same 32 bytes. */
function nibbleOf(bytes: Uint8Array, at: number, group: number, i: number): number {
  const pair = bytes[at + 32 * (group >> 1) + i];
  return group & 1 ? pair >> 4 : pair & 15;
}

function withMinima(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  value: (at: number, group: number, i: number) => number,
): Float32Array {
  const half = halfTable(), out = new Float32Array(bytes.length / size * SUPER);
  for (let at = 0, to = 0; at < bytes.length; at += size, to += SUPER) {
    const d = half[bytes[at] | bytes[at + 1] << 8], dmin = half[bytes[at + 2] | bytes[at + 3] << 8];
    for (let group = 0; group < 8; group++) {
      const [scale, min] = sixBits(bytes, at + 4, group);
      const slope = Math.fround(d * scale), less = Math.fround(dmin * min);
      for (let i = 0; i < 32; i++) out[to + 32 * group + i] = Math.fround(slope * value(at, group, i)) - less;
    }
  }
  return out;
}

/** Scale and minimum of group j, 6 bits each (ggml-quants.c, get_scale_min_k4). */
function sixBits(bytes: Uint8Array, at: number, j: number): [scale: number, min: number] {
  if (j < 4) return [bytes[at + j] & 63, bytes[at + j + 4] & 63];
  const low = bytes[at + j + 4];
  return [low & 15 | bytes[at + j - 4] >> 6 << 4, low >> 4 | bytes[at + j] >> 6 << 4];
}

/**
 * x = d·scale·(q − 32) by groups of 16; a block is 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, d.
 * In each half of the block value 32g + i has its low bits in byte 32·(g mod 2) + i (the upper nibble where g > 1), its
 * upper two in bits 2g of byte i.
 */
function Q6_K(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const half = halfTable(), signed = new Int8Array(bytes.buffer);
  const out = new Float32Array(bytes.length / 210 * SUPER);
  for (let at = 0, to = 0; at < bytes.length; at += 210, to += SUPER) {
    const d = half[bytes[at + 208] | bytes[at + 209] << 8];
    for (let v = 0; v < SUPER; v++) {
      const side = v >> 7, g = v >> 5 & 3, i = v & 31;
      const low = bytes[at + 64 * side + 32 * (g & 1) + i], high = bytes[at + 128 + 32 * side + i];
      const q = (g > 1 ? low >> 4 : low & 15) | (high >> 2 * g & 3) << 4;
      out[to + v] = Math.fround(d * signed[at + 192 + (v >> 4)]) * (q - 32);
    }
  }
  return out;
}
