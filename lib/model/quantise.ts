// float32 → the bytes of a GGUF tensor: F32, F16, BF16 and Q8_0, bit for bit as ggml's reference makes them.
// The way back is dequantise.ts; where tensors lie in a file, write_gguf.ts.
import { floatsToBfloats, floatsToHalves } from "./half.ts";

/** A type that we write. */
export type GgufType = "F32" | "F16" | "BF16" | "Q8_0";

/** The format's number of each type, the values in a block, a block's bytes (ggml.h). */
export const GGUF_TYPES: Record<GgufType, { number: number; values: number; bytes: number }> = {
  F32: { number: 0, values: 1, bytes: 4 },
  F16: { number: 1, values: 1, bytes: 2 },
  Q8_0: { number: 8, values: 32, bytes: 34 },
  BF16: { number: 30, values: 1, bytes: 2 },
};

/** The bytes of `values`, whole blocks of finite numbers, as `type`. */
export function quantise(values: Float32Array<ArrayBuffer>, type: GgufType): Uint8Array {
  if (type === "Q8_0") return q8(values);
  const stored = type === "F16" ? floatsToHalves(values) : type === "BF16" ? floatsToBfloats(values) : values;
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

/**
 * Blocks of 32: d = max |x| / 127 as a half, then q = x / d as signed bytes, halves rounded away from zero. As
 * quantize_row_q8_0_ref (ggml-quants.c) every step is rounded to float32, and q is taken from d before it becomes a half.
 * Where 1/d is past float32 (max |x| < 4e-37), C leaves q undefined; here it is 0, and d is a zero half anyway.
 */
function q8(values: Float32Array): Uint8Array {
  const { values: size, bytes } = GGUF_TYPES.Q8_0;
  if (values.length % size) {
    throw new RangeError(`internal: ${values.length} values are no whole Q8_0 blocks`);
  }
  const blocks = values.length / size;
  const out = new Uint8Array(blocks * bytes), signed = new Int8Array(out.buffer);
  const scale = new Float32Array(blocks);
  for (let block = 0, from = 0, to = 2; block < blocks; block++, from += size, to += bytes) {
    let most = 0;
    for (let i = from; i < from + size; i++) most = Math.max(most, Math.abs(values[i]));
    scale[block] = most / 127;
    const inverse = Math.fround(1 / scale[block]);
    if (!Number.isFinite(inverse)) continue; // d = 0, or next to it
    for (let i = 0; i < size; i++) {
      const x = Math.fround(values[from + i] * inverse);
      signed[to + i] = Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
    }
  }
  const halves = floatsToHalves(scale);
  for (let block = 0; block < blocks; block++) {
    out[block * bytes] = halves[block] & 255;
    out[block * bytes + 1] = halves[block] >> 8;
  }
  return out;
}
