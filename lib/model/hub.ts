// Models from a hub of Hugging Face's kind: names "owner/name@revision", downloads that go on where they broke off and are
// checked by their hashes. A model that is there needs no network. Opening what was downloaded: open_model.ts.
import { downloadFile, HubApiError, type ListFileEntry, listFiles, modelInfo } from "@huggingface/hub";
import { createHash, type Hash } from "node:crypto";
import { dirname, join } from "node:path";
import { InputError, messageOf } from "../run/errors.ts";
import { cacheDir, writeAll, writeError, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { Progress } from "../run/progress.ts";
import { INDEX } from "./shards.ts";

/** A model of a hub. */
export interface HubName {
  owner: string;
  name: string;
  /** A branch, tag or commit. */
  revision: string;
}

/** Where from, as whom, and where to. */
export interface HubOptions {
  /** The hub's address; default: HF_ENDPOINT, else the client's own. */
  endpoint?: string;
  /** Default: HF_TOKEN. Sent to the hub, written and printed nowhere. */
  token?: string;
  /** Default: cacheDir()/hub. */
  folder?: string;
  /** Ask the hub which commit the revision is now, even where one was downloaded under it before. */
  refresh?: boolean;
}

/** What stands beside a downloaded model, written last. */
interface Record {
  repo: string;
  revision: string;
  commit: string;
  /** Path → bytes and the hash that was checked: SHA-256, or git's SHA-1 of a blob. */
  files: { [path: string]: { size: number; sha256?: string; git?: string } };
}

const RECORD = "source.json";

/** Which commit of which hub's model lies in the folder `dir`; undefined for what came from elsewhere. */
export async function hubSource(dir: string): Promise<{ repo: string; commit: string } | undefined> {
  try {
    const { repo, commit } = JSON.parse(await Deno.readTextFile(join(dir, RECORD)));
    return typeof repo === "string" && typeof commit === "string" ? { repo, commit } : undefined;
  } catch {
    return undefined; // a folder of the user's own
  }
}

/** "owner/name" or "owner/name@revision" (default main), or undefined for what is no such name. */
export function parseHubName(text: string): HubName | undefined {
  const part = "[A-Za-z0-9][A-Za-z0-9._-]*";
  const match = new RegExp(`^(${part})/(${part})(?:@([^\\s@]+))?$`).exec(text);
  return match ? { owner: match[1], name: match[2], revision: match[3] ?? "main" } : undefined;
}

/**
 * The folder of a hub's model, downloaded where it is not there: configuration, tokenizer and safetensors weights of one
 * commit. Throws InputError where the hub refuses, has no such model or no such weights, does not answer, or sends bytes
 * of another hash.
 */
export async function fetchModel(model: HubName, options: HubOptions = {}): Promise<string> {
  const { owner, name, revision } = model;
  const { folder = join(cacheDir(), "hub") } = options;
  const ref = join(folder, owner, `${name}.refs`, encodeURIComponent(revision));
  if (!options.refresh) {
    const known = await Deno.readTextFile(ref).catch(() => undefined);
    if (known && await isComplete(join(folder, owner, known, name))) return join(folder, owner, known, name);
  }
  const access = accessOf(model, options);
  const { sha: commit } = await asked(
    model,
    access,
    modelInfo({ name: access.repo, revision, additionalFields: ["sha"], ...access.client }),
  );
  if (!/^[0-9a-f]{40}$/.test(commit)) {
    throw new InputError(`Cannot download ${access.repo}: the hub names no commit for ${revision}`);
  }
  const dir = join(folder, owner, commit, name);
  if (!await isComplete(dir)) await download(dir, model, commit, access);
  await writeFileAtomic(ref, commit);
  return dir;
}

const isComplete = (dir: string) => Deno.stat(join(dir, RECORD)).then(() => true, () => false);

interface Access {
  repo: string;
  client: { hubUrl?: string; accessToken?: string };
}

function accessOf({ owner, name }: HubName, options: HubOptions): Access {
  const { endpoint = Deno.env.get("HF_ENDPOINT"), token = Deno.env.get("HF_TOKEN") } = options;
  const repo = `${owner}/${name}`;
  if (token && !token.startsWith("hf_")) {
    throw new InputError(
      `Cannot download ${repo}: HF_TOKEN is no token of a hub, those start with hf_; set it right`,
    );
  }
  const client = {
    ...(endpoint ? { hubUrl: endpoint.replace(/\/+$/, "") } : {}),
    ...(token ? { accessToken: token } : {}),
  };
  return { repo, client };
}

/** An answer of the hub, its errors in our words. */
async function asked<T>({ revision }: HubName, { repo, client }: Access, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw hubError(error, { repo, revision, known: client.accessToken !== undefined });
  }
}

function hubError(
  error: unknown,
  { repo, revision, known }: { repo: string; revision: string; known: boolean },
): unknown {
  const fail = (what: string) => new InputError(`Cannot download ${repo}: ${what}`, { cause: error });
  if (error instanceof HubApiError) {
    const { statusCode } = error;
    if (statusCode === 401 || statusCode === 403) {
      const remedy = known
        ? "accept the model's licence on its page, as the owner of HF_TOKEN"
        : "set HF_TOKEN";
      return fail(`the hub refuses access (${statusCode}); check the name, and ${remedy}`);
    }
    if (statusCode === 404) return fail(`the hub has no such model, or no revision ${revision} of it (404)`);
    return fail(`the hub answered ${statusCode}; try again later`);
  }
  // the client's streams end with the text of an error alone
  if (error instanceof TypeError || typeof error === "string" || (error as Error)?.name === "Http") {
    const told = messageOf(error).replaceAll(/\?[^\s)]*/g, ""); // a signed address stays unprinted
    return fail(`the hub does not answer (${told}); check the network, or give a model's folder`);
  }
  return error;
}

async function download(dir: string, model: HubName, commit: string, access: Access): Promise<void> {
  using _lock = lockFolder(dir);
  if (await isComplete(dir)) return; // another process was at it
  const tree: ListFileEntry[] = await asked(
    model,
    access,
    Array.fromAsync(listFiles({ repo: access.repo, revision: commit, ...access.client })),
  );
  const wanted = filesOf(tree.filter(({ type }) => type === "file"), access.repo);
  const megabytes = (n: number) => Math.round(n / 1e6);
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  const progress = new Progress(`download ${access.repo} (MB)`, Math.max(1, megabytes(total)));
  let done = 0;
  const files: Record["files"] = {};
  for (const entry of wanted) {
    const onBytes = (n: number) => progress.update(megabytes(done += n));
    files[entry.path] = await downloadOne(dir, entry, { model, commit, access, onBytes });
  }
  await progress.finish();
  const record: Record = { repo: access.repo, revision: model.revision, commit, files };
  await writeFileAtomic(join(dir, RECORD), JSON.stringify(record, null, 2) + "\n");
}

const SMALL = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/** What of a repository makes a model. */
function filesOf(files: ListFileEntry[], repo: string): ListFileEntry[] {
  const named = new Map(files.map((entry) => [entry.path, entry]));
  const whole = named.get("model.safetensors");
  const shards = files.filter(({ path }) => path === INDEX || /^model-\d+-of-\d+\.safetensors$/.test(path));
  const weights = whole ? [whole] : shards;
  const missing = ["config.json", "tokenizer.json"].filter((name) => !named.has(name));
  if (!weights.some(({ path }) => path.endsWith(".safetensors"))) missing.push("model.safetensors");
  else if (!whole && !named.has(INDEX)) missing.push(INDEX);
  if (missing.length) {
    throw new InputError(
      `Cannot use ${repo}: it has no ${
        missing.join(", no ")
      }; take a model in Hugging Face's layout with safetensors weights`,
    );
  }
  return [...SMALL.flatMap((name) => named.get(name) ?? []), ...weights];
}

interface DownloadContext {
  model: HubName;
  commit: string;
  access: Access;
  onBytes: (n: number) => unknown;
}

/** One file, from where an earlier try broke off; in place only when its hash is right. */
async function downloadOne(dir: string, entry: ListFileEntry, context: DownloadContext) {
  const { path, size, lfs, oid } = entry, { access, model, commit, onBytes } = context;
  const target = join(dir, path), part = `${target}.part`;
  const checked = lfs ? { size, sha256: lfs.oid } : { size, git: oid };
  if ((await Deno.stat(target).catch(() => undefined))?.size === size) {
    await onBytes(size);
    return checked; // its hash was right when it was put in place
  }
  await Deno.mkdir(dirname(target), { recursive: true });
  const hash = lfs ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  const from = await hashed(part, hash, size);
  await onBytes(from);
  if (from < size || size === 0) {
    const { repo, client } = access;
    const noted = notingFetch(), request = { repo, path, revision: commit, xet: false, ...client };
    const blob = await asked(model, access, downloadFile({ ...request, fetch: noted.fetch }));
    if (!blob) throw new InputError(`Cannot download ${repo}: ${path} is not there any more; try again`);
    const append = appendTo(part, blob.slice(from, size), hash, onBytes);
    const came = from +
      await asked(model, access, append.catch((error) => Promise.reject(noted.refusal() ?? error)));
    if (came < size) {
      throw new InputError(
        `Cannot download ${repo}: the hub ended ${path} after ${came} of ${size} bytes; try again, it goes on from there`,
      );
    }
  }
  const digest = hash.digest("hex"), right = lfs?.oid ?? oid;
  if (digest !== right) {
    await Deno.remove(part);
    throw new InputError(
      `Cannot use ${path} of ${access.repo}: the bytes that came have the hash ${digest}, not ${right}; nothing of it was kept, try again`,
    );
  }
  await Deno.rename(part, target);
  return checked;
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

/** fetch() that remembers the last answer: the client's streams lose its status. */
function notingFetch() {
  let last: Response | undefined;
  return {
    fetch: async (...request: Parameters<typeof fetch>) => last = await fetch(...request),
    refusal: () => last && !last.ok ? new HubApiError(last.url, last.status) : undefined,
  };
}

/** Writes what `blob` streams behind what `part` has; returns the bytes that came. */
async function appendTo(
  part: string,
  blob: Blob,
  hash: Hash,
  onBytes: (n: number) => unknown,
): Promise<number> {
  using file = openPart(part);
  let came = 0;
  for await (const bytes of blob.stream()) {
    try {
      writeAll(file, bytes);
    } catch (error) {
      throw writeError(part, error);
    }
    hash.update(bytes);
    came += bytes.length;
    await onBytes(bytes.length);
  }
  file.syncDataSync();
  return came;
}

function openPart(part: string): Deno.FsFile {
  try {
    return Deno.openSync(part, { create: true, append: true });
  } catch (error) {
    throw writeError(part, error);
  }
}
