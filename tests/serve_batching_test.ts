// Many requests at once over the wire: the same texts as one by one, whatever stands beside them, streamed or not.
import assert from "node:assert/strict";
import { openModel } from "../lib/model/open_model.ts";
import { serve, type Server } from "../lib/serve/mod.ts";
import { besideServer, complete, streamOf } from "./oracles/tiny_server.ts";

const questions = Array.from({ length: 32 }, (_, i) => `${"Say something. ".repeat(i % 7)}What of ${i}?`);

/** The text of an answer, streamed or not. */
async function textOf(server: Server, question: string, extra: Record<string, unknown>, streamed: boolean) {
  if (!streamed) {
    const { status, body } = await complete(server, question, extra);
    assert.equal(status, 200, JSON.stringify(body));
    return body.choices[0].message.content;
  }
  const events = await streamOf(server, question, extra);
  return events.slice(0, -1).map((event) => event.choices[0].delta.content ?? "").join("");
}

Deno.test("32 requests at once give the texts of one by one", () =>
  besideServer(async ({ server }) => {
    const options = { max_tokens: 40, temperature: 0 };
    const alone: string[] = [];
    for (const question of questions) alone.push(await textOf(server, question, options, false));
    assert.ok(new Set(alone).size > 8, "the texts differ from each other");
    const together = await Promise.all(questions.map((q, i) => textOf(server, q, options, i % 2 === 0)));
    assert.deepEqual(together, alone);
  }, { batch: 8 }));

Deno.test("a seed draws the same text whatever is beside it, and choices of their own", () =>
  besideServer(async ({ server }) => {
    const draw = { max_tokens: 30, temperature: 1.5, top_p: 0.95, seed: -7, n: 3 };
    const choices = async (extra = {}) =>
      (await complete(server, "Draw.", { ...draw, ...extra })).body.choices.map(
        (choice: { message: { content: string } }) => choice.message.content,
      );
    const alone = await choices();
    const [beside] = await Promise.all([choices(), ...questions.slice(0, 9).map((q) => complete(server, q))]);
    assert.deepEqual(beside, alone);
    assert.equal(new Set(alone).size, 3);
    assert.notDeepEqual(await choices({ seed: 8 }), alone);
    assert.notDeepEqual(await choices({ seed: undefined }), await choices({ seed: undefined }));
    const events = (await streamOf(server, "Draw.", draw)).slice(0, -1);
    const streamed = alone.map((_: string, index: number) =>
      events.map(({ choices: [choice] }) => choice.index === index ? choice.delta.content ?? "" : "").join("")
    );
    assert.deepEqual(streamed, alone);
    const certain = { temperature: 2, max_tokens: 20 };
    const likeliest = await textOf(server, "Draw.", { ...certain, temperature: 0 }, false);
    assert.equal(await textOf(server, "Draw.", { ...certain, top_p: 0 }, false), likeliest);
    assert.equal(await textOf(server, "Draw.", { ...certain, top_k: 1 }, false), likeliest);
  }));

Deno.test("a stop string ends an answer before it, streamed or not", () =>
  besideServer(async ({ server }) => {
    const options = { max_tokens: 40, temperature: 0, logprobs: true };
    const { body } = await complete(server, "y", options), whole: string = body.choices[0].message.content;
    const stop = whole.slice(9, 12), end = whole.indexOf(stop);
    const cut = (await complete(server, "y", { ...options, stop: [stop, "never this"] })).body.choices[0];
    assert.deepEqual([cut.message.content, cut.finish_reason], [whole.slice(0, end), "stop"]);
    assert.deepEqual(
      cut.logprobs.content,
      body.choices[0].logprobs.content.slice(0, cut.logprobs.content.length),
    );
    assert.equal(await textOf(server, "y", { ...options, stop }, true), whole.slice(0, end));
  }));

Deno.test("the prefix cache changes no answer and shows in the usage", async () => {
  const rubric = "Rate the need for diversity of this dialogue from 0 to 99. ".repeat(5);
  const asked = questions.slice(0, 6).map((question) => rubric + question);
  const options = { max_tokens: 20, temperature: 0, logprobs: true, top_logprobs: 20 };
  const answers: unknown[] = [];
  for (const prefixCache of [0, 1e8]) {
    await besideServer(async ({ server }) => {
      const bodies = [];
      for (const question of asked) bodies.push((await complete(server, question, options)).body);
      const cached = bodies.map((body) => body.usage.prompt_tokens_details.cached_tokens);
      assert.equal(cached[0], 0);
      assert.ok(cached.slice(1).every((n) => prefixCache ? n >= 256 : n === 0), cached.join());
      answers.push(bodies.map((body) => body.choices));
    }, { prefixCache });
  }
  assert.deepEqual(answers[0], answers[1]);
});

/** A choice of an answer. */
interface Choice {
  message: { content: string };
  logprobs: { content: { logprob: number }[] };
}

Deno.test("the 135M model: 32 requests at once give the texts and log-probabilities of one by one", async () => {
  const model = await openModel();
  try {
    await using server = await serve(model, { threads: 2 });
    const rubric =
      "You rate how many different good answers a request has, from 0 to 99. Reply with the number. ";
    const asked = ["2 + 2?", "A poem on rain.", "Capital of France?", "Tell me a joke."].map((q) =>
      rubric + q
    );
    const options = { max_tokens: 4, temperature: 0, logprobs: true, top_logprobs: 20 };
    const choice = async (question: string): Promise<Choice> =>
      (await complete(server, question, options)).body.choices[0];
    const alone: Choice[] = [];
    for (const question of asked) alone.push(await choice(question));
    const together = await Promise.all(Array.from({ length: 32 }, (_, i) => choice(asked[i % 4])));
    together.forEach((got, i) => {
      assert.equal(got.message.content, alone[i % 4].message.content);
      got.logprobs.content.forEach((entry, t) => {
        assert.ok(Math.abs(entry.logprob - alone[i % 4].logprobs.content[t].logprob) < 1e-4);
      });
    });
  } finally {
    model.weights.close();
  }
});
