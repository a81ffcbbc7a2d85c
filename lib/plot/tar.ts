// A reader for plain ustar archives: files and folders, as npm packages carry them. No links, no long names, no writing.

/** A file of an archive. */
export interface TarFile {
  /** Relative, with "/"; never leads out of the archive. */
  name: string;
  /** Permission bits. */
  mode: number;
  bytes: Uint8Array;
}

const BLOCK = 512;

/**
 * The files of the archive `tar`, in order; `bytes` are views into it.
 * Throws SyntaxError for a wrong checksum, an end before the end, an entry that is no file or folder, and a path that leads out.
 */
export function* untar(tar: Uint8Array): Generator<TarFile> {
  for (let at = 0; at + BLOCK <= tar.length;) {
    const header = tar.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    const name = entryName(header), size = octal(header, 124, 12), type = String.fromCharCode(header[156]);
    checkSum(header, name);
    const start = at + BLOCK, end = start + size;
    if (!(end <= tar.length)) {
      throw new SyntaxError(`Cannot unpack ${name}: its ${size} bytes pass the archive's end`);
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (type === "5") continue; // a folder: made with its files
    if (type !== "0" && type !== "\0") {
      throw new SyntaxError(`Cannot unpack ${name}: entry type "${type}" is neither file nor folder`);
    }
    yield { name, mode: octal(header, 100, 8) & 0o777, bytes: tar.subarray(start, end) };
  }
}

function entryName(header: Uint8Array): string {
  const prefix = text(header, 345, 155);
  const name = (prefix ? prefix + "/" : "") + text(header, 0, 100);
  if (name === "" || name.startsWith("/") || name.split("/").includes("..")) {
    throw new SyntaxError(`Cannot unpack "${name}": the path leads out of the archive`);
  }
  return name;
}

/** The header's sum of bytes, its own field counted as spaces. */
function checkSum(header: Uint8Array, name: string) {
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  const stored = octal(header, 148, 8);
  if (sum !== stored) {
    throw new SyntaxError(`Cannot unpack ${name}: its header sums to ${sum}, not ${stored}`);
  }
}

function octal(header: Uint8Array, at: number, length: number): number {
  return parseInt(text(header, at, length).trim() || "0", 8);
}

function text(header: Uint8Array, at: number, length: number): string {
  const field = header.subarray(at, at + length), end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
