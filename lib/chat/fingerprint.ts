// Which weights stand behind a model's name, where the endpoint says so (our own server does).
import { withTries } from "./asker.ts";
import type { Client } from "./client.ts";
import { OPENAI } from "./endpoint.ts";
import { ChatFailure } from "./failure.ts";
import type { Patience } from "./types.ts";

/** Seconds for one try, and tries: most endpoints have nothing to say, and some say it slowly. */
const TIMEOUT = 10, TRIES = 3;

/**
 * The field `fingerprint` of GET /models/{model}; undefined where there is none, where the endpoint has no such route or
 * answers nonsense. Throws ChatFailure where it cannot be reached at all. OpenAI's own is not asked.
 */
export async function askFingerprint(
  client: Client,
  { baseUrl, model }: { baseUrl: string; model: string },
  { patience, seed }: { patience: Required<Patience>; seed: number },
): Promise<string | undefined> {
  if (new URL(baseUrl).hostname === new URL(OPENAI).hostname) return undefined;
  const timeout = Math.min(TIMEOUT, patience.timeout), tries = Math.min(TRIES, patience.tries);
  try {
    const text = await withTries(
      { key: "fingerprint" },
      { patience: { ...patience, tries }, seed },
      () =>
        client.call(
          { timeout },
          async (api, signal) => client.text(await api.models.retrieve(model, { signal }).asResponse()),
        ),
    );
    const { fingerprint } = JSON.parse(text);
    return typeof fingerprint === "string" && fingerprint ? fingerprint : undefined;
  } catch (error) {
    const unreachable = error instanceof ChatFailure && error.kind === "connection" && !error.charged;
    if (unreachable) throw error;
    if (error instanceof ChatFailure || error instanceof SyntaxError || error instanceof TypeError) {
      return undefined;
    }
    throw error;
  }
}
