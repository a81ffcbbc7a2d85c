// The answers of the bundled dialogues that can be reckoned again: sums, word problems, lengths and counts.
// Conversions and lines of code are in data_answers_format_test.ts.
import assert from "node:assert/strict";
import { all, answers, requests, words } from "./bundled.ts";

/** By id, what each answer must contain. Money is reckoned in whole cents, to keep clear of rounding. */
type Results = Record<string, (string | string[])[]>;

const COUNT = ["no", "one", "two", "three", "four", "five", "six"];

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

/** The least whole number from 1 on that passes. */
function first(test: (n: number) => boolean): number {
  let n = 1;
  while (!test(n)) n++;
  return n;
}

/** "3/12" → "3/12 = 1/4". */
function reduced(top: number, bottom: number): string {
  const common = upTo(top).findLast((n) => top % n === 0 && bottom % n === 0)!;
  return `${top}/${bottom} = ${top / common}/${bottom / common}`;
}

const percent = (share: number) => `about ${(share * 100).toFixed(1)}%.`;

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
  assert.ok(checked >= 90, `${checked} sums found`);
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
  const expected = { ...amounts(), ...chances(), ...numbers(), ...measures(), ...times() };
  const ids = all.filter((e) => e.category === "arithmetic").map((e) => e.id);
  assert.deepEqual(Object.keys(expected).sort(), ids.sort());
  for (const id of ids) {
    assert.equal(expected[id]?.length, answers(id).length, id);
    answers(id).forEach((text, i) => {
      for (const result of [expected[id][i]].flat()) assert.ok(text.includes(result), `${id}: ${result}`);
    });
  }
  [3, 7, 15, 31, 63].forEach((term, i) => assert.equal(2 ** (i + 2) - 1, term));
});

/** Prices, wages, taxes and savings. */
function amounts(): Results {
  const fewest = Array(89).fill(0);
  for (let cents = 1; cents <= 88; cents++) {
    fewest[cents] = 1 +
      Math.min(...[50, 20, 10, 5, 2, 1].filter((c) => c <= cents).map((c) => fewest[cents - c]));
  }
  const net = first((cents) => cents * 119 === 71400 * 100);
  const litre = Object.entries({
    "750 ml bottle": 870 / 75,
    "1 litre tin": 1120 / 100,
    "3 litre can": 3450 / 300,
  })
    .sort(([, a], [, b]) => a - b);
  const left = sum([1640 * 80, -720 * 100, -260 * 100, -89 * 100, -31 * 100]) / 100;
  return {
    "arithmetic-jacket-discount": [`You pay ${(8500 * 80) / 100 / 100} euros.`],
    "arithmetic-split-bill": [`= ${((9640 * 11) / 10 / 4 / 100).toFixed(2)}.`],
    "arithmetic-savings-two-years": [
      `= ${(1200 * 1.03 ** 2).toFixed(2)}.`,
      `= ${(1200 * (1.03 ** 2 - 1)).toFixed(2)}.`,
    ],
    "arithmetic-fuel-cost": [`= ${((340 * 65 * 180) / 1000 / 100).toFixed(2)}.`],
    "arithmetic-coin-change": [`makes ${COUNT[fewest[88]]} coins.`],
    "arithmetic-tax-in-total": [[
      `Net: 714 ÷ 1.19 = ${net / 100}.`,
      `= ${(71400 - net) / 100}, and`,
      `${(net - (71400 * 81) / 100) / 100} too low`,
    ]],
    "arithmetic-rise-then-fall": [
      [`costs you ${(125 * 25) / 100} when`, `lost ${100 - (75 * 125) / 100}%.`],
      `${first((drop) => 125 * (100 - drop) === 100 * 100)}%. To`,
    ],
    "arithmetic-oil-bottles": [[
      `The ${litre[0][0]}. Per litre`,
      `the big ${litre[1][0].slice(-3)} costs ${
        (litre[1][1] - litre[0][1]).toFixed(2)
      } a litre more than the tin`,
    ]],
    "arithmetic-month-budget": [
      `= ${left}.`,
      [`brings you to ${left + 31}.`, `save ${1640 * 15 / 100} and`, `have ${1640 * 5 / 100} more`],
    ],
  };
}

/** Chances, arrangements and other counts of cases, by going through all of them. */
function chances(): Results {
  const dice = upTo(6);
  const nines = dice.flatMap((a) => dice.filter((b) => a + b === 9)).length;
  const draws = upTo(8).flatMap((a) => upTo(8).filter((b) => b !== a).map((b) => a <= 5 && b <= 5));
  const orders = (letters: string[]): string[] =>
    letters.length < 2
      ? letters
      : letters.flatMap((l, i) => orders(letters.filter((_, j) => j !== i)).map((rest) => l + rest));
  const field = [37];
  while (field.at(-1)! > 1) field.push(Math.ceil(field.at(-1)! / 2));
  const list = new Intl.ListFormat("en-GB").format(field.slice(2).map(String));
  const adults = first((n) => n * 9 + (130 - n) * 5 === 890);
  return {
    "arithmetic-two-dice-nine": [`${reduced(nines, 36)}, ${percent(nines / 36)}`],
    "arithmetic-marbles-both-red": [
      `${reduced(draws.filter(Boolean).length, draws.length)}, ${
        percent(draws.filter(Boolean).length / draws.length)
      }`,
    ],
    "arithmetic-letters-of-level": [`${new Set(orders([..."LEVEL"])).size}. If`],
    "arithmetic-knockout-matches": [
      `${sum(field.slice(0, -1).map((players) => Math.floor(players / 2)))}. Every match`,
      [
        `${COUNT[field.length - 1].replace("s", "S")}. Each round`,
        `37 players become ${field[1]}, then ${list}.`,
      ],
    ],
    "arithmetic-fete-tickets": [[`= ${adults} adults`, `= ${130 - adults} children`]],
  };
}

/** Numbers as such: equations, products, means, sequences. */
function numbers(): Results {
  const solution = first((x) => 7 * x - 5 === 3 * x + 19);
  const visitors = [41, 38, 44, 120, 39, 42, 40].sort((a, b) => a - b);
  const typical = visitors[3];
  const divisor = first((n) => n > 1 && 221 % n === 0);
  const primesBelow = upTo(divisor - 1).filter((n) =>
    n > 1 && upTo(n).filter((d) => n % d === 0).length === 2
  );
  return {
    "arithmetic-47-times-36": [`= ${sum(Array(47).fill(36))}`],
    "arithmetic-average-marks": [`You need ${80 - sum([72, 85, 64, 91].map((m) => m - 80))}.`],
    "arithmetic-fraction-sum": [`is ${3 * 3 + 5 * 2}/${8 * 3}.`],
    "arithmetic-linear-equation": [`x = ${solution}.`],
    "arithmetic-scale-pancakes": [`${(250 / 4) * 6} g`, ""],
    "arithmetic-number-sequence": [`${31 + (31 - 15) * 2}.`, `2^(n+1) − 1.`],
    "arithmetic-visitors-middle": [
      [
        `= ${40 + sum(visitors.map((v) => v - 40)) / 7}.`,
        `they are ${visitors.join(", ")}, so the middle one is ${typical}.`,
      ],
      [
        `about ${typical} visitors`,
        `once ${visitors[6]}.`,
        `${COUNT[visitors.filter((v) => v < 52).length]} days`,
      ],
    ],
    "arithmetic-is-221-prime": [[
      `${divisor} × ${221 / divisor} = 221.`,
      `${new Intl.ListFormat("en-GB").format(primesBelow.map(String))} all fail`,
    ]],
    "arithmetic-times-25-and-99": [[
      `so ${sum(Array(25).fill(48))}.`,
      `50 × 25 = ${sum(Array(25).fill(50))}`,
      `= ${sum(Array(99).fill(37))}, and`,
    ]],
    "arithmetic-viral-brackets": [[`= ${(8 / 2) * (2 + 2)}.`, `get ${8 / (2 * (2 + 2))}.`]],
    "arithmetic-make-a-problem": [
      ["Monday to Friday", `finds 7 eggs`, `gives ${5 * 7 - 24} eggs`],
      `has ${sum(Array(5).fill(7)) - 11} eggs left`,
      ["3 full boxes of 10", `= ${3 * 10 - 24}. `, `${COUNT[24 + 7 - 3 * 10]} to spare`],
    ],
  };
}

/** Lengths, areas, volumes, angles and what is bought for them. */
function measures(): Results {
  const tiles = (120 * 480) / (30 * 30), bought = Math.ceil((tiles * 11) / 10);
  const minutes = 3 * 60 + 40;
  const people = (10 * 225) / 6;
  return {
    "arithmetic-train-speed": [`${(210 / 150) * 60} km/h.`],
    "arithmetic-paint-tins": [`you need ${Math.ceil(((65 * 24 - 200) * 2) / 500)} tins.`],
    "arithmetic-circle-table": [`≈ ${((Math.PI / 4) * 1.2 ** 2).toFixed(2)} m².`],
    "arithmetic-tiles-hallway": [[
      `= ${tiles} whole tiles`,
      `so ${bought} tiles.`,
      `buy ${Math.ceil(bought / 8)} packs. That gives you ${Math.ceil(bought / 8) * 8}.`,
    ]],
    "arithmetic-clock-hands-angle": [[
      `= ${(minutes * 6) % 360}°. But`,
      `= ${minutes / 2}°. The`,
      `= ${((minutes * 6) % 360) - minutes / 2}°. Your ${((minutes * 6) % 360) - 90}° would`,
    ]],
    "arithmetic-aquarium-weight": [[`makes ${8 * 3.5 * (4 - 0.5)} litres`, `${8 * 3.5 * (4 - 0.5)} kg for`]],
    "arithmetic-tree-shadow": [`= ${(14 * 90) / 120} m tall`],
    "arithmetic-hairdressers-town": [[
      `about ${60000 / people} hairdressers`,
      `about ${Math.round(60000 / ((people * 6) / 4))},`,
    ]],
  };
}

/** Times of day, durations and what is done in them. */
function times(): Results {
  const bothLeave = first((minute) => minute % 12 === 0 && minute % 18 === 0);
  const flight = (Date.parse("2025-06-01T22:15+03:00") - Date.parse("2025-06-01T13:50Z")) / 60000;
  const pace = (days: number) => {
    const pages = first((n) => n * days >= 412 - 96);
    return [pages, 412 - 96 - (days - 1) * pages];
  };
  const worked = requests("arithmetic-timesheet-pay")[0].split("\n").slice(1, 4).map((line) => {
    const [h, m, endH, endM, pause = 0] = line.match(/\d+/g)!.map(Number);
    return endH * 60 + endM - h * 60 - m - pause;
  });
  const slow = new Date(Date.UTC(2025, 0, 11, 12, -4 * 10)).toISOString().slice(11, 16);
  const breaths = 15 * (Date.UTC(2026, 0) - Date.UTC(2025, 0)) / 60000;
  return {
    "arithmetic-two-buses": [`at 8:${bothLeave}.`],
    "arithmetic-flight-length": [[
      `${Math.floor(flight / 60)} hours ${flight % 60} minutes. When`,
      `say ${new Date(Date.UTC(2025, 0, 1, 13, 50 + flight)).toISOString().slice(11, 16)}, and`,
      `gives ${Math.floor(flight / 60) + 3} hours ${flight % 60} minutes`,
    ]],
    "arithmetic-novel-before-club": [
      [`read ${pace(9)[0]} a day`, `= ${pace(9)[1]} pages`],
      `${pace(7)[0]} pages a day, and ${pace(7)[1]} on the last`,
    ],
    "arithmetic-snow-together": [`${(40 * 60) / (40 + 60)} minutes. Imagine`],
    "arithmetic-timesheet-pay": [[
      ...worked.map((minutes) => `${minutes / 60} hours`),
      `= ${sum(worked) / 60} hours`,
      `= ${((sum(worked) * 1420) / 60 / 100).toFixed(2)}`,
    ]],
    "arithmetic-slow-clock": [[
      `shows ${slow}.`,
      `= ${first((days) => (days * 4) % (12 * 60) === 0)} days after`,
    ]],
    "arithmetic-breaths-a-year": [[`= ${breaths} a year.`, `${Math.round(breaths / 1e6)} million`]],
  };
}

Deno.test("the agenda lasts as long and ends when its second answer says", () => {
  const [agenda, total] = answers("writing-agenda-kickoff");
  const minutes = sum([...agenda.matchAll(/\((\d+) min\)/g)].map((m) => Number(m[1])));
  const end = new Date(Date.UTC(2025, 0, 1, 9, 30 + minutes)).toISOString().slice(11, 16);
  assert.ok(total.includes(`${minutes} minutes`) && total.endsWith(`${end}.`), `${minutes} minutes, ${end}`);
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
