// lib/curate: words, shingles, MinHash and de-duplication, against sets of strings and all pairs.
import assert from "node:assert/strict";
import { dedupe } from "../lib/curate/dedupe.ts";
import { foundChance, LshIndex, minHasher, planBands, signatureSimilarity } from "../lib/curate/minhash.ts";
import { jaccard, shinglesOf, wordsOf } from "../lib/curate/words.ts";
import { bundled } from "../lib/data/bundled.ts";
import type { Example } from "../lib/data/example.ts";
import { readSource } from "../lib/data/open_source.ts";
import { stream } from "../lib/run/seed.ts";
import { mirror } from "./mirror.ts";

const example = (id: string, answer: string, request = "Q"): Example => ({
  id,
  turns: [{ role: "user", content: request }, { role: "assistant", content: answer }],
});

Deno.test("wordsOf() lower-cases, deletes punctuation and splits at white space", () => {
  assert.deepEqual(wordsOf("Don't stop — it's  3.5%\n(or “four”)!"), [
    "dont",
    "stop",
    "its",
    "35",
    "or",
    "four",
  ]);
  assert.deepEqual(wordsOf("ÉCOLE naïve Straße ﬁn 中文 текст"), [
    "école",
    "naïve",
    "straße",
    "fin",
    "中文",
    "текст",
  ]);
  assert.deepEqual(wordsOf(" … \n"), []);
});

/** Shingles as strings, the slow way. */
function plainShingles(text: string, unit: "word" | "char", size: number): Set<string> {
  const words = wordsOf(text), units = unit === "word" ? words : [...words.join(" ")];
  if (units.length === 0) return new Set();
  if (units.length <= size) return new Set([units.join("|")]);
  return new Set(units.slice(size - 1).map((_, i) => units.slice(i, i + size).join("|")));
}

function plainJaccard(a: Set<string>, b: Set<string>): number {
  const all = new Set([...a, ...b]);
  return all.size === 0 ? 1 : [...a].filter((member) => b.has(member)).length / all.size;
}

Deno.test("shinglesOf() and jaccard() agree with sets of strings", async () => {
  const texts = (await bundled("train", 40)).map(({ turns }) =>
    turns.map(({ content }) => content).join("\n")
  );
  texts.push("", "one", "one two", "one two three one two three", "ab");
  for (const [unit, size] of [["word", 1], ["word", 3], ["char", 8]] as const) {
    const sets = texts.map((text) => shinglesOf(text, { unit, size }));
    const plain = texts.map((text) => plainShingles(text, unit, size));
    sets.forEach((set, i) => assert.equal(set.length, plain[i].size, texts[i]));
    for (let i = 0; i < texts.length; i++) {
      for (let j = 0; j <= i; j++) assert.equal(jaccard(sets[i], sets[j]), plainJaccard(plain[i], plain[j]));
    }
  }
});

Deno.test("the share of equal places of two signatures estimates the Jaccard similarity without bias", () => {
  const { u32 } = stream(1, "sets"), places = 256;
  for (const shared of [0, 40, 100, 180, 200]) {
    const a = Uint32Array.from({ length: 200 }, (_, i) => u32(i)).sort();
    const b = Uint32Array.from({ length: 200 }, (_, i) => u32(i < shared ? i : 10_000 + i)).sort();
    const wanted = jaccard(a, b);
    assert.equal(wanted, shared / (400 - shared));
    const estimates = Array.from({ length: 30 }, (_, seed) => {
      const hash = minHasher(places, seed);
      return signatureSimilarity(hash(a), hash(b));
    });
    const mean = estimates.reduce((sum, x) => sum + x, 0) / estimates.length;
    const error = Math.sqrt((wanted * (1 - wanted)) / (places * estimates.length));
    assert.ok(Math.abs(mean - wanted) <= 4 * error + 1e-12, `${mean} for ${wanted}`);
  }
});

Deno.test("planBands() takes the most rows that still find a pair at the threshold with the wanted chance", () => {
  for (const threshold of [0.3, 0.5, 0.8, 0.95]) {
    const plan = planBands(128, { threshold });
    assert.ok(plan.bands * plan.rows <= 128);
    assert.ok(foundChance(threshold, plan) >= 0.99);
    const more = { rows: plan.rows + 1, bands: Math.floor(128 / (plan.rows + 1)) };
    assert.ok(foundChance(threshold, more) < 0.99);
    assert.equal(foundChance(0.5, { rows: 2, bands: 3 }), 1 - (1 - 0.25) ** 3);
  }
});

/** A text with some of its words replaced, by `draw`. */
function perturbed(text: string, share: number, draw: () => number): string {
  return text.split(/\s+/).map((word) => draw() < share ? `w${Math.floor(draw() * 1000)}` : word).join(" ");
}

Deno.test("LshIndex finds at least 99% of the pairs that all pairs find above the threshold", async () => {
  const { uniform } = stream(3, "perturb");
  let counter = 0;
  const draw = () => uniform(counter++);
  const originals = (await bundled("train")).map(({ turns }) =>
    turns.map(({ content }) => content).join("\n")
  );
  const texts = originals.flatMap((text, i) => [text, perturbed(text, (i % 12) / 60, draw)]);
  const sets = texts.map((text) => shinglesOf(text)), hash = minHasher(128, 0);
  for (const threshold of [0.5, 0.8]) {
    const index = new LshIndex(planBands(128, { threshold })), signatures = sets.map(hash);
    let wanted = 0, found = 0, candidates = 0;
    sets.forEach((set, i) => {
      const near = new Set(index.candidates(signatures[i]));
      candidates += near.size;
      for (let j = 0; j < i; j++) {
        if (jaccard(set, sets[j]) < threshold) continue;
        wanted++;
        if (near.has(j)) found++;
      }
      index.add(signatures[i], i);
    });
    assert.ok(wanted > 60, `${wanted} pairs at ${threshold}`);
    assert.ok(found / wanted >= 0.99, `${found} of ${wanted} at ${threshold}`);
    assert.ok(candidates < 0.02 * sets.length ** 2 / 2, `${candidates} candidates`);
  }
});

/** De-duplication by comparing every pair. */
function plainDedupe(examples: Example[], threshold: number): string[] {
  const kept: { id: string; set: Set<string>; words: string }[] = [];
  for (const { id, turns } of examples) {
    const text = turns.map(({ content }) => content).join("\n"), words = wordsOf(text).join(" ");
    const set = plainShingles(text, "word", 3);
    if (!kept.some((other) => other.words === words || plainJaccard(set, other.set) >= threshold)) {
      kept.push({ id, set, words });
    }
  }
  return kept.map(({ id }) => id);
}

Deno.test("dedupe() keeps what comparing all pairs keeps, and says what repeats what", async () => {
  const { uniform } = stream(4, "perturb");
  let counter = 0;
  const draw = () => uniform(counter++);
  const originals = await bundled("train", 120);
  const examples = originals.flatMap((one, i) => [
    one,
    {
      ...one,
      id: `${one.id}-again`,
      turns: one.turns.map((turn) => ({ ...turn, content: perturbed(turn.content, (i % 6) / 40, draw) })),
    },
  ]);
  const { kept, duplicates } = dedupe(examples);
  assert.deepEqual(kept.map(({ id }) => id), plainDedupe(examples, 0.8));
  assert.equal(kept.length + duplicates.length, examples.length);
  assert.ok(duplicates.length > 30);
  const exact = new Set(duplicates.filter(({ kind }) => kind === "exact").map(({ id }) => id));
  assert.ok(
    originals.every(({ id }, i) => i % 6 > 0 || exact.has(`${id}-again`)),
    "unchanged ones are exact",
  );
  for (const { id, of, similarity, kind } of duplicates) {
    assert.equal(id, `${of}-again`);
    assert.ok(similarity >= 0.8 && (kind === "near" || similarity === 1));
  }
  assert.deepEqual(dedupe(examples), { kept, duplicates });
  const again = dedupe(examples, { seed: 5 });
  assert.deepEqual(again.kept, kept, "another seed finds the same");
});

Deno.test("dedupe() compares what it is told to, at the threshold it is told", () => {
  const ids = (examples: Example[], options = {}) => dedupe(examples, options).kept.map(({ id }) => id);
  const rows = [
    example("a", "Blue, of course!", "Name a colour."),
    example("b", "blue of COURSE", "Name a color"),
    example("c", "Blue, of course!", "Name a colour"),
    example("d", "", ""),
    example("e", "…", "?!"),
  ];
  assert.deepEqual(ids(rows), ["a", "b", "d"]);
  assert.deepEqual(ids(rows, { part: "answer" }), ["a", "d"]);
  assert.deepEqual(ids(rows, { part: "request", threshold: 1 }), ["a", "b", "d"]);
  assert.deepEqual(ids(rows, { threshold: 1 }), ["a", "b", "d"]);
  assert.deepEqual(ids(rows, { unit: "char", size: 3, threshold: 0.5 }), ["a", "d"]);
  assert.deepEqual(dedupe([]), { kept: [], duplicates: [] });
  for (const threshold of [0, 1.1, NaN]) {
    assert.throws(() => dedupe(rows, { threshold }), /^InputError: Cannot compare at a similarity of/);
  }
});

Deno.test({
  name: "dedupe() finds on Dolly what comparing all pairs finds",
  ignore: !mirror("data"),
  fn: async () => {
    const examples = await readSource("mirror:dolly");
    const { kept, duplicates } = dedupe(examples);
    assert.deepEqual([kept.length, duplicates.filter(({ kind }) => kind === "exact").length], [2988, 2]);
    const sets = examples.map(({ turns }) => shinglesOf(turns.map(({ content }) => content).join("\n")));
    const near = new Set<string>();
    for (let i = 0; i < sets.length; i++) {
      for (let j = 0; j < i; j++) {
        const [short, long] = [sets[i].length, sets[j].length].sort((a, b) => a - b);
        if (short >= 0.8 * long && jaccard(sets[i], sets[j]) >= 0.8) near.add(examples[i].id);
      }
    }
    assert.deepEqual(duplicates.map(({ id }) => id).sort(), [...near].sort());
  },
});
