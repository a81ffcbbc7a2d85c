// HTTP statuses and broken connections → why a call failed, and what to do.
import { messageOf } from "../run/errors.ts";
import { redact, type ResolvedEndpoint } from "./endpoint.ts";
import { ChatFailure } from "./failure.ts";
import { errorText } from "./reply.ts";
import { retryAfter } from "./retry_after.ts";

/** An answer that is no success. */
export interface ErrorAnswer {
  status: number;
  headers: Headers;
  /** The parsed body, if it was JSON. */
  body: unknown;
  /** What else is known of it. */
  text: string;
}

/** The failure of an answer whose status is no success. */
export function statusFailure(
  { status, headers, body, text }: ErrorAnswer,
  endpoint: ResolvedEndpoint,
): ChatFailure {
  const { baseUrl, model, keyVariable } = endpoint;
  const code = codeOf(body), told = redact(errorText(body) ?? text, endpoint).trim().slice(0, 300);
  const fail = (kind: ChatFailure["kind"], remedy: string, more: { retry?: boolean; fatal?: boolean } = {}) =>
    new ChatFailure(
      kind,
      `${baseUrl} answered ${status}${told ? ` (${told.replaceAll(/\s+/g, " ")})` : ""}; ${remedy}`,
      { status, wait: more.retry ? retryAfter(headers) : undefined, ...more },
    );
  if (status === 401) {
    const state = endpoint.key() ? "holds a key that it does not take" : "is not set";
    return fail("denied", `${keyVariable} ${state}: set it right`, { fatal: true });
  }
  if (status === 402 || status === 429 && code === "insufficient_quota") {
    return fail("limit", "the account has no credit left: add some, then run the same again", {
      fatal: true,
    });
  }
  if (status === 403) return fail("denied", `the owner of ${keyVariable} may not do this with ${model}`);
  if (status === 404) {
    return fail("missing", `check the base URL and the model's name, ${model}`, { fatal: true });
  }
  if (status === 429) return fail("limit", "ask more slowly, with lower limits", { retry: true });
  if (status === 408 || status === 409 || status === 425 || status >= 500 && status !== 501) {
    return fail("status", "try again later", { retry: true });
  }
  return fail("refused", "it does not take this request: see its reason and the request's settings");
}

function codeOf(body: unknown): unknown {
  const { error, code } = (body ?? {}) as { error?: { code?: unknown }; code?: unknown };
  return error?.code ?? code;
}

/** The failure of a call that got no whole answer. */
export function connectionFailure(error: unknown, endpoint: ResolvedEndpoint): ChatFailure {
  const { baseUrl } = endpoint;
  const causes: string[] = [];
  for (let e: unknown = error; e instanceof Error && causes.length < 4; e = e.cause) {
    causes.push(messageOf(e));
  }
  const why = redact(causes.at(-1) ?? String(error), endpoint).replaceAll(/\s+/g, " ").slice(0, 200);
  const never = /\(Connect\)|dns error|connection refused|ECONNREFUSED|ENOTFOUND/i.test(causes.join(" "));
  return new ChatFailure(
    "connection",
    `${baseUrl} ${
      never ? "cannot be reached" : "cut the connection"
    } (${why}); check that it runs and the network`,
    { retry: true, charged: !never },
  );
}
