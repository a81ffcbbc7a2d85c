// A file read at any offset, with errors that name it. Not a cache; the formats above it know what lies where.
import { InputError } from "./errors.ts";
import { readError } from "./files.ts";

/** A regular file open for reading at offsets. Close it, or hold it in a `using` declaration. */
export class RandomFile {
  #file: Deno.FsFile;

  private constructor(readonly path: string, readonly size: number, file: Deno.FsFile) {
    this.#file = file;
  }

  /** Opens `path`. Throws InputError where it is missing, not a regular file, or not readable. */
  static open(path: string): RandomFile {
    try {
      const { isFile, size } = Deno.statSync(path);
      if (!isFile) throw new InputError(`Cannot read ${path}: it is not a regular file; give a file's path`);
      return new RandomFile(path, size, Deno.openSync(path));
    } catch (error) {
      throw readError(path, error);
    }
  }

  /** The bytes [begin, end), in a fresh buffer. Throws InputError where the file no longer reaches that far. */
  read(begin: number, end: number): Uint8Array<ArrayBuffer> {
    if (!(begin >= 0 && begin <= end && end <= this.size)) {
      throw new RangeError(`internal: bytes [${begin}, ${end}) of ${this.path}, which holds ${this.size}`);
    }
    const bytes = new Uint8Array(end - begin);
    try {
      this.#file.seekSync(begin, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) {
        const n = this.#file.readSync(bytes.subarray(done));
        if (n === null) {
          throw new InputError(
            `Cannot read ${this.path}: it ends at byte ${
              begin + done
            }, ${this.size} were there when it was opened; ` +
              "let no other process change it",
          );
        }
        done += n;
      }
    } catch (error) {
      throw readError(this.path, error);
    }
    return bytes;
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
