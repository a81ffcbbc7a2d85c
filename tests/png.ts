// A small PNG reader for tests: 8-bit RGB or RGBA, no interlacing.
import { inflateSync } from "node:zlib";

/** The picture as RGB bytes, row by row. Throws RangeError for other kinds of PNG. */
export function readPng(file: Uint8Array): { width: number; height: number; rgb: Uint8Array } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  if (signature.some((byte, i) => file[i] !== byte)) throw new RangeError("Cannot read PNG: wrong signature");
  const width = view.getUint32(16), height = view.getUint32(20);
  const channels = { 2: 3, 6: 4 }[file[25]];
  if (!channels || file[24] !== 8 || file[28] !== 0) throw new RangeError("Cannot read PNG: unusual kind");
  const parts: Uint8Array[] = [];
  for (let at = 8; at < file.length;) {
    const size = view.getUint32(at), type = new TextDecoder().decode(file.subarray(at + 4, at + 8));
    if (type === "IDAT") parts.push(file.subarray(at + 8, at + 8 + size));
    at += size + 12;
  }
  const raw = inflateSync(Buffer.concat(parts)), stride = width * channels;
  const rgb = new Uint8Array(width * height * 3);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)], row = raw.slice(y * (stride + 1) + 1, (y + 1) * (stride + 1));
    for (let i = 0; i < stride; i++) {
      const left = i >= channels ? row[i - channels] : 0, corner = i >= channels ? above[i - channels] : 0;
      row[i] += [0, left, above[i], (left + above[i]) >> 1, paeth(left, above[i], corner)][filter];
    }
    for (let x = 0; x < width; x++) {
      rgb.set(row.subarray(x * channels, x * channels + 3), (y * width + x) * 3);
    }
    above = row;
  }
  return { width, height, rgb };
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c, pa = Math.abs(p - a), pb = Math.abs(p - b), pc = Math.abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}
