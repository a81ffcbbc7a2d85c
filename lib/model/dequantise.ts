// Quantised blocks of GGUF files as float32, formula by formula as ggml's reference does it. Where blocks lie: gguf.ts.
// Layouts: ggml-common.h (block_q4_0, block_q4_1, block_q8_0); scales d and minima m are halves, blocks have 32 values.
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
