// lib/curate: benchmarks' texts and their overlaps with training data, against plain loops over strings.
import assert from "node:assert/strict";
import { join } from "node:path";
import { zipSync } from "fflate";
import { type BenchmarkItem, BENCHMARKS, readBenchmark } from "../lib/curate/benchmarks.ts";
import { findOverlaps } from "../lib/curate/decontaminate.ts";
import { wordsOf } from "../lib/curate/words.ts";
import { bundled } from "../lib/data/bundled.ts";
import type { Example } from "../lib/data/example.ts";
import { openSource } from "../lib/data/open_source.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";

const example = (id: string, ...contents: string[]): Example => ({
  id,
  turns: contents.map((content, i) => ({ role: i % 2 ? "assistant" : "user", content })),
});
const item = (id: string, ...texts: string[]): BenchmarkItem => ({ benchmark: "test", id, texts });

const LONG = "The old ferry crossed the wide grey river twice a day until the bridge was built in spring.";

Deno.test("findOverlaps() finds 13 words in a row whatever their case and punctuation, and says which item they are of", async () => {
  const found = await findOverlaps([
    example(
      "all",
      "Q",
      `He wrote: the OLD ferry, crossed the wide grey river; twice a day until -- the bridge was built...`,
    ),
    example("twelve", "Q", "ferry crossed the wide grey river twice a day until the bridge"),
    example(
      "none",
      "The old ferry",
      "crossed the wide grey river twice a day until the bridge was built in spring",
    ),
    example(
      "apart",
      "Q",
      "The old ferry crossed the wide grey river twice a single day until the bridge was built in spring",
    ),
  ], [item("x", LONG, "Unrelated."), item("short", "Only five words are here.")]);
  assert.deepEqual(found.overlaps.map(({ id, item, words, share }) => [id, item, words, share]), [
    ["all", "x", "the old ferry crossed the wide grey river twice a day until the bridge was built", 16 / 18],
    ["none", "x", "crossed the wide grey river twice a day until the bridge was built in spring", 15 / 18],
  ]);
  assert.deepEqual([found.examples, found.hit], [4, 2]);
  assert.deepEqual(found.benchmarks, { test: { items: 2, unchecked: 1, hit: 1 } });
});

Deno.test("findOverlaps() takes a short text whole, from eight words on", async () => {
  const eight = "which gas do green plants take in mostly", seven = "which gas do green plants take in";
  const examples = [example("a", `Tell me: ${eight}?`, "A"), example("b", `${seven} then`, "A")];
  const ids = async (items: BenchmarkItem[], options = {}) =>
    (await findOverlaps(examples, items, options)).overlaps.map(({ id, item, share }) => [id, item, share]);
  assert.deepEqual(await ids([item("8", eight), item("7", seven)]), [["a", "8", 1]]);
  assert.deepEqual(await ids([item("8", eight), item("7", seven)], { least: 7 }), [["a", "8", 1], [
    "a",
    "7",
    1,
  ], ["b", "7", 1]]);
  assert.deepEqual(await ids([item("8", eight)], { n: 5 }), [["a", "8", 1], ["b", "8", 7 / 8]]);
});

Deno.test("findOverlaps() leaves common phrases out and names them", async () => {
  const phrase = "please read the following passage with care and answer the question that comes after it";
  const examples = Array.from({ length: 12 }, (_, i) => example(`e${i}`, `${phrase} ${i}`, "A"));
  const items = [item("x", `${phrase} number one`), item("y", LONG)];
  const found = await findOverlaps([...examples, example("own", LONG, "A")], items);
  assert.deepEqual(found.overlaps.map(({ id }) => id), ["own"]);
  assert.deepEqual(found.ignored.map(({ examples }) => examples), [12, 12, 12]);
  assert.equal(found.ignored[0].words, wordsOf(phrase).slice(0, 13).join(" "));
  assert.equal((await findOverlaps(examples, items, { common: 12 })).hit, 12);
});

/** All (example, item) pairs that share a run of `n` words, with strings. */
function plainOverlaps(examples: Example[], items: BenchmarkItem[], n: number, least: number): string[] {
  const runs = (text: string, n: number) => {
    const words = wordsOf(text);
    return new Set(words.slice(n - 1).map((_, i) => words.slice(i, i + n).join(" ")));
  };
  return examples.flatMap(({ id, turns }) =>
    items.filter(({ texts }) =>
      texts.some((text) => {
        const length = Math.min(n, wordsOf(text).length);
        if (length < least) return false;
        const own = runs(text, length);
        return turns.some(({ content }) => [...runs(content, length)].some((run) => own.has(run)));
      })
    ).map((item) => `${id} ${item.id}`)
  );
}

Deno.test("findOverlaps() agrees with plain loops on texts of few words, where runs repeat", async () => {
  const { uniform } = stream(2, "overlap");
  let counter = 0;
  const text = (length: number) =>
    Array.from({ length }, () => ["tar", "gz", "zip", "bz"][Math.floor(uniform(counter++) * 4)]).join(" ");
  const items = Array.from({ length: 40 }, (_, i) => item(`i${i}`, text(3 + i % 9), text(5)));
  const examples = Array.from({ length: 40 }, (_, i) => example(`e${i}`, text(4 + i % 12), text(12)));
  for (const [n, least] of [[6, 4], [5, 5], [7, 1]]) {
    const found = await findOverlaps(examples, items, { n, least, common: 1e9 });
    const wanted = plainOverlaps(examples, items, n, least);
    assert.ok(wanted.length > 20);
    assert.deepEqual(found.overlaps.map(({ id, item }) => `${id} ${item}`).sort(), wanted.sort());
  }
});

Deno.test("readBenchmark() takes every text of any file's rows, and says what is wrong with one", () =>
  inFolder(async (folder) => {
    const file = async (name: string, content: string | Uint8Array) => {
      const path = join(folder, name);
      await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      return path;
    };
    const rows = await file(
      "mine.jsonl",
      '{"id":"q1","question":"Why?","choices":{"text":["a","b"]},"n":3}\n{"q":"Who?"}\n',
    );
    assert.deepEqual(await readBenchmark(rows), [
      { benchmark: "mine.jsonl", id: "q1", texts: ["q1", "Why?", "a", "b"] },
      { benchmark: "mine.jsonl", id: "mine.jsonl#2", texts: ["Who?"] },
    ]);
    const array = await file("mine.json", '[{"question_id":81,"turns":["One?","Two?"]}]');
    assert.deepEqual(await readBenchmark(array), [{
      benchmark: "mine.json",
      id: "81",
      texts: ["One?", "Two?"],
    }]);
    const table = new TextEncoder().encode('"What, then?",a,b,c,d,A\nWhy?,e,f,g,h,B\n');
    const zip = await file(
      "mine.zip",
      zipSync({ "data/test/maths_test.csv": table, "data/dev/maths_dev.csv": table }),
    );
    assert.deepEqual((await readBenchmark(zip)).map(({ id }) => id), ["maths#1", "maths#2"]);
    await assert.rejects(
      readBenchmark(await file("none.jsonl", '{"n":1}\n')),
      /row 1 holds no text; leave it out/,
    );
    const deep = `{"a":${"[".repeat(1e5)}"deep"${"]".repeat(1e5)},"b":"after"}\n`;
    assert.deepEqual((await readBenchmark(await file("deep.jsonl", deep)))[0].texts, ["deep", "after"]);
    await assert.rejects(readBenchmark(await file("bad.jsonl", "{oops\n")), /bad\.jsonl:1: not valid JSON/);
    await assert.rejects(readBenchmark(await file("bad.zip", "PK no")), /it is no zip/);
    await assert.rejects(readBenchmark(join(folder, "nowhere.jsonl")), /no such file/);
  }));

const real = mirror("data");

Deno.test({
  name: "the mirror's benchmarks have their known sizes, and LIMA and Alpaca their known overlaps",
  ignore: !real,
  fn: async () => {
    const items = (await Promise.all(BENCHMARKS.map(readBenchmark))).flat();
    const sizes = Map.groupBy(items, ({ benchmark }) => benchmark);
    assert.deepEqual([...sizes].map(([name, { length }]) => [name, length]), [
      ["arc", 1172],
      ["hellaswag", 10042],
      ["mmlu", 14042],
      ["truthfulqa", 817],
      ["gsm8k", 1319],
    ]);
    assert.equal(new Set(items.map(({ benchmark, id }) => `${benchmark} ${id}`)).size, items.length);
    const sources = (async function* () {
      for (const ref of ["mirror:lima", "mirror:alpaca"]) yield* openSource(ref);
      yield* (await bundled("train")).map((example) => ({ ...example, id: `own#${example.id}` }));
      yield* (await bundled("heldout")).map((example) => ({ ...example, id: `own#${example.id}` }));
    })();
    const { overlaps } = await findOverlaps(sources, items);
    const hits = (source: string) => {
      const of = overlaps.filter(({ id }) => id.startsWith(`${source}#`));
      const found = BENCHMARKS.map((name) => of.filter(({ benchmark }) => benchmark === name).length);
      return [new Set(of.map(({ id }) => id)).size, ...found];
    };
    assert.deepEqual(hits("lima"), [15, 1, 12, 2, 0, 0]);
    assert.deepEqual(hits("alpaca"), [4, 0, 0, 5, 2, 0]);
    const [own, , , , truthfulqa] = hits("own");
    assert.ok(
      own <= 1 && truthfulqa === own,
      "of our own dialogues at most one, a fact that TruthfulQA has too",
    );
  },
});
