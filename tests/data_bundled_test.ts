// The bundled dialogues in data/: their schema, their spread, no overlap between the two files, and the counts their
// card states. The answers a program can work out are in data_answers_test.ts; the reader has its own test.
import assert from "node:assert/strict";
import type { Example } from "../lib/data/example.ts";
import { agreement, agreementRows, ratingsOf, readRatings } from "../lib/uncertainty/mod.ts";
import { all, bundled, HELDOUT, heldout, TRAIN, train, words } from "./bundled.ts";

const CATEGORIES = ["creative", "advice", "opinion", "explain", "writing", "facts", "arithmetic", "format"];
/** The first and the last whole rating of each band; a half between two bands belongs to the lower one. */
const BANDS = [[0, 39], [40, 69], [70, 99]];
const PASSES = await Promise.all([1, 2].map((pass) => readRatings(bundled(`ratings_pass_${pass}.jsonl`))));

Deno.test("readExamples() keeps every documented field of the bundled lines", () => {
  for (const [path, examples] of [[TRAIN, train], [HELDOUT, heldout]] as const) {
    const lines = Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => JSON.parse(line));
    for (const { id, messages } of lines) {
      for (const message of messages) assert.deepEqual(Object.keys(message), ["role", "content"], id);
    }
    const expected = lines.map(({ id, category, messages, uncertainty, reason, ...more }) => {
      assert.deepEqual(more, {}, id);
      return { id, category, turns: messages, uncertainty, reason };
    });
    assert.deepEqual(examples, expected);
  }
});

Deno.test("bundled dialogues alternate user and assistant and end with the assistant", () => {
  for (const { id, turns } of all) {
    assert.ok(turns.length >= 2 && turns.length % 2 === 0, `${id} has whole exchanges`);
    turns.forEach((turn, i) => {
      assert.equal(turn.role, i % 2 === 0 ? "user" : "assistant", `${id} turn ${i}`);
      assert.ok(
        turn.content.length > 0 && turn.content === turn.content.trim(),
        `${id} turn ${i} is trimmed`,
      );
      assert.doesNotMatch(turn.content, /<\|/, `${id} turn ${i} holds no chat marks`);
      assert.equal(turn.content, turn.content.normalize("NFC"), `${id} turn ${i} is NFC`);
    });
  }
});

Deno.test("bundled dialogues have unique readable ids that start with their category", () => {
  assert.equal(new Set(all.map((e) => e.id)).size, all.length);
  for (const { id, category } of all) {
    assert.match(id, /^[a-z]+(-[a-z0-9]+)+$/);
    assert.equal(id.split("-")[0], category);
  }
});

Deno.test("bundled dialogues are enough and spread over kinds and turns", () => {
  assert.ok(train.length >= 256, `${train.length} training dialogues`);
  assert.ok(heldout.length >= 64, `${heldout.length} held-out dialogues`);
  for (const set of [train, heldout]) {
    const share = set.length / CATEGORIES.length;
    assert.deepEqual([...new Set(set.map((e) => e.category))].sort(), [...CATEGORIES].sort());
    for (const category of CATEGORIES) {
      const count = set.filter((e) => e.category === category).length;
      assert.ok(Math.abs(count - share) <= 1, `${category}: ${count} of ${set.length}`);
    }
    const several = set.filter((e) => e.turns.length > 2).length / set.length;
    assert.ok(several >= 0.15 && several <= 0.3, `share of several turns: ${several}`);
    assert.equal(new Set(set.slice(0, CATEGORIES.length).map((e) => e.category)).size, CATEGORIES.length);
  }
});

Deno.test("both passes rate every dialogue with a whole number and a reason of its own", () => {
  for (const rows of PASSES) {
    assert.deepEqual(rows.map(({ id }) => id), all.map(({ id }) => id));
    for (const { id, rating, reason } of rows) {
      assert.ok(Number.isInteger(rating) && rating! >= 0 && rating! <= 99, id);
      assert.match(reason!, /^\S[^\n]{15,}\.$/, id);
    }
    assert.equal(new Set(rows.map(({ reason }) => reason)).size, all.length);
    assert.ok(rows.filter(({ rating }) => rating! % 10 === 0).length / all.length < 0.2, "few round ratings");
  }
});

Deno.test("bundled ratings are the mean of both passes, in every band, with the first pass's reason", () => {
  const [first, second] = PASSES;
  for (const [i, { id, uncertainty, reason }] of all.entries()) {
    assert.equal(uncertainty, (first[i].rating! + second[i].rating!) / 2, id);
    assert.equal(reason, first[i].reason, id);
  }
  for (const set of [train, heldout]) {
    const ratings = set.map((e) => e.uncertainty!);
    for (const [low, high] of BANDS) {
      const share = ratings.filter((u) => u >= low && u < high + 1).length / set.length;
      assert.ok(share >= 0.2, `band ${low} to ${high}: ${share}`);
    }
  }
});

Deno.test("the card states how far the two passes agree", () => {
  const [first, second] = PASSES.map((rows) => ratingsOf(rows));
  const card = Deno.readTextFileSync(bundled("dialogues.card.md"));
  const stated = agreementRows(agreement(first, second)).filter(({ measure }) =>
    card.includes(`| ${measure} |`)
  );
  assert.ok(stated.length >= 6);
  for (const { measure, value, low, high } of stated) {
    const digits = /^mean/.test(measure) ? 2 : 3, text = (x: number) => x.toFixed(digits);
    const row = `| ${measure} | ${text(value)} | ${text(low)} to ${text(high)} |`;
    assert.ok(card.includes(row), row);
  }
});

Deno.test("bundled held-out dialogues share no run of eight words with the training ones", () => {
  const runs = (e: Example) => {
    const w = words(e.turns.map((t) => t.content).join(" "));
    return w.slice(7).map((_, i) => w.slice(i, i + 8).join(" "));
  };
  const seen = new Map(train.flatMap((e) => runs(e).map((run) => [run, e.id])));
  assert.ok(seen.size > 5000, `${seen.size} runs to compare with`);
  const shared = heldout.flatMap((e) =>
    runs(e).filter((r) => seen.has(r)).map((r) => [e.id, seen.get(r), r])
  );
  assert.deepEqual(shared, []);
});

Deno.test("the card states the counts and mean ratings of the files", () => {
  const card = Deno.readTextFileSync(bundled("dialogues.card.md"));
  const cells = (name: string) =>
    card.split("\n").map((line) => line.split("|").slice(1, -1).map((c) => c.trim())).find((c) =>
      c[0] === name
    );
  const mean = (set: Example[]) =>
    String(Math.round(set.reduce((a, e) => a + e.uncertainty!, 0) / set.length));
  for (const category of [...CATEGORIES, "all"]) {
    const [t, h] = [train, heldout].map((s) =>
      s.filter((e) => category === "all" || e.category === category)
    );
    const stated = cells(category)?.slice(2, 6);
    assert.deepEqual(stated, [`${t.length}`, `${h.length}`, mean(t), mean(h)], category);
  }
  const count = (test: (e: Example) => boolean) => [train, heldout].map((s) => String(s.filter(test).length));
  ["one exchange", "two exchanges", "three exchanges"].forEach((name, i) =>
    assert.deepEqual(cells(name)?.slice(1), count((e) => e.turns.length === 2 * (i + 1)), name)
  );
  for (const [low, high] of BANDS) {
    const inBand = count((e) => e.uncertainty! >= low && e.uncertainty! < high + 1);
    assert.deepEqual(cells(`rated ${low}–${high}`)?.slice(1), inBand);
  }
});
