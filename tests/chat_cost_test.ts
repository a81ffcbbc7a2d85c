// Tokens, prices, estimates, and the budget in dollars.
import assert from "node:assert/strict";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { join } from "node:path";
import {
  BudgetReached,
  type Chat,
  completeAll,
  estimateCost,
  estimateText,
  openChat,
  priceOf,
  readPrices,
} from "../lib/chat/mod.ts";
import type { ChatRequest } from "../lib/chat/mod.ts";
import { counterOf, promptTokens } from "../lib/chat/tokens.ts";
import { inFolder } from "./folder.ts";
import { besideJudge } from "./oracles/loopback_judge.ts";

/** The example of OpenAI's cookbook, "How to count tokens with tiktoken", whose messages also have names. */
const cookbook: ChatRequest["messages"] = [
  {
    role: "system",
    content:
      "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
  },
  { role: "system", content: "New synergies will help drive top-line growth." },
  { role: "system", content: "Things working well together will increase revenue." },
  {
    role: "system",
    content:
      "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
  },
  { role: "system", content: "Let's talk later when we're less busy about how to do better." },
  {
    role: "user",
    content: "This late pivot means we don't have time to boil the ocean for the client deliverable.",
  },
];
/** Those are two names of two tokens and two of three, and one token more for each. */
const NAMES = 2 * (2 + 1) + 2 * (3 + 1);

Deno.test("promptTokens() gives what OpenAI's API counted for the cookbook's example: 129 with cl100k, 124 with o200k", async () => {
  for (
    const [model, counted] of [["gpt-4-1106-preview", 129], ["gpt-3.5-turbo", 129], ["gpt-4o", 124]] as const
  ) {
    const { count, approximate } = await counterOf(model);
    assert.equal(promptTokens({ messages: cookbook }, count) + NAMES, counted, model);
    assert.equal(approximate, false);
  }
  for (const model of ["llama-3-8b", "openai/gpt-oss-20b", "judge"]) {
    assert.equal((await counterOf(model)).approximate, true, model);
  }
  for (const model of ["openai/gpt-4o", "ft:gpt-4o-mini:me::1", "o3-mini", "gpt-4.1"]) {
    assert.equal((await counterOf(model)).approximate, false, model);
  }
});

Deno.test("counterOf() takes special tokens as text and long texts in time that grows with their length", async () => {
  const { count } = await counterOf("gpt-4o");
  assert.ok(count("a <|endoftext|> b") > 5);
  const prose = "The lock fills with water, and the boat rises slowly. ".repeat(200);
  assert.equal(count(prose), encode(prose).length);
  const start = performance.now();
  for (const text of ["a".repeat(2e7), " ".repeat(1e6), "\u{1F600}".repeat(50_000), "语言".repeat(50_000)]) {
    assert.ok(count(text) > text.length / 300);
  }
  assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
});

Deno.test("priceOf() finds models by name, dated ones by their plain name, and no others", async () => {
  const prices = await readPrices();
  assert.match(prices.date, /^\d{4}-\d{2}-\d{2}$/);
  assert.match(prices.note, /Check/);
  assert.deepEqual(priceOf("gpt-4-1106-preview", prices), { input: 10, output: 30 });
  assert.deepEqual(priceOf("gpt-4o-2024-08-06", prices), { input: 2.5, output: 10 });
  assert.deepEqual(priceOf("gpt-4o-2024-05-13", prices), { input: 5, output: 15 });
  for (const model of ["gpt-4o-audio", "toString", "judge"]) assert.equal(priceOf(model, prices), undefined);
  await inFolder(async (folder) => {
    const path = join(folder, "prices.json");
    await Deno.writeTextFile(path, '{"date": "2024-01-31", "models": {"x": {"input": -1, "output": 1}}}');
    await assert.rejects(readPrices(path), /x has no input and output in USD per million tokens/);
  });
});

Deno.test("estimateCost() is tokens times price, and says when the price is unknown", async () => {
  const requests = [1, 2, 3].map((i) => ({ messages: cookbook.slice(0, i), maxTokens: 10 }));
  const { count } = await counterOf("gpt-4-1106-preview");
  let prompt = 0;
  for (const { messages } of requests) {
    prompt += 3;
    for (const { content } of messages) prompt += 3 + 1 + count(content);
  }
  const estimate = await estimateCost(requests, "gpt-4-1106-preview");
  assert.deepEqual([estimate.calls, estimate.promptTokens, estimate.completionTokens], [3, prompt, 30]);
  assert.ok(Math.abs(estimate.usd! - (prompt * 10 + 30 * 30) / 1e6) < 1e-12);
  assert.match(
    estimateText(estimate),
    new RegExp(
      `^3 calls; ${prompt} prompt tokens and at most 30 of answers; at most 0.\\d+ USD \\(10 and 30 USD per million tokens, data/prices.json, \\d{4}-`,
    ),
  );
  const unknown = await estimateCost(requests, "judge");
  assert.equal(unknown.usd, undefined);
  assert.match(estimateText(unknown), /about \d+ prompt tokens .*; the price is unknown: give one$/);
  const given = await estimateCost(requests, "judge", {
    price: { input: 1, output: 2 },
    countTokens: () => 1,
  });
  assert.ok(Math.abs(given.usd! - (3 + 5 * 1 + 2 * 5 + 8 + 6 * 2 + 3 + 2 * 30 - 2) / 1e6) < 1e-4);
  await assert.rejects(estimateCost([{ messages: cookbook }], "gpt-4o"), /no limit of tokens; set maxTokens/);
  await assert.rejects(
    estimateCost([], "judge", { price: { input: NaN, output: 1 } }),
    /give input and output in USD per million tokens/,
  );
});

const ask = (i: number): ChatRequest => ({
  messages: [{ role: "user", content: `Rate ${i}.` }],
  maxTokens: 4,
});
const tasks = (n: number) => Array.from({ length: n }, (_, i) => ({ tag: i, request: ask(i) }));
/** 26 tokens a prompt; a call is at most 380 and here always 320 millionths of a dollar. */
const priced = { price: { input: 10, output: 30 }, countTokens: () => 10 };
const usage = { prompt: 26, completion: 2 };

async function countAnswers(
  chat: Chat,
  n: number,
): Promise<{ fresh: number; cached: number; error?: unknown }> {
  const found = { fresh: 0, cached: 0 };
  try {
    for await (const { answer } of completeAll(chat, tasks(n))) {
      answer!.cached ? found.cached++ : found.fresh++;
    }
    return found;
  } catch (error) {
    return { ...found, error };
  }
}

Deno.test("a budget ends cleanly before the call that could exceed it, at any concurrency, and a higher one goes on", async () => {
  for (const concurrency of [1, 16]) {
    await inFolder((folder) =>
      besideJudge(async () => {
        await new Promise((done) => setTimeout(done, 2));
        return { answer: "42", usage };
      }, async (judge) => {
        const endpoint = { baseUrl: judge.baseUrl, model: "judge", fingerprint: null };
        const open = (budget: number) =>
          openChat(endpoint, { ...priced, budget, concurrency, ledger: join(folder, "answers.jsonl") });
        {
          await using chat = await open(0.01); // 31 × 0.00032 + 0.00038 > 0.01 ≥ 30 × 0.00032 + 0.00038
          assert.deepEqual((await chat.estimate(tasks(100))).usd!.toFixed(6), "0.038000");
          const { fresh, error } = await countAnswers(chat, 100);
          assert.ok(error instanceof BudgetReached);
          assert.equal(fresh, 31);
          assert.ok(Math.abs(chat.spent() - 31 * 320e-6) < 1e-12);
        }
        {
          await using chat = await open(0.01); // the ledger remembers what was spent
          const { fresh, cached, error } = await countAnswers(chat, 100);
          assert.ok(error instanceof BudgetReached);
          assert.ok(fresh === 0 && cached <= 31);
        }
        await using chat = await open(1);
        assert.deepEqual(await countAnswers(chat, 100), { fresh: 69, cached: 31 });
        assert.equal(judge.calls.length, 100);
        assert.ok([...judge.asked.values()].every((times) => times === 1));
      })
    );
  }
});

Deno.test("a budget counts tries whose answer did not arrive at their most, and what the endpoint does not count itself", async () => {
  await besideJudge(({ seen }) => seen === 0 ? { cut: 30 } : { answer: "42", usage }, async (judge) => {
    const endpoint = { baseUrl: judge.baseUrl, model: "judge", fingerprint: null };
    await using chat = await openChat(endpoint, { ...priced, budget: 0.00069, backoff: 0.001 });
    await assert.rejects(chat.complete(ask(0)), BudgetReached); // 380 + 380 > 690 millionths
    assert.equal(judge.calls.length, 1);
    await using more = await openChat(endpoint, { ...priced, budget: 0.001, backoff: 0.001 });
    await more.complete(ask(1));
    assert.ok(Math.abs(more.spent() - (380 + 320) * 1e-6) < 1e-12);
  });
  await besideJudge(() => ({ answer: "42", usage: { prompt: 0, completion: 0 } }), async (judge) => {
    const endpoint = { baseUrl: judge.baseUrl, model: "judge", fingerprint: null };
    await using chat = await openChat(endpoint, priced);
    assert.ok(Math.abs((await chat.complete(ask(0))).cost! - (26 * 10 + 10 * 30) / 1e6) < 1e-12);
  });
});

Deno.test("a budget without a price, or a request without maxTokens under one, is refused before any call", async () => {
  await besideJudge(() => ({ answer: "42" }), async (judge) => {
    const endpoint = { baseUrl: judge.baseUrl, model: "judge", fingerprint: null };
    await assert.rejects(
      openChat(endpoint, { budget: 1 }),
      /Cannot keep to a budget: the price of judge is unknown; give its input and output/,
    );
    await using chat = await openChat(endpoint, { ...priced, budget: 1 });
    await assert.rejects(chat.complete({ messages: ask(0).messages }), /no limit of tokens; set maxTokens/);
    assert.equal(judge.calls.length, 0);
  });
});
