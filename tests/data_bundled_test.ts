// The bundled dialogues in data/: their schema, their spread, no overlap between the two files, the counts their
// card states, and the answers a program can work out. Not a test of the reader, which has its own.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Example } from "../lib/data/example.ts";
import { readExamples } from "../lib/data/source.ts";

const CATEGORIES = ["creative", "advice", "opinion", "explain", "writing", "facts", "arithmetic", "format"];
const BANDS = [[0, 39], [40, 69], [70, 99]];

const bundled = (name: string) => fileURLToPath(new URL(`../data/${name}`, import.meta.url));
const TRAIN = bundled("dialogues_train.jsonl"), HELDOUT = bundled("dialogues_heldout.jsonl");
const train = await readExamples(TRAIN, { requireUncertainty: true });
const heldout = await readExamples(HELDOUT, { requireUncertainty: true });
const all = [...train, ...heldout];

/** The assistant's answers of one dialogue, by id. */
function answers(id: string): string[] {
  const example = all.find((e) => e.id === id);
  assert.ok(example, `there is a dialogue ${id}`);
  return example.turns.filter((t) => t.role === "assistant").map((t) => t.content);
}

/** The user's requests of one dialogue, by id. */
const requests = (id: string) =>
  all.find((e) => e.id === id)!.turns.filter((t) => t.role === "user").map((t) => t.content);

const words = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];

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
  assert.ok(train.length >= 96, `${train.length} training dialogues`);
  assert.ok(heldout.length >= 32, `${heldout.length} held-out dialogues`);
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

Deno.test("bundled ratings are whole numbers in every band, graded, each with its own reason", () => {
  for (const set of [train, heldout]) {
    for (const { id, uncertainty } of set) {
      assert.ok(Number.isInteger(uncertainty) && uncertainty! >= 0 && uncertainty! <= 99, id);
    }
    const ratings = set.map((e) => e.uncertainty!);
    for (const [low, high] of BANDS) {
      const share = ratings.filter((u) => u >= low && u <= high).length / set.length;
      assert.ok(share >= 0.2, `band ${low} to ${high}: ${share}`);
    }
    assert.ok(ratings.filter((u) => u % 10 === 0).length / set.length < 0.2, "few round ratings");
  }
  assert.equal(new Set(all.map((e) => e.reason)).size, all.length);
  for (const { id, reason } of all) assert.match(reason!, /^\S[^\n]{15,}\.$/, id);
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
    const inBand = count((e) => e.uncertainty! >= low && e.uncertainty! <= high);
    assert.deepEqual(cells(`rated ${low}–${high}`)?.slice(1), inBand);
  }
});

Deno.test("every sum written out in an answer is right", () => {
  // Chains such as "340 ÷ 100 × 6.5 = 22.1": numbers joined by + − × ÷, with one value after the equals sign.
  const chain = /(?<![\d.²^(/])(\d[\d.]*(?: [+−×÷] \d[\d.]*)+) = (\d[\d.]*\d|\d)(?!\.?\d|[²^/])/g;
  let checked = 0;
  for (const { id, turns } of all) {
    for (const { content } of turns.filter((t) => t.role === "assistant")) {
      for (const [text, left, right] of content.matchAll(chain)) {
        const value = sumOf(left.split(" "));
        assert.ok(Math.abs(value - Number(right)) < 1e-9, `${id}: ${text}, not ${value}`);
        checked++;
      }
    }
  }
  assert.ok(checked >= 35, `${checked} sums found`);
});

/** The value of ["6", "×", "7", "−", "5"]: × and ÷ before + and −, each from left to right. */
function sumOf(tokens: string[]): number {
  let [total, sign, product] = [0, 1, Number(tokens[0])];
  for (let i = 1; i < tokens.length; i += 2) {
    const next = Number(tokens[i + 1]);
    if (tokens[i] === "×") product *= next;
    else if (tokens[i] === "÷") product /= next;
    else [total, sign, product] = [total + sign * product, tokens[i] === "+" ? 1 : -1, next];
  }
  return total + sign * product;
}

Deno.test("arithmetic answers end in the results of another way of working", () => {
  const bothLeave = (a: number, b: number) => {
    let minute = 1;
    while (minute % a !== 0 || minute % b !== 0) minute++;
    return minute;
  };
  const dice = [1, 2, 3, 4, 5, 6];
  const nines = dice.flatMap((a) => dice.filter((b) => a + b === 9)).length;
  const solution = [...Array(100).keys()].find((x) => 7 * x - 5 === 3 * x + 19);
  const fewest = Array(89).fill(0);
  for (let cents = 1; cents <= 88; cents++) {
    fewest[cents] = 1 +
      Math.min(...[50, 20, 10, 5, 2, 1].filter((c) => c <= cents).map((c) => fewest[cents - c]));
  }
  // Counts are compared as words, money in whole cents, to keep clear of rounding.
  const expected: Record<string, string[]> = {
    "arithmetic-jacket-discount": [`You pay ${(8500 * 80) / 100 / 100} euros.`],
    "arithmetic-train-speed": [`${(210 / 150) * 60} km/h.`],
    "arithmetic-paint-tins": [`you need ${Math.ceil(((65 * 24 - 200) * 2) / 500)} tins.`],
    "arithmetic-split-bill": [`= ${((9640 * 11) / 10 / 4 / 100).toFixed(2)}.`],
    "arithmetic-47-times-36": [`= ${Array(47).fill(36).reduce((a, b) => a + b)}`],
    "arithmetic-average-marks": [`You need ${80 - [72, 85, 64, 91].reduce((a, m) => a + m - 80, 0)}.`],
    "arithmetic-two-buses": [`at 8:${bothLeave(12, 18)}.`],
    "arithmetic-fraction-sum": [`is ${3 * 3 + 5 * 2}/${8 * 3}.`],
    "arithmetic-linear-equation": [`x = ${solution}.`],
    "arithmetic-two-dice-nine": [`${nines}/36 = 1/${36 / nines}, about ${((nines / 36) * 100).toFixed(1)}%.`],
    "arithmetic-savings-two-years": [
      `= ${(1200 * 1.03 ** 2).toFixed(2)}.`,
      `= ${(1200 * (1.03 ** 2 - 1)).toFixed(2)}.`,
    ],
    "arithmetic-scale-pancakes": [`${(250 / 4) * 6} g`, ""],
    "arithmetic-fuel-cost": [`= ${((340 * 65 * 180) / 1000 / 100).toFixed(2)}.`],
    "arithmetic-circle-table": [`≈ ${((Math.PI / 4) * 1.2 ** 2).toFixed(2)} m².`],
    "arithmetic-coin-change": [
      `makes ${["", "one", "two", "three", "four", "five", "six"][fewest[88]]} coins.`,
    ],
    "arithmetic-number-sequence": [`${31 + (31 - 15) * 2}.`, `2^(n+1) − 1.`],
  };
  for (const { id } of all.filter((e) => e.category === "arithmetic")) {
    assert.equal(expected[id]?.length, answers(id).length, id);
    answers(id).forEach((text, i) => assert.ok(text.includes(expected[id][i]), `${id}: ${expected[id][i]}`));
  }
  [3, 7, 15, 31, 63].forEach((term, i) => assert.equal(2 ** (i + 2) - 1, term));
});

Deno.test("the agenda lasts as long and ends when its second answer says", () => {
  const [agenda, total] = answers("writing-agenda-kickoff");
  const minutes = [...agenda.matchAll(/\((\d+) min\)/g)].map((m) => Number(m[1])).reduce((a, b) => a + b);
  const end = new Date(Date.UTC(2025, 0, 1, 9, 30 + minutes)).toISOString().slice(11, 16);
  assert.ok(total.includes(`${minutes} minutes`) && total.endsWith(`${end}.`), `${minutes} minutes, ${end}`);
});

Deno.test("exact answers are what a program makes of the request", () => {
  const roman = (n: number) =>
    [["M", 1000], ["CM", 900], ["D", 500], ["CD", 400], ["C", 100], ["XC", 90], ["L", 50], ["XL", 40], [
      "X",
      10,
    ]]
      .reduce((text, [letters, value]) => {
        const count = Math.floor(n / Number(value));
        n -= count * Number(value);
        return text + String(letters).repeat(count);
      }, "") + ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"][n];
  assert.ok(answers("format-roman-1987")[0].startsWith(`${roman(1987)} `));
  assert.ok(answers("format-binary-45")[0].endsWith(`${(45).toString(2)}.`));
  assert.equal(answers("format-binary-45")[1], (45).toString(16).toUpperCase());
  const contact = JSON.parse(answers("format-contact-json")[0]);
  assert.deepEqual(Object.keys(contact), ["name", "phone", "city"]);
  for (const value of Object.values(contact)) {
    assert.ok(requests("format-contact-json")[0].includes(String(value)));
  }
  const csv = requests("format-csv-to-table")[0].split("\n").slice(1).map((line) => line.split(","));
  const table = answers("format-csv-to-table")[0].split("\n").map((line) => line.slice(2, -2).split(" | "));
  assert.deepEqual(table.filter((_, i) => i !== 1), csv);
  const names = requests("format-sort-names")[0].split(": ")[1].split(", ");
  assert.equal(answers("format-sort-names")[0], names.sort().join(", "));
  const addresses = requests("format-extract-emails")[0].match(/[\w.]+@[\w.]+\w/g);
  assert.deepEqual(answers("format-extract-emails")[0].split("\n"), addresses);
  const pattern = new RegExp(answers("format-regex-five-digits")[0].split("`")[1]);
  assert.deepEqual(["12345", "1234", "123456", "1234a", " 12345"].map((s) => pattern.test(s)), [
    true,
    ...Array(4).fill(false),
  ]);
});

Deno.test("answers keep to the lengths and counts that were asked for", () => {
  const length = (id: string, turn = 0) => answers(id)[turn].split(/\s+/).length;
  assert.ok(length("creative-toaster-monologue") < 100);
  assert.ok(length("writing-summary-honeybees") <= 25);
  assert.equal(length("writing-summary-honeybees", 1), 3);
  assert.ok(Math.abs(length("writing-blurb-desk-lamp") - 50) <= 5);
  for (const line of answers("creative-six-word-stories")[0].split("\n")) {
    assert.equal(words(line.slice(3)).length, 6, line);
  }
  assert.equal(answers("creative-dentist-band-names")[0].match(/^- /gm)?.length, 6);
  const twister = words(answers("creative-tongue-twister")[0]);
  assert.deepEqual([twister.length, twister.every((w) => w.startsWith("f"))], [10, true]);
  for (const text of answers("creative-baker-card")) assert.equal(text.split("\n").length, 4);
  assert.equal(answers("writing-summary-town-meeting")[0].match(/\.(\s|$)/g)?.length, 2);
  assert.equal(answers("writing-summary-coral")[0].match(/\.(\s|$)/g)?.length, 1);
});
