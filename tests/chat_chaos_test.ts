// 5,000 calls to a judge that misbehaves in every way at once: each ends answered or failed, none is answered twice, none is
// paid for twice; and a second start asks only what failed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { verifyLedger } from "../lib/chat/ledger_verify.ts";
import { completeAll, openChat } from "../lib/chat/mod.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import {
  type Behaviour,
  besideJudge,
  failing,
  logprobsOf,
  type Script,
  webPage,
} from "./oracles/loopback_judge.ts";

const CALLS = 5000;
const random = stream(5, "chaos");

/** What may pass: the judge does one of these before it answers. */
const passing: (() => Behaviour)[] = [
  () => failing(500),
  () => failing(502, "<html>bad gateway</html>"),
  () => failing(503),
  () => failing(429, "slow down", { "retry-after-ms": "5" }),
  () => failing(429, "slow down", { "retry-after": "0" }),
  () => failing(429, "slow down", { "retry-after": new Date().toUTCString() }),
  () => webPage,
  () => ({ cut: 0 }),
  () => ({ cut: 25 }),
  () => ({ cut: 150 }),
  () => ({ status: 200, body: '{"choices":[{"message":{"content":"4' }),
  () => ({ status: 200, body: "" }),
  () => ({ status: 200, body: "null" }),
];

/** What does not pass: the call fails. */
const lasting: (() => Behaviour)[] = [
  () => failing(500),
  () => failing(400, "this model's maximum context length is 8192 tokens"),
  () => failing(403, "flagged"),
  () => webPage,
  () => ({ cut: 0 }),
];

/** Answers that are worth nothing, but are answers: whoever reads ratings deals with them. */
const answers: (() => Behaviour)[] = [
  () => ({ answer: "42" }),
  () => ({ answer: "As a judge I cannot possibly say." }),
  () => ({ answer: "" }),
  () => ({ answer: "\u0000\u{1F525}\ud83d".toWellFormed() }),
  () => ({ refusal: "I will not rate this." }),
  () => ({ answer: "7", logprobs: logprobsOf("7", "NaN", [["7", "NaN"], ["8", "-Infinity"]]) }),
  () => ({ answer: "7", logprobs: logprobsOf("7", "-0.1", [["7", "-0.1"]]) }),
];

/** What the i-th question meets: so many misbehaviours, then a lasting one, or an answer. */
function fate(i: number): { before: number; hangs: boolean; fails: boolean } {
  const x = random.uniform(i);
  return { before: x < 0.7 ? 0 : x < 0.9 ? 1 : 2, hangs: i % 500 === 7, fails: i % 500 === 8 || x > 0.97 };
}

const script: Script = ({ body, seen }) => {
  const i = Number(/^Rate (\d+)\.$/.exec(body.messages[0].content)![1]);
  const { before, hangs, fails } = fate(i),
    any = (from: (() => Behaviour)[], n: number) => from[(i + n) % from.length]();
  if (hangs) return { hang: true };
  if (fails) return any(lasting, 0);
  if (i < 8 && seen === 0) return failing(429, "slow down", { "retry-after": "1" }); // everyone waits, once
  return seen < before ? any(passing, 7 * seen) : any(answers, 0);
};

Deno.test("5,000 calls to a judge that misbehaves: each ends answered or failed, none twice, none paid for twice", () =>
  inFolder((folder) =>
    besideJudge(script, async (judge) => {
      const path = join(folder, "answers.jsonl"), start = performance.now();
      const tasks = Array.from({ length: CALLS }, (_, i) => ({
        tag: i,
        request: {
          messages: [{ role: "user" as const, content: `Rate ${i}.` }],
          maxTokens: 4,
          topLogprobs: 2,
        },
      }));
      const run = async () => {
        const outcomes = new Map<number, "answer" | "cached" | "failure">();
        const endpoint = { baseUrl: judge.baseUrl, model: "judge", fingerprint: null };
        await using chat = await openChat(endpoint, {
          ledger: path,
          concurrency: 64,
          timeout: 1.5,
          tries: 3,
          backoff: 0.005,
          longestBackoff: 0.05,
        });
        for await (const { tag, answer, failure } of completeAll(chat, tasks)) {
          assert.ok(!outcomes.has(tag), `${tag} came twice`);
          assert.ok(answer ? !failure : failure);
          outcomes.set(tag, answer ? answer.cached ? "cached" : "answer" : "failure");
        }
        return outcomes;
      };
      const first = await run(), asked = new Map(judge.asked);
      assert.equal(first.size, CALLS);
      for (let i = 0; i < CALLS; i++) {
        const { hangs, fails } = fate(i);
        assert.equal(first.get(i), hangs || fails ? "failure" : "answer", `${i}`);
      }
      const answered = [...first.values()].filter((what) => what === "answer").length;
      assert.deepEqual([...new Set(judge.paid.values())], [1]);
      assert.equal(judge.paid.size, answered);
      assert.deepEqual(verifyLedger(path), { answers: answered, faults: [] });
      assert.ok(judge.busiest <= 64, `${judge.busiest} at once`);
      const second = await run();
      for (const [i, what] of second) assert.equal(what, first.get(i) === "answer" ? "cached" : "failure");
      assert.deepEqual([...new Set(judge.paid.values())], [1]);
      for (const [text, times] of judge.asked) if (judge.paid.has(text)) assert.equal(times, asked.get(text));
      assert.deepEqual(verifyLedger(path), { answers: answered, faults: [] });
      console.log(
        `${CALLS} calls, ${judge.calls.length} tries: ${((performance.now() - start) / 1000).toFixed(1)} s`,
      );
    })
  ));
