// One mixing step of 32-bit hashes, for tables and filters. Not cryptography; hashes of files are files.ts.

/** MurmurHash3's last step: every bit of `h` moves every bit of the result, a permutation (Appleby, public domain). */
export function mix32(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
