// A server of OpenAI's chat-completions API on a model of ours and adapters on it, on this machine alone unless told
// otherwise. Here its life and its routes; an answer is chat.ts's.
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { sizeOf } from "../jit/mod.ts";
import { type Adapter, type Base, baseOf } from "../model/base.ts";
import { int8Base } from "../model/int8.ts";
import type { Model } from "../model/open_model.ts";
import { openSteps, type Steps } from "../model/steps.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { sha256Hex } from "../run/files.ts";
import { versions } from "../run/machine.ts";
import type { ChatService } from "./chat.ts";
import { closing } from "./errors.ts";
import { isLoopback } from "./http.ts";
import { type ModelCard, rowSizes, servedModels } from "./models.ts";
import { promptIds } from "./prompt.ts";
import { handler, type Site } from "./routes.ts";

/** How to serve. */
export interface ServeOptions {
  /** Threads inside an operator. Default: all cores. */
  threads?: number;
  /** The folder of compiled graphs, or false for none. Default: the cache's. */
  cache?: string | false;
  /** Adapters by the name that they are offered under, as "model:name". */
  adapters?: Record<string, Adapter>;
  /** A Jinja chat template instead of the model's own. */
  template?: string;
  /** The base model's id. Default: its name. */
  name?: string;
  /** Address to listen on. Default "127.0.0.1": this machine alone. */
  host?: string;
  /** Default 0: any that is free. */
  port?: number;
  /** Texts that grow side by side, for each offered model. Default 16. */
  batch?: number;
  /** Linear layers in 8 bits: smaller, close to float32. Default false. */
  int8?: boolean;
  /** Longest prompt with its answer, in tokens. Default: the model's, 2048 at most. */
  context?: number;
  /** New tokens where a request does not say. Default 512. */
  maxNew?: number;
  /** Texts that may wait for a row before requests get 429. Default 256. */
  queue?: number;
  /** Bytes of keys and values kept of prompt beginnings, for each offered model; 0: none. Default 512 MB. */
  prefixCache?: number;
  /** Requests without this bearer key get 401. Default: none is asked for. */
  apiKey?: string;
  /** Seconds that a request may take to arrive before it gets 408: its headers, and all of it. Default 30. */
  receiveSeconds?: number;
  /** Told of failures that are not a client's. Default: console.error. */
  onError?: (error: unknown) => void;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  /** What clients take as base URL: "http://127.0.0.1:PORT/v1". */
  url: string;
  /** What is offered, the base model first. */
  models: ModelCard[];
  /** Answers given so far. */
  readonly answered: number;
  /** Takes no more requests, waits `graceSeconds` (default 5) for those under way, then ends them. */
  close(options?: { graceSeconds?: number }): Promise<void>;
}

/**
 * Serves `model`, which must stay open. Ready when the promise resolves: the first steps are compiled then.
 * Throws InputError for settings out of range, a template or adapter that does not fit, or an address in use.
 */
export async function serve(model: Model, options: ServeOptions = {}): Promise<Server> {
  const settings = checked(model, options);
  const base = options.int8 ? await int8Base(model) : baseOf(model);
  const how = stepOptions(base, options, settings), steps = openSteps(base, how);
  try {
    const models = servedModels(model, base, steps, settings);
    const service = chatService(model, options, settings, how.config);
    // A token from the base model: faults of the template and the time of compiling come before the first client.
    const prompt = promptIds(model.tokenizer, settings.template, [{ role: "user", content: "Hello" }]);
    await models.get(settings.name)!.engine.submit({ prompt, maxNew: 2, stop: [], sampling: {} });
    const end = new AbortController();
    const local = isLoopback(options.host ?? "127.0.0.1"), { apiKey } = options;
    const site: Site = { models, service, apiKey, local, end: end.signal, closing: false, answered: 0 };
    return server(await listen(site, options), site, { end, steps });
  } catch (error) {
    await steps.close();
    throw error;
  }
}

/** Memory that compiled steps may take for weights of their own, in bytes. */
const PACKED = 4e9;

/**
 * A compiled step holds its weights once more, laid out for the processor, and is 10–20% faster for it: not worth it
 * where all of them together take too much. All steps alike, as the layout changes an answer's last bits.
 */
function stepOptions(
  base: Base,
  { threads, cache, int8 }: ServeOptions,
  { adapters, batch }: Settings,
) {
  const kinds = new Set(
    [undefined, ...Object.values(adapters)].map((adapter) => JSON.stringify(adapter?.lora)),
  );
  const most = kinds.size * (1 + rowSizes(batch).length);
  const weights = Object.values(base.weights.tensors).reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  const config = int8 || most * weights <= PACKED ? undefined : { disable_prepacking: "1" };
  return { threads, cache, most, config };
}

type Settings = ReturnType<typeof checked>;

function checked(model: Model, options: ServeOptions) {
  const whole = (
    name: "batch" | "context" | "maxNew" | "queue" | "prefixCache",
    standard: number,
    least: number,
  ) => {
    const value = options[name] ?? standard;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InputError(`Cannot serve with ${name} ${value}: give a whole number from ${least} on`);
  };
  const { maxPositions } = model.config, context = whole("context", Math.min(maxPositions, 2048), 2);
  if (context > maxPositions) {
    throw new InputError(
      `Cannot serve a context of ${context} tokens: the model was trained for ${maxPositions}; give at most that`,
    );
  }
  return {
    adapters: options.adapters ?? {},
    template: options.template ?? model.chatTemplate,
    name: options.name ?? model.source?.repo ?? model.name,
    batch: whole("batch", 16, 1),
    context,
    maxNew: whole("maxNew", 512, 1),
    queue: whole("queue", 256, 0),
    prefixCache: whole("prefixCache", 512e6, 0),
  };
}

function chatService(model: Model, options: ServeOptions, settings: Settings, packing?: object): ChatService {
  const { tokenizer, config } = model;
  const how = JSON.stringify([versions(), options.threads ?? navigator.hardwareConcurrency, packing]);
  let longestToken = 1;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    longestToken = Math.max(longestToken, tokenizer.bytesOf(id).length);
  }
  return {
    tokenizer,
    template: settings.template,
    stopIds: config.eosIds,
    maxNew: settings.maxNew,
    queue: settings.queue,
    longestToken,
    systemFingerprint: ({ card }) => `fp_${sha256Hex(card.fingerprint + how).slice(0, 12)}`,
    onError: options.onError ?? ((error) => console.error(`serve: ${messageOf(error)}`)),
  };
}

async function listen(site: Site, { host = "127.0.0.1", port = 0, receiveSeconds = 30 }: ServeOptions) {
  const http = createServer({
    headersTimeout: 1000 * receiveSeconds,
    requestTimeout: 1000 * receiveSeconds,
    keepAliveTimeout: 60_000,
    connectionsCheckingInterval: 1000,
  }, handler(site));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  http.once("error", reject);
  http.listen(port, host.replace(/^\[(.*)\]$/, "$1"), resolve);
  try {
    await promise;
  } catch (error) {
    throw new InputError(
      `Cannot serve on ${host}:${port}: ${messageOf(error)}; give another --port (0: any free) or --host`,
    );
  }
  return http;
}

function server(
  http: HttpServer,
  site: Site,
  { end, steps }: { end: AbortController; steps: Steps },
): Server {
  const { address, port, family } = http.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = async (graceSeconds: number) => {
    site.closing = true;
    const ended = new Promise((resolve) => http.close(resolve));
    http.closeIdleConnections();
    const grace = setTimeout(() => end.abort(closing()), 1000 * graceSeconds);
    await Promise.race([ended, new Promise((resolve) => end.signal.addEventListener("abort", resolve))]);
    clearTimeout(grace);
    // what was ended has sent its last words by then
    const rest = setTimeout(() => http.closeAllConnections(), 500);
    await ended;
    clearTimeout(rest);
    await steps.close();
  };
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}/v1`,
    models: [...site.models.values()].map(({ card }) => card),
    get answered() {
      return site.answered;
    },
    close: ({ graceSeconds = 5 } = {}) => closed ??= close(graceSeconds),
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}
