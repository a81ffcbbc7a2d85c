// The server's routes and its manners, over the wire: errors, keys, host names, bodies that are too large, too slow or not
// JSON, clients that leave, a full queue, its end.
import assert from "node:assert/strict";
import { serve } from "../lib/serve/mod.ts";
import { isLoopback } from "../lib/serve/http.ts";
import {
  besideServer,
  complete,
  send,
  type Served,
  slowly,
  streamOf,
  until,
  withTinyModel,
} from "./oracles/tiny_server.ts";

const chat = "/chat/completions";
const health = async ({ url }: { url: string }) => await (await fetch(url.replace("/v1", "/health"))).json();

/** Writes text to the server's port as it is; the connection. */
async function raw({ url }: { url: string }, text: string | Uint8Array): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
  return connection;
}

/** All that comes back until the other side closes. */
async function rest(connection: Deno.TcpConn): Promise<string> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of connection.readable) parts.push(part);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return await new Blob(parts as BlobPart[]).text();
}

Deno.test("the server answers a chat completion with all of OpenAI's fields", () =>
  besideServer(async ({ server }) => {
    const { status, headers, body } = await complete(server, "Hello", { max_tokens: 5, temperature: 0 });
    assert.equal(status, 200);
    assert.match(headers.get("x-request-id")!, /^req_/);
    assert.match(headers.get("content-type")!, /^application\/json/);
    assert.match(body.id, /^chatcmpl-\w+$/);
    assert.match(body.system_fingerprint, /^fp_\w+$/);
    assert.ok(Math.abs(body.created - Date.now() / 1000) < 60);
    const prompt =
      "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n".replaceAll(/<[^>]+>/g, "x").length;
    assert.deepEqual(body, {
      ...body,
      object: "chat.completion",
      model: server.models[0].id,
      choices: [{
        index: 0,
        message: { role: "assistant", content: body.choices[0].message.content, refusal: null },
        logprobs: null,
        finish_reason: "length",
      }],
      usage: {
        prompt_tokens: prompt,
        completion_tokens: 5,
        total_tokens: prompt + 5,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    });
    assert.equal(server.answered, 1);
  }));

Deno.test("the server streams events as OpenAI words them", () =>
  besideServer(async ({ server }) => {
    const options = { max_tokens: 6, temperature: 0, logprobs: true, top_logprobs: 2 };
    const events = await streamOf(server, "Hello", { ...options, stream_options: { include_usage: true } });
    const whole = (await complete(server, "Hello", options)).body;
    assert.equal(events.at(-1), "[DONE]");
    const usage = events.at(-2), end = events.at(-3), [begin, ...middle] = events.slice(0, -3);
    const head = {
      id: begin.id,
      object: "chat.completion.chunk",
      created: begin.created,
      model: begin.model,
    };
    for (const event of events.slice(0, -1)) assert.deepEqual({ ...event, ...head }, event);
    assert.deepEqual(begin.choices, [{
      index: 0,
      delta: { role: "assistant", content: "", refusal: null },
      logprobs: null,
      finish_reason: null,
    }]);
    assert.deepEqual(end.choices, [{ index: 0, delta: {}, logprobs: null, finish_reason: "length" }]);
    assert.deepEqual([usage.choices, usage.usage.total_tokens, end.usage], [
      [],
      whole.usage.total_tokens,
      null,
    ]);
    const choices = middle.map((event) => event.choices[0]);
    assert.equal(choices.map((c) => c.delta.content).join(""), whole.choices[0].message.content);
    assert.deepEqual(choices.flatMap((c) => c.logprobs.content), whole.choices[0].logprobs.content);
    const plain = await streamOf(server, "Hello", { max_tokens: 2 });
    assert.ok(plain.every((event) => event === "[DONE]" || !("usage" in event)));
  }));

Deno.test("the server lists its models and gives one with its fingerprint", () =>
  besideServer(async ({ server }) => {
    const { body: list } = await send(server, "/models"), [card] = list.data;
    assert.deepEqual(list, { object: "list", data: server.models });
    assert.deepEqual(Object.keys(card), [
      "id",
      "object",
      "created",
      "owned_by",
      "fingerprint",
      "context_length",
    ]);
    assert.match(card.fingerprint, /^[0-9a-f]{64}$/);
    assert.deepEqual((await send(server, `/models/${card.id}`)).body, card);
  }));

Deno.test("errors have OpenAI's form and status", () =>
  besideServer(async ({ server }) => {
    const id = server.models[0].id,
      long = { model: id, messages: [{ role: "user", content: "x".repeat(2000) }] };
    const cases: [string, Parameters<typeof send>[2], number, string | null, RegExp][] = [
      [chat, { body: "{oops" }, 400, null, /could not parse the JSON body/],
      [chat, { body: Uint8Array.of(0x22, 0xff, 0x22) }, 400, null, /could not parse the JSON body/],
      [chat, { method: "POST" }, 400, null, /could not parse the JSON body/],
      [chat, { body: { model: "no/such", messages: [] } }, 400, "empty_array", /empty array/],
      [
        chat,
        { body: { model: "no/such", messages: [{ role: "user", content: "x" }] } },
        404,
        "model_not_found",
        /`no\/such`/,
      ],
      [chat, { body: long }, 400, "context_length_exceeded", /1024 tokens.*resulted in 20\d\d tokens/],
      [
        chat,
        { body: { ...long, messages: [{ role: "user", content: "x".repeat(100_000) }] } },
        400,
        "context_length_exceeded",
        /1024 tokens.*resulted in more than \d+ tokens/,
      ],
      [
        chat,
        { body: { ...long, messages: [{ role: "user", content: "x" }], max_tokens: 1020 } },
        400,
        "context_length_exceeded",
        /you requested 10\d\d tokens \(2\d in the messages, 1020 in the completion\)/,
      ],
      [chat, { method: "GET" }, 405, "method_not_supported", /Only POST/],
      ["/models", { method: "DELETE" }, 405, "method_not_supported", /Only GET/],
      ["/models/none", {}, 404, "model_not_found", /`none`/],
      ["/models/%zz", {}, 404, "model_not_found", /`%zz`/],
      ["/embeddings", { body: {} }, 404, null, /Invalid URL \(POST \/v1\/embeddings\)/],
    ];
    for (const [route, init, status, code, message] of cases) {
      const { status: got, body, headers } = await send(server, route, init);
      assert.equal(got, status, JSON.stringify(body));
      assert.deepEqual(Object.keys(body.error), ["message", "type", "param", "code"]);
      assert.equal(body.error.code, code, JSON.stringify(body));
      assert.match(body.error.message, message);
      assert.equal(body.error.type, "invalid_request_error");
      if (status === 405) assert.ok(headers.get("allow"));
    }
    assert.deepEqual(await health(server), {
      status: "ok",
      models: [id],
      active: 0,
      waiting: 0,
      answered: 0,
    });
  }));

Deno.test("a server with a key refuses requests without it", () =>
  besideServer(async ({ server }) => {
    const ask = (authorization?: string) =>
      send(server, "/models", { headers: authorization ? { authorization } : {} });
    const missing = await ask(), wrong = await ask("Bearer nope"), right = await ask("Bearer s3cret");
    assert.deepEqual([missing.status, wrong.status, right.status], [401, 401, 200]);
    assert.match(missing.body.error.message, /didn't provide an API key/);
    assert.equal(wrong.body.error.code, "invalid_api_key");
    assert.equal((await complete(server, "Hi")).status, 401);
    assert.equal((await health(server)).status, "ok");
  }, { apiKey: "s3cret" }));

Deno.test("a server on loopback answers under local names only", () =>
  besideServer(async ({ server }) => {
    const under = async (host: string) => {
      const connection = await raw(
        server,
        `GET /health HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
      );
      return (await rest(connection)).split(" ")[1];
    };
    assert.deepEqual(
      await Promise.all(["localhost:1", "127.0.0.1", "[::1]:80", "evil.example:80"].map(under)),
      [
        "200",
        "200",
        "200",
        "403",
      ],
    );
    const names = [
      "127.0.0.1",
      "127.1.2.3",
      "::1",
      "localhost",
      "0.0.0.0",
      "192.168.1.2",
      "localhost.evil.com",
    ];
    assert.deepEqual(names.map(isLoopback), [true, true, true, true, false, false, false]);
  }));

Deno.test("a body over the limit gets 413, announced or not", () =>
  besideServer(async ({ server }) => {
    const head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n";
    const announced = await raw(server, `${head}content-length: 5000000\r\n\r\n{`);
    const answer = await rest(announced);
    assert.match(answer, /^HTTP\/1.1 413 /);
    assert.match(answer, /"code":"request_too_large"/);
    const { status } = await send(server, chat, { body: "x".repeat(5e6) });
    assert.equal(status, 413);
    assert.equal((await complete(server, "Hi", { max_tokens: 1 })).status, 200);
  }));

Deno.test({
  name: "clients that send slowly hold up nobody and are ended",
  async fn() {
    await besideServer(async ({ server }) => {
      const slow = await Promise.all([
        ...Array.from(
          { length: 20 },
          () => raw(server, "GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: "),
        ),
        raw(server, "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"),
      ]);
      assert.equal((await complete(server, "Hi", { max_tokens: 1 })).status, 200);
      const answers = await Promise.all(slow.map(rest));
      for (const answer of answers) assert.match(answer, /^HTTP\/1.1 408 /);
    }, { receiveSeconds: 1 });
  },
});

Deno.test("a client that leaves frees its rows, streamed or not", () =>
  besideServer(async ({ server, model }) => {
    slowly(model, 4);
    for (const stream of [false, true]) {
      const leave = new AbortController();
      const body = JSON.stringify({
        model: server.models[0].id,
        messages: [{ role: "user", content: "x".repeat(300) }],
        max_tokens: 600,
        temperature: 0,
        n: 3,
        stream,
      });
      const answer = fetch(server.url + chat, { method: "POST", body, signal: leave.signal })
        .then((response) => response.text());
      await until(async () => (await health(server)).active === 2, "rows are taken");
      assert.equal((await health(server)).waiting, 1);
      leave.abort();
      await assert.rejects(answer, /abort/i);
      await until(async () => {
        const { active, waiting } = await health(server);
        return active === 0 && waiting === 0;
      }, "rows are free");
    }
    assert.equal(server.answered, 0);
    assert.equal((await complete(server, "Hi", { max_tokens: 1 })).status, 200);
  }, { batch: 2 }));

Deno.test("a full queue gets 429 and says when to come back", () =>
  besideServer(async ({ server, model }) => {
    slowly(model, 4);
    const answers = await Promise.all(
      Array.from(
        { length: 6 },
        (_, i) => complete(server, `Question ${i}`, { max_tokens: 30, temperature: 0 }),
      ),
    );
    const refused = answers.filter(({ status }) => status === 429);
    assert.deepEqual([answers.filter(({ status }) => status === 200).length, refused.length], [2, 4]);
    const [{ body, headers }] = refused;
    assert.deepEqual([body.error.type, body.error.code], ["requests", "rate_limit_exceeded"]);
    assert.equal(headers.get("retry-after"), "1");
    assert.equal((await complete(server, "Hi", { max_tokens: 1, n: 5 })).body.choices.length, 5);
  }, { batch: 1, queue: 1 }));

Deno.test("close() lets answers finish, ends those that take too long, and frees the port", () =>
  withTinyModel(async (model) => {
    slowly(model, 4);
    const options = { threads: 1, cache: false as const }, long = { max_tokens: 900, temperature: 0 };
    const first = await serve(model, options);
    const answer = complete(first, "y", { max_tokens: 200, temperature: 0 });
    await until(async () => (await health(first)).active === 1, "it has begun");
    await first.close();
    assert.equal((await answer).status, 200);
    await first.close(); // a second time does nothing
    await assert.rejects(complete(first, "Hi"));

    const port = Number(new URL(first.url).port), second = await serve(model, { ...options, port });
    const whole = complete(second, "y", long), events = streamOf(second, "y", long);
    await until(async () => (await health(second)).active === 2, "both have begun");
    await second.close({ graceSeconds: 0 });
    assert.equal((await whole).status, 503);
    assert.equal((await events).at(-1).error.code, "service_unavailable");
  }));

Deno.test("serve() refuses settings that cannot be", () =>
  withTinyModel(async (model) => {
    const refused = (options: Parameters<typeof serve>[1], words: RegExp) =>
      assert.rejects(serve(model, { threads: 1, cache: false, ...options }), words);
    await refused({ context: 5000 }, /context of 5000 tokens: the model was trained for 1024/);
    await refused({ batch: 0 }, /batch 0/);
    await refused({ template: "{% for" }, /chat template/);
    await refused({ template: "" }, /chat template is empty/);
    await using other = await serve(model, { threads: 1, cache: false });
    await refused({ port: Number(new URL(other.url).port) }, /Cannot serve on 127\.0\.0\.1:\d+: .*--port/);
  }));

Deno.test("a template that refuses a dialogue, and JSON nested without end, are the client's errors", () => {
  const template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}" +
    "{% for m in messages %}{{ m.content }}{% endfor %}";
  return besideServer(async ({ server }) => {
    const model = server.models[0].id, messages = [{ role: "system", content: "x" }];
    const { status, body } = await send(server, chat, { body: { model, messages } });
    assert.deepEqual([status, body.error.param], [400, "messages"]);
    assert.match(body.error.message, /no system here/);
    const deep = `{"model": "${model}", "messages": [{"role": "user", "content": "x"}], "tools": `;
    for (
      const nested of [
        "[".repeat(200_000) + "]".repeat(200_000),
        '{"a":'.repeat(99_000) + "1" + "}".repeat(99_000),
      ]
    ) {
      assert.equal((await send(server, chat, { body: `${deep}${nested}}` })).status, 400);
    }
  }, { template });
});

Deno.test("a failure of the engine is 500, told to onError, and the server goes on", async () => {
  const seen: unknown[] = [];
  await besideServer(async ({ server, model }: Served) => {
    const decode = model.tokenizer.decode;
    model.tokenizer.decode = () => {
      throw new Error("no words");
    };
    const { status, body } = await complete(server, "Hi", { max_tokens: 3 });
    assert.deepEqual([status, body.error.type], [500, "server_error"]);
    const events = await streamOf(server, "Hi", { max_tokens: 3 });
    assert.equal(events.at(-1).error.type, "server_error");
    model.tokenizer.decode = decode;
    assert.equal((await complete(server, "Hi", { max_tokens: 1 })).status, 200);
    assert.deepEqual(seen.map(String), ["Error: no words", "Error: no words"]);
  }, { onError: (error) => seen.push(error) });
});
