// A hub's data set by "hf:owner/name[@revision][:part]": which files of the repository are meant, downloaded or opened for
// reading by ranges. Splits are told by file names, as `datasets` does for a repository without settings of its own.
import { join } from "node:path";
import { InputError } from "../run/errors.ts";
import type { SourceFile } from "./format.ts";
import { fetchFiles } from "./hub.ts";
import {
  accessOf,
  commitOf,
  type HubCommit,
  type HubFile,
  type HubName,
  type HubOptions,
  listCommit,
  parseHubName,
} from "./hub_access.ts";
import { openRemote } from "./hub_download.ts";

/** What "hf:…" names. */
export interface DatasetName extends HubName {
  /** A split, a configuration and a split ("main/train"), or a file; undefined for the training split. */
  part?: string;
}

/** A data set at one commit. */
export interface Dataset extends HubCommit {
  /** In the order of their names. */
  files: SourceFile[];
}

/** The data set that `ref`, "hf:owner/name[@revision][:part]", names. Throws InputError for what is none. */
export function parseDatasetName(ref: string): DatasetName {
  const [, name, part] = /^hf:([^:]*)(?::(.*))?$/.exec(ref) ?? [];
  const parsed = parseHubName(name ?? "");
  if (parsed && part !== "") return { ...parsed, ...(part === undefined ? {} : { part }) };
  throw new InputError(
    `Cannot use ${ref} as a data set: give hf:owner/name, hf:owner/name@revision, and after a colon a split or file`,
  );
}

/**
 * The files of a data set's part at one commit: downloaded and checked by their hashes, or with `ranges` (parquet alone)
 * open to be read in pieces as they are needed, unchecked. Throws InputError as fetchFiles(), and where nothing or more than
 * one thing is meant.
 */
export async function openDataset(
  name: DatasetName,
  { ranges = false, ...options }: HubOptions & { ranges?: boolean } = {},
): Promise<Dataset> {
  const repo = `${name.owner}/${name.name}`, select = (files: HubFile[]) => partOf(files, name.part, repo);
  if (!ranges) {
    const { dir, files, ...at } = await fetchFiles(name, { kind: "dataset", select }, options);
    return { ...at, files: files.map(({ path }) => ({ shown: `${repo}/${path}`, path: join(dir, path) })) };
  }
  const access = accessOf(repo, options), asked = { repo, kind: "dataset" as const, revision: name.revision };
  const at = { ...asked, commit: await commitOf(asked, access) };
  const picked = select(await listCommit(at, access));
  const other = picked.find(({ path }) => !path.endsWith(".parquet"));
  if (other) {
    throw new InputError(`Cannot read ${other.path} of ${repo} by ranges: it is no parquet; download it`);
  }
  const files = picked.map(async (file) => ({
    shown: `${repo}/${file.path}`,
    ranges: await openRemote(file, at, access),
  }));
  return { ...at, files: await Promise.all(files) };
}

const DATA = /\.(jsonl|ndjson|json|csv|tsv|parquet)(\.gz)?$/i;
/** Descriptions that lie beside data. */
const ABOUT = /^(dataset_infos?|dataset_dict|state|config|README|.*\bschema)\.json$/i;

/** A data file with what its path says: configuration (folder) and split. */
interface Named {
  file: HubFile;
  config: string;
  split: string;
}

function named(file: HubFile): Named {
  const folders = file.path.split("/"), base = folders.pop()!.replace(DATA, "");
  const split = base.replace(/-\d{5}-of-\d{5}(-[0-9a-f]+)?$/, "");
  // a branch of converted data has a folder a split: config/train/0000.parquet
  if (/^\d{4}$/.test(base) && folders.length) {
    const last = folders.pop()!;
    return { file, config: folders.join("/"), split: last.replace(/^partial-/, "") };
  }
  const config = folders.join("/");
  return { file, config: config === "data" ? "" : config, split };
}

/** The files of `part`. Throws InputError where there are none, or several splits and none of them was named. */
function partOf(files: HubFile[], part: string | undefined, repo: string): HubFile[] {
  const exact = files.find(({ path }) => path === part);
  if (exact) return [exact];
  const data = files.filter(({ path }) => DATA.test(path) && !ABOUT.test(path.split("/").at(-1)!)).map(named);
  const names = [...new Set(data.map(labelOf))].sort();
  if (names.length === 0) {
    throw new InputError(
      `Cannot use ${repo}: it has no jsonl, json, csv or parquet file; take another data set`,
    );
  }
  const found = part === undefined ? unnamed(data) : data.filter((one) => labelOf(one) === part);
  // a split's usual name within a longer one, "databricks-train-v2"
  const within = found.length || part === undefined ? found : data.filter(({ split }) => holds(split, part));
  const labels = [...new Set(within.map(labelOf))];
  if (labels.length === 1) {
    return within.map(({ file }) => file).sort((a, b) => a.path < b.path ? -1 : 1);
  }
  const what = part === undefined
    ? "it has several parts"
    : labels.length
    ? `${part} means several`
    : `it has no ${part}`;
  throw new InputError(
    `Cannot use ${repo}: ${what}; name one after a colon: ${names.slice(0, 20).join(", ")}`,
  );
}

const labelOf = ({ config, split }: Named) => config ? `${config}/${split}` : split;

const holds = (split: string, part: string) => split.split(/[-._ ]/).includes(part);

/** What a name without a part means: all there is, else the training split. */
function unnamed(data: Named[]): Named[] {
  if (new Set(data.map(labelOf)).size === 1) return data;
  const train = data.filter(({ split }) => split === "train");
  return train.length ? train : data.filter(({ split }) => holds(split, "train"));
}
