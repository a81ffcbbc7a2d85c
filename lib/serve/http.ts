// HTTP by node:http, which ends requests that do not arrive in time and tells when a client has gone: bodies read within
// bounds, JSON sent, keys and host names checked.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ApiError, badKey, notJson, tooLarge } from "./errors.ts";

/** The largest body that is read. */
const MOST_BYTES = 4 * 2 ** 20;

/** The JSON value of a request's body. Throws ApiError where it is too large, not UTF-8 or not JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (Number(request.headers["content-length"] ?? 0) > MOST_BYTES) throw tooLarge(MOST_BYTES);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MOST_BYTES) throw tooLarge(MOST_BYTES);
    parts.push(part);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(joined(parts, size)));
  } catch {
    throw notJson();
  }
}

function joined(parts: Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Sends `body` as JSON and ends the response. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": bytes.length,
    ...headers,
  });
  response.end(bytes);
}

/** A check of the bearer key, in time that tells nothing of it. It throws ApiError where the key is missing or wrong. */
export function keyChecker(apiKey: string | undefined): (request: IncomingMessage) => void {
  if (apiKey === undefined) return () => {};
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const wanted = digest(apiKey);
  return ({ headers: { authorization } }) => {
    const given = /^Bearer\s+(.+)$/i.exec(authorization ?? "")?.[1];
    if (given === undefined || !timingSafeEqual(digest(given), wanted)) throw badKey(given);
  };
}

/** Whether an address is this machine's own, which no other reaches. */
export function isLoopback(host: string): boolean {
  return /^(127(\.\d{1,3}){3}|::1|\[::1\]|(.+\.)?localhost)$/i.test(host);
}

/**
 * Throws ApiError for a request under a foreign name: a web page that has its own name point to this machine
 * (DNS rebinding) must not reach a server that listens on loopback alone.
 */
export function checkHost({ headers: { host } }: IncomingMessage): void {
  if (host === undefined || isLoopback(host.replace(/:\d+$/, ""))) return;
  throw new ApiError(403, "This server answers under local names only, such as localhost and 127.0.0.1.");
}
