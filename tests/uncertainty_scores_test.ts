// The model's own scores: ROUGE-L against rouge-score's stored outputs, clusters by hand, perplexity, entropy and hidden states
// against loops over the tiny model's weights, draws that do not depend on their neighbours.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Example } from "../lib/data/mod.ts";
import type { Params } from "../lib/jit/mod.ts";
import { encodeExample, encodePrompt, type Model } from "../lib/model/mod.ts";
import { InputError } from "../lib/run/errors.ts";
import { stream } from "../lib/run/seed.ts";
import {
  clusterEntropy,
  drawAnswers,
  hiddenSpread,
  readScores,
  rougeClusters,
  rougeL,
  scoreColumns,
  scoreLines,
  scoresOf,
  scoreUncertainty,
  wordsOf,
  wordSpread,
} from "../lib/uncertainty/mod.ts";
import { inFolder } from "./folder.ts";
import { loopHidden, loopLogProbs } from "./oracles/small_model.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";

const { texts, words, rougeL: stored } = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/rouge/reference.json")),
);

Deno.test("wordsOf() and rougeL() agree with rouge-score on ASCII text", () => {
  assert.deepEqual(texts.map(wordsOf), words);
  texts.forEach((a: string, i: number) =>
    texts.forEach((b: string, j: number) => {
      const got = rougeL(wordsOf(a), wordsOf(b));
      assert.ok(Math.abs(got - stored[i][j]) < 1e-12, `${a} | ${b}: ${got} ≠ ${stored[i][j]}`);
    })
  );
});

Deno.test("wordsOf() keeps the words of other scripts, letter by letter where they have no spaces", () => {
  assert.deepEqual(wordsOf("Café — NAÏVE straße 4º"), ["café", "naïve", "straße", "4º"]);
  assert.deepEqual(wordsOf("你好, GPT4很好"), ["你", "好", "gpt4", "很", "好"]);
  assert.deepEqual(wordsOf("привет мир"), ["привет", "мир"]);
});

/** The longest common subsequence by trying every subset of `a`. */
function longestByForce(a: string[], b: string[]): number {
  let best = 0;
  for (let mask = 0; mask < 1 << a.length; mask++) {
    const part = a.filter((_, i) => mask >> i & 1);
    let at = 0;
    for (const word of b) if (word === part[at]) at++;
    if (at === part.length) best = Math.max(best, at);
  }
  return best;
}

Deno.test("rougeL() is twice the longest common subsequence over both lengths, and symmetric", () => {
  for (let round = 0; round < 200; round++) {
    const random = stream(round, "rouge"),
      draw = (n: number, from: number) => random.ints(n, 3, from).map((i) => "abc"[i]);
    const a = draw(1 + round % 8, 0), b = draw(1 + (round * 7) % 9, 50);
    assert.ok(Math.abs(rougeL(a, b) - 2 * longestByForce(a, b) / (a.length + b.length)) < 1e-15);
    assert.equal(rougeL(a, b), rougeL(b, a));
  }
});

Deno.test("rougeClusters() joins what is alike, also through a third, in any order", () => {
  const chain = ["a b c d", "c d e f", "e f g h", "x y", "X, y!", "", "..."];
  assert.deepEqual(rougeClusters(chain, 0.5), [0, 0, 0, 1, 1, 2, 2]);
  assert.deepEqual(rougeClusters(chain, 0.51), [0, 1, 2, 3, 3, 4, 4]);
  const order = [2, 6, 3, 0, 5, 1, 4], moved = rougeClusters(order.map((i) => chain[i]), 0.5);
  for (let i = 0; i < 7; i++) {
    for (let j = 0; j < 7; j++) {
      const together = rougeClusters(chain, 0.5)[order[i]] === rougeClusters(chain, 0.5)[order[j]];
      assert.equal(moved[i] === moved[j], together);
    }
  }
});

Deno.test("clusterEntropy() goes from 0 for one cluster to 1 for each its own", () => {
  assert.equal(clusterEntropy([0, 0, 0, 0]), 0);
  assert.ok(Math.abs(clusterEntropy([0, 1, 2, 3]) - 1) < 1e-15);
  assert.ok(Math.abs(clusterEntropy([0, 0, 1, 1]) - 0.5) < 1e-15);
  const h = -(0.6 * Math.log(0.6) + 0.4 * Math.log(0.4)) / Math.log(5);
  assert.ok(Math.abs(clusterEntropy([0, 1, 0, 1, 0]) - h) < 1e-15);
  assert.equal(clusterEntropy([0]), 0);
});

const examples: Example[] = [
  { id: "one", turns: [{ role: "user", content: "Hi" }, { role: "assistant", content: "a sea" }] },
  {
    id: "two",
    turns: [
      { role: "user", content: "b" },
      { role: "assistant", content: "c d" },
      { role: "user", content: "e" },
      { role: "assistant", content: "fg" },
    ],
  },
  { id: "long", turns: [{ role: "user", content: "x".repeat(300) }, { role: "assistant", content: "y" }] },
];

async function weightsOf(model: Model): Promise<Params> {
  const weights: Params = {};
  for (const name of model.weights.tensors.keys()) weights[name] = await model.weights.read(name);
  return weights;
}

const jit = { threads: 1, cache: false as const };

Deno.test("scoreUncertainty() has the answers' nll, perplexity and entropy as loops over the weights do", () =>
  withTinyModel(async (model) => {
    const rows = await scoreUncertainty(model, examples, ["perplexity", "entropy"], { ...jit, context: 128 });
    assert.deepEqual(rows.map(({ id }) => id), ["one", "two", "long"]);
    assert.deepEqual(rows[2], { id: "long" });
    const weights = await weightsOf(model), { config } = model;
    for (const [e, example] of examples.slice(0, 2).entries()) {
      const { ids, supervised } = encodeExample(model.tokenizer, model.chatTemplate, example, {
        context: 128,
        supervise: "response",
      });
      const hidden = loopHidden(config, weights, ids);
      let nll = 0, entropy = 0, tokens = 0;
      for (let i = 1; i < ids.length; i++) {
        if (!supervised[i]) continue;
        const logs = loopLogProbs(config, weights, hidden[i - 1]);
        nll -= logs[ids[i]];
        entropy -= logs.reduce((sum, lp) => sum + Math.exp(lp) * lp, 0);
        tokens++;
      }
      const row = rows[e];
      assert.equal(row.tokens, tokens);
      assert.ok(
        Math.abs(row.nll! - nll / tokens) < 1e-5 && Math.abs(row.perplexity! - Math.exp(nll / tokens)) < 1e-2,
      );
      assert.ok(Math.abs(row.entropy! - entropy / tokens / Math.log(config.vocabSize)) < 1e-5);
    }
    const one = await scoreUncertainty(model, examples.slice(0, 1), ["perplexity"], jit);
    assert.deepEqual(Object.keys(one[0]), ["id", "nll", "perplexity", "tokens"]);
  }));

Deno.test("drawAnswers() draws the same answers whatever is drawn beside, others for another seed", () =>
  withTinyModel(async (model) => {
    const options = { ...jit, samples: 3, maxNew: 6, temperature: 1 };
    const all = await drawAnswers(model, examples.slice(0, 2), options);
    const alone = await drawAnswers(model, [examples[1]], { ...options, batch: 2 });
    assert.deepEqual(alone[0], all[1]);
    assert.deepEqual(
      all[1].prompt,
      encodePrompt(model.tokenizer, model.chatTemplate, examples[1].turns.slice(0, 3)),
    );
    assert.ok(new Set(all[0].answers.map(({ ids }) => ids.join())).size > 1, "answers differ");
    assert.notDeepEqual(
      (await drawAnswers(model, [examples[1]], { ...options, seed: 1 }))[0].answers,
      all[1].answers,
    );
    const greedy = await drawAnswers(model, [examples[0]], { ...options, temperature: 0 });
    assert.deepEqual(wordSpread(greedy), [0]);
    await assert.rejects(drawAnswers(model, examples, { ...options, samples: 1 }), /spread of 1 answers/);
  }));

Deno.test("hiddenSpread() is the mean cosine distance between the answers' mean hidden states, by loops", () =>
  withTinyModel(async (model) => {
    const drawn = await drawAnswers(model, examples.slice(0, 2), {
      ...jit,
      samples: 3,
      maxNew: 6,
      temperature: 1,
    });
    const got = await hiddenSpread(model, drawn, jit), weights = await weightsOf(model);
    drawn.forEach(({ prompt, answers }, d) => {
      const means = answers.map(({ ids }) => {
        const hidden = loopHidden(model.config, weights, [...prompt, ...ids]).slice(prompt.length);
        return hidden[0].map((_, k) => hidden.reduce((sum, row) => sum + row[k], 0) / hidden.length);
      });
      const dot = (a: number[], b: number[]) => a.reduce((sum, x, k) => sum + x * b[k], 0);
      let sum = 0;
      for (const [i, j] of [[0, 1], [0, 2], [1, 2]]) {
        sum += 1 - dot(means[i], means[j]) / Math.sqrt(dot(means[i], means[i]) * dot(means[j], means[j]));
      }
      assert.ok(Math.abs(got[d] - sum / 3) < 1e-5, `${got[d]} ≠ ${sum / 3}`);
    });
    const same = { ...drawn[0], answers: [drawn[0].answers[0], drawn[0].answers[0]] };
    assert.ok((await hiddenSpread(model, [same], jit))[0] < 1e-6);
  }));

Deno.test("scoreUncertainty() gives both spreads in one draw and refuses unknown kinds", () =>
  withTinyModel(async (model) => {
    const draw = { samples: 2, maxNew: 4, temperature: 1 }, seen = new Set<string>();
    const [long, ...rows] = await scoreUncertainty(model, [examples[2], ...examples.slice(0, 2)], [
      "spread",
      "hidden-spread",
    ], {
      ...jit,
      draw,
      onProgress: (what, share) => void (seen.add(what), assert.ok(share > 0 && share <= 1)),
    });
    const drawn = await drawAnswers(model, examples.slice(0, 2), { ...jit, ...draw });
    assert.deepEqual(long, { id: "long" });
    assert.deepEqual(rows.map(({ spread }) => spread), wordSpread(drawn));
    assert.ok(rows.every(({ hidden_spread }) => hidden_spread! >= 0));
    assert.deepEqual([...seen], ["draws", "hidden states"]);
    const refuses = (kinds: string[], message: RegExp) =>
      assert.rejects(
        scoreUncertainty(model, examples, kinds as never, jit),
        (e) => e instanceof InputError && message.test(e.message),
      );
    await refuses(["luck"], /the score "luck": choose from perplexity/);
    await refuses([], /no kind of score/);
    const tight = scoreUncertainty(model, examples, ["spread"], { ...jit, context: 5 });
    await assert.rejects(tight, /no request is within 5 tokens; raise the context/);
  }));

Deno.test("scoreLines() writes what readScores() reads; wrong lines are refused with their number", () =>
  inFolder(async (folder) => {
    const path = join(folder, "scores.jsonl");
    const rows = [
      { id: "a", nll: 1 / 3, perplexity: Math.exp(1 / 3), tokens: 4, entropy: 0.1 },
      { id: "b" },
      { id: "c", spread: 0 },
    ];
    await Deno.writeTextFile(path, scoreLines(rows));
    assert.deepEqual(await readScores(path), rows);
    assert.deepEqual([...scoresOf(rows, "nll")], [["a", 1 / 3]]);
    assert.deepEqual(Object.keys(scoreColumns(rows)), ["nll", "entropy", "spread"]);
    for (
      const [text, message] of [
        ['{"id":"a"}\n{"id":"a"}', /:2: its id "a" is that of .*:1 too/],
        ['{"id":"a","nll":null}', /:1: its nll is wrong/],
        ['{"id":"a","entropy":-1}', /:1: its entropy is wrong/],
        ['{"nll":1}', /:1: its id is wrong/],
      ] as [string, RegExp][]
    ) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(readScores(path), (e) => e instanceof InputError && message.test(e.message));
    }
    assert.throws(() => scoreLines([{ id: "a", nll: NaN }]), /row 1: its nll is wrong/);
  }));
