// One file of a hub's repository: from where an earlier try broke off, in place only when its hash is right; or read by
// ranges without a copy on disk. Which files there are is hub.ts.
import { downloadFile, HubApiError } from "@huggingface/hub";
import { createHash, type Hash } from "node:crypto";
import { InputError } from "../run/errors.ts";
import { writeAll, writeError } from "../run/files.ts";
import { type Access, asked, type HubCommit, type HubFile } from "./hub_access.ts";

/** Of which commit, how to reach it, and who is told of bytes that came. */
export interface DownloadContext {
  at: HubCommit;
  access: Access;
  onBytes: (n: number) => unknown;
}

/** Downloads `file` to `target`; what came of a broken download stays in `target`.part. Throws InputError as fetchFiles(). */
export async function downloadOne(target: string, file: HubFile, context: DownloadContext): Promise<void> {
  const { path, size, sha256, git } = file, { at, onBytes } = context, { repo } = at;
  const part = `${target}.part`;
  if ((await Deno.stat(target).catch(() => undefined))?.size === size) {
    await onBytes(size);
    return; // its hash was right when it was put in place
  }
  const hash = sha256 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  const from = await hashed(part, hash, size);
  await onBytes(from);
  if (from < size || size === 0) {
    const came = from + await append(part, hash, { file, from, ...context });
    if (came < size) {
      throw new InputError(
        `Cannot download ${repo}: the hub ended ${path} after ${came} of ${size} bytes; try again, it goes on from there`,
      );
    }
  }
  const digest = hash.digest("hex"), right = sha256 ?? git;
  if (digest !== right) {
    await Deno.remove(part);
    throw new InputError(
      `Cannot use ${path} of ${repo}: the bytes that came have the hash ${digest}, not ${right}; nothing of it was kept, try again`,
    );
  }
  await Deno.rename(part, target);
}

/** How many bytes of a file are already in `part`, taken up into `hash`; a part that is too long starts again. */
async function hashed(part: string, hash: Hash, size: number): Promise<number> {
  const there = (await Deno.stat(part).catch(() => undefined))?.size ?? 0;
  if (there > size) {
    await Deno.remove(part);
    return 0;
  }
  if (there === 0) return 0;
  using file = await Deno.open(part);
  const piece = new Uint8Array(1 << 20);
  for (let n: number | null; (n = await file.read(piece)) !== null;) hash.update(piece.subarray(0, n));
  return there;
}

/** Writes the file's bytes from `from` on behind what `part` has; returns how many came. */
async function append(
  part: string,
  hash: Hash,
  { file, from, at, access, onBytes }: DownloadContext & { file: HubFile; from: number },
): Promise<number> {
  const noted = notingFetch();
  const blob = await blobOf(file, { at, access, fetch: noted.fetch });
  const write = async () => {
    using target = openPart(part);
    let came = 0;
    for await (const bytes of blob.slice(from, file.size).stream()) {
      try {
        writeAll(target, bytes);
      } catch (error) {
        throw writeError(part, error);
      }
      hash.update(bytes);
      came += bytes.length;
      await onBytes(bytes.length);
    }
    target.syncDataSync();
    return came;
  };
  return await asked(at, access, write().catch((error) => Promise.reject(noted.refusal() ?? error)));
}

/** A hub's file as the client's Blob: nothing is loaded until a slice of it is read. */
async function blobOf(
  { path }: HubFile,
  { at, access, fetch }: { at: HubCommit; access: Access; fetch?: typeof globalThis.fetch },
): Promise<Blob> {
  const repo = { type: at.kind, name: at.repo };
  const request = {
    repo,
    path,
    revision: at.commit,
    xet: false,
    ...access.client,
    ...(fetch ? { fetch } : {}),
  };
  const blob = await asked(at, access, downloadFile(request));
  if (!blob) throw new InputError(`Cannot download ${at.repo}: ${path} is not there any more; try again`);
  return blob;
}

/** A file on a hub that is read by byte ranges; hyparquet's AsyncBuffer. Its hash stays unchecked: no one reads all of it. */
export interface RemoteFile {
  byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** Opens `file` for reading by ranges. Its slices throw InputError where the hub answers otherwise than asked. */
export async function openRemote(file: HubFile, at: HubCommit, access: Access): Promise<RemoteFile> {
  const noted = notingFetch(), blob = await blobOf(file, { at, access, fetch: noted.fetch });
  const read = async (start: number, end: number) => {
    const answer = blob.slice(start, end).arrayBuffer();
    const bytes = await asked(
      at,
      access,
      answer.catch((error) => Promise.reject(noted.refusal() ?? error)),
    );
    if (bytes.byteLength === end - start) return bytes;
    throw new InputError(
      `Cannot read ${file.path} of ${at.repo}: ${end - start} bytes from ${start} on were asked for, ` +
        `${bytes.byteLength} came; try again, or download the file`,
    );
  };
  return {
    byteLength: file.size,
    slice: (start, end = file.size) => read(start, Math.min(end, file.size)),
  };
}

/** fetch() that remembers the last answer: the client's streams lose its status. */
function notingFetch() {
  let last: Response | undefined;
  return {
    fetch: async (...request: Parameters<typeof fetch>) => last = await fetch(...request),
    refusal: () => last && !last.ok ? new HubApiError(last.url, last.status) : undefined,
  };
}

function openPart(part: string): Deno.FsFile {
  try {
    return Deno.openSync(part, { create: true, append: true });
  } catch (error) {
    throw writeError(part, error);
  }
}
