// The Batch API: submitted once, collected into the ledger, and gone on with after a crash at any of its steps.
import assert from "node:assert/strict";
import { join } from "node:path";
import { verifyLedger } from "../lib/chat/ledger_verify.ts";
import { BudgetReached, type Chat, ChatFailure, type ChatOptions, openChat } from "../lib/chat/mod.ts";
import type { BatchOptions, BatchStatus, ChatOutcome, ChatRequest } from "../lib/chat/mod.ts";
import { inFolder } from "./folder.ts";
import { besideBatches, complete, type LoopbackBatch, requestsOf } from "./oracles/loopback_batch.ts";

const ask = (i: number): ChatRequest => ({
  messages: [{ role: "user", content: `Rate ${i}.` }],
  temperature: 0,
  maxTokens: 4,
});
const tasks = (n: number) => Array.from({ length: n }, (_, i) => ({ tag: i, request: ask(i) }));
const priced = { price: { input: 10, output: 30 }, countTokens: () => 10 };

/** Runs `body` beside an endpoint, with a function that opens a chat on one ledger. */
function beside(
  body: (
    endpoint: LoopbackBatch,
    open: (options?: ChatOptions) => Promise<Chat>,
    ledger: string,
  ) => Promise<void>,
): Promise<void> {
  return inFolder((folder) =>
    besideBatches((endpoint) => {
      const ledger = join(folder, "answers.jsonl");
      const at = { baseUrl: endpoint.baseUrl, model: "judge", fingerprint: null };
      return body(endpoint, (options) => openChat(at, { ledger, backoff: 0.001, ...options }), ledger);
    })
  );
}

const all = (chat: Chat, n: number, options: BatchOptions = {}): Promise<ChatOutcome<number>[]> =>
  Array.fromAsync(chat.batch(tasks(n), { poll: 0.01, ...options }));
const exists = (path: string) => Deno.stat(path).then(() => true, () => false);
const creations = ({ requests }: LoopbackBatch) =>
  requests.filter((route) => route === "POST /batches").length;

Deno.test("batch() uploads OpenAI's lines, polls, and collects each answer once, at half the price", () =>
  beside(async (endpoint, open, ledger) => {
    let looks = 0;
    const states: BatchStatus[] = [];
    endpoint.looked = (batch) => ++looks < 3 ? batch.status = "in_progress" : complete(endpoint, batch);
    await using chat = await open(priced);
    const repeated = [...tasks(5), { tag: 99, request: ask(3) }, { tag: 100, request: ask(3), repeat: 1 }];
    const outcomes = await Array.fromAsync(
      chat.batch(repeated, { poll: 0.01, onStatus: (status) => states.push(status) }),
    );
    assert.equal(outcomes.length, 7);
    for (const { tag, answer } of outcomes) {
      assert.deepEqual([answer!.text, answer!.cached], [`${tag > 5 ? 3 : tag}`, false]);
      assert.ok(Math.abs(answer!.cost! - 0.5 * (26 * 10 + 2 * 30) / 1e6) < 1e-12);
    }
    assert.deepEqual(requestsOf(endpoint, endpoint.batches[0])[2], {
      custom_id: chat.key(ask(2)),
      method: "POST",
      url: "/v1/chat/completions",
      body: { model: "judge", messages: ask(2).messages, temperature: 0, max_tokens: 4 },
    });
    assert.equal(requestsOf(endpoint, endpoint.batches[0]).length, 6);
    assert.deepEqual(states.map(({ state }) => state), ["in_progress", "in_progress", "completed"]);
    assert.deepEqual(states[2], { id: "batch_0", state: "completed", total: 6, completed: 6, failed: 0 });
    assert.equal(await exists(`${ledger}.batches`), false);
    assert.deepEqual(verifyLedger(ledger), { answers: 6, faults: [] });
    const again = await all(chat, 5);
    assert.ok(again.every(({ answer }) => answer!.cached));
    assert.equal((await chat.complete(ask(1))).cached, true);
    assert.equal(creations(endpoint), 1);
  }));

Deno.test("batch() goes on after a crash at any step, and never submits twice", async () => {
  const gone = new Error("the process ended here");
  const crashes: Record<string, (endpoint: LoopbackBatch, die: () => Response) => void> = {
    "before the upload": (endpoint, die) =>
      endpoint.before = (route) => route === "POST /files" ? die() : undefined,
    "before the batch is created": (endpoint, die) =>
      endpoint.before = (route) => route === "POST /batches" ? die() : undefined,
    "after it is created, before its id is known": (endpoint, die) => endpoint.created = () => die(),
    "while it is under way": (endpoint, die) =>
      endpoint.looked = (batch) => (batch.status = "in_progress", void die()),
    "before its output is collected": (endpoint, die) =>
      endpoint.before = (route) => route.endsWith("/content") ? die() : undefined,
  };
  for (const [step, crash] of Object.entries(crashes)) {
    await beside(async (endpoint, open, ledger) => {
      const others = Array.from(
        { length: 5 },
        (_, i) => ({ id: `other_${i}`, input_file_id: "x", status: "failed" }),
      );
      endpoint.files.set("x", "{}\n");
      endpoint.batches.push(...others);
      const controller = new AbortController();
      const usual = { before: endpoint.before, created: endpoint.created, looked: endpoint.looked };
      crash(endpoint, () => {
        controller.abort(gone);
        return new Response(null, { status: 500 });
      });
      {
        await using chat = await open();
        await assert.rejects(all(chat, 6, { signal: controller.signal }), gone, step);
      }
      Object.assign(endpoint, usual);
      await using chat = await open();
      const outcomes = await all(chat, 8); // two more
      assert.deepEqual(
        outcomes.map(({ tag, answer }) => [tag, answer?.text]).sort(),
        [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i, `${i}`]),
        step,
      );
      assert.equal(endpoint.batches.length - others.length, 2, step);
      assert.deepEqual(verifyLedger(ledger), { answers: 8, faults: [] });
      assert.equal(await exists(`${ledger}.batches`), false);
    });
  }
});

Deno.test("batch() leaves another model's batch on the same ledger to that model, whose price it has", () =>
  beside(async (endpoint, open, ledger) => {
    endpoint.looked = (batch) => void (batch.status = "in_progress");
    const stop = new AbortController();
    {
      await using chat = await open(priced);
      const waiting = all(chat, 2, { signal: stop.signal, onStatus: () => stop.abort() });
      await assert.rejects(waiting, { name: "AbortError" });
    }
    endpoint.looked = (batch) => complete(endpoint, batch);
    {
      const other = { baseUrl: endpoint.baseUrl, model: "other", fingerprint: null };
      await using chat = await openChat(other, { ledger, ...priced, price: { input: 1000, output: 3000 } });
      assert.equal((await all(chat, 1)).length, 1);
      assert.equal(verifyLedger(ledger).answers, 1);
    }
    await using chat = await open(priced);
    for (const { answer } of await all(chat, 2)) {
      assert.ok(Math.abs(answer!.cost! - 0.5 * (26 * 10 + 2 * 30) / 1e6) < 1e-12);
    }
    assert.equal(creations(endpoint), 2);
    assert.equal(await exists(`${ledger}.batches`), false);
  }));

Deno.test("batch() refuses a file of questions that was changed", () =>
  beside(async (_endpoint, open, ledger) => {
    await Deno.mkdir(`${ledger}.batches`);
    await using chat = await open(priced);
    for (const text of ["null\n", '{"key":"a","question":{}}\n', "[]\n"]) {
      await Deno.writeTextFile(join(`${ledger}.batches`, "00ff.jsonl"), text);
      await assert.rejects(all(chat, 1), {
        name: "InputError",
        message: /00ff.jsonl:1: it is no question of a batch/,
      });
    }
  }));

Deno.test("batch() looks for its batch where creating it was not answered, instead of creating another", () =>
  beside(async (endpoint, open) => {
    let lost = 0;
    endpoint.created = () => lost++ ? undefined : new Response(null, { status: 502 });
    await using chat = await open();
    assert.equal((await all(chat, 3)).filter(({ answer }) => answer).length, 3);
    assert.deepEqual([endpoint.batches.length, creations(endpoint)], [1, 1]);
  }));

Deno.test("batch() takes what expired and cancelled batches have, fails the rest, and asks it again at the next start", () =>
  beside(async (endpoint, open, ledger) => {
    for (const [n, status] of ["expired", "cancelled", "completed"].entries()) {
      const error = status === "expired"
        ? { message: "This request could not be executed in time.", code: "batch_expired" }
        : undefined;
      endpoint.looked = (batch) => complete(endpoint, batch, { status, which: (i) => i % 2 === 0, error });
      await using chat = await open();
      const outcomes = await Array.fromAsync(
        chat.batch(tasks(4).map(({ tag, request }) => ({ tag, request, repeat: n })), { poll: 0.01 }),
      );
      const failed = outcomes.filter(({ failure }) => failure);
      assert.deepEqual([failed.length, outcomes.length], [2, 4]);
      const why = {
        expired: /could not be executed in time/,
        cancelled: /batch_1 cancelled; the same command asks again/,
        completed: /ended without this answer/,
      };
      assert.match(failed[0].failure!.message, why[status as "expired"]);
      assert.equal(failed[0].failure!.kind, "batch");
    }
    assert.equal(verifyLedger(ledger).answers, 6);
    endpoint.looked = (batch) => complete(endpoint, batch);
    await using chat = await open();
    const outcomes = await all(chat, 4);
    assert.equal(outcomes.filter(({ answer }) => answer!.cached).length, 2);
    assert.equal(requestsOf(endpoint, endpoint.batches.at(-1)!).length, 2);
  }));

Deno.test("batch() names what the endpoint says of a failed batch, of single requests, and of a batch it does not know", () =>
  beside(async (endpoint, open, ledger) => {
    endpoint.looked = (batch) => {
      batch.status = "failed";
      batch.errors = { data: [{ message: "Enqueued token limit reached." }] };
    };
    await using chat = await open();
    const failed = await all(chat, 2);
    assert.match(
      failed[0].failure!.message,
      /The batch batch_0 failed \(Enqueued token limit reached\.\); the same/,
    );
    assert.equal(await exists(`${ledger}.batches`), false);
    const error = { status_code: 400, message: "bad request", code: "x" };
    endpoint.looked = (batch) => complete(endpoint, batch, { which: (i) => i > 0, error });
    const mixed = await all(chat, 2);
    const { failure } = mixed.find(({ tag }) => tag === 0)!;
    assert.match(failure!.message, /did not answer a request of a batch \(400\): bad request/);
    assert.ok(mixed.find(({ tag }) => tag === 1)!.answer);
    endpoint.looked = (batch) => batch.status = "in_progress";
    await assert.rejects(all(chat, 1, { signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
    endpoint.batches.length = 0;
    await assert.rejects(all(chat, 1), {
      name: "InputError",
      message:
        `Cannot go on with the batch batch_2: ${endpoint.baseUrl} does not know it; remove ${ledger}.batches to ask its questions anew`,
    });
  }));

Deno.test("batch() forgets what the endpoint would not take, and says so", () =>
  beside(async (endpoint, open, ledger) => {
    endpoint.before = (route) =>
      route === "POST /batches"
        ? Response.json({ error: { message: "no batches here" } }, { status: 404 })
        : undefined;
    await using chat = await open();
    await assert.rejects(
      all(chat, 2),
      (error) => error instanceof ChatFailure && /404 \(no batches here\)/.test(error.message),
    );
    assert.equal(await exists(`${ledger}.batches`), false);
    const at = { baseUrl: endpoint.baseUrl, model: "judge", fingerprint: null };
    await using without = await openChat(at);
    await assert.rejects(all(without, 1), /Cannot ask by batch without a ledger/);
  }));

Deno.test("batch() cuts by number, bytes and budget", () =>
  beside(async (endpoint, open) => {
    {
      await using chat = await open();
      assert.equal((await all(chat, 10, { size: 4 })).length, 10);
      assert.deepEqual(endpoint.batches.map((batch) => requestsOf(endpoint, batch).length), [4, 4, 2]);
      const more = tasks(6).map(({ tag, request }) => ({ tag, request, repeat: 1 }));
      await Array.fromAsync(chat.batch(more, { poll: 0.01, bytes: 600 })); // a line is about 220
      assert.deepEqual(endpoint.batches.slice(3).map((batch) => requestsOf(endpoint, batch).length), [
        2,
        2,
        2,
      ]);
    }
    // no price was known above, so nothing counts; a call is at most 190 millionths by batch
    await using chat = await open({ ...priced, budget: 0.002 });
    const outcomes: ChatOutcome<number>[] = [];
    await assert.rejects(async () => {
      const fresh = tasks(20).map(({ tag, request }) => ({ tag, request, repeat: 2 }));
      for await (const outcome of chat.batch(fresh, { poll: 0.01 })) outcomes.push(outcome);
    }, BudgetReached);
    assert.equal(outcomes.filter(({ answer }) => answer).length, 10);
    assert.ok(Math.abs(chat.spent() - 10 * 160e-6) < 1e-9);
  }));
