// lib/model/engine.ts and prefix_cache.ts: texts that join, leave and fail beside each other give what each gives alone, and
// known prompt beginnings change nothing but the work.
import assert from "node:assert/strict";
import type { TensorData } from "../lib/jit/mod.ts";
import { Engine, type EngineOptions, type TextRequest } from "../lib/model/engine.ts";
import { generate } from "../lib/model/generate.ts";
import { PrefixCache } from "../lib/model/prefix_cache.ts";
import { openSteps, type Steps } from "../lib/model/steps.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { smallBase } from "./oracles/small_model.ts";

/** What a step was called for: rows and tokens. */
type Calls = string[];

/** Runs `body` with an engine on the small model, whose context is 1024 here, and the calls of its steps. */
function withEngine(
  options: Partial<EngineOptions>,
  body: (engine: Engine, calls: Calls, base: Awaited<ReturnType<typeof smallBase>>["base"]) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    const small = await smallBase(folder);
    const base = { ...small.base, config: { ...small.config, maxPositions: 1024 } };
    const steps = openSteps(base, { cache: false, threads: 1, most: 4 }), calls: Calls = [];
    const counted: Steps = {
      ...steps,
      run(shape, adapter, inputs) {
        calls.push(shape.tokens === 1 ? `step of ${shape.rows}` : "piece");
        return steps.run(shape, adapter, inputs);
      },
    };
    try {
      await body(new Engine(base, counted, { rows: 4, capacity: 256, limit: 1024, ...options }), calls, base);
    } finally {
      await steps.close();
    }
  });
}

const random = stream(2, "engine prompts");
const prompt = (length: number, from: number) => random.ints(length, 23, from);
const request = (prompt: number[], maxNew: number, more: Partial<TextRequest> = {}): TextRequest => ({
  prompt,
  maxNew,
  stop: [],
  sampling: {},
  ...more,
});

Deno.test("Engine gives each text what it gives alone, whenever texts join", () =>
  withEngine({ rows: 3, sizes: [1, 2, 3], burst: 1 }, async (engine, calls, base) => {
    const prompts = [150, 3, 64, 65, 90, 7, 130].map((n, i) => prompt(n, 1000 * i));
    const lengths = [40, 5, 80, 1, 17, 300, 9];
    const texts: Promise<{ ids: number[] }>[] = [];
    for (const [i, ids] of prompts.entries()) {
      texts.push(engine.submit(request(ids, lengths[i])));
      await new Promise((done) => setTimeout(done, 2 * i));
    }
    const got = await Promise.all(texts);
    for (const [i, ids] of prompts.entries()) {
      const [alone] = await generate(base, [ids], { maxNew: lengths[i], stop: [], cache: false, threads: 1 });
      assert.deepEqual(got[i].ids, alone.ids, `text ${i}`);
    }
    assert.ok(calls.includes("step of 1") && calls.includes("step of 3"), calls.join());
    assert.deepEqual([engine.active, engine.waiting], [0, 0]);
  }));

Deno.test("Engine draws a text's tokens from its own stream and settings", () =>
  withEngine({ rows: 4 }, async (engine) => {
    const draw = (seed: number, temperature: number) =>
      engine.submit(
        request([1, 5, 9], 12, { sampling: { temperature, topK: 10 }, random: stream(seed, "draw") }),
      );
    const alone = [await draw(1, 1), await draw(2, 0.5), await draw(1, 2)];
    const together = await Promise.all([draw(1, 1), draw(2, 0.5), draw(1, 2), draw(7, 3)]);
    assert.deepEqual(together.slice(0, 3), alone);
    assert.notDeepEqual(alone[0].ids, alone[2].ids);
  }));

Deno.test("Engine reads at most `burst` pieces between two tokens of the others", () =>
  withEngine({ rows: 3, burst: 2 }, async (engine, calls) => {
    let begun = () => {};
    const first = new Promise<void>((resolve) => begun = resolve);
    const growing = engine.submit(request([1, 2], 40, { onToken: () => begun() }));
    await first;
    await Promise.all([
      engine.submit(request(prompt(400, 0), 2)),
      engine.submit(request(prompt(300, 1), 2)),
      growing,
    ]);
    const runs = calls.join("").match(/(piece)+/g)!.map((run) => run.length / 5);
    assert.ok(Math.max(...runs) === 2 && runs.length >= 6, runs.join());
  }));

Deno.test("Engine ends a text by its signal, waiting, reading or growing, and frees its row", () =>
  withEngine({ rows: 1, burst: 1 }, async (engine) => {
    const cancel = Array.from({ length: 3 }, () => new AbortController());
    const reason = new Error("not wanted");
    const tokens: number[] = [];
    const growing = engine.submit(request([1], 900, {
      signal: cancel[0].signal,
      onToken: (id) => void (tokens.push(id) === 5 && cancel[0].abort(reason)),
    }));
    const waiting = engine.submit(request([2], 5, { signal: cancel[1].signal }));
    cancel[1].abort(reason);
    const last = engine.submit(request(prompt(300, 0), 3));
    await assert.rejects(waiting, reason);
    await assert.rejects(growing, reason);
    assert.equal(tokens.length, 5);
    assert.equal((await last).ids.length, 3);
    const reading = engine.submit(request(prompt(900, 0), 3, { signal: cancel[2].signal }));
    setTimeout(() => cancel[2].abort(reason), 0);
    await assert.rejects(reading, reason);
    await assert.rejects(engine.submit(request([1], 1, { signal: cancel[0].signal })), reason);
    assert.deepEqual([engine.active, engine.waiting], [0, 0]);
    assert.equal((await engine.submit(request([3], 2))).ids.length, 2);
  }));

Deno.test("Engine fails the text whose callback throws, and no other", () =>
  withEngine({ rows: 2 }, async (engine) => {
    const bad = engine.submit(request([1], 20, {
      onToken: () => {
        throw new Error("on purpose");
      },
    }));
    const good = engine.submit(request([1], 20));
    await assert.rejects(bad, /on purpose/);
    assert.equal((await good).ids.length, 20);
    const open = engine.submit(request([1], 900));
    engine.close(new Error("the end"));
    await assert.rejects(open, /the end/);
  }));

Deno.test("Engine takes known prompt beginnings from the cache and gives the same texts", () =>
  withEngine({ rows: 2, prefixes: new PrefixCache(1e9) }, async (engine, calls, base) => {
    const rubric = prompt(200, 0),
      asked = [10, 80, 64].map((n, i) => [...rubric, ...prompt(n, 5000 + 100 * i)]);
    const texts = [];
    for (const ids of [...asked, rubric.slice(0, 192)]) texts.push(await engine.submit(request(ids, 6)));
    assert.deepEqual(texts.map(({ cached }) => cached), [0, 192, 192, 128]);
    assert.equal(calls.filter((call) => call === "piece").length, 4 + 2 + 2 + 1);
    const alone = await generate(base, asked, { maxNew: 6, stop: [], cache: false, threads: 1 });
    assert.deepEqual(texts.slice(0, 3).map(({ ids }) => ids), alone.map(({ ids }) => ids));
  }));

Deno.test("Engine's rows grow for a long text and shrink again where told to", () =>
  withEngine({ rows: 2, capacity: 64, shrinks: true }, async (engine, _calls, base) => {
    const long = prompt(500, 0), short = prompt(20, 700);
    const alone = await generate(base, [long, short], { maxNew: 30, stop: [], cache: false, threads: 1 });
    for (let i = 0; i < 2; i++) {
      const both = await Promise.all([long, short].map((ids) => engine.submit(request(ids, 30))));
      assert.deepEqual(both.map(({ ids }) => ids), alone.map(({ ids }) => ids));
      assert.deepEqual((await engine.submit(request(short, 30))).ids, alone[1].ids);
    }
  }));

Deno.test("PrefixCache gives up the longest unused pieces first, and no beginning before what follows", () => {
  const piece = (): TensorData => ({ dtype: "float32", shape: [1], data: new Float32Array(1) });
  const of = (...letters: number[]) => letters.flatMap((letter) => Array<number>(64).fill(letter));
  const cache = new PrefixCache(12), end = [99];
  const found = (...letters: number[]) => cache.find([...of(...letters), ...end]).length;
  const a = piece();
  cache.add(of(1), 0, a);
  cache.add(of(1, 2), 64, piece());
  cache.add(of(1, 2, 3), 128, piece());
  assert.deepEqual([found(1, 2, 3), found(1, 3), found(2), cache.bytes], [3, 1, 0, 12]);
  assert.equal(cache.find([...of(1), ...end])[0], a);
  assert.equal(cache.find(of(1)).length, 0); // its last token must be computed
  assert.equal(cache.find([]).length, 0);
  cache.add(of(5), 0, piece()); // the last piece of 1 2 3 goes
  assert.deepEqual([found(5), found(1, 2, 3), cache.bytes], [1, 2, 12]);
  cache.add(of(7, 8), 64, piece()); // nothing known before it
  assert.equal(cache.bytes, 12);
  cache.add(of(1), 0, piece()); // known already
  assert.equal(cache.find([...of(1), ...end])[0], a);
  const none = new PrefixCache(3);
  none.add(of(1), 0, piece());
  assert.equal(none.bytes, 0);
});
