// lib/evaluate/harness/python_text.ts against stored output of CPython 3.11 (Unicode 14).
import { deepEqual, equal } from "node:assert/strict";
import { join } from "node:path";
import { capitalize, codePoints, strip } from "../lib/evaluate/harness/python_text.ts";

const stored = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "parity/cpython/text.json")),
);

Deno.test("capitalize() and codePoints() give what CPython gives", () => {
  for (const [text, capitalized, length] of stored.capitalize) {
    equal(capitalize(text), capitalized, text);
    equal(codePoints(text), length, text);
  }
  equal(codePoints("\ud83d a \ude42"), 5); // halves of a pair count alone
});

Deno.test("capitalize() has CPython's title case of every character", () => {
  const characters = [...stored.characters];
  equal(characters.length, stored.capitalized.length);
  deepEqual(characters.map(capitalize), stored.capitalized);
});

Deno.test("strip() takes away what CPython's does", () => {
  for (const [text, stripped] of stored.strip) equal(strip(text), stripped, JSON.stringify(text));
});
