// Generation with a key/value cache against full forward passes; draws against transformers' logits processors.
import assert from "node:assert/strict";
import { join } from "node:path";
import { generate, type GenerateOptions, textBefore } from "../lib/model/generate.ts";
import { createCache, grow, store } from "../lib/model/kv_cache.ts";
import { distribution, drawToken, type Sampling } from "../lib/model/sampling.ts";
import { score } from "../lib/model/score.ts";
import { f32, type Params } from "../lib/jit/mod.ts";
import { initLora } from "../lib/model/lora.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { values } from "./oracles/jit_parity.ts";
import { loopHidden, loopLogProbs, smallBase } from "./oracles/small_model.ts";

const plain: { stop: number[]; cache: false } = { stop: [], cache: false };
/** Prompts of uneven lengths. */
const prompts = [[1, 5, 9], [4], [7, 7, 2, 11, 3, 8, 20, 1], [0, 1], [22, 3, 3, 3, 17]];

/** The small model's base with room for long texts. */
async function longBase(folder: string) {
  const small = await smallBase(folder);
  return { ...small, base: { ...small.base, config: { ...small.config, maxPositions: 1024 } } };
}

Deno.test("generate() follows the loops' most likely token and ends at a stop id", () =>
  inFolder(async (folder) => {
    const { base, config, weights } = await smallBase(folder);
    const expected: number[] = [];
    const ids = [1, 5, 9];
    for (let i = 0; i < 8; i++) {
      const hidden = loopHidden(config, weights, [...ids, ...expected]).at(-1)!;
      const logProbs = loopLogProbs(config, weights, hidden);
      expected.push(logProbs.indexOf(Math.max(...logProbs)));
    }
    const [all] = await generate(base, [ids], { ...plain, maxNew: 8 });
    assert.deepEqual(all, { ids: expected, finish: "length" });
    const stop = expected[3];
    const [cut] = await generate(base, [ids], { ...plain, maxNew: 8, stop: [stop] });
    assert.deepEqual(cut, { ids: expected.slice(0, expected.indexOf(stop) + 1), finish: "stop" });
  }));

Deno.test("generate() takes each id from the full forward pass's distribution, through chunks and a growing cache", () =>
  inFolder(async (folder) => {
    const { base } = await longBase(folder);
    const random = stream(1, "prompts");
    const long = [150, 3, 64, 65].map((n, i) => random.ints(n, 23, 1000 * i));
    const answers = await generate(base, long, { ...plain, maxNew: 330, batch: 3 });
    const texts = long.map((prompt, i) => [...prompt, ...answers[i].ids]);
    const scores = await score(
      base,
      texts.map((ids, i) => ({
        id: String(i),
        ids: Int32Array.from(ids),
        supervised: Uint8Array.from(ids, (_, t) => t >= long[i].length ? 1 : 0),
      })),
      { cache: false },
    );
    for (const [i, { ids, finish }] of answers.entries()) {
      assert.deepEqual([ids.length, finish], [330, "length"]);
      // a token the full pass ranks second by less than its rounding error would be as good
      ids.forEach((id, t) =>
        id === scores[i].predicted[t] || assert.ok(isTie(scores[i], t), `text ${i}, token ${t}`)
      );
    }
  }));

Deno.test("generate() reads a beginning that all prompts share once, and no id changes", () =>
  inFolder(async (folder) => {
    const { base } = await longBase(folder);
    const random = stream(2, "shared"), shots = random.ints(150, 23, 0);
    const asked = [9, 70, 1].map((n, i) => [...shots, ...random.ints(n, 23, 200 * (i + 1))]);
    const together = await generate(base, asked, { ...plain, maxNew: 12, batch: 2 });
    for (const [i, prompt] of asked.entries()) {
      const [alone] = await generate(base, [prompt], { ...plain, maxNew: 12 });
      assert.deepEqual(together[i], alone);
    }
  }));

/** Whether the token that was taken is as likely as the most likely one, up to rounding. */
const isTie = ({ nll, confidence }: { nll: ArrayLike<number>; confidence: ArrayLike<number> }, t: number) =>
  Math.abs(Math.exp(-nll[t]) - confidence[t]) < 1e-5;

Deno.test("generate() gives a prompt the same ids whatever it is generated beside", () =>
  inFolder(async (folder) => {
    const { base, config } = await longBase(folder);
    const adapter = {
      params: trained(config),
      lora: { r: 2, alpha: 4, dropout: 0, targets: ["q_proj", "down_proj"] },
    };
    const draw: Sampling = { temperature: 0.9, topK: 10, topP: 0.9 };
    for (const how of [{}, draw, { adapter }, { ...draw, adapter }]) {
      const options: GenerateOptions = { ...plain, maxNew: 12, seed: 3, stop: [6], ...how };
      const side = await generate(base, prompts, { ...options, batch: 5 });
      assert.deepEqual(await generate(base, prompts, { ...options, batch: 1 }), side);
      assert.deepEqual(await generate(base, prompts, { ...options, batch: 2 }), side);
    }
    const options = { ...plain, ...draw, maxNew: 12 };
    const [a, b] = await Promise.all([3, 4].map((seed) => generate(base, prompts, { ...options, seed })));
    assert.notDeepEqual(a, b);
    const same = await generate(base, [prompts[0], prompts[0]], {
      ...options,
      temperature: 5,
      topK: 0,
      topP: 1,
    });
    assert.notDeepEqual(same[0], same[1]);
  }));

function trained(config: Parameters<typeof initLora>[0]): Params {
  const params = initLora(config, { r: 2, alpha: 4, dropout: 0, targets: ["q_proj", "down_proj"] }, 5);
  for (const [name, tensor] of Object.entries(params)) {
    if (name.includes("lora_B")) tensor.data.set(values(tensor.shape, name).data);
  }
  return params;
}

Deno.test("generate() ends a text at a stop string, also one that spans tokens", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder);
    const decode = (ids: number[]) => ids.map((id) => String.fromCharCode(97 + id)).join("");
    const [free] = await generate(base, [prompts[2]], { ...plain, maxNew: 10 });
    const wanted = decode(free.ids), stop = wanted.slice(4, 6);
    const [cut] = await generate(base, [prompts[2]], {
      ...plain,
      maxNew: 10,
      decode,
      stopStrings: ["?!", stop],
    });
    const end = wanted.indexOf(stop);
    assert.deepEqual(cut, { ids: free.ids.slice(0, end + 2), finish: "stop" });
    assert.equal(textBefore(decode(cut.ids), ["?!", stop]), wanted.slice(0, end));
    assert.equal(textBefore("abc", ["c", "b"]), "a");
    assert.equal(textBefore("abc", []), "abc");
  }));

Deno.test("generate() refuses what it cannot do", () =>
  inFolder(async (folder) => {
    const { base } = await smallBase(folder);
    const refused = async (options: Partial<GenerateOptions>, words: RegExp, prompt = [1, 5, 9]) =>
      await assert.rejects(generate(base, [prompt], { ...plain, maxNew: 4, ...options }), words);
    await refused({ maxNew: 62 }, /with the prompt they are 65, the model's context is 64/);
    await refused({}, /Cannot continue prompt 1: it has no tokens/, []);
    await refused({ temperature: -1 }, /temperature -1/);
    await refused({ temperature: NaN }, /temperature NaN/);
    await refused({ topP: 0 }, /top-p 0/);
    await refused({ topK: 1.5 }, /top-k 1.5/);
    await refused({ batch: 0 }, /0 texts side by side/);
    await refused({ stopStrings: [""] }, /Cannot stop at ""/);
    assert.deepEqual(await generate(base, [], { ...plain, maxNew: 4 }), []);
    assert.deepEqual(await generate(base, [[1]], { ...plain, maxNew: 0 }), [{ ids: [], finish: "length" }]);
  }));

Deno.test("distribution() keeps what transformers' logits processors keep", () => {
  const path = join(import.meta.dirname!, "parity/transformers/sampling.json");
  const { cases } = JSON.parse(Deno.readTextFileSync(path));
  for (const { logits, probabilities, ...sampling } of cases) {
    const got = distribution(Float32Array.from(logits), sampling);
    const dense = new Float64Array(logits.length);
    got.ids.forEach((id, i) => dense[id] = got.probabilities[i]);
    dense.forEach((p, id) => {
      assert.equal(p > 0, probabilities[id] > 0, `${JSON.stringify(sampling)}: token ${id}`);
      assert.ok(Math.abs(p - probabilities[id]) < 1e-6);
    });
  }
});

Deno.test("drawToken() draws each token as often as it is likely", () => {
  const logits = Float32Array.of(0, Math.log(2), Math.log(4), Math.log(1)), n = 8000;
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) counts[drawToken(logits, { temperature: 1 }, (i + 0.5) / n)]++;
  assert.deepEqual(counts, [1000, 2000, 4000, 1000]);
  assert.equal(drawToken(logits, { temperature: 0 }, 0.99), 2);
  assert.equal(drawToken(Float32Array.of(1, 3, 3), {}, 0), 1); // ties: the lower id
  assert.throws(() => drawToken(Float32Array.of(NaN, 1), {}, 0), /NaN/);
});

Deno.test("grow() keeps every entry of the cache where store() put it", () => {
  const config = { layers: 2, kvHeads: 2, headSize: 2 } as Parameters<typeof createCache>[0];
  const entries = f32([4, 1, 2, 3, 2], Float32Array.from({ length: 48 }, (_, i) => i + 1));
  const small = createCache(config, 2, 4), large = createCache(config, 2, 7);
  for (const cache of [small, large]) store(cache, entries, { from: 0, to: 1, at: 2, count: 2 });
  assert.deepEqual(grow(small, 7).arrays, large.arrays);
  // layer 1's values, row 1, head 1, positions 2 and 3
  assert.deepEqual([...large.arrays[3].subarray((1 * 2 + 1) * 14 + 4, (1 * 2 + 1) * 14 + 8)], [
    43,
    44,
    45,
    46,
  ]);
});
