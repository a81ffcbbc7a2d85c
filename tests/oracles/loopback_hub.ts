// A hub on loopback that speaks the routes of Hugging Face's: revision, tree, and files with ranges behind a redirect; for
// models or data sets. What it is told to do wrong, it does.
import { createHash } from "node:crypto";
import type { HubKind } from "../../lib/data/hub_access.ts";

/** What the hub has and how it behaves; may be changed while it runs. */
export interface LoopbackHub {
  kind: HubKind;
  endpoint: string;
  /** Path → bytes. */
  files: Record<string, Uint8Array>;
  commit: string;
  /** Without this token it answers 401. */
  token?: string;
  /** Ends the connection after so many bytes of a file's body. */
  breakAfter?: number;
  /** Ends a file's body in good order after so many bytes, without a word of its length. */
  endAfter?: number;
  /** Answers requests of more than a file's first byte with this status. */
  status?: number;
  /** Flips a byte of this file's body. */
  spoil?: string;
  /** Every request: method, path, range, whether it had a token. */
  requests: { path: string; range: string | null; token: string | null }[];
}

const sha = (kind: "sha256" | "sha1", ...parts: (string | Uint8Array)[]) => {
  const hash = createHash(kind);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

/** Runs `body` beside a hub that has org/tiny. Weights and parquet are LFS files (SHA-256), the rest git blobs. */
export async function besideHub(
  files: Record<string, Uint8Array>,
  body: (hub: LoopbackHub) => Promise<void>,
  kind: HubKind = "model",
) {
  const hub: LoopbackHub = { kind, endpoint: "", files, commit: "c0ffee".padEnd(40, "0"), requests: [] };
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => answer(hub, request),
  );
  hub.endpoint = `http://127.0.0.1:${server.addr.port}`;
  await body(hub);
}

function answer(hub: LoopbackHub, request: Request): Response {
  const { pathname } = new URL(request.url), range = request.headers.get("range");
  const token = request.headers.get("authorization");
  hub.requests.push({ path: pathname, range, token });
  if (hub.token && token !== `Bearer ${hub.token}` && !pathname.startsWith("/cdn/")) {
    return Response.json({ error: `Access to ${hub.kind} org/tiny is restricted.` }, { status: 401 });
  }
  const api = `/api/${hub.kind}s/org/tiny`, repo = `${hub.kind === "model" ? "" : "/datasets"}/org/tiny`;
  const revision = new RegExp(`^${api}/revision/(.+)$`).exec(pathname)?.[1];
  if (revision && ["main", "v1", hub.commit].includes(revision)) {
    return Response.json({
      _id: "1",
      id: "org/tiny",
      sha: hub.commit,
      private: false,
      gated: false,
      downloads: 0,
      likes: 0,
    });
  }
  if (pathname === `${api}/tree/${hub.commit}`) return Response.json(tree(hub));
  const path = new RegExp(`^${repo}/resolve/${hub.commit}/(.+)$`).exec(pathname)?.[1];
  if (path && path in hub.files) {
    return new Response(null, { status: 302, headers: { location: `${hub.endpoint}/cdn/${path}` } });
  }
  const stored = /^\/cdn\/(.+)$/.exec(pathname)?.[1];
  if (stored && stored in hub.files) return content(hub, stored, range);
  return Response.json({ error: "Repository not found" }, { status: 404 });
}

function tree({ files }: LoopbackHub) {
  return Object.entries(files).map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: sha("sha1", `blob ${bytes.length}\0`, bytes),
    ...(/\.(safetensors|parquet)$/.test(path)
      ? { lfs: { oid: sha("sha256", bytes), size: bytes.length, pointerSize: 130 } }
      : {}),
  }));
}

function content(hub: LoopbackHub, path: string, range: string | null): Response {
  const bytes = Uint8Array.from(hub.files[path]);
  if (hub.spoil === path) bytes[bytes.length >> 1] ^= 1;
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const from = Number(first ?? 0), to = last ? Math.min(Number(last) + 1, bytes.length) : bytes.length;
  if (hub.status && to > 1) return Response.json({ error: "Signature expired" }, { status: hub.status });
  const part = bytes.subarray(from, to), short = hub.breakAfter !== undefined && part.length > hub.breakAfter;
  const headers = {
    "content-range": `bytes ${from}-${to - 1}/${bytes.length}`,
    etag: `"${sha("sha256", hub.files[path])}"`,
    ...(hub.endAfter ? {} : { "content-length": String(part.length) }),
  };
  if (hub.endAfter) {
    const body = new Blob([part.subarray(0, hub.endAfter)]).stream();
    return new Response(body, { status: range ? 206 : 200, headers });
  }
  if (!short) return new Response(part, { status: range ? 206 : 200, headers });
  const broken = new ReadableStream({
    start(controller) {
      controller.enqueue(part.subarray(0, hub.breakAfter));
    },
    async pull(controller) {
      await new Promise((done) => setTimeout(done, 50)); // the bytes before go out
      controller.error(new Deno.errors.ConnectionReset("broken on purpose"));
    },
  });
  return new Response(broken, { status: range ? 206 : 200, headers });
}
