// Where to ask and as whom, from what was given and the environment. The key stays in here and in the client.
import { InputError } from "../run/errors.ts";
import type { Endpoint } from "./types.ts";

/** OpenAI's own. */
export const OPENAI = "https://api.openai.com/v1";

/** An endpoint with nothing left open. */
export interface ResolvedEndpoint {
  /** Without a slash at its end. */
  baseUrl: string;
  model: string;
  /** The name of the environment variable that may hold the key. */
  keyVariable: string;
  /** Undefined where the variable is not set. A function, so that printing this does not print it; see redact(). */
  key: () => string | undefined;
}

/** Fills in what was left out. Throws InputError for a base URL that makes no sense, and where OpenAI is asked without a key. */
export function resolveEndpoint(endpoint: Endpoint): ResolvedEndpoint {
  const { model, keyVariable = "OPENAI_API_KEY" } = endpoint;
  const baseUrl = checkUrl(endpoint.baseUrl ?? (Deno.env.get("OPENAI_BASE_URL") || OPENAI));
  const key = Deno.env.get(keyVariable)?.trim() || undefined;
  if (!model.trim()) throw new InputError("Cannot ask a judge: its model has no name; give one");
  if (!key && new URL(baseUrl).hostname === new URL(OPENAI).hostname) {
    throw new InputError(
      `Cannot ask ${baseUrl}: ${keyVariable} is not set; set it to your key, or give another base URL`,
    );
  }
  return { baseUrl, model, keyVariable, key: () => key };
}

function checkUrl(text: string): string {
  const wrong = (why: string) =>
    new InputError(`Cannot use this base URL of an endpoint: ${why}; give one such as ${OPENAI}`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong(`${text} is no address`);
  }
  // not repeated in the message: it may be a secret
  if (url.username || url.password) throw wrong("it holds a name or password; keys go in the environment");
  if (url.search || url.hash) throw wrong("it has a ? or # part");
  if (!/^https?:$/.test(url.protocol)) throw wrong(`${text} is not http or https`);
  return url.href.replace(/\/+$/, "");
}

/** `text` without the key, wherever an endpoint repeats it. */
export function redact(text: string, endpoint: ResolvedEndpoint): string {
  const key = endpoint.key();
  return key && key.length >= 8 ? text.replaceAll(key, "[key]") : text;
}
