// The only file that imports the openai package: one try of one call, its time-out, and its errors in our words.
// Retries, limits and what answers mean are not its business.
import OpenAI from "openai";
import { redact, type ResolvedEndpoint } from "./endpoint.ts";
import { ChatFailure } from "./failure.ts";
import type { Question } from "./question.ts";
import { parseReply, type Reply } from "./reply.ts";
import { connectionFailure, statusFailure } from "./status.ts";

/** How long a try may take, and who may end it. */
export interface TryOptions {
  /** Seconds. */
  timeout: number;
  signal?: AbortSignal;
}

/** The openai package's client. */
export type Api = OpenAI;

/** What is done with it; whoever does it passes the signal on. */
export type Use<T> = (api: Api, signal: AbortSignal) => Promise<T>;

/** More than this of a body is not read. */
const LONGEST = 256 << 20;

/** The endpoint behind the openai package. */
export class Client {
  readonly #api: OpenAI;

  /** The key goes to the package, and from it to the endpoint, alone. */
  constructor(private readonly endpoint: ResolvedEndpoint) {
    const { baseUrl: baseURL } = endpoint, key = endpoint.key();
    this.#api = new OpenAI({
      baseURL,
      apiKey: key ?? "none",
      adminAPIKey: null,
      ...(key ? {} : { defaultHeaders: { authorization: null } }),
      maxRetries: 0,
      timeout: 2 ** 31 - 1, // ours ends sooner
      logLevel: "off", // OPENAI_LOG would print requests
    });
  }

  /** One try of a question. Throws ChatFailure, or the signal's reason. */
  ask(question: Question, options: TryOptions): Promise<Reply> {
    return this.call(options, async (api, signal) => {
      const response = await api.chat.completions.create(wireBody(question), { signal }).asResponse();
      return parseReply(await this.text(response), this.endpoint.baseUrl);
    });
  }

  /** The whole body of an answer, without the key should it be in there. */
  async text(response: Response): Promise<string> {
    return redact(await readText(response), this.endpoint);
  }

  /** Any use of the package, under the same time-out and with the same errors. */
  async call<T>({ timeout, signal }: TryOptions, use: Use<T>): Promise<T> {
    signal?.throwIfAborted();
    const controller = new AbortController(), { baseUrl } = this.endpoint;
    const abort = () => controller.abort();
    const timer = setTimeout(abort, timeout * 1000);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await use(this.#api, controller.signal);
    } catch (error) {
      if (error instanceof ChatFailure) throw error;
      if (signal?.aborted) throw signal.reason;
      if (controller.signal.aborted) {
        throw new ChatFailure(
          "timeout",
          `${baseUrl} did not answer within ${timeout} s; give it more time, or check it`,
          { retry: true, charged: true },
        );
      }
      if (error instanceof OpenAI.APIError && error.status !== undefined) {
        const text = error.error ? "" : redact(error.message, this.endpoint).replace(/^\d+ /, "");
        throw statusFailure(
          { status: error.status, headers: error.headers, body: error.error, text },
          this.endpoint,
        );
      }
      throw connectionFailure(error, this.endpoint);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** What is sent. OpenAI's reasoning models know max_tokens by another name. */
export function wireBody({ model, messages, parameters }: Question) {
  const { max_tokens, ...others } = parameters;
  if (max_tokens === undefined) return { model, messages, ...others };
  const name = /^(ft:)?(o\d|gpt-5)/.test(model) ? "max_completion_tokens" : "max_tokens";
  return { model, messages, ...others, [name]: max_tokens };
}

/** The whole body as text; one without end is cut off. */
async function readText(response: Response): Promise<string> {
  if (Number(response.headers.get("content-length") ?? NaN) <= LONGEST) return await response.text();
  const decoder = new TextDecoder();
  let text = "", size = 0;
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if ((size += piece.length) > LONGEST) break;
  }
  return text + decoder.decode();
}
