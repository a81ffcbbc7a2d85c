// The routes: which request gets what. Errors thrown on the way become OpenAI's error objects.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ChatService, prepare, streamedAnswer, wholeAnswer } from "./chat.ts";
import { ApiError, badMethod, closing, failed, noModel, noRoute } from "./errors.ts";
import { checkHost, keyChecker, readJson, sendJson } from "./http.ts";
import type { ServedModel } from "./models.ts";
import { parseChat } from "./request.ts";

/** What the routes lead to. */
export interface Site {
  models: Map<string, ServedModel>;
  service: ChatService;
  apiKey?: string;
  /** Whether only requests under local names are answered. */
  local: boolean;
  /** Its reason is the server's end: what is under way ends, what comes is refused. */
  end: AbortSignal;
  /** Whether no more requests are taken. */
  closing: boolean;
  /** Chat completions given. */
  answered: number;
}

/** What node:http calls for each request. */
export function handler(site: Site): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const checkKey = keyChecker(site.apiKey);
  return async (request, response) => {
    response.setHeader("x-request-id", `req_${crypto.randomUUID().replaceAll("-", "")}`);
    const gone = new AbortController();
    response.on("close", () => response.writableFinished || gone.abort(GONE));
    try {
      if (site.local) checkHost(request);
      await route(site, request, response, { checkKey, signal: AbortSignal.any([gone.signal, site.end]) });
    } catch (error) {
      if (gone.signal.aborted) return;
      if (!(error instanceof ApiError)) site.service.onError(error);
      const known = error instanceof ApiError ? error : failed();
      if (!response.headersSent) return sendJson(response, known.status, known.body, known.headers);
      response.end(event(known.body)); // the answer had begun
    }
  };
}

interface Call {
  checkKey: (request: IncomingMessage) => void;
  signal: AbortSignal;
}

async function route(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  call: Call,
): Promise<void> {
  const method = request.method ?? "GET", { pathname } = new URL(request.url ?? "/", "http://localhost");
  const only = (allowed: string) => {
    if (method !== allowed) throw badMethod(allowed);
  };
  if (pathname === "/health") {
    only("GET");
    return sendJson(response, 200, health(site));
  }
  call.checkKey(request);
  if (pathname === "/v1/chat/completions") {
    only("POST");
    return await chat(site, request, response, call.signal);
  }
  const id = /^\/v1\/models(?:\/(.+))?$/.exec(pathname);
  if (!id) throw noRoute(method, pathname);
  only("GET");
  if (id[1] === undefined) {
    return sendJson(response, 200, {
      object: "list",
      data: [...site.models.values()].map(({ card }) => card),
    });
  }
  sendJson(response, 200, modelOf(site, decoded(id[1])).card);
}

function health({ models, answered, closing }: Site) {
  const engines = [...models.values()].map(({ engine }) => engine);
  const sum = (of: (engine: typeof engines[0]) => number) => engines.reduce((total, e) => total + of(e), 0);
  return {
    status: closing ? "closing" : "ok",
    models: [...models.keys()],
    active: sum((engine) => engine.active),
    waiting: sum((engine) => engine.waiting),
    answered,
  };
}

function modelOf({ models }: Site, id: string): ServedModel {
  const served = models.get(id);
  if (!served) throw noModel(id);
  return served;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function chat(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (site.closing) throw closing();
  const asked = parseChat(await readJson(request));
  if (site.closing) throw closing();
  const job = prepare(site.service, modelOf(site, asked.model), asked, signal);
  if (!asked.stream) {
    sendJson(response, 200, await wholeAnswer(site.service, job));
  } else {
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
    });
    await streamedAnswer(site.service, job, (object) => void response.write(event(object)));
    response.end("data: [DONE]\n\n");
  }
  site.answered++;
}

/** Why a request ends whose client has gone. */
const GONE = new DOMException("The client has gone.", "AbortError");

/** A server-sent event. */
const event = (object: object) => `data: ${JSON.stringify(object)}\n\n`;
