// The rows of a task's files: bundled with the project, in the local mirror (checked by its SHA256SUMS), or from the hub.
import { parse } from "csv-parse/sync";
import { basename, join, resolve } from "node:path";
import { formatOf, rowsOf, type SourceFile } from "../data/format.ts";
import type { HubOptions } from "../data/hub_access.ts";
import { openDataset, parseDatasetName } from "../data/hub_dataset.ts";
import { mirrorFolder } from "../data/mirror.ts";
import { zipEntries } from "../data/zip.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { readBytes, resolveUser, sha256File } from "../run/files.ts";
import type { SplitSource } from "./task.ts";

/** Where tasks' files are. */
export interface TaskSource {
  /** Default: the mirror where `mirror` is given, else bundled. */
  source?: "bundled" | "mirror" | "hub";
  /** The mirror's folder; default: UAL_MIRROR, else ../shared/data beside the project. */
  mirror?: string;
  hub?: HubOptions;
}

/** A row of a benchmark's file. */
export interface TaskRow {
  /** Its number in the file, from 0; over all files where the hub has a split in several. */
  index: number;
  /** File and line or row, for messages. */
  place: string;
  row: Record<string, unknown>;
}

/** A split as it was read. */
export interface Split {
  rows: TaskRow[];
  /** Names without folders. */
  files: { name: string; sha256: string }[];
}

/** Reads splits, each file once. */
export class TaskFiles {
  readonly kind: "bundled" | "mirror" | "hub";
  /** The folder of a mirror or of the bundled files. */
  readonly folder: string = "";
  readonly #read = new Map<string, Promise<Split>>();
  readonly #zips = new Map<string, Promise<[bytes: Uint8Array, sha256: string]>>();
  #sums?: Promise<ReadonlyMap<string, string>>;

  /** Throws InputError where the mirror is not there. */
  constructor(private readonly where: TaskSource) {
    this.kind = where.source ?? (where.mirror ? "mirror" : "bundled");
    if (this.kind === "bundled") this.folder = resolve(import.meta.dirname!, "../../data/benchmarks");
    if (this.kind === "mirror") this.folder = where.mirror ? folderOf(where.mirror) : mirrorFolder();
  }

  /** The places of a split that are looked at, for messages. */
  places(split: SplitSource): string[] {
    const { name, config, split: part } = split.hub;
    if (this.kind === "hub") return [`hf:${name}:${config ? `${config}/` : ""}${part}`];
    return this.kind === "bundled" ? [split.bundled] : split.mirror;
  }

  /**
   * The rows of a split, from the first of its files that is there; undefined where none is. Throws InputError for rows that
   * cannot be read, for a file whose checksum is not that of SHA256SUMS, and what a hub's download throws.
   */
  async rows(split: SplitSource): Promise<Split | undefined> {
    for (const place of this.places(split)) {
      if (!this.#read.has(place)) {
        if (this.kind !== "hub" && !await isFile(join(this.folder, place.split("!")[0]))) continue;
        this.#read.set(place, this.#open(place));
      }
      const found = await this.#read.get(place)!;
      if (found.rows.length) return this.#end(found, split);
      if (!place.includes("!")) throw new InputError(`Cannot use ${place}: it is empty; get it again`);
    }
  }

  /** What is asked for of a split that is too long. */
  #end(found: Split, { last }: SplitSource): Split {
    return last && this.kind !== "bundled" ? { ...found, rows: found.rows.slice(-last) } : found;
  }

  async #open(place: string): Promise<Split> {
    if (this.kind === "hub") {
      const { files } = await openDataset(parseDatasetName(place), this.where.hub);
      return await this.#rowsOf(files);
    }
    const [path, entry] = place.split("!"), whole = join(this.folder, path);
    if (!entry) {
      const files = [{ name: basename(path), sha256: await this.#checked(path) }];
      return { rows: await fileRows({ shown: path, path: whole }, 0), files };
    }
    if (!this.#zips.has(path)) {
      this.#zips.set(path, Promise.all([readBytes(whole), this.#checked(path)]));
    }
    const [bytes, sha256] = await this.#zips.get(path)!;
    return { rows: zipRows(bytes, { path, entry }), files: [{ name: basename(path), sha256 }] };
  }

  async #rowsOf(files: SourceFile[]): Promise<Split> {
    const split: Split = { rows: [], files: [] };
    for (const file of files) {
      for (const row of await fileRows(file, split.rows.length)) split.rows.push(row); // may be 400,000: no spread
      split.files.push({ name: basename(file.path!), sha256: await sha256File(file.path!) });
    }
    return split;
  }

  /** A file's SHA-256, which must be that of SHA256SUMS where it is listed. */
  async #checked(path: string): Promise<string> {
    const expected = (await (this.#sums ??= readSums(this.folder))).get(path);
    const actual = await sha256File(join(this.folder, path));
    if (expected === undefined || expected === actual) return actual;
    throw new InputError(
      `Cannot use ${path}: its SHA-256 is ${actual}, but SHA256SUMS says ${expected}; the file is corrupted, get it again`,
    );
  }
}

function folderOf(mirror: string): string {
  const folder = resolveUser(mirror);
  try {
    if (Deno.statSync(folder).isDirectory) return folder;
  } catch {
    // said below
  }
  throw new InputError(`Cannot use the mirror ${mirror}: it is no folder; give the folder of the data sets`);
}

const isFile = (path: string) => Deno.stat(path).then(({ isFile }) => isFile, () => false);

/** Hashes by path, as sha256sum writes them. */
async function readSums(folder: string): Promise<ReadonlyMap<string, string>> {
  const path = join(folder, "SHA256SUMS");
  if (!await isFile(path)) return new Map();
  const lines = new TextDecoder().decode(await readBytes(path)).split("\n");
  return new Map(lines.flatMap((line) => {
    const [, hash, name] = /^([0-9a-fA-F]{64}) [ *](?:\.\/)?(.+?)\r?$/.exec(line) ?? [];
    return hash ? [[name, hash.toLowerCase()] as const] : [];
  }));
}

async function fileRows(file: SourceFile, before: number): Promise<TaskRow[]> {
  const format = await formatOf(file), all: TaskRow[] = [];
  for await (const rows of rowsOf(file, { format })) {
    for (const { at, value, fault } of rows) {
      const place = format === "json" || format === "parquet"
        ? `${file.shown} row ${at}`
        : `${file.shown}:${at}`;
      if (fault) throw new InputError(`Cannot read ${place}: ${fault.message}`);
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        throw new InputError(`Cannot use ${place}: it is no object; give each row the task's fields`);
      }
      all.push({ index: before + all.length, place, row: value as Record<string, unknown> });
    }
  }
  return all;
}

/** The rows {cells} of a CSV file without header in a zip; none where it has no such entry. */
function zipRows(bytes: Uint8Array, { path, entry }: { path: string; entry: string }): TaskRow[] {
  const entries = zipEntries(bytes, path, (name) => `/${name}`.endsWith(`/${entry}`));
  const found = Object.values(entries)[0], shown = `${path}!${entry}`;
  if (!found) return [];
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(found);
    // as in Python, a quote within an unquoted cell is a character
    const options = { relax_column_count: true, relax_quotes: true, skip_empty_lines: true };
    const records = parse(text, options) as string[][];
    return records.map((cells, index) => ({ index, place: `${shown} row ${index + 1}`, row: { cells } }));
  } catch (error) {
    throw new InputError(`Cannot read ${shown}: ${messageOf(error)}; get it again`);
  }
}
