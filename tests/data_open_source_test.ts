// lib/data/open_source.ts and the readers of formats: the same dialogues from every format, bad rows and bad files, ids.
import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Example } from "../lib/data/example.ts";
import { openSource, readSource, type SourceOptions } from "../lib/data/open_source.ts";
import { exampleJson, writeExamples } from "../lib/data/write.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";

const parity = join(import.meta.dirname!, "parity/parquet");
const encoder = new TextEncoder();
const pair = { prompt: "Q", response: "A" };
const lines = (...values: unknown[]) =>
  values.map((value) => (typeof value === "string" ? value : JSON.stringify(value)) + "\n").join("");

/** Writes `content` into a file called `name` in a fresh folder and runs `body` with its path. */
const withFile = (name: string, content: string | Uint8Array, body: (path: string) => Promise<void>) =>
  inFolder(async (folder) => {
    const path = join(folder, name);
    await Deno.writeFile(path, typeof content === "string" ? encoder.encode(content) : content);
    await body(path);
  });

/** The dialogues of a file with that content. */
async function read(
  name: string,
  content: string | Uint8Array,
  options: SourceOptions = {},
): Promise<Example[]> {
  let examples: Example[] = [];
  await withFile(name, content, async (path) => void (examples = await readSource(path, options)));
  return examples;
}

const texts = (examples: Example[]) => examples.map(({ turns }) => turns.map(({ content }) => content));

/** Dialogues with what formats trip over. */
const DIALOGUES = [
  { prompt: 'Say "hi", then\r\nstop.', response: "hi\n\nstop" },
  { prompt: '{[]}, \\ and \\" too', response: "é — 🙂\u2028 ]" },
  { prompt: "tab\there", response: " spaces kept " },
  { prompt: "", response: "," },
];
const SAID = DIALOGUES.map(({ prompt, response }) => [prompt, response]);
const csv = (delimiter: string, end = "\n") =>
  [["prompt", "response"], ...SAID]
    .map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(delimiter) + end).join("");

const SAME: Record<string, string> = {
  "a.jsonl": lines(...DIALOGUES),
  "crlf.jsonl": lines(...DIALOGUES).replaceAll("\n", "\r\n"),
  "blank.ndjson": "\n" + lines(...DIALOGUES).replaceAll("\n", "\n \n"),
  "unfinished.jsonl": lines(...DIALOGUES).trimEnd(),
  "a.json": JSON.stringify(DIALOGUES),
  "pretty.json": JSON.stringify(DIALOGUES, null, 2) + "\n",
  "lines.json": lines(...DIALOGUES),
  "pretty_lines.json": DIALOGUES.map((dialogue) => JSON.stringify(dialogue, null, 1)).join("\n"),
  "noname": lines(...DIALOGUES),
  "noname2": JSON.stringify(DIALOGUES),
  "a.csv": csv(","),
  "crlf.csv": csv(",", "\r\n"),
  "a.tsv": csv("\t"),
};

Deno.test("openSource() reads the same dialogues from every text format, packed, marked or not", async (t) => {
  for (const [name, content] of Object.entries(SAME)) {
    await t.step(name, async () => {
      assert.deepEqual(texts(await read(name, content)), SAID);
      assert.deepEqual(texts(await read(name, "\ufeff" + content)), SAID, "with a byte order mark");
      const [half, bytes] = [content.length >> 1, encoder.encode(content)];
      assert.deepEqual(texts(await read(`${name}.gz`, gzipSync(bytes))), SAID, "gzip");
      const members = [gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))];
      assert.deepEqual(texts(await read(`${name}.gz`, Buffer.concat(members))), SAID, "gzip of two members");
    });
  }
});

Deno.test("openSource() reads parquet as pyarrow writes it, several row groups, compressed in three ways", async () => {
  const wanted = (await Deno.readTextFile(join(parity, "rows.jsonl"))).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  const ultrachat = await readSource(join(parity, "ultrachat.parquet"));
  assert.deepEqual(ultrachat.map(({ id, turns }) => ({ id, messages: turns })), wanted);
  const sharegpt = openSource(join(parity, "sharegpt.parquet")), shared = await Array.fromAsync(sharegpt);
  assert.deepEqual(shared.map(({ turns }) => turns), wanted.map(({ messages }) => messages));
  assert.deepEqual(shared.map(({ id }) => id), ["0", "1", "2", "3", "4", "5", "6"]);
  const [{ format, layout }] = sharegpt.tally.files;
  assert.deepEqual([format, layout], ["parquet", "sharegpt"]);
  const alpaca = await readSource(join(parity, "alpaca.parquet"));
  assert.deepEqual(texts(alpaca), [["Spell it.\n\ntar", "t-a-r"], ["Greet.", "Hello."], ["Add.", "3"]]);
  assert.deepEqual(alpaca.map(({ category }) => category), ["words", "words", undefined]);
});

Deno.test("openSource() gives ids and sources: those of the rows, else the file's name and the row", async () => {
  const rows = [pair, { ...pair, id: "own" }, { ...pair, id: 7, source: "web" }];
  const found = async (name: string, content: string) =>
    (await read(name, content)).map(({ id, source }) => [id, source]);
  assert.deepEqual(await found("a.jsonl", "\n" + lines(...rows)), [
    ["a.jsonl#2", "a.jsonl"],
    ["own", "a.jsonl"],
    ["7", "web"],
  ]);
  assert.deepEqual(await found("a.json", JSON.stringify(rows)), [["a.json#1", "a.json"], ["own", "a.json"], [
    "7",
    "web",
  ]]);
  const table = 'id,prompt,response,uncertainty,category\n,"two\nlines",A,,\nx,Q,A,12.5,c\n,Q,A,,\n';
  const examples = await read("a.csv", table);
  assert.deepEqual(examples.map(({ id }) => id), ["a.csv#2", "x", "a.csv#5"]);
  assert.deepEqual([examples[1].uncertainty, examples[1].category, examples[0].category], [
    12.5,
    "c",
    undefined,
  ]);
});

Deno.test("openSource() takes nested CSV cells as JSON", async () => {
  const cell = JSON.stringify([{ role: "user", content: "Q" }, { role: "assistant", content: 'A"' }])
    .replaceAll('"', '""');
  assert.deepEqual(texts(await read("a.csv", `messages\n"${cell}"\n`)), [["Q", 'A"']]);
});

Deno.test("openSource() takes texts of 5 MB in every format", async () => {
  const long = 'é\n"x\\'.repeat(1_000_000), rows = [pair, { prompt: long, response: "A" }, pair];
  const wanted = rows.map(({ prompt, response }) => [prompt, response]);
  for (
    const [name, content] of Object.entries({
      "a.jsonl": lines(...rows),
      "a.json": JSON.stringify(rows),
      "a.csv": `prompt,response\nQ,A\n"${long.replaceAll('"', '""')}",A\nQ,A\n`,
    })
  ) {
    assert.deepEqual(texts(await read(name, content)), wanted, name);
    assert.deepEqual(texts(await read(`${name}.gz`, gzipSync(content))), wanted, `${name}.gz`);
  }
});

/** A bad row after two good ones; its place, and what is said. */
// deno-fmt-ignore
const BAD_ROWS: [string, string | Uint8Array, RegExp][] = [
  ["a.jsonl", lines(pair, "", pair, "{oops"), /a\.jsonl:4: not valid JSON \(.*\): \{oops; each line must hold one JSON value$/],
  ["a.jsonl", lines(pair, pair, "3"), /a\.jsonl:3: it is not a JSON object/],
  ["a.jsonl", lines(pair, pair, { ...pair, id: null }), /a\.jsonl:3: id is null .*; give a text, or leave id out$/],
  ["a.jsonl", lines(pair, pair, { prompt: "Q" }), /a\.jsonl:3: response is missing; write/],
  ["a.jsonl", lines(pair, pair, '{"prompt":"Q","response":"a\\ud83d"}'), /a\.jsonl:3: response is .*half of a surrogate pair/],
  ["a.jsonl", lines(pair, pair, { messages: [{ role: "human", content: "Q" }] }), /a\.jsonl:3: messages.0.role is "human"/],
  ["a.jsonl", lines(pair, pair, { text: "Q" }), /a\.jsonl:3: it has no messages; write/],
  ["a.jsonl", Buffer.concat([encoder.encode(lines(pair, pair)), Uint8Array.of(123, 255, 10), encoder.encode(lines(pair))]),
    /a\.jsonl:3: not valid UTF-8; save the file as UTF-8$/],
  ["a.json", JSON.stringify([pair, pair, 3]), /a\.json row 3: it is not a JSON object/],
  ["a.json", "[" + lines(pair) + "," + lines(pair) + ",{oops},]", /a\.json row 3: not valid JSON/],
  ["a.json", Buffer.concat([encoder.encode(`[${JSON.stringify(pair)},${JSON.stringify(pair)},"`), Uint8Array.of(255), encoder.encode('"]')]),
    /a\.json row 3: not valid UTF-8/],
  ["a.csv", "prompt,response\nQ,A\n\"Q\n\",A\nQ\n", /a\.csv:5: it has 1 cells, the header 2; give each line a cell/],
  ["a.csv", "prompt,response,uncertainty\nQ,A,\nQ,A,3\nQ,A,high\n", /a\.csv:4: uncertainty is "high"/],
];

Deno.test("openSource() names place, field and remedy of a bad row, or leaves it out and counts it", async (t) => {
  for (const [name, content, message] of BAD_ROWS) {
    await t.step(String(message), () =>
      withFile(name, content, async (path) => {
        await assert.rejects(readSource(path), (error) => {
          assert.ok(error instanceof InputError, String((error as Error).stack));
          assert.match(error.message, /^Cannot read /);
          assert.match(error.message, message);
          return true;
        });
        const heard: string[] = [];
        const source = openSource(path, { onBad: "skip", onSkip: ({ place }) => heard.push(place) });
        const good = await Array.fromAsync(source);
        assert.ok(good.length >= 2 && good.every(({ turns }) => turns[1].content === "A"));
        const bad = name === "a.json" && String(content).includes(",]") ? 2 : 1;
        assert.deepEqual([source.tally.examples, source.tally.bad, heard.length], [good.length, bad, bad]);
        const [{ place, what, remedy }] = source.tally.firstBad;
        assert.match(`${place}: ${what}; ${remedy}`, message);
      }));
  }
});

const gzipped = gzipSync(lines(pair, pair));

/** Files of which nothing more can be read. */
// deno-fmt-ignore
const BAD_FILES: [string, string | Uint8Array, RegExp][] = [
  ["empty.jsonl", "", /it is empty; give a file with dialogues/],
  ["blank.jsonl", "\n \n", /it is empty/],
  ["empty.json", "[ ]", /it is empty/],
  ["header.csv", "prompt,response\n", /it is empty/],
  ["cut.jsonl.gz", gzipped.subarray(0, gzipped.length - 12), /its gzip ends too early; get the file again/],
  ["bad.jsonl.gz", gzipped.with(20, gzipped[20] ^ 255), /its gzip is damaged|its gzip ends too early/],
  ["cut.json", '[{"prompt":"Q","response":"A"}', /it ends within its JSON/],
  ["cut2.json", '[{"prompt":"Q","respon', /it ends within its JSON/],
  ["more.json", '[{"prompt":"Q","response":"A"}] {"x":1}', /something follows its array \("\{/],
  ["more.json", '[{"prompt":"Q","response":"A"}] "x"', /something follows its array/],
  ["stray.json", '{"prompt":"Q","response":"A"} oops', /it is no array of JSON objects \("oops", after row 1\)/],
  ["utf16.jsonl", Uint8Array.of(0xff, 0xfe, 123, 0), /it is UTF-16; save it as UTF-8/],
  ["quote.csv", 'prompt,response\nQ,"A\n', /quote\.csv:\d: Quote Not Closed.*; quote cells/],
  ["twice.csv", "prompt,prompt\nQ,A\n", /:1: the column prompt is there twice/],
  ["unnamed.csv", "prompt,\nQ,A\n", /:1: a column has no name/],
  ["latin1.csv", Buffer.concat([encoder.encode("prompt,response\nQ,A\n"), Uint8Array.of(233, 44, 65, 10)]), /it is not valid UTF-8; save it as UTF-8/],
  ["strange.bin", "hello there", /its format is unknown; say which it is: jsonl, json, csv/],
  ["other.jsonl", lines({ text: "Q" }), /other\.jsonl:1: its fields \(text\) are of no known layout; write/],
  ["no.parquet", "PAR", /it is no parquet file; get it again/],
  ["cut.parquet", Deno.readFileSync(join(parity, "sharegpt.parquet")).subarray(0, 1500), /as parquet: .*; get it again/],
  ["other.parquet", Deno.readFileSync(join(parity, "other.parquet")), /none of its columns \(x, y\) is one of a known layout's/],
  ["broken.parquet", Deno.readFileSync(join(parity, "not_utf8.parquet")), /broken\.parquet row 2: instruction is not valid UTF-8/],
];

Deno.test("openSource() refuses files that are empty, damaged, cut off or something else", async (t) => {
  for (const [name, content, message] of BAD_FILES) {
    await t.step(name, () =>
      withFile(name, content, async (path) => {
        await assert.rejects(readSource(path), (error) => {
          assert.ok(error instanceof InputError, String((error as Error).stack));
          assert.match(error.message, message);
          assert.match(error.message, new RegExp(`^Cannot read .*${name}`));
          return true;
        });
      }));
  }
  await assert.rejects(
    readSource("/nowhere/x.jsonl"),
    /Cannot read \/nowhere\/x.jsonl: no such file or folder/,
  );
  await inFolder((folder) =>
    assert.rejects(readSource(folder), /Cannot read .*: it is a folder; give a file's path/)
  );
});

Deno.test({
  name: "readSource() refuses a pipe at once: it would wait for a writer, and lose what was looked at first",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const path = join(folder, "pipe.jsonl");
      assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
      await assert.rejects(readSource(path), {
        message: `Cannot read ${path}: it is a pipe; save it as a file`,
      });
      await assert.rejects(readSource(path, { format: "parquet" }), /it is not a regular file; give/);
    }),
});

Deno.test("readSource() refuses a CSV header of too many columns at once", async () => {
  const wide = Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(",");
  await withFile(
    "long.csv",
    "c,".repeat(5e6),
    (path) =>
      assert.rejects(readSource(path), /long.csv:1: the line is longer than 1 MiB; the first must name/),
  );
  await withFile(
    "wide.csv",
    `${wide}\n`,
    (path) => assert.rejects(readSource(path), /wide.csv:1: it has 100000 columns; the first line must name/),
  );
});

Deno.test("openSource() gives the rows before a gzip's end that came too early", () => {
  const rows = Array.from({ length: 100_000 }, (_, i) => `${JSON.stringify({ ...pair, id: `${i}` })}\n`).join(
    "",
  );
  return withFile("cut.jsonl.gz", gzipSync(rows).subarray(0, 200_000), async (path) => {
    let count = 0;
    await assert.rejects(async () => {
      for await (const _ of openSource(path)) count++;
    }, /its gzip ends too early/);
    assert.ok(count > 1000, String(count));
  });
});

Deno.test("openSource() names both places of a repeated id, or leaves the later row out", () =>
  withFile(
    "a.jsonl",
    lines({ ...pair, id: "x" }, pair, { ...pair, id: "x" }, { ...pair, id: "a.jsonl#2" }),
    async (path) => {
      await assert.rejects(
        readSource(path),
        /a\.jsonl:3: the id "x" is that of .*a\.jsonl:1 too; give each line/,
      );
      const source = openSource(path, { onBad: "skip" });
      assert.deepEqual((await Array.fromAsync(source)).map(({ id }) => id), ["x", "a.jsonl#2"]);
      assert.deepEqual(source.tally.firstBad.map(({ place, what }) => [basename(place), what]), [
        ["a.jsonl:3", 'the id "x" was seen before'],
        ["a.jsonl:4", 'the id "a.jsonl#2" was seen before'],
      ]);
    },
  ));

Deno.test("openSource() counts empty answers, or refuses them", () =>
  withFile("a.jsonl", lines(pair, { prompt: "Q", response: " \n" }), async (path) => {
    const source = openSource(path);
    assert.equal((await Array.fromAsync(source)).length, 2);
    assert.equal(source.tally.empty, 1);
    await assert.rejects(readSource(path, { refuseEmpty: true }), /a\.jsonl:2: an answer is empty; write it/);
  }));

Deno.test("openSource() holds to a named layout, insists on ratings where asked, and can be read twice", () =>
  withFile("a.jsonl", lines(pair, { ...pair, uncertainty: 3 }), async (path) => {
    await assert.rejects(readSource(path, { layout: "alpaca" }), /a\.jsonl:1: instruction is missing; write/);
    await assert.rejects(readSource(path, { requireUncertainty: true }), /a\.jsonl:1: it has no uncertainty/);
    await assert.rejects(readSource(path, { format: "csv" }), InputError);
    const source = openSource(path);
    assert.deepEqual(await Array.fromAsync(source), await Array.fromAsync(source));
    assert.equal(source.tally.examples, 2);
  }));

Deno.test("writeExamples() writes our own layout, which reads back equal; a failure leaves the old file", () =>
  withFile("a.jsonl", "old\n", async (path) => {
    const examples: Example[] = [
      {
        id: "a",
        turns: [{ role: "user", content: 'é🙂\u2028"\n' }, { role: "assistant", content: "" }],
        source: "s",
      },
      {
        id: "b",
        turns: [{ role: "assistant", content: "x".repeat(3_000_000) }],
        source: "s",
        category: "c",
        uncertainty: 0.5,
        reason: "r",
        scores: { complexity: [1], quality: [2.5] },
      },
    ];
    await assert.rejects(
      writeExamples(
        path,
        (async function* () {
          yield* examples;
          throw new InputError("no more");
        })(),
      ),
      /no more/,
    );
    assert.equal(await Deno.readTextFile(path), "old\n");
    assert.equal(await writeExamples(path, examples), 2);
    assert.deepEqual(await readSource(path), examples);
    const [first] = (await Deno.readTextFile(path)).split("\n");
    assert.equal(first, JSON.stringify(exampleJson(examples[0])));
  }));

const real = mirror("data");
const COUNTS = { lima: [1029, 29, 0], alpaca: [9229, 0, 4], dolly: [2996, 0, 0], gsm8k: [7473, 0, 0] };

Deno.test({
  name: "openSource() reads the mirror's data sets, every row",
  ignore: !real,
  fn: async () => {
    for (const [name, [count, several, empty]] of Object.entries(COUNTS)) {
      const source = openSource(`mirror:${name}`), examples = await Array.fromAsync(source);
      assert.deepEqual([examples.length, source.tally.bad, source.tally.empty], [count, 0, empty], name);
      assert.equal(examples.filter(({ turns }) => turns.length > 2).length, several, name);
      assert.deepEqual([examples[0].id, examples[0].source], [`${name}#1`, name]);
    }
    const questions = await readSource("mirror:gsm8k/test.jsonl");
    assert.equal(questions.length, 1319);
    for (const name of ["../README.md", "/etc/passwd", "nothing"]) {
      await assert.rejects(
        readSource(`mirror:${name}`),
        /^InputError: Cannot read mirror:.*use lima, alpaca, dolly/,
      );
    }
  },
});
