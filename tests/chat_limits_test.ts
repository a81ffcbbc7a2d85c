// How much and how fast: token buckets, the gate, what endpoints ask to wait, the budget.
import assert from "node:assert/strict";
import { Bucket } from "../lib/chat/bucket.ts";
import { Budget } from "../lib/chat/budget.ts";
import { BudgetReached } from "../lib/chat/failure.ts";
import { Gate } from "../lib/chat/gate.ts";
import { retryAfter } from "../lib/chat/retry_after.ts";
import { stream } from "../lib/run/seed.ts";

Deno.test("Bucket keeps every minute to the limit and a second's worth, and gives all of it (plain sums over windows)", () => {
  for (const perMinute of [30, 60, 600, 10_000]) {
    const bucket = new Bucket(perMinute, 0), random = stream(1, "amounts", perMinute);
    const taken: { at: number; amount: number }[] = [], most = Math.max(1, perMinute / 20);
    let now = 0;
    for (let i = 0; now < 300_000; i++) {
      const amount = perMinute <= 60 ? 1 : 1 + Math.floor(random.uniform(i) * most);
      now += bucket.wait(amount, now);
      assert.ok(bucket.wait(amount, now) < 1e-6);
      bucket.take(amount, now);
      taken.push({ at: now, amount });
    }
    const sum = (from: number, to: number) =>
      taken.reduce((total, { at, amount }) => at >= from && at < to ? total + amount : total, 0);
    const size = Math.max(1, perMinute / 60);
    for (let from = 0; from <= 240_000; from += 5_000) {
      assert.ok(sum(from, from + 60_000) <= perMinute + size + most, `${perMinute} from ${from}`);
    }
    assert.ok(sum(0, 300_000) >= 5 * perMinute - most, `${perMinute}: ${sum(0, 300_000)}`);
  }
});

Deno.test("Bucket takes what is larger than itself when it is full, and pays for it after", () => {
  const bucket = new Bucket(60, 0); // one a second, holds one
  assert.equal(bucket.wait(30, 0), 0);
  bucket.take(30, 0);
  assert.ok(Math.abs(bucket.wait(1, 0) - 30_000) < 1e-6);
  bucket.take(-10, 0); // it was less
  assert.ok(Math.abs(bucket.wait(1, 0) - 20_000) < 1e-6);
});

Deno.test("Gate lets so many in at once, in the order they came", async () => {
  const gate = new Gate({ concurrency: 3 }), order: number[] = [];
  let inside = 0, most = 0;
  await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const leave = await gate.enter(0);
    order.push(i), most = Math.max(most, ++inside);
    await new Promise((done) => setTimeout(done, 2));
    inside--;
    leave(), leave();
  }));
  assert.equal(most, 3);
  assert.deepEqual(order, order.map((_, i) => i));
});

Deno.test("Gate keeps to requests and tokens a minute, and gives back what was not used", async () => {
  const gate = new Gate({ concurrency: 99, requestsPerMinute: 6000 }), start = performance.now();
  for (let i = 0; i < 130; i++) (await gate.enter(0))();
  const took = performance.now() - start; // 100 at once, 30 at 100 a second
  assert.ok(took > 280 && took < 2000, `${took}`);
  const tokens = new Gate({ concurrency: 99, tokensPerMinute: 60_000 }), begin = performance.now();
  for (let i = 0; i < 3; i++) (await tokens.enter(1000))(50);
  assert.ok(performance.now() - begin < 500, "only 150 of 3000 tokens were used");
});

Deno.test("Gate.pause() keeps everyone out, and who gives up leaves the queue", async () => {
  const gate = new Gate({ concurrency: 2 }), start = performance.now();
  gate.pause(200);
  const controller = new AbortController();
  const gone = gate.enter(0, controller.signal), there = gate.enter(0);
  controller.abort(new Error("enough"));
  await assert.rejects(gone, /enough/);
  (await there)();
  assert.ok(performance.now() - start >= 195);
  await assert.rejects(gate.enter(0, AbortSignal.abort(new Error("before"))), /before/);
});

Deno.test("retryAfter() reads every way in which endpoints say it", () => {
  const now = Date.parse("2024-01-31T12:00:00Z");
  for (
    const [headers, seconds] of [
      [{}, undefined],
      [{ "retry-after": "7" }, 7],
      [{ "retry-after": "0.5" }, 0.5],
      [{ "retry-after": "Wed, 31 Jan 2024 12:00:09 GMT" }, 9],
      [{ "retry-after": "Wed, 31 Jan 2024 11:00:00 GMT" }, 0],
      [{ "retry-after": "soon" }, undefined],
      [{ "retry-after": "-5" }, undefined],
      [{ "retry-after-ms": "250", "retry-after": "7" }, 0.25],
      [{ "retry-after": "soon", "x-ratelimit-reset": "3" }, 3],
      [{ "x-ratelimit-reset": String(now / 1000 + 5) }, 5],
      [{ "x-ratelimit-reset": String(now + 6000) }, 6],
      [{ "x-ratelimit-reset-requests": "6m0s" }, 360],
      [{ "x-ratelimit-reset-requests": "1h2m3.5s" }, 3723.5],
      [{ "x-ratelimit-reset-requests": "20ms", "x-ratelimit-reset-tokens": "2s" }, 2],
      [{
        "x-ratelimit-reset-requests": "20ms",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-tokens": "2s",
        "x-ratelimit-remaining-tokens": "900",
      }, 0.02],
    ] as [Record<string, string>, number | undefined][]
  ) {
    const got = retryAfter(new Headers(headers), now);
    assert.ok(
      got === seconds || Math.abs(got! - seconds!) < 1e-9,
      `${JSON.stringify(headers)}: ${got}, not ${seconds}`,
    );
  }
});

Deno.test("Budget never promises more than it has, waits for calls under way, and says when it is reached", async () => {
  const budget = new Budget(10, 4);
  await budget.reserve(3);
  await budget.reserve(3);
  let came = false;
  const third = budget.reserve(2).then(() => came = true);
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(came, false);
  budget.settle(3, 1); // it cost less than it might have
  await third;
  assert.ok(Math.abs(budget.left) < 1e-9);
  assert.equal(budget.spent, 5);
  const over = budget.reserve(5.5); // 5 spent, 5 under way
  await assert.rejects(over, (error) => {
    assert.ok(error instanceof BudgetReached);
    assert.deepEqual([error.budget, error.spent, error.underWay, error.next], [10, 5, 5, 5.5]);
    assert.match(
      error.message,
      /within the budget of 10\.0000 USD: 5\.0000 are spent, up to 5\.0000 are under way .* goes on from here/,
    );
    return true;
  });
  const waits = budget.reserve(4);
  budget.settle(3, 3);
  budget.settle(2, 2);
  await assert.rejects(waits, BudgetReached);
  assert.equal(budget.left, 0);
});
