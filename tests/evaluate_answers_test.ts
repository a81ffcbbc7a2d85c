// Extraction and comparison of generated answers, against what the harness and Python gave.
import { deepEqual, equal } from "node:assert/strict";
import { join } from "node:path";
import { cutAtStop } from "../lib/evaluate/harness/cut_at_stop.ts";
import { latexEqual } from "../lib/evaluate/grading/latex_equal.ts";
import { chainMatch, exactMatch, flexibleExtract, strictMatch } from "../lib/evaluate/grading/math_answer.ts";
import { metamathAnswer, metamathMatch, metamathNumber } from "../lib/evaluate/grading/metamath_answer.ts";
import { mirror } from "./mirror.ts";

interface Filtered {
  "strict-match": string;
  "flexible-extract": string;
}
interface Reference {
  answers: {
    text: string;
    gsm8k: Filtered;
    gsm8k_cot: Filtered;
    reference: string;
    exact_match: Filtered & { text: number };
  }[];
  cut: { text: string; stops: string[]; left: string }[];
  latex: { a: string; b: string; equal: boolean }[];
  numbers: { text: string; number: string | null }[];
}
const reference: Reference = JSON.parse(
  Deno.readTextFileSync(join(import.meta.dirname!, "parity/lmeval/filters.json")),
);

Deno.test("strictMatch(), chainMatch() and flexibleExtract() find what the harness's filters find", () => {
  for (const { text, gsm8k, gsm8k_cot } of reference.answers) {
    const found = { "strict-match": strictMatch(text), "flexible-extract": flexibleExtract(text) };
    deepEqual(found, gsm8k, JSON.stringify(text));
    equal(chainMatch(text), gsm8k_cot["strict-match"], JSON.stringify(text));
    equal(flexibleExtract(text), gsm8k_cot["flexible-extract"]);
  }
});

Deno.test("exactMatch() is the harness's exact_match with gsm8k's settings", () => {
  for (const { text, gsm8k, reference: gold, exact_match } of reference.answers) {
    for (const key of ["strict-match", "flexible-extract"] as const) {
      equal(exactMatch(gsm8k[key], gold), exact_match[key], JSON.stringify([gsm8k[key], gold]));
    }
    equal(exactMatch(text, gold), exact_match.text, JSON.stringify([text, gold]));
  }
});

Deno.test("exactMatch() takes a dot before the last line feed for one at the end, and capitals for small letters", () => {
  equal(exactMatch("7.\n", "7\n"), 1);
  equal(exactMatch("7.\n\n", "7\n\n"), 0);
  equal(exactMatch("work\n#### X", "x"), 1);
});

Deno.test("chainMatch() leaves the number's last digit to the pattern's unescaped dot", () => {
  equal(chainMatch("The answer is 18\n\n"), "1");
  equal(chainMatch("The answer is 18."), "18");
  equal(chainMatch("The answer is 5"), "[invalid]");
  equal(chainMatch("The answer is 18\r\n"), "18"); // Python's dot takes a carriage return
});

Deno.test("answers are extracted as in the harness's runs on gsm8k's edge cases", () => {
  const parity = mirror("parity");
  if (!parity) return;
  const lines = Deno.readTextFileSync(join(parity, "lmeval/gsm8k_filter_cases.jsonl")).trim().split("\n");
  for (const row of lines.map((line) => JSON.parse(line))) {
    equal(strictMatch(row.generated), row["strict-match"]);
    equal(flexibleExtract(row.generated), row["flexible-extract"]);
    equal(exactMatch(row["strict-match"], row.target), row["exact_match_strict-match"]);
    equal(exactMatch(row["flexible-extract"], row.target), row["exact_match_flexible-extract"]);
  }
});

Deno.test("cutAtStop() cuts where the harness cuts", () => {
  for (const { text, stops, left } of reference.cut) {
    equal(cutAtStop(text, stops), left, JSON.stringify([text, stops]));
  }
  equal(cutAtStop("one Q: two Question: three", ["Question:", "Q:"]), "one ");
  equal(cutAtStop("Q:", ["Q:"]), "");
  equal(cutAtStop("aXYb", ["Yb", "XY"]), "aX");
  equal(cutAtStop("aXYb", ["XY", "Yb"]), "a");
});

Deno.test("latexEqual() is the equality of the MATH benchmark", () => {
  for (const { a, b, equal: same } of reference.latex) equal(latexEqual(a, b), same, JSON.stringify([a, b]));
  equal(latexEqual("\\dfrac12", "1/2"), true);
  equal(latexEqual("x = 0.5", "\\frac{1}{2}"), true);
  equal(latexEqual("12\\text{ cm}", "12"), true);
  equal(latexEqual("01/2", "\\frac{01}{2}"), false);
  equal(latexEqual("{.5}", "{0.5}"), true);
  // what is cut short is compared as it stands
  equal(latexEqual("\\dfrac12\\sqrt", "\\frac12\\sqrt"), false);
  equal(latexEqual("\\frac12+\\frac3", "\\frac{1}{2}+\\frac3"), false);
});

Deno.test("metamathNumber() is the number that MetaMath's rule finds, rounded as Python rounds", () => {
  for (const { text, number } of reference.numbers) {
    const expected = number === null ? undefined : Number(number);
    equal(Number(metamathNumber(text)), Number(expected), JSON.stringify(text));
  }
  equal(metamathNumber("The answer is: 1 so The answer is: 2.5"), 2);
  equal(metamathNumber("The answer is: " + "9".repeat(400)), undefined);
  equal(metamathNumber("The answer is: five"), undefined);
  equal(metamathNumber("The answer is: 5/0"), 5);
  equal(metamathNumber("The answer is: 5/00"), undefined);
});

Deno.test("metamathAnswer() ends at a dot before a line feed, metamathMatch() compares numbers or LaTeX", () => {
  equal(metamathAnswer("So it is. The answer is: 3.5 km.\nAnd on."), "3.5 km");
  equal(metamathAnswer("The answer is 4"), "[invalid]");
  equal(metamathMatch("The answer is: 1,200 eggs", "1,200", true), 1);
  equal(metamathMatch("The answer is: $\\frac12$", "\\frac{1}{2}", false), 0);
  equal(metamathMatch("The answer is: \\frac12.", "\\frac{1}{2}", false), 1);
  equal(metamathMatch("no number", "[invalid]", false), 0);
});
