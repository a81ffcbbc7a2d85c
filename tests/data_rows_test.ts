// The readers of rows and the filter of seen ids, apart from files: pieces cut anywhere, oracles, limits, rates.
import assert from "node:assert/strict";
import { csvRows } from "../lib/data/csv.ts";
import { jsonRows } from "../lib/data/json_values.ts";
import { jsonlRows } from "../lib/data/jsonl.ts";
import { LARGEST_ROW, type Row } from "../lib/data/row.ts";
import { SeenIds } from "../lib/data/seen_ids.ts";
import { stream } from "../lib/run/seed.ts";

/** `text` as bytes in pieces of `size`; the same buffer again and again, as a file's pieces are. */
async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text), buffer = new Uint8Array(size);
  for (let start = 0; start < bytes.length; start += size) {
    const part = bytes.subarray(start, start + size);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
  }
}

const values = async (rows: AsyncIterable<Row[]>) =>
  (await Array.fromAsync(rows)).flat().map(({ at, value, fault }) => fault ? [at, "bad"] : [at, value]);

/** A random JSON value, deep enough to nest brackets and quotes. */
function randomValue(draw: () => number, depth = 0): unknown {
  const kind = Math.floor(draw() * (depth > 3 ? 4 : 6));
  const alphabet = ['"', "\\", "{", "}", "[", "]", ",", ":", "é", "🙂", " ", "\n", "a", "\u2028"];
  const word = () =>
    Array.from({ length: Math.floor(draw() * 8) }, () => alphabet[Math.floor(draw() * alphabet.length)]).join(
      "",
    );
  if (kind === 0) return word();
  if (kind === 1) return Math.round(draw() * 1e6) / 1e3;
  if (kind === 2) return [true, false, null][Math.floor(draw() * 3)];
  if (kind === 3) return word() + '\\"';
  const count = Math.floor(draw() * 4);
  if (kind === 4) return Array.from({ length: count }, () => randomValue(draw, depth + 1));
  return Object.fromEntries(Array.from({ length: count }, () => [word(), randomValue(draw, depth + 1)]));
}

Deno.test("jsonRows() finds the elements that JSON.parse() finds, wherever the pieces are cut", async () => {
  const { uniform } = stream(0, "json rows");
  let counter = 0;
  const draw = () => uniform(counter++);
  for (let round = 0; round < 60; round++) {
    const list = Array.from({ length: Math.floor(draw() * 6) }, () => randomValue(draw));
    const text = JSON.stringify(list, null, round % 3) + (round % 2 ? " \n" : "");
    const wanted = (JSON.parse(text) as unknown[]).map((value, i) => [i + 1, value]);
    for (const size of [1, 2, 3, 7, 1000]) {
      assert.deepEqual(await values(jsonRows(pieces(text, size), "x")), wanted, text);
    }
  }
});

Deno.test("jsonlRows() and csvRows() read the same wherever the pieces are cut", async () => {
  const text = '{"a":"é🙂\\n\\""}\r\n\n[1,\n2]\n{"b":[]}';
  const table = 'a,b\n"é🙂\n""","x, y"\r\n1,2\n';
  for (const size of [1, 2, 3, 5, 1000]) {
    assert.deepEqual(await values(jsonlRows(pieces(text, size), "x")), [
      [1, { a: 'é🙂\n"' }],
      [3, "bad"],
      [4, "bad"],
      [5, { b: [] }],
    ]);
    const rows = await values(csvRows(pieces(table, size), { path: "x", delimiter: "," }));
    assert.deepEqual(rows.map(([at, value]) => [at, { ...value as object }]), [
      [2, { a: 'é🙂\n"', b: "x, y" }],
      [4, { a: "1", b: "2" }],
    ]);
  }
});

/** A text without end. */
async function* endless(text: string): AsyncGenerator<Uint8Array> {
  const piece = new TextEncoder().encode(text.repeat(Math.ceil(2 ** 24 / text.length)));
  for (let sent = 0; sent < LARGEST_ROW + 2 * piece.length; sent += piece.length) yield piece;
  assert.fail("it took it all");
}

Deno.test("rows beyond the limit end the reading instead of filling the memory", async () => {
  await assert.rejects(
    values(jsonlRows(endless("x"), "f")),
    /^InputError: Cannot read f: a line is longer than 128 MiB/,
  );
  await assert.rejects(values(jsonRows(endless('["'.slice(1)), "f")), InputErrorOf(/it is no array/));
  await assert.rejects(
    values(jsonRows(
      (async function* () {
        yield new TextEncoder().encode('["');
        yield* endless("x");
      })(),
      "f",
    )),
    /^InputError: Cannot read f: row 1 is longer than 128 MiB/,
  );
});

const InputErrorOf = (pattern: RegExp) => (error: Error) =>
  error.name === "InputError" && pattern.test(error.message);

Deno.test("SeenIds forgets no id, and takes no new one of two million for a seen one", () => {
  const ids = new SeenIds();
  let wrong = 0;
  for (let i = 0; i < 1_000_000; i++) if (ids.add(`dialogue-${i}`)) wrong++;
  for (let i = 0; i < 1_000_000; i++) if (ids.add(`${i}`)) wrong++;
  assert.equal(wrong, 0);
  for (let i = 0; i < 1_000_000; i += 997) assert.ok(ids.add(`dialogue-${i}`) && ids.add(`${i}`));
});

Deno.test("SeenIds errs as rarely at ten million ids as its docstring says", () => {
  const ids = new SeenIds();
  for (let i = 0; i < 10_000_000; i++) ids.add(`#${i}`);
  let wrong = 0;
  const tries = 200_000;
  for (let i = 0; i < tries; i++) if (ids.add(`new${i}`)) wrong++;
  assert.ok(wrong / tries < 1e-4, `${wrong} of ${tries}`);
});
