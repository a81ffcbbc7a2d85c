// A server on the tiny Llama of tiny_llama.ts with random weights (a token is a byte, mostly), and plain requests to it.
import { join } from "node:path";
import { convertGguf } from "../../lib/model/convert_gguf.ts";
import { type Model, openModel } from "../../lib/model/open_model.ts";
import { stream } from "../../lib/run/seed.ts";
import { serve, type ServeOptions, type Server } from "../../lib/serve/mod.ts";
import { inFolder } from "../folder.ts";
import { tinyGguf, tinyWeights } from "./tiny_llama.ts";

/** ChatML, as the default model has it. */
const TEMPLATE =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** Runs `body` with the tiny model, its context 1024 tokens. */
export function withTinyModel(body: (model: Model, folder: string) => void | Promise<void>): Promise<void> {
  return inFolder(async (folder) => {
    const weights = tinyWeights().map(([name, shape, data]): [string, number[], Float32Array] => {
      const random = stream(9, "tiny server", name), centre = shape.length === 1 ? 1 : 0;
      return [name, shape, data.map((_, i) => centre + 0.6 * random.normal(i))];
    });
    const fields = { "llama.context_length": { u32: 1024 }, "tokenizer.chat_template": TEMPLATE };
    await Deno.writeFile(join(folder, "tiny.gguf"), tinyGguf({ weights, fields }));
    await convertGguf(join(folder, "tiny.gguf"), join(folder, "tiny"));
    const model = await openModel(join(folder, "tiny"));
    try {
      await body(model, folder);
    } finally {
      model.weights.close();
    }
  });
}

/** What a test gets. */
export interface Served {
  server: Server;
  model: Model;
  folder: string;
}

/** Runs `body` beside a server on the tiny model. */
export function besideServer(
  body: (served: Served) => Promise<void>,
  options: ServeOptions = {},
): Promise<void> {
  return withTinyModel(async (model, folder) => {
    await using server = await serve(model, { threads: 1, cache: false, ...options });
    await body({ server, model, folder });
  });
}

/** A JSON answer: status, headers and body. */
export interface Answered {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** Sends `body` (as JSON unless it is text or bytes) to a route under /v1. */
export async function send(
  { url }: Server,
  route: string,
  { body, ...init }: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answered> {
  const raw = typeof body === "string" || body instanceof Uint8Array || body === undefined;
  const response = await fetch(url + route, {
    method: body === undefined ? "GET" : "POST",
    ...init,
    body: raw ? body as BodyInit | undefined : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** A chat completion of the base model with one user's message, `content`. */
export async function complete(
  server: Server,
  content: string,
  extra: Record<string, unknown> = {},
): Promise<Answered> {
  const messages = [{ role: "user", content }];
  return await send(server, "/chat/completions", {
    body: { model: server.models[0].id, messages, ...extra },
  });
}

/** The events of a streamed answer, `[DONE]` among them. */
export async function streamOf(
  server: Server,
  content: string,
  extra: Record<string, unknown> = {},
  // deno-lint-ignore no-explicit-any
): Promise<any[]> {
  const response = await fetch(server.url + "/chat/completions", {
    method: "POST",
    body: JSON.stringify({
      model: server.models[0].id,
      messages: [{ role: "user", content }],
      stream: true,
      ...extra,
    }),
  });
  const text = await response.text();
  return text.trimEnd().split("\n\n").map((line) => {
    const data = line.slice("data: ".length);
    return data === "[DONE]" ? data : JSON.parse(data);
  });
}

/** Makes every token of a streamed or stopped answer take `milliseconds` of real time, which the tiny model does not. */
export function slowly({ tokenizer }: Model, milliseconds: number): void {
  const { decode } = tokenizer;
  tokenizer.decode = (...args) => {
    for (const end = performance.now() + milliseconds / 2; performance.now() < end;);
    return decode(...args);
  };
}

/** Waits until `seen` is true, 10 s at most. */
export async function until(seen: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await seen()) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`waited 10 s in vain: ${what}`);
}
