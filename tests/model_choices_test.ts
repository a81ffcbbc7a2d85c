// Choices scored as trees behind shared beginnings: what loops say of each choice alone, whatever it is asked beside.
import assert from "node:assert/strict";
import { type ChoiceRequest, type ChoiceScore, scoreChoices } from "../lib/model/choices.ts";
import { sharedPrefix, treeOf } from "../lib/model/choice_tree.ts";
import { initLora, type LoraConfig } from "../lib/model/lora.ts";
import { score } from "../lib/model/score.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { values } from "./oracles/jit_parity.ts";
import { loopHidden, loopLogProbs, smallBase } from "./oracles/small_model.ts";

const random = stream(1, "choices");
let drawn = 0;
const draw = (below: number) => random.ints(1, below, drawn++)[0];
const tokens = (n: number) => Array.from({ length: n }, () => 1 + draw(21));

/** A question after `front`: `count` choices, some of them beginning alike, one with its own context. */
function question(front: number[], count: number, group?: string): ChoiceRequest {
  const context = [...front, ...tokens(3 + draw(5))], begin = tokens(1);
  const rests = Array.from({ length: count }, (_, i) => [...i % 2 ? begin : [], ...tokens(1 + i)]);
  const sequences = rests.map((rest, i) => [...i === 3 ? [...context, ...tokens(2)] : context, ...rest]);
  return { sequences, targets: rests.map((rest) => rest.length), group };
}

const shots = tokens(36), otherShots = tokens(33);
const requests: ChoiceRequest[] = [
  question(shots, 4, "a"),
  question([], 2),
  question(otherShots, 3, "b"),
  question(shots, 4, "a"),
  question(otherShots, 4, "b"),
  question([], 1),
  question(tokens(12), 4, "alone"),
  // Single tokens at one position, as letters after "Answer:"
  { sequences: [4, 5, 6, 7].map((id) => [...shots, 9, id]), targets: [1, 1, 1, 1], group: "a" },
];

const close = (a: ChoiceScore[], b: ChoiceScore[], least: number) =>
  a.forEach((one, i) => {
    assert.deepEqual(one.isGreedy, b[i].isGreedy);
    one.loglikelihoods.forEach((ll, j) =>
      assert.ok(Math.abs(ll - b[i].loglikelihoods[j]) < least, `${i} ${j}`)
    );
  });

Deno.test("scoreChoices() gives what loops give for each choice alone, in any order and batch", () =>
  inFolder(async (folder) => {
    const { base, config, weights } = await smallBase(folder);
    const loops = requests.map(({ sequences, targets }) => {
      const loglikelihoods: number[] = [], isGreedy: boolean[] = [];
      for (const [j, ids] of sequences.entries()) {
        const hidden = loopHidden(config, weights, ids);
        const at = Array.from({ length: targets[j] }, (_, k) => ids.length - targets[j] + k);
        const rows = at.map((i) => loopLogProbs(config, weights, hidden[i - 1]));
        loglikelihoods.push(rows.reduce((sum, row, k) => sum + row[ids[at[k]]], 0));
        isGreedy.push(rows.every((row, k) => row.indexOf(Math.max(...row)) === ids[at[k]]));
      }
      return { loglikelihoods, isGreedy };
    });
    const options = { cache: false as const };
    const seen: number[] = [];
    const onScore = (_: string, index: number) => void seen.push(index);
    const { base: whole } = await scoreChoices(base, requests, { base: undefined }, { ...options, onScore });
    close(whole, loops, 2e-5);
    assert.deepEqual(seen.toSorted((a, b) => a - b), [...requests.keys()]);
    const order = [5, 2, 7, 0, 6, 3, 1, 4];
    for (const batchTokens of [16, 60, 4096]) {
      const { base: other } = await scoreChoices(
        base,
        order.map((i) => requests[i]),
        { base: undefined },
        { ...options, batchTokens },
      );
      close(order.map((i) => whole[i]), other, 1e-5);
    }
    const { base: single } = await scoreChoices(base, [requests[0]], { base: undefined }, options);
    close(single, [whole[0]], 1e-5);
  }));

Deno.test("scoreChoices() serves adapters and the base model in one pass, and sliding windows", () =>
  inFolder(async (folder) => {
    const { base: plain, config } = await smallBase(folder);
    const lora: LoraConfig = { r: 2, alpha: 4, dropout: 0.1, targets: ["q_proj", "v_proj"] };
    const params = initLora(config, lora, 5);
    for (const [key, tensor] of Object.entries(params)) {
      if (key.includes("lora_B")) tensor.data.set(values(tensor.shape, key).data);
    }
    const base = { ...plain, config: { ...config, slidingWindow: 7, windowFrom: 1 } };
    const adapter = { params, lora }, options = { cache: false as const };
    const both = await scoreChoices(base, requests, { tuned: adapter, base: undefined }, options);
    for (const [name, own] of Object.entries({ tuned: adapter, base: undefined })) {
      for (const [i, { sequences, targets }] of requests.entries()) {
        const list = sequences.map((ids, j) => ({
          id: String(j),
          ids: Int32Array.from(ids),
          supervised: Uint8Array.from(ids, (_, k) => k >= ids.length - targets[j] ? 1 : 0),
        }));
        const alone = await score(base, list, { ...options, adapter: own });
        alone.forEach(({ nll, predicted, targets }, j) => {
          const ll = -nll.reduce((a, b) => a + b, 0);
          assert.ok(Math.abs(ll - both[name][i].loglikelihoods[j]) < 2e-5);
          assert.equal(both[name][i].isGreedy[j], predicted.every((id, k) => id === targets[k]));
        });
      }
    }
    assert.notDeepEqual(both.tuned[0].loglikelihoods, both.base[0].loglikelihoods);
  }));

Deno.test("scoreChoices() leaves out what is known, and gives the rest the bits that they have in a whole run", () =>
  inFolder(async (folder) => {
    const { base, config } = await smallBase(folder);
    const adapter = (r: number, rslora: boolean) => {
      const lora: LoraConfig = { r, alpha: 4, dropout: 0, targets: ["q_proj"], ...rslora && { rslora } };
      const params = initLora(config, lora, 5);
      for (const [key, tensor] of Object.entries(params)) {
        if (key.includes("lora_B")) tensor.data.set(values(tensor.shape, key).data);
      }
      return { params, lora };
    };
    const adapters = {
      two: adapter(2, false),
      base: undefined,
      three: adapter(3, false),
      rs: adapter(2, true),
    };
    const options = { cache: false as const, threads: 1, batchTokens: 64 };
    const whole = await scoreChoices(base, requests, adapters, options);
    for (const [name, own] of Object.entries(adapters)) { // of another rank or scale: as alone
      close((await scoreChoices(base, requests, { [name]: own }, options))[name], whole[name], 1e-5);
    }
    assert.notDeepEqual(whole.two, whole.rs);
    const known = (name: string, i: number) => name === "three" || i % 3 === 1 || (name === "base" && i < 6);
    const seen: string[] = [];
    const onScore = (name: string, i: number) => void seen.push(`${name} ${i}`);
    const rest = await scoreChoices(base, requests, adapters, { ...options, known, onScore });
    const open = Object.keys(adapters).flatMap((name) =>
      [...requests.keys()].filter((i) => !known(name, i)).map((i) => `${name} ${i}`)
    );
    assert.deepEqual(seen.toSorted(), open.toSorted());
    for (const one of open) {
      const [name, i] = one.split(" ");
      assert.deepEqual(rest[name][Number(i)], whole[name][Number(i)]);
    }
  }));

Deno.test("sharedPrefix() ends before any context's last token, and a tree holds each token once", () => {
  const request = { sequences: [[1, 2, 3, 4, 5], [1, 2, 3, 6]], targets: [2, 1] };
  assert.equal(sharedPrefix([request]), 2);
  assert.equal(sharedPrefix([request, { sequences: [[1, 7, 8]], targets: [1] }]), 1);
  assert.equal(sharedPrefix([]), 0);
  const tree = treeOf(request, 1);
  assert.deepEqual(Array.from(tree.ids), [2, 3, 4]);
  assert.deepEqual(Array.from(tree.positions), [1, 2, 3]);
  assert.deepEqual(Array.from(tree.branches), [0, 0, 1]);
  assert.deepEqual(tree.rows, [1, 2]);
  assert.deepEqual(tree.of, [0, 1, 0]); // 4 and 6 follow the same token
  assert.deepEqual(tree.tokens, [4, 5, 6]);
  assert.deepEqual(tree.choices, [0, 0, 1]);
});

Deno.test("scoreChoices() refuses what has no context or is longer than the model's", () =>
  inFolder(async (folder) => {
    const { base, config } = await smallBase(folder);
    const ask = (request: ChoiceRequest) =>
      scoreChoices(base, [request], { base: undefined }, { cache: false });
    await assert.rejects(ask({ sequences: [[1, 2]], targets: [2] }), /needs a context/);
    await assert.rejects(ask({ sequences: [[1]], targets: [0] }), /needs a context/);
    const long = Array.from({ length: config.maxPositions + 2 }, () => 1);
    await assert.rejects(
      ask({ sequences: [long], targets: [1] }),
      /Cannot score request 0: it has 65 tokens/,
    );
    assert.deepEqual(await scoreChoices(base, [], { base: undefined }), { base: [] });
  }));
