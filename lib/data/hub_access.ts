// Talking to a hub of Hugging Face's kind: names "owner/name@revision", the token, which commit a revision is, what files it
// has, and the hub's errors in our words. Downloads are hub.ts and hub_download.ts.
import { datasetInfo, HubApiError, listFiles, modelInfo } from "@huggingface/hub";
import { InputError, messageOf } from "../run/errors.ts";

/** A repository of a hub. */
export interface HubName {
  owner: string;
  name: string;
  /** A branch, tag or commit. */
  revision: string;
}

/** What a repository holds. */
export type HubKind = "model" | "dataset";

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

/** A file of a repository, with the hash that its bytes must have: SHA-256, or git's SHA-1 of a blob. */
export interface HubFile {
  path: string;
  size: number;
  sha256?: string;
  git?: string;
}

/** A repository at one commit. */
export interface HubCommit {
  repo: string;
  kind: HubKind;
  /** As it was asked for. */
  revision: string;
  commit: string;
}

/** "owner/name" or "owner/name@revision" (default main), or undefined for what is no such name. */
export function parseHubName(text: string): HubName | undefined {
  const part = "[A-Za-z0-9][A-Za-z0-9._-]*";
  const match = new RegExp(`^(${part})/(${part})(?:@([^\\s@.:][^\\s@:]*))?$`).exec(text);
  return match ? { owner: match[1], name: match[2], revision: match[3] ?? "main" } : undefined;
}

/** How to reach a hub. */
export interface Access {
  client: { hubUrl?: string; accessToken?: string };
}

/** The hub's address and the token, from `options` or the environment. Throws InputError for what is no token. */
export function accessOf(repo: string, options: HubOptions): Access {
  const { endpoint = Deno.env.get("HF_ENDPOINT"), token = Deno.env.get("HF_TOKEN") } = options;
  if (token && !token.startsWith("hf_")) {
    throw new InputError(
      `Cannot download ${repo}: HF_TOKEN is no token of a hub, those start with hf_; set it right`,
    );
  }
  return {
    client: {
      ...(endpoint ? { hubUrl: endpoint.replace(/\/+$/, "") } : {}),
      ...(token ? { accessToken: token } : {}),
    },
  };
}

/** An answer of the hub about a repository, its errors in our words. */
export async function asked<T>(
  at: Omit<HubCommit, "commit">,
  { client }: Access,
  answer: Promise<T>,
): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw hubError(error, at, client.accessToken !== undefined);
  }
}

const WORDS = { model: "model", dataset: "data set" };

function hubError(error: unknown, { repo, revision, kind }: Omit<HubCommit, "commit">, known: boolean) {
  const fail = (what: string) => new InputError(`Cannot download ${repo}: ${what}`, { cause: error });
  const word = WORDS[kind];
  if (error instanceof HubApiError) {
    const { statusCode } = error;
    if (statusCode === 401 || statusCode === 403) {
      const remedy = known
        ? `accept the ${word}'s licence on its page, as the owner of HF_TOKEN`
        : "set HF_TOKEN";
      return fail(`the hub refuses access (${statusCode}); check the name, and ${remedy}`);
    }
    if (statusCode === 404) {
      return fail(`the hub has no such ${word}, or no revision ${revision} of it (404)`);
    }
    return fail(`the hub answered ${statusCode}; try again later`);
  }
  // the client's streams end with the text of an error alone
  if (error instanceof TypeError || typeof error === "string" || (error as Error)?.name === "Http") {
    const told = messageOf(error).replaceAll(/\?[^\s)]*/g, ""); // a signed address stays unprinted
    const own = kind === "model" ? "a model's folder" : "a file";
    return fail(`the hub does not answer (${told}); check the network, or give ${own}`);
  }
  return error;
}

/** The commit that a revision is now. */
export async function commitOf(at: Omit<HubCommit, "commit">, access: Access): Promise<string> {
  const info = at.kind === "model" ? modelInfo<"sha"> : datasetInfo<"sha">;
  const query = { name: at.repo, revision: at.revision, additionalFields: ["sha" as const] };
  const { sha } = await asked(at, access, info({ ...query, ...access.client }) as Promise<{ sha: string }>);
  if (/^[0-9a-f]{40}$/.test(sha)) return sha;
  throw new InputError(`Cannot download ${at.repo}: the hub names no commit for ${at.revision}`);
}

/** The files of a commit. Throws InputError where a name would leave the folder that they go to. */
export async function listCommit(at: HubCommit, { client }: Access): Promise<HubFile[]> {
  const { repo, kind, commit } = at;
  const list = listFiles({ repo: { type: kind, name: repo }, revision: commit, recursive: true, ...client });
  const tree = await asked(at, { client }, Array.fromAsync(list));
  return tree.filter(({ type }) => type === "file").map(({ path, size, oid, lfs }) => {
    if (leaves(path)) {
      throw new InputError(
        `Cannot download ${repo}: it lists a file ${
          JSON.stringify(path)
        }, which is no plain path inside the ` +
          "repository; nothing was taken of it, take another one",
      );
    }
    return { path, size, ...(lfs ? { sha256: lfs.oid } : { git: oid }) };
  });
}

/** Whether a hub's file name is anything but a plain path inside its folder, beside our own record. */
function leaves(path: string): boolean {
  // deno-lint-ignore no-control-regex
  if (typeof path !== "string" || /[\\\u0000-\u001f]|^[A-Za-z]:/.test(path)) return true;
  return path.split("/").some((part) => part === "" || part === "." || part === "..");
}
