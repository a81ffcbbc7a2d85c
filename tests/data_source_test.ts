// lib/data/source.ts: both forms of a user's JSONL, and the line and reason of what is refused.
import assert from "node:assert/strict";
import { join } from "node:path";
import { readExamples } from "../lib/data/source.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";

const answer = { role: "assistant", content: "A" };
const question = { role: "user", content: "Q" };
const pair = { prompt: "Q", response: "A" };

/** Writes `lines` (JSON values, or text and bytes as they are) and reads them. */
async function read(lines: unknown[], options = {}) {
  let examples: Awaited<ReturnType<typeof readExamples>> = [];
  await inFolder(async (folder) => {
    const path = join(folder, "x.jsonl");
    const bytes = lines.map((line) =>
      line instanceof Uint8Array
        ? line
        : new TextEncoder().encode(typeof line === "string" ? line : JSON.stringify(line))
    );
    await Deno.writeFile(path, Uint8Array.from(bytes.flatMap((line) => [...line, 10])));
    examples = await readExamples(path, options);
  });
  return examples;
}

Deno.test("readExamples() reads both forms", async () => {
  const system = { role: "system", content: "S" };
  const examples = await read([
    {
      messages: [system, question, answer, question, answer],
      id: "x",
      uncertainty: 12.5,
      category: "c",
      reason: "r",
      source: "s",
    },
    "",
    { ...pair, id: 7, other: [1] },
    { ...pair, uncertainty: 99 },
    { messages: [{ ...question, name: "n" }, answer], uncertainty: 0 },
  ]);
  const turns = [question, answer];
  assert.deepEqual(examples, [
    {
      id: "x",
      turns: [system, ...turns, ...turns],
      uncertainty: 12.5,
      category: "c",
      reason: "r",
      source: "s",
    },
    { id: "7", turns },
    { id: "4", turns, uncertainty: 99 },
    { id: "5", turns, uncertainty: 0 },
  ]);
});

Deno.test("readExamples() takes texts as they are", async () => {
  const content = " \u2028é🙂\u0000\t\n ";
  const [example] = await read([{ prompt: content, response: "" }]);
  assert.deepEqual(example.turns, [{ role: "user", content }, { role: "assistant", content: "" }]);
});

// deno-fmt-ignore
const REFUSED: [string, unknown[], RegExp][] = [
  ["an empty file", [], /it is empty/],
  ["a file of blank lines", ["", "  "], /it is empty/],
  ["not JSON", [pair, "{"], /:2: not valid JSON/],
  ["not UTF-8", [pair, "", Uint8Array.of(123, 255)], /:3: not valid UTF-8/],
  ["a list", [[question, answer]], /:1: it is not a JSON object; write \{"messages"/],
  ["null", ["null"], /:1: it is not a JSON object/],
  ["neither form", [{ text: "x" }], /:1: it has no messages; write/],
  ["both forms", [{ ...pair, messages: [question, answer] }], /:1: it has both messages and prompt/],
  ["no turns", [{ messages: [] }], /:1: messages is \[\]/],
  ["messages of text", [{ messages: "Q" }], /:1: messages is "Q"/],
  ["an unknown role", [{ messages: [{ role: "human", content: "Q" }, answer] }], /:1: messages.0.role is "human"/],
  ["no content", [{ messages: [{ role: "user" }, answer] }], /:1: messages.0.content is missing/],
  ["null content", [{ messages: [question, { role: "assistant", content: null }] }], /:1: messages.1.content is null/],
  ["a last turn of the user", [{ messages: [question, answer, question] }], /:1: its last turn is the user's; end each/],
  ["no response", [{ prompt: "Q" }], /:1: response is missing/],
  ["a null id", [{ ...pair, id: null }], /:1: id is null/],
  ["an empty id", [{ ...pair, id: "" }], /:1: id is ""/],
  ["a null category", [{ ...pair, category: null }], /:1: category is null/],
  ["an id twice", [{ ...pair, id: "a" }, pair, { ...pair, id: "a" }], /:3: the id "a" is that of line 1 too; give/],
  ["an id that is a line number", [{ ...pair, id: "2" }, pair], /:2: the id "2" is that of line 1 too/],
  ["half of a surrogate pair", ['{"prompt":"Q","response":"a\\ud83d"}'], /:1: response is .* \(holds half of a surrogate pair\)/],
  ["a rating of 100", [{ ...pair, uncertainty: 100 }], /:1: uncertainty is 100 /],
  ["a rating of 99.5", [{ ...pair, uncertainty: 99.5 }], /:1: uncertainty is 99.5 /],
  ["a negative rating", [pair, { ...pair, uncertainty: -0.1 }], /:2: uncertainty is -0.1 /],
  ["a rating of text", [{ ...pair, uncertainty: "50" }], /:1: uncertainty is "50" /],
  ["a null rating", [{ ...pair, uncertainty: null }], /:1: uncertainty is null /],
  ["an infinite rating", ['{"prompt":"Q","response":"A","uncertainty":1e999}'], /:1: uncertainty is /],
];

Deno.test("readExamples() names line and reason of what it refuses", async (t) => {
  for (const [name, lines, message] of REFUSED) {
    await t.step(name, () =>
      assert.rejects(read(lines), (error) => {
        assert.ok(error instanceof InputError, String((error as Error).stack));
        assert.match(error.message, /^Cannot read .*x\.jsonl/);
        assert.match(error.message, message);
        return true;
      }));
  }
});

Deno.test("readExamples() can insist on uncertainties", async () => {
  const lines = [{ ...pair, uncertainty: 3 }, pair];
  assert.equal((await read(lines)).length, 2);
  await assert.rejects(
    read(lines, { requireUncertainty: true }),
    /:2: it has no uncertainty; add "uncertainty": a number/,
  );
});

Deno.test("readExamples() names a file that is not there", async () => {
  await assert.rejects(readExamples("/nowhere/x.jsonl"), /Cannot read \/nowhere\/x.jsonl: no such file/);
});
