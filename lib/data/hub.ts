// A hub's repository at one commit: the files that are wanted of it, downloaded once and found again without a network.
// Talking to the hub is hub_access.ts, one file's download hub_download.ts, what makes a data set hub_dataset.ts.
import { dirname, join } from "node:path";
import { InputError } from "../run/errors.ts";
import { cacheDir, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { Progress } from "../run/progress.ts";
import {
  type Access,
  accessOf,
  commitOf,
  type HubCommit,
  type HubFile,
  type HubKind,
  type HubName,
  type HubOptions,
  listCommit,
} from "./hub_access.ts";
import { downloadOne } from "./hub_download.ts";

type Stored = { [path: string]: Omit<HubFile, "path"> };

/** What stands beside downloaded files, written last. */
interface Record extends Omit<HubCommit, "kind"> {
  /** Those that are here, checked. */
  files: Stored;
  /** What else the commit has. */
  others?: Stored;
}

const RECORD = "source.json";

/** Which commit of which hub's repository lies in the folder `dir`; undefined for what came from elsewhere. */
export async function hubSource(dir: string): Promise<{ repo: string; commit: string } | undefined> {
  const { repo, commit } = await readRecord(dir) ?? {};
  return typeof repo === "string" && typeof commit === "string" ? { repo, commit } : undefined;
}

/** What is wanted of a hub's repository. */
export interface Wanted {
  kind: HubKind;
  /** The files to take among all of a commit. Throws InputError where what is needed is not there. */
  select: (files: HubFile[]) => HubFile[];
}

/**
 * The folder of a repository at one commit with the files that `select` picks, downloaded where they are not there.
 * Throws InputError where the hub refuses, has no such repository, does not answer, lists a file that would leave the
 * folder, or sends bytes of another hash; and what `select` throws.
 */
export async function fetchFiles(
  name: HubName,
  wanted: Wanted,
  options: HubOptions = {},
): Promise<HubCommit & { dir: string; files: HubFile[] }> {
  const { folder = join(cacheDir(), "hub") } = options, { kind, select } = wanted;
  const place = join(folder, ...(kind === "model" ? [] : [`${kind}s`]), name.owner);
  const ref = join(place, `${name.name}.refs`, encodeURIComponent(name.revision));
  const repo = `${name.owner}/${name.name}`, at = { repo, kind, revision: name.revision };
  if (!options.refresh) {
    const commit = await Deno.readTextFile(ref).catch(() => ""), dir = join(place, commit, name.name);
    const files = commit ? await complete(dir, select) : undefined;
    if (files) return { ...at, commit, dir, files };
  }
  const access = accessOf(repo, options), commit = await commitOf(at, access);
  const dir = join(place, commit, name.name);
  const files = await complete(dir, select) ?? await download(dir, { ...at, commit }, { select, access });
  await writeFileAtomic(ref, commit);
  return { ...at, commit, dir, files };
}

/** The picked files, where all of them are in `dir`. */
async function complete(dir: string, select: Wanted["select"]): Promise<HubFile[] | undefined> {
  const record = await readRecord(dir);
  if (!record) return undefined;
  const picked = select(listOf({ ...record.others, ...record.files }));
  return picked.every(({ path }) => Object.hasOwn(record.files, path)) ? picked : undefined;
}

async function readRecord(dir: string): Promise<Record | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(join(dir, RECORD)));
  } catch {
    return undefined; // a folder of the user's own, or nothing yet
  }
}

const listOf = (stored: Stored): HubFile[] =>
  Object.entries(stored).map(([path, about]) => ({ path, ...about }));

const storedOf = (files: HubFile[]): Stored =>
  Object.fromEntries(files.map(({ path, ...about }) => [path, about]));

interface Download {
  select: Wanted["select"];
  access: Access;
}

async function download(dir: string, at: HubCommit, { select, access }: Download): Promise<HubFile[]> {
  using _lock = lockFolder(dir);
  const there = await complete(dir, select);
  if (there) return there; // another process was at it
  const before = (await readRecord(dir))?.files ?? {};
  const all = await listCommit(at, access), picked = select(all);
  const clash = picked.find(({ path }) => [RECORD, ".lock"].includes(path) || path.endsWith(".part"));
  if (clash) {
    throw new InputError(`Cannot download ${clash.path} of ${at.repo}: that name is kept for our own notes`);
  }
  const megabytes = (n: number) => Math.round(n / 1e6);
  const total = picked.reduce((sum, { size }) => sum + size, 0);
  const progress = new Progress(`download ${at.repo} (MB)`, Math.max(1, megabytes(total)));
  let done = 0;
  for (const file of picked) {
    await Deno.mkdir(dirname(join(dir, file.path)), { recursive: true });
    const onBytes = (n: number) => progress.update(megabytes(done += n));
    await downloadOne(join(dir, file.path), file, { at, access, onBytes });
  }
  await progress.finish();
  const { kind: _kind, ...about } = at;
  const files = { ...before, ...storedOf(picked) };
  const others = storedOf(all.filter(({ path }) => !Object.hasOwn(files, path)));
  const record: Record = { ...about, files, others };
  await writeFileAtomic(join(dir, RECORD), JSON.stringify(record, null, 2) + "\n");
  return picked;
}
