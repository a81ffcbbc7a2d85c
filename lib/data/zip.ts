// Entries of a zip archive in memory.
import { unzipSync } from "fflate";
import { InputError, messageOf } from "../run/errors.ts";

/** The entries whose name is `wanted`, unpacked, by name. Throws InputError for what is no zip; `path` is for messages. */
export function zipEntries(
  bytes: Uint8Array,
  path: string,
  wanted: (name: string) => boolean,
): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, { filter: ({ name }) => wanted(name) });
  } catch (error) {
    throw new InputError(`Cannot read ${path}: it is no zip (${messageOf(error)}); get it again`);
  }
}
