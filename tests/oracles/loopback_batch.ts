// OpenAI's Batch API on loopback: files, batches, and what goes wrong with them. Batches end when they are told to.

/** A batch at the endpoint. */
export interface FakeBatch {
  id: string;
  input_file_id: string;
  status: string;
  metadata?: Record<string, string>;
  output_file_id?: string;
  error_file_id?: string;
  errors?: { data: { message: string }[] };
}

/** What the endpoint has and how it behaves; may be changed while it runs. */
export interface LoopbackBatch {
  baseUrl: string;
  files: Map<string, string>;
  batches: FakeBatch[];
  /** Method and path of each request. */
  requests: string[];
  /** Says what comes before the usual answer: a Response instead of it, or nothing. Called before anything is done. */
  before: (route: string) => Response | undefined;
  /** Called when a batch was created, before that is answered; a Response is sent instead of the answer. */
  created: (batch: FakeBatch) => Response | undefined;
  /** Called when a batch is looked at. */
  looked: (batch: FakeBatch) => void;
}

/** Runs `body` beside such an endpoint. */
export async function besideBatches(body: (endpoint: LoopbackBatch) => Promise<void>): Promise<void> {
  const endpoint: LoopbackBatch = {
    baseUrl: "",
    files: new Map(),
    batches: [],
    requests: [],
    before: () => undefined,
    created: () => undefined,
    looked: (batch) => complete(endpoint, batch),
  };
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => answer(endpoint, request),
  );
  endpoint.baseUrl = `http://127.0.0.1:${server.addr.port}/v1`;
  await body(endpoint);
}

/** The requests of a batch, as they were uploaded. */
export function requestsOf({ files }: LoopbackBatch, batch: FakeBatch) {
  return files.get(batch.input_file_id)!.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Ends a batch: `status`, and answers to the requests that `which` takes; to the others errors, or nothing. */
export function complete(
  endpoint: LoopbackBatch,
  batch: FakeBatch,
  { status = "completed", which = () => true, error }: {
    status?: string;
    which?: (i: number) => boolean;
    error?: { status_code?: number; message: string; code: string };
  } = {},
): void {
  const out: string[] = [], errors: string[] = [];
  requestsOf(endpoint, batch).forEach(({ custom_id, body }, i) => {
    if (which(i)) {
      const response = { status_code: 200, request_id: `req_${i}`, body: completionOf(body) };
      out.push(JSON.stringify({ id: `batch_req_${i}`, custom_id, response, error: null }));
    } else if (error) {
      const { status_code, message, code } = error;
      const response = status_code ? { status_code, body: { error: { message, code } } } : null;
      errors.push(
        JSON.stringify({
          id: `batch_req_${i}`,
          custom_id,
          response,
          error: status_code ? null : { message, code },
        }),
      );
    }
  });
  for (const [field, lines] of [["output_file_id", out], ["error_file_id", errors]] as const) {
    if (!lines.length) continue;
    batch[field] = `file-${endpoint.files.size}`;
    endpoint.files.set(batch[field]!, lines.reverse().join("\n") + "\n"); // in no order, as OpenAI says
  }
  batch.status = status;
}

// deno-lint-ignore no-explicit-any
function completionOf(body: any) {
  const text = /\d+/.exec(body.messages.at(-1).content)?.[0] ?? "0";
  const message = { role: "assistant", content: text, refusal: null };
  const usage = { prompt_tokens: 26, completion_tokens: 2, total_tokens: 28 };
  return {
    id: "x",
    object: "chat.completion",
    model: body.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: "stop" }],
    usage,
  };
}

async function answer(endpoint: LoopbackBatch, request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url), route = `${request.method} ${pathname.slice(3)}`;
  endpoint.requests.push(route);
  const { files, batches } = endpoint, told = endpoint.before(route);
  if (told) return told;
  if (route === "POST /files") {
    const form = await request.formData(), id = `file-${files.size}`;
    if (form.get("purpose") !== "batch") {
      return Response.json({ error: { message: "purpose" } }, { status: 400 });
    }
    files.set(id, await (form.get("file") as File).text());
    return Response.json({ id, object: "file", purpose: "batch" });
  }
  if (route === "POST /batches") {
    const { input_file_id, metadata, endpoint: url, completion_window } = await request.json();
    if (url !== "/v1/chat/completions" || completion_window !== "24h" || !files.has(input_file_id)) {
      return Response.json({ error: { message: "bad batch" } }, { status: 400 });
    }
    const batch = { id: `batch_${batches.length}`, input_file_id, status: "validating", metadata };
    batches.push(batch);
    return endpoint.created(batch) ?? Response.json(shown(endpoint, batch));
  }
  if (route === "GET /batches") {
    const newest = batches.toReversed(),
      from = newest.findIndex(({ id }) => id === searchParams.get("after")) + 1;
    const data = newest.slice(from, from + 2).map((batch) => shown(endpoint, batch)); // short pages
    return Response.json({
      object: "list",
      data,
      has_more: from + 2 < newest.length,
      last_id: data.at(-1)?.id,
    });
  }
  const batch = batches.find(({ id }) => route === `GET /batches/${id}`);
  if (batch) {
    endpoint.looked(batch);
    return Response.json(shown(endpoint, batch));
  }
  const file = /^GET \/files\/([^/]+)\/content$/.exec(route)?.[1];
  if (file && files.has(file)) return new Response(files.get(file));
  return Response.json({ error: { message: `no such thing: ${route}` } }, { status: 404 });
}

function shown(endpoint: LoopbackBatch, batch: FakeBatch) {
  const count = (file?: string) => file ? endpoint.files.get(file)!.trimEnd().split("\n").length : 0;
  const [completed, failed] = [count(batch.output_file_id), count(batch.error_file_id)];
  const total = requestsOf(endpoint, batch).length;
  return {
    object: "batch",
    endpoint: "/v1/chat/completions",
    ...batch,
    request_counts: { total, completed, failed },
  };
}
