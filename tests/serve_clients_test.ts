// The real OpenAI clients against the server: npm's openai, and PyPI's where the peers are installed.
import assert from "node:assert/strict";
import { join } from "node:path";
import OpenAI from "openai";
import { initLora, type LoraConfig } from "../lib/model/lora.ts";
import { score } from "../lib/model/score.ts";
import { type Adapter, baseOf } from "../lib/model/base.ts";
import { promptIds } from "../lib/serve/prompt.ts";
import { besideServer, slowly, withTinyModel } from "./oracles/tiny_server.ts";
import { serve } from "../lib/serve/mod.ts";
import { peers, runPeer } from "./peers.ts";

const user = (content: string) => [{ role: "user" as const, content }];
const clientOf = ({ url }: { url: string }, apiKey = "none", maxRetries = 0) =>
  new OpenAI({ baseURL: url, apiKey, maxRetries });

Deno.test("npm's openai: plain, streamed and with usage, the same text", () =>
  besideServer(async ({ server }) => {
    const client = clientOf(server), model = server.models[0].id;
    const asked = { model, messages: user("Hello"), max_completion_tokens: 12, temperature: 0 };
    const whole = await client.chat.completions.create(asked);
    assert.deepEqual([whole.object, whole.choices[0].message.role], ["chat.completion", "assistant"]);
    assert.match(whole._request_id!, /^req_/);
    const streamed = await client.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "", tokens = 0;
    const finish: unknown[] = [];
    for await (const chunk of streamed) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]?.finish_reason) finish.push(chunk.choices[0].finish_reason);
      tokens = chunk.usage?.total_tokens ?? tokens;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.deepEqual([finish, tokens], [[whole.choices[0].finish_reason], whole.usage!.total_tokens]);
    const helped = await client.chat.completions.stream(asked).finalChatCompletion();
    assert.equal(helped.choices[0].message.content, text);
  }));

Deno.test("npm's openai: log-probabilities are those of scoring, at temperature 0 and above", () =>
  besideServer(async ({ server, model }) => {
    const client = clientOf(server);
    for (const temperature of [0, 1.3]) {
      const { choices: [choice] } = await client.chat.completions.create({
        model: server.models[0].id,
        messages: user("y"),
        max_tokens: 16,
        temperature,
        seed: 3,
        logprobs: true,
        top_logprobs: 20,
      });
      const entries = choice.logprobs!.content!,
        prompt = promptIds(model.tokenizer, model.chatTemplate, [
          { role: "user", content: "y" },
        ]);
      const idOf = (bytes: number[] | null) =>
        Array.from({ length: model.tokenizer.vocabSize }, (_, id) => id)
          .find((id) => String([...model.tokenizer.bytesOf(id)]) === String(bytes))!;
      const ids = [...prompt, ...entries.map((entry) => idOf(entry.bytes))];
      const [scored] = await score(baseOf(model), [{
        id: "a",
        ids: Int32Array.from(ids),
        supervised: Uint8Array.from(ids, (_, i) => i < prompt.length ? 0 : 1),
      }], { cache: false, threads: 1 });
      assert.ok(entries.length >= 8);
      entries.forEach(({ logprob, top_logprobs }, t) => {
        assert.ok(Math.abs(logprob + scored.nll[t]) < 1e-4, `${temperature}, ${t}`);
        assert.equal(top_logprobs.length, 20);
        assert.equal(idOf(top_logprobs[0].bytes), scored.predicted[t]);
        assert.ok(Math.abs(Math.exp(top_logprobs[0].logprob) - scored.confidence[t]) < 1e-4);
        top_logprobs.slice(1).forEach((entry, i) => assert.ok(entry.logprob <= top_logprobs[i].logprob));
      });
    }
  }));

Deno.test("npm's openai: errors come as its classes", () =>
  besideServer(async ({ server }) => {
    const client = clientOf(server, "right"), model = server.models[0].id;
    const ask = (more: object) =>
      client.chat.completions.create({ model, messages: user("Hi"), max_tokens: 1, ...more } as never);
    await assert.rejects(ask({ temperature: 9 }), (error: InstanceType<typeof OpenAI.APIError>) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.deepEqual([error.status, error.param, error.code], [
        400,
        "temperature",
        "integer_above_max_value",
      ]);
      return true;
    });
    await assert.rejects(ask({ model: "gone" }), OpenAI.NotFoundError);
    await assert.rejects(client.models.retrieve("gone"), OpenAI.NotFoundError);
    await assert.rejects(client.embeddings.create({ model, input: "x" }), OpenAI.NotFoundError);
    await assert.rejects(clientOf(server, "wrong").models.list(), OpenAI.AuthenticationError);
    assert.deepEqual((await client.models.list()).data.map(({ id }) => id), [model]);
  }, { apiKey: "right" }));

Deno.test("npm's openai waits and tries again where the queue is full; leaving stops its stream", () =>
  besideServer(async ({ server, model }) => {
    slowly(model, 2);
    const client = clientOf(server, "none", 6);
    const ask = (content: string) =>
      client.chat.completions.create({
        model: server.models[0].id,
        messages: user(content),
        max_tokens: 20,
        temperature: 0,
      });
    const answers = await Promise.all(["a", "b", "c", "d", "e"].map(ask));
    assert.equal(answers.length, 5);
    const stream = await client.chat.completions.create({
      model: server.models[0].id,
      messages: user("y"),
      temperature: 0,
      max_tokens: 900,
      stream: true,
    });
    for await (const _ of stream) break; // closes the connection
    assert.equal((await ask("f")).object, "chat.completion");
    assert.equal(server.answered, 6);
  }, { batch: 1, queue: 2 }));

/** An adapter that changes every answer. */
function adapterOf(model: Parameters<typeof baseOf>[0], seed: number, lora: LoraConfig): Adapter {
  const params = initLora(model.config, lora, seed);
  for (const [name, { data }] of Object.entries(params)) {
    if (name.includes("lora_B")) data.forEach((_, i) => data[i] = 0.5 * Math.sin(seed + i));
  }
  return { params, lora };
}

Deno.test("adapters are models of their own, side by side with the base", () =>
  withTinyModel(async (model) => {
    const lora = { r: 2, alpha: 4, dropout: 0, targets: ["q_proj", "v_proj"] };
    const adapters = {
      one: adapterOf(model, 1, lora),
      two: adapterOf(model, 2, lora),
      wide: adapterOf(model, 3, { ...lora, r: 3, targets: ["q_proj", "down_proj"] }),
    };
    const texts = async (offered: Record<string, Adapter>, together: boolean) => {
      await using server = await serve(model, { threads: 1, cache: false, adapters: offered, batch: 2 });
      const client = clientOf(server), ids = (await client.models.list()).data.map(({ id }) => id);
      const ask = async (id: string) => {
        const asked = { model: id, messages: user("y"), max_tokens: 25, temperature: 0 };
        return (await client.chat.completions.create(asked)).choices[0].message.content;
      };
      const found: [string, string | null][] = [];
      if (together) return await Promise.all(ids.map(async (id) => [id, await ask(id)] as const));
      for (const id of ids) found.push([id, await ask(id)]);
      return found;
    };
    const all = await texts(adapters, true);
    assert.deepEqual(all.map(([id]) => id), ["tiny", "tiny:one", "tiny:two", "tiny:wide"]);
    assert.equal(new Set(all.map(([, text]) => text)).size, 4);
    assert.deepEqual(await texts({ two: adapters.two }, false), [all[0], all[2]]);
    await using server = await serve(model, { threads: 1, cache: false, adapters });
    const prints = server.models.map(({ fingerprint }) => fingerprint);
    assert.equal(new Set(prints).size, 4);
    const retrieved = await clientOf(server).models.retrieve("tiny:two") as unknown as {
      fingerprint: string;
    };
    assert.equal(retrieved.fingerprint, prints[2]);
    await assert.rejects(
      serve(model, { cache: false, adapters: { "a b": adapters.one } }),
      /Cannot serve adapter "a b"/,
    );
  }));

Deno.test({
  name: "PyPI's openai: plain, streamed, log-probabilities, models and errors",
  ignore: !peers,
  fn: () =>
    besideServer(async ({ server }) => {
      const script = await Deno.readTextFile(join(import.meta.dirname!, "parity/openai/client.py"));
      const found = await runPeer<Record<string, unknown>>(script, server.url, server.models[0].id);
      const { choices: [choice], usage } = await clientOf(server).chat.completions.create({
        model: server.models[0].id,
        messages: user("Hello"),
        max_tokens: 12,
        temperature: 0,
        logprobs: true,
        top_logprobs: 3,
      });
      assert.deepEqual(found, {
        content: choice.message.content,
        logprobs: choice.logprobs!.content!.map(({ logprob }) => logprob),
        bytes: choice.logprobs!.content!.map(({ bytes }) => bytes),
        streamed: choice.message.content,
        finish: choice.finish_reason,
        streamed_logprobs: choice.logprobs!.content!.map(({ logprob }) => logprob),
        usage: [usage!.prompt_tokens, usage!.completion_tokens],
        models: [server.models[0].id],
        fingerprint: server.models[0].fingerprint,
        errors: ["BadRequestError 400", "NotFoundError 404", "BadRequestError context_length_exceeded"],
        choices: 2,
      });
    }),
});
