// Array files mapped into memory (mmap of the C library), so that only what is looked at is read; positioned reads where
// that cannot be had. What the arrays mean is features.ts's.
import { readError } from "../run/files.ts";
import { type NpyHeader, readNpyHeader } from "./npy.ts";

/** Rows of a NumPy file of float32 or int32. */
export interface MappedArray extends Pick<NpyHeader, "dtype" | "shape"> {
  /** Whether the file is mapped rather than read. */
  mapped: boolean;
  /** A copy of the elements [from, to). */
  slice(from: number, to: number): Float32Array | Int32Array;
  /** Unmaps it; slices stay good. */
  close(): void;
}

const PROT_READ = 1, MAP_SHARED = 1, O_RDONLY = 0;

/** Opens the NumPy file `path`. Throws InputError where it is missing or not one (see readNpyHeader()). */
export function openArray(path: string, { map = true }: { map?: boolean } = {}): MappedArray {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    throw readError(path, error);
  }
  let header: NpyHeader, size: number;
  try {
    size = file.statSync().size;
    const head = new Uint8Array(Math.min(size, 4096));
    readAt(file, 0, head);
    header = readNpyHeader(head, path, size);
  } catch (error) {
    file.close();
    throw readError(path, error);
  }
  const memory = map ? mapFile(path, size) : undefined;
  if (memory) file.close();
  let open = true;
  const bytesOf = (from: number, to: number) => {
    if (!open) throw new RangeError(`Cannot read ${path}: it was closed`);
    const bytes = new Uint8Array(4 * (to - from)), begin = header.offset + 4 * from;
    if (memory) bytes.set(memory.bytes().subarray(begin, begin + bytes.length));
    else readAt(file, begin, bytes);
    return bytes.buffer;
  };
  return {
    dtype: header.dtype,
    shape: header.shape,
    mapped: memory !== undefined,
    slice: (from, to) =>
      header.dtype === "<f4" ? new Float32Array(bytesOf(from, to)) : new Int32Array(bytesOf(from, to)),
    close: () => {
      if (memory) memory.close();
      else if (open) file.close();
      open = false;
    },
  };
}

function readAt(file: Deno.FsFile, position: number, bytes: Uint8Array): void {
  file.seekSync(position, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const read = file.readSync(bytes.subarray(done));
    if (read === null) throw new RangeError(`internal: the file ended ${bytes.length - done} bytes early`);
    done += read;
  }
}

/** The whole file in memory, or undefined where this system has no such call or does not let us use it. */
function mapFile(path: string, size: number): { bytes(): Uint8Array; close(): void } | undefined {
  if (Deno.build.os !== "linux") return undefined;
  let library: ReturnType<typeof openLibrary>;
  try {
    library = openLibrary();
  } catch {
    return undefined;
  }
  const { open, close, mmap, munmap } = library.symbols;
  const fd = open(new TextEncoder().encode(path + "\0"), O_RDONLY);
  const address = fd < 0 ? null : mmap(null, BigInt(size), PROT_READ, MAP_SHARED, fd, 0n);
  if (fd >= 0) close(fd);
  if (address === null || Deno.UnsafePointer.value(address) === 2n ** 64n - 1n) {
    library.close();
    return undefined;
  }
  let bytes: Uint8Array | undefined = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(address, size));
  return {
    bytes: () => bytes!,
    close: () => {
      if (!bytes) return;
      bytes = undefined;
      munmap(address, BigInt(size));
      library.close();
    },
  };
}

const openLibrary = () =>
  Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
    munmap: { parameters: ["pointer", "usize"], result: "i32" },
  });
