// One call against a judge on loopback that misbehaves in every way: what is tried again, what fails and how it is worded,
// where the key goes, and that the same question is one call.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ChatFailure, type ChatOptions, completeAll, type Endpoint, openChat } from "../lib/chat/mod.ts";
import type { Chat, ChatRequest, Retry } from "../lib/chat/mod.ts";
import { inFolder } from "./folder.ts";
import {
  type Behaviour,
  besideJudge,
  failing,
  logprobsOf,
  type LoopbackJudge,
  type Script,
  webPage,
} from "./oracles/loopback_judge.ts";

const KEY = "sk-loopback-0123456789abcdef";
const ask = (text = "Rate."): ChatRequest => ({
  messages: [{ role: "user", content: text }],
  temperature: 0,
  maxTokens: 4,
});

/** Runs `body` with a chat beside a judge; the key is in the environment meanwhile. */
async function beside(
  script: Script | Behaviour,
  body: (chat: Chat, judge: LoopbackJudge) => Promise<void>,
  options: ChatOptions = {},
  endpoint: Partial<Endpoint> = {},
): Promise<void> {
  const old = Deno.env.get("OPENAI_API_KEY");
  Deno.env.set("OPENAI_API_KEY", KEY);
  try {
    await besideJudge(typeof script === "function" ? script : () => script, async (judge) => {
      const patience = { backoff: 0.002, timeout: 5, ...options };
      const at = { baseUrl: judge.baseUrl, model: "judge", fingerprint: null, ...endpoint };
      await using chat = await openChat(at, patience);
      await body(chat, judge);
    });
  } finally {
    old === undefined ? Deno.env.delete("OPENAI_API_KEY") : Deno.env.set("OPENAI_API_KEY", old);
  }
}

/** The failure that a call ends with. */
async function failureOf(promise: Promise<unknown>): Promise<ChatFailure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ChatFailure) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

Deno.test("complete() sends OpenAI's request and reads text, finish, logprobs, usage and model", async () => {
  const logprobs = logprobsOf("42", "-0.25", [["42", "-0.25"], ["7", "-1.5"]]);
  await beside({ answer: "42", logprobs, usage: { prompt: 31, completion: 2 } }, async (chat, judge) => {
    const request: ChatRequest = {
      messages: [{ role: "system", content: "Rate." }, { role: "user", content: "häufig “?”" }],
      temperature: 0,
      topP: 0.9,
      maxTokens: 4,
      stop: ["\n"],
      seed: 7,
      topLogprobs: 2,
    };
    assert.deepEqual(await chat.complete(request), {
      text: "42",
      finish: "stop",
      logprobs: [{
        token: "42",
        logprob: -0.25,
        top: [{ token: "42", logprob: -0.25 }, { token: "7", logprob: -1.5 }],
      }],
      usage: { prompt: 31, completion: 2 },
      model: "judge",
      cached: false,
    });
    assert.equal(judge.calls[0].route, "POST /v1/chat/completions");
    assert.equal(judge.calls[0].headers.get("authorization"), `Bearer ${KEY}`);
    assert.deepEqual(judge.calls[0].body, {
      model: "judge",
      messages: request.messages,
      temperature: 0,
      top_p: 0.9,
      max_tokens: 4,
      stop: ["\n"],
      seed: 7,
      logprobs: true,
      top_logprobs: 2,
    });
  });
  await beside(
    { answer: "1" },
    async (chat, judge) => {
      await chat.complete(ask());
      assert.equal(judge.calls[0].body.max_completion_tokens, 4); // as o-series models call it
      assert.equal("max_tokens" in judge.calls[0].body, false);
    },
    {},
    { model: "o3-mini" },
  );
});

Deno.test("complete() takes what can be used of an odd answer: refusals, empty texts, NaN logprobs, no usage", async () => {
  const bodies: [Behaviour, object][] = [
    [{ refusal: "I cannot rate this." }, { text: "I cannot rate this.", finish: "refusal" }],
    [{ answer: "" }, { text: "" }],
    [{ answer: "4", finish: "length" }, { finish: "length" }],
    [{ answer: "5", logprobs: logprobsOf("5", "NaN") }, { text: "5", flaw: "logprobs", logprobs: undefined }],
    [{ answer: 'NaN "Infinity" \\', logprobs: logprobsOf("5", "-1", [["5", "-Infinity"]]) }, {
      text: 'NaN "Infinity" \\',
      flaw: "logprobs",
    }],
    [{ answer: "5", logprobs: '{"content":"x"}' }, { text: "5", flaw: "logprobs" }],
    [{ answer: "5", logprobs: '{"content":[{"token":"5"}]}' }, { text: "5", flaw: "logprobs" }],
    [{ answer: "5", logprobs: '{"content":null}' }, { text: "5", flaw: undefined, logprobs: undefined }],
    [{ status: 200, body: '{"choices":[{"message":{"content":"7"}}]}' }, {
      text: "7",
      finish: "unknown",
      usage: { prompt: 0, completion: 0 },
      model: "",
    }],
  ];
  for (const [behaviour, expected] of bodies) {
    await beside(behaviour, async (chat, judge) => {
      // deno-lint-ignore no-explicit-any
      const answer: any = await chat.complete(ask());
      for (const [name, value] of Object.entries(expected)) {
        assert.deepEqual(answer[name], value, JSON.stringify(behaviour));
      }
      assert.equal(judge.calls.length, 1, "it was paid for: not asked again");
    });
  }
});

Deno.test("complete() tries again after what may pass, and answers when it has", async () => {
  const passing: Behaviour[] = [
    failing(429),
    failing(408),
    failing(409),
    failing(500),
    failing(502),
    failing(503),
    failing(504),
    webPage,
    { cut: 0 },
    { cut: 20 },
    { cut: 120 },
    { status: 200, body: '{"choices": [{"mess' },
    { status: 200, body: "" },
    { status: 200, body: '{"choices": []}' },
    { status: 200, body: '{"error": {"message": "overloaded"}}' },
    { status: 500, body: "<html>" },
    { status: 520 },
  ];
  for (const behaviour of passing) {
    await beside(({ seen }) => seen < 2 ? behaviour : { answer: "9" }, async (chat, judge) => {
      assert.equal((await chat.complete(ask())).text, "9", JSON.stringify(behaviour));
      assert.equal(judge.calls.length, 3);
    });
  }
});

Deno.test("complete() fails after so many tries, and at once where no try can help, in words that help", async () => {
  const failures: [Behaviour, Partial<ChatFailure>, RegExp][] = [
    [
      failing(500),
      { kind: "status", status: 500, attempts: 3, fatal: false },
      /answered 500 \(told to fail\); try again later/,
    ],
    [failing(429), { kind: "limit", attempts: 3 }, /ask more slowly/],
    [
      webPage,
      { kind: "format", attempts: 3, charged: true },
      /no chat completion: a web page \(<!DOCTYPE html>.*check the base URL/,
    ],
    [
      { cut: 0 },
      { kind: "connection", attempts: 3, charged: true },
      /cut the connection .* check that it runs/,
    ],
    [
      { hang: true },
      { kind: "timeout", attempts: 3, charged: true },
      /did not answer within 0\.15 s; give it more time/,
    ],
    [
      failing(400, "too long"),
      { kind: "refused", attempts: 1, fatal: false },
      /answered 400 \(too long\); it does not take this request/,
    ],
    [failing(422), { kind: "refused", attempts: 1 }, /answered 422/],
    [
      failing(401, `Incorrect API key provided: ${KEY}.`),
      { kind: "denied", attempts: 1, fatal: true },
      /answered 401 \(Incorrect API key provided: \[key\]\.\); OPENAI_API_KEY holds a key that it does not take/,
    ],
    [
      failing(403),
      { kind: "denied", attempts: 1, fatal: false },
      /the owner of OPENAI_API_KEY may not do this with judge/,
    ],
    [
      failing(404),
      { kind: "missing", attempts: 1, fatal: true },
      /check the base URL and the model's name, judge/,
    ],
    [failing(402), { kind: "limit", attempts: 1, fatal: true }, /no credit left/],
    [
      {
        status: 429,
        body: '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}',
      },
      { kind: "limit", attempts: 1, fatal: true },
      /no credit left/,
    ],
    [
      failing(429, "day's limit", { "retry-after": "86400" }),
      { kind: "limit", attempts: 1, wait: 86400 },
      /day's limit/,
    ],
  ];
  for (const [behaviour, expected, why] of failures) {
    const timeout = "hang" in behaviour ? 0.15 : 5;
    await beside(behaviour, async (chat, judge) => {
      const failure = await failureOf(chat.complete(ask()));
      for (const [name, value] of Object.entries(expected)) {
        assert.equal(failure[name as keyof ChatFailure], value, `${name} of ${JSON.stringify(behaviour)}`);
      }
      assert.match(failure.message, why);
      assert.ok(!failure.message.includes(KEY));
      assert.equal(judge.calls.length, expected.attempts);
    }, { tries: 3, timeout });
  }
});

Deno.test("complete() waits as long as Retry-After says, and so does everyone else", async () => {
  for (const header of ["seconds", "date", "milliseconds"]) {
    const times: number[] = [];
    let refused = 0;
    const script: Script = ({ body }) => {
      times.push(performance.now());
      if (body.messages[0].content !== "first" || refused) return { answer: "1" };
      refused = performance.now();
      const date = new Date(Math.ceil((Date.now() + 1000) / 1000) * 1000).toUTCString();
      const headers = {
        seconds: { "retry-after": "1" },
        date: { "retry-after": date },
        milliseconds: { "retry-after-ms": "700" },
      };
      return failing(429, "slow down", headers[header as "seconds"]);
    };
    await beside(script, async (chat) => {
      const first = chat.complete(ask("first"));
      while (!refused) await new Promise((done) => setTimeout(done, 5));
      await new Promise((done) => setTimeout(done, 50)); // the refusal arrives
      await Promise.all([first, ...[1, 2, 3].map((i) => chat.complete(ask(`${i}`)))]);
      const least = header === "milliseconds" ? 690 : 990;
      for (const time of times.slice(1)) assert.ok(time - refused >= least, `${header}: ${time - refused}`);
    });
  }
});

Deno.test("complete() backs off longer each time, by its seed", () =>
  beside(failing(500), async (_, judge) => {
    const waits = async (seed: number) => {
      const found: number[] = [];
      const onRetry = ({ wait, attempt }: Retry) => found[attempt - 1] = wait;
      const patience = { tries: 6, backoff: 0.004, longestBackoff: 0.016, seed, onRetry };
      await using chat = await openChat(
        { baseUrl: judge.baseUrl, model: "judge", fingerprint: null },
        patience,
      );
      await failureOf(chat.complete(ask()));
      return found;
    };
    const first = await waits(1);
    assert.equal(first.length, 5);
    [0.004, 0.008, 0.016, 0.016, 0.016].forEach((most, i) => assert.ok(first[i] >= 0 && first[i] <= most));
    assert.deepEqual(await waits(1), first);
    assert.notDeepEqual(await waits(2), first);
  }));

Deno.test("the same question asked many times at once is one call; another repeat is another", async () => {
  const slow: Script = async ({ n }) => {
    await new Promise((done) => setTimeout(done, 50));
    return { answer: `${n}` };
  };
  await inFolder((folder) =>
    beside(slow, async (chat, judge) => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => chat.complete(ask(), { repeat: i % 2 })),
      );
      assert.equal(judge.calls.length, 2);
      assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(["0", "1"]));
      assert.equal((await chat.complete(ask())).cached, true);
      await Promise.all(answers.map(async ({ text }, i) =>
        assert.deepEqual(await chat.complete(ask(), { repeat: i % 2 }), { ...answers[i], text, cached: true })
      ));
      assert.equal(judge.calls.length, 2);
    }, { ledger: join(folder, "answers.jsonl") })
  );
});

Deno.test("an aborted signal ends its own call alone; the call goes on while someone wants it", async () => {
  await beside({ hang: true }, async (chat) => {
    const started = performance.now();
    await assert.rejects(chat.complete(ask(), { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
    await assert.rejects(chat.complete(ask(), { signal: AbortSignal.abort(new Error("no")) }), /no/);
    assert.ok(performance.now() - started < 2000);
  });
  await beside(async () => {
    await new Promise((done) => setTimeout(done, 100));
    return { answer: "3" };
  }, async (chat, judge) => {
    const controller = new AbortController();
    const leaves = chat.complete(ask(), { signal: controller.signal }), stays = chat.complete(ask());
    controller.abort(new Error("enough"));
    await assert.rejects(leaves, /enough/);
    assert.equal((await stays).text, "3");
    assert.equal(judge.calls.length, 1);
  });
});

Deno.test("the key goes to the endpoint and nowhere else, even where the endpoint repeats it", async () => {
  const { log, error, warn, info, debug } = console, printed: string[] = [];
  const print = (...all: unknown[]) =>
    printed.push(all.map((one) => Deno.inspect(one, { depth: 20 })).join(" "));
  Object.assign(console, { log: print, error: print, warn: print, info: print, debug: print });
  const old = Deno.env.get("OPENAI_LOG");
  Deno.env.set("OPENAI_LOG", "debug"); // the package would print requests
  try {
    await inFolder(async (folder) => {
      const script: Script = ({ n }) =>
        [
          failing(500, `key ${KEY}`),
          { answer: `Your key is ${KEY}`, logprobs: logprobsOf(KEY, "-1") },
          failing(403, KEY),
          webPage,
          {
            status: 200,
            body: KEY,
          },
          { cut: 150, answer: KEY },
          failing(401, `Incorrect API key provided: ${KEY}`),
        ][n] ?? { hang: true };
      await beside(script, async (chat, judge) => {
        const answer = await chat.complete(ask("a"));
        assert.equal(answer.text, "Your key is [key]");
        print(answer, chat, chat.endpoint);
        for (let i = 0; i < 5; i++) print(await failureOf(chat.complete(ask(`b${i}`))));
        assert.ok(judge.calls.every(({ headers }) => headers.get("authorization") === `Bearer ${KEY}`));
      }, { ledger: join(folder, "deep/answers.jsonl"), tries: 2, timeout: 0.3 });
      for await (const { name } of Deno.readDir(join(folder, "deep"))) {
        assert.ok(!(await Deno.readTextFile(join(folder, "deep", name))).includes(KEY), name);
      }
    });
  } finally {
    Object.assign(console, { log, error, warn, info, debug });
    old === undefined ? Deno.env.delete("OPENAI_LOG") : Deno.env.set("OPENAI_LOG", old);
  }
  for (const text of printed) assert.ok(!text.includes(KEY), text.slice(0, 500));
});

Deno.test("openChat() takes key and base URL from the environment, and says what is missing or wrong", async () => {
  const names = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "MY_KEY"],
    old = names.map((name) => Deno.env.get(name));
  try {
    for (const name of names) Deno.env.delete(name);
    await assert.rejects(openChat({ model: "gpt-4o" }), {
      name: "InputError",
      message:
        "Cannot ask https://api.openai.com/v1: OPENAI_API_KEY is not set; set it to your key, or give another base URL",
    });
    await besideJudge(() => ({ answer: "1" }), async (judge) => {
      Deno.env.set("OPENAI_BASE_URL", judge.baseUrl + "/");
      await using none = await openChat({ model: "judge" });
      assert.equal(none.endpoint.baseUrl, judge.baseUrl);
      await none.complete(ask("none"));
      assert.equal(judge.calls[0].headers.get("authorization"), null);
      Deno.env.set("MY_KEY", KEY);
      await using own = await openChat({ model: "judge", keyVariable: "MY_KEY" });
      await own.complete(ask("own"));
      assert.equal(judge.calls[1].headers.get("authorization"), `Bearer ${KEY}`);
    });
    for (
      const [baseUrl, why] of [
        ["nowhere", /nowhere is no address/],
        ["ftp://x/v1", /is not http or https/],
        [`https://user:${KEY}@x/v1`, /holds a name or password; keys go in the environment/],
        [`https://x/v1?key=${KEY}`, /has a \? or # part/],
      ] as [string, RegExp][]
    ) {
      await assert.rejects(openChat({ baseUrl, model: "judge" }), (error: Error) => {
        assert.match(error.message, why);
        return !error.message.includes(KEY);
      });
    }
    const at = { baseUrl: "http://127.0.0.1:9/v1", model: "judge", fingerprint: null };
    await assert.rejects(openChat({ ...at, model: " " }), /its model has no name/);
    for (
      const [name, value] of Object.entries({
        concurrency: 0,
        tries: 1.5,
        timeout: 0,
        budget: NaN,
        requestsPerMinute: -1,
      })
    ) {
      await assert.rejects(openChat(at, { [name]: value }), new RegExp(`with ${name} ${value}: give a`));
    }
  } finally {
    names.forEach((name, i) => old[i] === undefined ? Deno.env.delete(name) : Deno.env.set(name, old[i]!));
  }
});

Deno.test("openChat() asks for the weights' fingerprint, which is part of the keys, and does without where there is none", async () => {
  await besideJudge(() => ({ answer: "1" }), async (judge) => {
    const open = (options: Partial<Endpoint> = {}) =>
      openChat({ baseUrl: judge.baseUrl, model: "judge", ...options });
    await using without = await open();
    assert.equal(without.endpoint.fingerprint, undefined);
    judge.fingerprint = "aaaa";
    await using first = await open();
    judge.fingerprint = "bbbb";
    await using second = await open();
    await using given = await open({ fingerprint: "aaaa" });
    await using none = await open({ fingerprint: null });
    assert.deepEqual([first, second, given, none].map(({ endpoint }) => endpoint.fingerprint), [
      "aaaa",
      "bbbb",
      "aaaa",
      undefined,
    ]);
    const keys = [without, first, second, given, none].map((chat) => chat.key(ask()));
    assert.equal(keys[1], keys[3]);
    assert.equal(keys[0], keys[4]);
    assert.equal(new Set(keys).size, 3);
    assert.equal(judge.calls.length, 0);
  });
});

Deno.test("an endpoint that is not there: openChat() says so, and completeAll() stops instead of failing every task", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr;
  listener.close();
  const at = { baseUrl: `http://127.0.0.1:${port}/v1`, model: "judge" },
    patience = { tries: 2, backoff: 0.001, concurrency: 2 };
  const failure = await failureOf(openChat(at, patience));
  assert.deepEqual([failure.kind, failure.charged], ["connection", false]);
  assert.match(failure.message, /cannot be reached \(.*check that it runs and the network$/);
  await using chat = await openChat({ ...at, fingerprint: null }, patience);
  let outcomes = 0;
  const tasks = Array.from({ length: 1000 }, (_, i) => ({ tag: i, request: ask(`${i}`) }));
  const stopped = await failureOf((async () => {
    for await (const _ of completeAll(chat, tasks)) outcomes++;
  })());
  assert.equal(stopped.fatal, true);
  assert.ok(outcomes < 20, `${outcomes}`);
});

Deno.test("completeAll() stops where the account may do nothing at all, and goes on where it may do most", async () => {
  const tasks = Array.from({ length: 300 }, (_, i) => ({ tag: i, request: ask(`${i}`) }));
  for (
    const [script, last] of [[() => failing(403), true], [
      ({ n }) => n % 10 ? { answer: "1" } : failing(403),
      false,
    ]] as [Script, boolean][]
  ) {
    await beside(script, async (chat) => {
      const all = Array.fromAsync(completeAll(chat, tasks));
      if (last) assert.equal((await failureOf(all)).fatal, true);
      else assert.equal((await all).filter(({ failure }) => failure).length, 30);
    });
  }
});

Deno.test("completeAll() yields what is under way before it throws, and stops taking tasks", async () => {
  await beside(async ({ n }) => {
    await new Promise((done) => setTimeout(done, 5));
    return n === 20 ? failing(401) : { answer: `${n}` };
  }, async (chat, judge) => {
    let taken = 0, outcomes = 0;
    const tasks = (function* () {
      for (let i = 0; i < 1000; i++) taken++, yield { tag: i, request: ask(`${i}`) };
    })();
    const failure = await failureOf((async () => {
      for await (const { answer } of completeAll(chat, tasks)) if (answer) outcomes++;
    })());
    assert.equal(failure.status, 401);
    assert.equal(outcomes, judge.calls.length - 1);
    assert.ok(taken < 60, `${taken}`);
  }, { concurrency: 4 });
});
