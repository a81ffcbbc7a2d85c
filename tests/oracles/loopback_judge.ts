// A judge on loopback that does what it is told, rating or misbehaving in every way that endpoints do: it speaks HTTP/1.1 on
// bare TCP, so that it can hang, cut the connection at any byte, and send what is no HTTP.

/** What the judge does with one call. */
export type Behaviour =
  /** A chat completion. `logprobs` stands as JSON text, so that it can hold NaN. */
  | { answer: string; finish?: string; logprobs?: string; usage?: { prompt: number; completion: number } }
  /** A refusal in OpenAI's own field. */
  | { refusal: string }
  /** Any status, headers and body. */
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Never answers. */
  | { hang: true }
  /** Closes the connection after so many bytes of the completion that `answer` would give. */
  | { cut: number; answer?: string };

/** One call as the judge sees it. */
export interface JudgeCall {
  /** Of all calls, from 0. */
  n: number;
  /** How often this very body came before. */
  seen: number;
  /** "POST /v1/chat/completions". */
  route: string;
  headers: Headers;
  /** The parsed body, if it was JSON. */
  // deno-lint-ignore no-explicit-any
  body: any;
  text: string;
}

/** Says what to do; may take its time. */
export type Script = (call: JudgeCall) => Behaviour | Promise<Behaviour>;

/** A judge at work. */
export interface LoopbackJudge {
  /** http://127.0.0.1:PORT/v1 */
  baseUrl: string;
  /** May be changed while it runs. */
  script: Script;
  /** What GET /v1/models/{model} says; without it that route is 404. */
  fingerprint?: string;
  /** All calls of chat completions, in the order they came. */
  calls: JudgeCall[];
  /** How often each body came. */
  asked: Map<string, number>;
  /** How many whole completions each body got: what a provider would charge for. */
  paid: Map<string, number>;
  /** Calls being answered now, and the most that ever were. */
  busy: number;
  busiest: number;
}

/** Runs `body` beside a judge that follows `script`. */
export async function besideJudge(
  script: Script,
  body: (judge: LoopbackJudge) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const judge: LoopbackJudge = {
    baseUrl: `http://127.0.0.1:${listener.addr.port}/v1`,
    script,
    calls: [],
    asked: new Map(),
    paid: new Map(),
    busy: 0,
    busiest: 0,
  };
  const open = new Set<Deno.Conn>();
  const accepting = (async () => {
    for await (const connection of listener) {
      open.add(connection);
      serve(judge, connection).catch(() => {}).finally(() => {
        open.delete(connection);
        close(connection);
      });
    }
  })();
  try {
    await body(judge);
  } finally {
    listener.close();
    for (const connection of open) close(connection);
    await accepting;
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch { /* closed */ }
}

/** Answers the requests of one connection, one after the other. */
async function serve(judge: LoopbackJudge, connection: Deno.Conn): Promise<void> {
  for await (const request of requests(connection)) {
    const reply = await answer(judge, request);
    for (let done = 0; done < reply.bytes.length;) done += await connection.write(reply.bytes.subarray(done));
    if (reply.close) return;
  }
}

interface Reply {
  bytes: Uint8Array;
  close: boolean;
}

async function answer(judge: LoopbackJudge, { route, headers, text }: Request1): Promise<Reply> {
  if (route.startsWith("GET /v1/models/")) {
    const { fingerprint } = judge, id = decodeURIComponent(route.split("/").at(-1)!);
    if (fingerprint) return http(200, JSON.stringify({ id, object: "model", fingerprint }));
    return http(404, JSON.stringify({ error: { message: "no such route" } }));
  }
  let body;
  try {
    body = JSON.parse(text);
  } catch { /* the script sees the text */ }
  const seen = judge.asked.get(text) ?? 0;
  judge.asked.set(text, seen + 1);
  const call: JudgeCall = { n: judge.calls.length, seen, route, headers, body, text };
  judge.calls.push(call);
  judge.busiest = Math.max(judge.busiest, ++judge.busy);
  try {
    return replyOf(judge, call, await judge.script(call));
  } finally {
    judge.busy--;
  }
}

function replyOf(judge: LoopbackJudge, call: JudgeCall, told: Behaviour): Reply | Promise<Reply> {
  if ("hang" in told) return new Promise(() => {});
  if ("status" in told) return http(told.status, told.body ?? "", told.headers);
  const whole = http(200, completion(call, told));
  if ("cut" in told) return { bytes: whole.bytes.subarray(0, told.cut), close: true };
  judge.paid.set(call.text, (judge.paid.get(call.text) ?? 0) + 1);
  return whole;
}

/** The body of a chat completion as OpenAI words it. */
export function completion(
  { n, body }: Pick<JudgeCall, "n" | "body">,
  told: {
    answer?: string;
    refusal?: string;
    finish?: string;
    logprobs?: string;
    usage?: { prompt: number; completion: number };
  },
): string {
  const { answer, refusal = null, finish = "stop", logprobs = "null" } = told;
  const prompt = told.usage?.prompt ?? 20, written = told.usage?.completion ?? 1;
  const message = { role: "assistant", content: refusal === null ? answer ?? "0" : null, refusal };
  return `{"id":"chatcmpl-${n}","object":"chat.completion","created":1700000000,"model":${
    JSON.stringify(body?.model ?? "judge")
  },"choices":[{"index":0,"message":${
    JSON.stringify(message)
  },"logprobs":${logprobs},"finish_reason":"${finish}"}],` +
    `"usage":{"prompt_tokens":${prompt},"completion_tokens":${written},"total_tokens":${prompt + written}}}`;
}

/** Log-probabilities of one token, as JSON text. */
export function logprobsOf(token: string, logprob: string, top: [string, string][] = []): string {
  const tops = top.map(([t, p]) => `{"token":${JSON.stringify(t)},"logprob":${p},"bytes":null}`).join(",");
  return `{"content":[{"token":${
    JSON.stringify(token)
  },"logprob":${logprob},"bytes":null,"top_logprobs":[${tops}]}]}`;
}

/** A web page with status 200, as a proxy sends it. */
export const webPage: Behaviour = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: "<!DOCTYPE html><html><body>Please log in.</body></html>",
};

/** An error as OpenAI words it. */
export function failing(
  status: number,
  message = "told to fail",
  headers: Record<string, string> = {},
): Behaviour {
  const type = { "content-type": "application/json" };
  return {
    status,
    headers: { ...type, ...headers },
    body: JSON.stringify({ error: { message, type: "x", code: null } }),
  };
}

function http(
  status: number,
  body: string,
  headers: Record<string, string> = { "content-type": "application/json" },
): Reply {
  const bytes = new TextEncoder().encode(body);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = new TextEncoder().encode(
    `HTTP/1.1 ${status} X\r\n${lines}content-length: ${bytes.length}\r\n\r\n`,
  );
  const all = new Uint8Array(head.length + bytes.length);
  all.set(head), all.set(bytes, head.length);
  return { bytes: all, close: false };
}

interface Request1 {
  route: string;
  headers: Headers;
  text: string;
}

/** The requests of a connection that say their length. */
async function* requests(connection: Deno.Conn): AsyncGenerator<Request1> {
  const piece = new Uint8Array(1 << 16);
  let bytes = new Uint8Array();
  const more = async () => {
    const n = await connection.read(piece);
    if (n === null) return false;
    const longer = new Uint8Array(bytes.length + n);
    longer.set(bytes), longer.set(piece.subarray(0, n), bytes.length);
    bytes = longer;
    return true;
  };
  while (true) {
    let end: number;
    while ((end = endOfHead(bytes)) < 0) if (!await more()) return;
    const [first, ...lines] = new TextDecoder().decode(bytes.subarray(0, end)).split("\r\n");
    const headers = new Headers(
      lines.filter(Boolean).map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
      }),
    );
    const start = end + 4, length = Number(headers.get("content-length") ?? 0);
    while (bytes.length < start + length) if (!await more()) return;
    const text = new TextDecoder().decode(bytes.subarray(start, start + length));
    bytes = bytes.slice(start + length);
    yield { route: first.split(" ").slice(0, 2).join(" "), headers, text };
  }
}

function endOfHead(bytes: Uint8Array): number {
  for (let i = bytes.indexOf(13); i >= 0 && i + 3 < bytes.length; i = bytes.indexOf(13, i + 1)) {
    if (bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i;
  }
  return -1;
}
