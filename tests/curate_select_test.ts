// lib/curate: DEITA's pick, mixtures, selection in steps, and the file of embeddings, against plain loops.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Candidate, deitaScore, pickDiverse } from "../lib/curate/deita.ts";
import { readEmbeddings, writeEmbeddings } from "../lib/curate/embeddings_file.ts";
import { apportion, mix, splitByUncertainty } from "../lib/curate/mix.ts";
import { selectExamples, withinRange } from "../lib/curate/select.ts";
import { bundled } from "../lib/data/bundled.ts";
import type { Example } from "../lib/data/example.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";

const examples = (n: number, about: (i: number) => Partial<Example> = () => ({})): Example[] =>
  Array.from({ length: n }, (_, i) => ({
    id: `e${i}`,
    turns: [{ role: "user", content: `Say number ${i}.` }, { role: "assistant", content: `It is ${i}.` }],
    ...about(i),
  }));

Deno.test("deitaScore() is the product of the sums over exchanges", () => {
  assert.equal(deitaScore({ complexity: [2, 3], quality: [4, 1.5] }), 5 * 5.5);
  assert.equal(deitaScore({ complexity: [6], quality: [6] }), 36);
});

/** The paper's code in a few lines: sorted by score, each compared with all taken before. */
function plainPick(candidates: Candidate[], count: number, threshold: number): string[] {
  const cosine = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let ab = 0, aa = 0, bb = 0;
    for (let i = 0; i < a.length; i++) ab += a[i] * b[i], aa += a[i] ** 2, bb += b[i] ** 2;
    return ab / (Math.sqrt(aa) * Math.sqrt(bb));
  };
  const taken: Candidate[] = [];
  for (const one of candidates.toSorted((a, b) => b.score - a.score)) {
    if (taken.length === count) break;
    if (taken.every((other) => cosine(one.embedding, other.embedding) <= threshold)) taken.push(one);
  }
  return taken.map(({ id }) => id);
}

Deno.test("pickDiverse() takes the best that are not too similar, as the paper's code does", () => {
  const { uniform, normal } = stream(0, "deita");
  const candidates = Array.from({ length: 300 }, (_, i) => {
    const centre = i % 40;
    const embedding = Float32Array.from(
      { length: 16 },
      (_, d) => normal(centre * 16 + d) + 0.15 * normal(1e6 + i * 16 + d),
    );
    return { id: `c${i}`, score: Math.round(uniform(i) * 20), embedding };
  });
  for (const [count, threshold] of [[10, 0.95], [300, 0.95], [300, 0.9], [25, 1]]) {
    const { picked, redundant } = pickDiverse(candidates, { count, threshold });
    assert.deepEqual(picked, plainPick(candidates, count, threshold));
    assert.ok(redundant.every(({ of, similarity }) => picked.includes(of) && similarity > threshold));
    if (count === 300 && threshold < 1) {
      assert.ok(redundant.length > 50);
      assert.equal(picked.length + redundant.length, 300);
    }
  }
  assert.deepEqual(pickDiverse([], { count: 3 }), { picked: [], redundant: [] });
});

Deno.test("pickDiverse() refuses embeddings and scores that are none", () => {
  const good = { id: "a", score: 1, embedding: [1, 2] };
  const refused = (bad: Partial<Candidate>, words: RegExp) =>
    assert.throws(() => pickDiverse([good, { ...good, id: "b", ...bad }], { count: 2 }), words);
  refused({ embedding: [1] }, /^InputError: Cannot select b: its embedding has 1 numbers, that of a 2/);
  refused({ embedding: [0, 0] }, /its embedding is zero or not finite/);
  refused({ embedding: [NaN, 1] }, /its embedding is zero or not finite/);
  refused({ score: NaN }, /its score is NaN/);
});

Deno.test("splitByUncertainty() makes parts of equal size, the lowest first, each in the order given", async () => {
  const rated = examples(7, (i) => ({ uncertainty: [50, 3, 50, 99, 0, 50, 3][i] }));
  const ids = (parts: Example[][]) => parts.map((part) => part.map(({ id }) => id));
  assert.deepEqual(ids(splitByUncertainty(rated)), [["e0", "e1", "e4", "e6"], ["e2", "e3", "e5"]]);
  assert.deepEqual(ids(splitByUncertainty(rated, 3)), [["e1", "e4", "e6"], ["e0", "e2"], ["e3", "e5"]]);
  const train = await bundled("train"), [low, high] = splitByUncertainty(train);
  assert.equal(low.length, high.length);
  assert.ok(Math.max(...low.map((e) => e.uncertainty!)) <= Math.min(...high.map((e) => e.uncertainty!)));
  assert.throws(
    () => splitByUncertainty(examples(2)),
    /^InputError: Cannot split by uncertainty: e0 has none/,
  );
  assert.throws(() => splitByUncertainty(rated.slice(0, 1)), /Cannot split 1 examples into 2 parts/);
});

Deno.test("apportion() gives whole numbers by largest remainders", () => {
  assert.deepEqual(apportion(10, [1, 1, 1]), [4, 3, 3]);
  assert.deepEqual(apportion(7, [0.5, 0.3, 0.2]), [4, 2, 1]);
  assert.deepEqual(apportion(5, [0, 2]), [0, 5]);
  for (let count = 0; count < 50; count++) {
    assert.equal(apportion(count, [3, 1, 7, 0.2]).reduce((a, b) => a + b), count);
  }
});

Deno.test("mix() draws each part's share without replacement, the same by seed", () => {
  const low = examples(40), high = examples(60).map((e) => ({ ...e, id: `h${e.id}` }));
  const ids = (mixed: Example[]) => mixed.map(({ id }) => id);
  const { mixed, counts } = mix([low, high], { shares: [1, 3], count: 40, seed: 1 });
  assert.deepEqual(counts, [10, 30]);
  assert.equal(new Set(ids(mixed)).size, 40);
  assert.equal(mixed.filter(({ id }) => id.startsWith("h")).length, 30);
  assert.deepEqual(ids(mix([low, high], { shares: [1, 3], count: 40, seed: 1 }).mixed), ids(mixed));
  assert.notDeepEqual(ids(mix([low, high], { shares: [1, 3], count: 40, seed: 2 }).mixed), ids(mixed));
  assert.deepEqual(mix([low, high], { shares: [1, 1] }).counts, [40, 40]);
  assert.deepEqual(mix([low, high], { shares: [1, 3] }).counts, [20, 60]);
  assert.deepEqual(mix([low, high], { shares: [0, 1] }).counts, [0, 60]);
  const refused = (words: RegExp, options: Parameters<typeof mix>[1], parts = [low, high]) =>
    assert.throws(() => mix(parts, options), words);
  refused(/Cannot mix 100 examples: part 1 has 40 examples, 50 are wanted; the shares allow 80 at most/, {
    shares: [1, 1],
    count: 100,
  });
  refused(/in shares 1: give one number of at least 0 a part/, { shares: [1] });
  refused(/in shares 0, 0/, { shares: [0, 0] });
  refused(/in shares -1, 2/, { shares: [-1, 2] });
  refused(/the id e0 is in two of the parts/, { shares: [1, 1] }, [low.slice(0, 1), low.slice(0, 1)]);
});

Deno.test("mix() draws every example alike often", () => {
  const part = examples(10), counts = new Map<string, number>();
  for (let seed = 0; seed < 600; seed++) {
    for (const { id } of mix([part], { shares: [1], count: 5, seed }).mixed) {
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  for (const { id } of part) {
    assert.ok(Math.abs(counts.get(id)! - 300) < 4 * Math.sqrt(150), `${id} ${counts.get(id)}`);
  }
});

Deno.test("selectExamples() takes its steps in order and says what each left out", async () => {
  const rows = examples(6, (i) => ({ scores: { complexity: [i + 1], quality: [2] } }));
  rows[1] = { ...rows[1], turns: rows[0].turns };
  rows[2] = {
    ...rows[2],
    turns: [{ role: "user", content: "Q" }, {
      role: "assistant",
      content: "The tall man in the green coat sold nine red apples today.",
    }],
  };
  const embeddings = new Map(
    rows.map(({ id }, i) => [id, i === 4 ? [1, 0, 0.01] : i === 5 ? [1, 0, 0] : [0, i, 1]]),
  );
  const { selected, steps } = await selectExamples(rows, {
    dedupe: {},
    benchmarks: {
      items: [{ benchmark: "b", id: "x", texts: ["the tall man in the green coat sold nine red apples"] }],
    },
    deita: { count: 2, embeddings },
  });
  assert.deepEqual(selected.map(({ id }) => id), ["e5", "e3"]);
  assert.deepEqual(steps.map(({ step, before, after }) => [step, before, after]), [
    ["dedupe", 6, 5],
    ["decontaminate", 5, 4],
    ["deita", 4, 2],
  ]);
  assert.deepEqual(steps[0].dropped, [{ id: "e1", of: "e0", kind: "exact", similarity: 1 }]);
  assert.deepEqual(steps[1].dropped.map(({ id, item }) => [id, item]), [["e2", "x"]]);
  assert.deepEqual(steps[2].dropped.map(({ id, why, score }) => [id, why, score]), [["e4", "redundant", 10], [
    "e0",
    "score",
    2,
  ]]);
  assert.deepEqual([steps[2].highest, steps[2].lowest], [12, 8]);
  assert.deepEqual(await selectExamples(rows, {}), { selected: rows, steps: [] });
  await assert.rejects(
    selectExamples(examples(1), { deita: { count: 1, embeddings } }),
    /Cannot select by DEITA: no dialogue has scores; make/,
  );
  await assert.rejects(
    selectExamples(rows, { deita: { count: 1, embeddings: new Map() } }),
    /it has no embedding/,
  );
});

Deno.test("withinRange() lets pass what is rated within, bounds included", async () => {
  const rated = examples(5, (i) => ({ uncertainty: 10 * i }));
  const ids = async (range: { least?: number; most?: number }) =>
    (await Array.fromAsync(withinRange(rated, range))).map(({ id }) => id);
  assert.deepEqual(await ids({ least: 10, most: 30 }), ["e1", "e2", "e3"]);
  assert.deepEqual(await ids({ least: 31 }), ["e4"]);
  assert.deepEqual(await ids({ most: 0 }), ["e0"]);
  await assert.rejects(
    Array.fromAsync(withinRange(examples(1), {})),
    /^InputError: Cannot select by uncertainty: e0 has none/,
  );
});

Deno.test("embeddings come back from their file, and a bad line is named", () =>
  inFolder(async (folder) => {
    const path = join(folder, "e.jsonl");
    await writeEmbeddings(
      path,
      new Map([["a", Float32Array.of(0.1, -2e-9)], ["b", Float32Array.of(1 / 3, 3)]]),
    );
    assert.deepEqual([...await readEmbeddings(path)], [["a", Float64Array.of(0.1, -2e-9)], [
      "b",
      Float64Array.of(0.333333, 3),
    ]]);
    for (
      const [line, words] of [['{"id":"a","embedding":[]}', /:2: embedding:/], [
        '{"id":"a","embedding":["x"]}',
        /:2: embedding\.0:/,
      ], ['{"id":"z","embedding":[1]}', /:2: the id z is there twice/]] as const
    ) {
      await Deno.writeTextFile(path, `{"id":"z","embedding":[1]}\n${line}\n`);
      await assert.rejects(readEmbeddings(path), words);
    }
  }));
