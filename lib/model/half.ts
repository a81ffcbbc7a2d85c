// 16-bit floats to and from float32: IEEE half (F16) and bfloat16 (BF16), round to nearest even.
// Typed arrays hold the machine's byte order: little-endian, as all files here have it.

if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) {
  throw new Error("Cannot read model files on a big-endian machine: none of the readers swaps bytes");
}

let table: Float32Array | undefined;

/** The float32 value of each of the 65,536 half-precision bit patterns. */
export function halfTable(): Float32Array {
  return table ??= new Float32Array(
    new Float16Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer),
  );
}

/** F16 bit patterns as float32; exact. */
export function halvesToFloats(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = halfTable();
  const floats = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) floats[i] = values[bits[i]];
  return floats;
}

/** BF16 bit patterns as float32; exact: they are the upper halves. */
export function bfloatsToFloats(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}

/** float32 as F16 bit patterns, to nearest even; what is past 65,504 becomes infinite. */
export function floatsToHalves(floats: Float32Array): Uint16Array<ArrayBuffer> {
  return new Uint16Array(new Float16Array(floats).buffer);
}

/** float32 as BF16 bit patterns, to nearest even; a NaN stays one. */
export function floatsToBfloats(floats: Float32Array): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const bits = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const nan = (word & 0x7fffffff) > 0x7f800000;
    bits[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}
