// The ledger of answers: keys, torn and damaged files, group commits, one process at a time, and ual ledger.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Ledger } from "../lib/chat/ledger.ts";
import { type Entry, formatLine, parseLine } from "../lib/chat/ledger_line.ts";
import { scanLines } from "../lib/chat/ledger_scan.ts";
import { ledgerEntries, verifyLedger } from "../lib/chat/ledger_verify.ts";
import { canonicalJson, keyOf, questionOf } from "../lib/chat/question.ts";
import { main } from "../lib/cli.ts";
import { sha256Hex } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";

const endpoint = { baseUrl: "http://127.0.0.1:1/v1", model: "judge" };

function entryAt(i: number, text = `${i}`): Entry {
  const request = { messages: [{ role: "user" as const, content: `Rate ${i}: “häufig”\n` }], temperature: 0 };
  const question = questionOf(endpoint, request);
  return {
    key: keyOf(question),
    time: "2024-01-31T12:00:00.000Z",
    question,
    answer: { text, finish: "stop", usage: { prompt: 10, completion: 1 }, model: "judge" },
    cost: 0.25,
  };
}

async function written(path: string, entries: Entry[]): Promise<void> {
  await using ledger = await Ledger.open(path);
  await Promise.all(entries.map((entry) => ledger.append(entry)));
}

Deno.test("keyOf() is the SHA-256 of the question's canonical JSON, written out by hand", () => {
  const request = {
    messages: [{ role: "system" as const, content: "Rate." }, { role: "user" as const, content: 'a "b"\né' }],
    temperature: 0,
    topP: 0.9,
    maxTokens: 4,
    topLogprobs: 5,
    seed: 7,
    stop: ["x"],
  };
  const question = questionOf({ ...endpoint, fingerprint: "f00" }, request, 2);
  const text =
    '{"base_url":"http://127.0.0.1:1/v1","fingerprint":"f00","messages":[{"content":"Rate.","role":"system"},' +
    '{"content":"a \\"b\\"\\né","role":"user"}],"model":"judge","parameters":{"logprobs":true,"max_tokens":4,"seed":7,' +
    '"stop":["x"],"temperature":0,"top_logprobs":5,"top_p":0.9},"repeat":2}';
  assert.equal(canonicalJson(question), text);
  assert.equal(keyOf(question), sha256Hex(text));
});

Deno.test("keyOf() differs in each thing that can change an answer, and in nothing else", () => {
  const messages = [{ role: "user" as const, content: "Rate." }];
  const keys = [
    keyOf(questionOf(endpoint, { messages })),
    keyOf(questionOf({ ...endpoint, baseUrl: "http://127.0.0.1:2/v1" }, { messages })),
    keyOf(questionOf({ ...endpoint, model: "other" }, { messages })),
    keyOf(questionOf({ ...endpoint, fingerprint: "f" }, { messages })),
    keyOf(questionOf(endpoint, { messages: [{ role: "system", content: "Rate." }] })),
    keyOf(questionOf(endpoint, { messages: [{ role: "user", content: "Rate!" }] })),
    keyOf(questionOf(endpoint, { messages, temperature: 0 })),
    keyOf(questionOf(endpoint, { messages, temperature: 1 })),
    keyOf(questionOf(endpoint, { messages, topP: 0.9 })),
    keyOf(questionOf(endpoint, { messages, maxTokens: 4 })),
    keyOf(questionOf(endpoint, { messages, seed: 1 })),
    keyOf(questionOf(endpoint, { messages, stop: ["."] })),
    keyOf(questionOf(endpoint, { messages, logprobs: true })),
    keyOf(questionOf(endpoint, { messages, topLogprobs: 5 })),
    keyOf(questionOf(endpoint, { messages }, 1)),
  ];
  assert.equal(new Set(keys).size, keys.length);
  const loose = {
    messages: [{ content: "Rate.", role: "user" as const, more: 1 }],
    stop: [],
    seed: undefined,
  };
  assert.equal(keyOf(questionOf(endpoint, loose)), keys[0]);
});

Deno.test("questionOf() refuses requests that make no sense", () => {
  const messages = [{ role: "user" as const, content: "x" }];
  for (
    const [request, repeat, why] of [
      [{ messages: [] }, 0, /there are no messages/],
      [{ messages: [{ role: "judge", content: "x" }] }, 0, /role is judge/],
      [{ messages: [{ role: "user", content: null }] }, 0, /content is object/],
      [{ messages, temperature: 3 }, 0, /temperature is 3; give a number from 0 to 2/],
      [{ messages, temperature: NaN }, 0, /temperature is NaN/],
      [{ messages, topP: -1 }, 0, /topP is -1/],
      [{ messages, maxTokens: 0 }, 0, /maxTokens is 0; give a whole number from 1 on/],
      [{ messages, topLogprobs: 21 }, 0, /topLogprobs is 21/],
      [{ messages }, 0.5, /repeat is 0.5/],
      // deno-lint-ignore no-explicit-any
    ] as [any, number, RegExp][]
  ) {
    assert.throws(() => questionOf(endpoint, request, repeat), why);
  }
});

Deno.test("parseLine() gives back what formatLine() wrote and names each change", () => {
  const entry = entryAt(1), line = formatLine(entry);
  assert.deepEqual(parseLine(line, { rehash: true }), entry);
  assert.equal(parseLine(line.replace('"1"', '"2"')), "the check sum differs");
  assert.equal(parseLine(line.slice(0, -3)), "not a line of a ledger");
  assert.equal(parseLine("{}"), "not a line of a ledger");
  const other = formatLine({ ...entry, key: "0".repeat(64) });
  assert.equal(typeof parseLine(other), "object");
  assert.equal(parseLine(other, { rehash: true }), "the key is not the question's");
});

Deno.test("scanLines() finds lines that span pieces, with their places, as a plain split does", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x");
    const lines = [
      "a",
      "",
      "é".repeat(700_000),
      "b",
      "x".repeat(2_097_151),
      "c".repeat(1_048_575),
      "",
      "end",
    ];
    await Deno.writeTextFile(path, lines.join("\n"));
    const encoder = new TextEncoder(), expected = [];
    for (let i = 0, at = 0; i < lines.length; i++) {
      const size = encoder.encode(lines[i]).length;
      if (size) expected.push({ line: i + 1, at, size, text: lines[i], whole: i < lines.length - 1 });
      at += size + 1;
    }
    assert.deepEqual([...scanLines(path)], expected);
  }));

Deno.test("Ledger gives back what it was given, after it was opened again too", () =>
  inFolder(async (folder) => {
    const path = join(folder, "new/answers.jsonl"),
      entries = Array.from({ length: 50 }, (_, i) => entryAt(i));
    await using ledger = await Ledger.open(path);
    await Promise.all(entries.map(async (entry) => {
      assert.equal(ledger.has(entry.key), false);
      await ledger.append(entry);
      assert.deepEqual(ledger.get(entry.key), entry);
    }));
    await ledger.append({ ...entries[3], cost: 99 });
    await ledger.close();
    await using again = await Ledger.open(path);
    assert.deepEqual([again.size, again.cost, again.dropped], [50, 12.5, 0]);
    for (const entry of entries) assert.deepEqual(again.get(entry.key), entry);
    assert.equal(again.get("none"), undefined);
    assert.equal((await Deno.readTextFile(path)).trimEnd().split("\n").length, 50);
  }));

Deno.test("Ledger.append() is done only when the bytes are in the file, and writes concurrent answers together", () =>
  inFolder(async (folder) => {
    const path = join(folder, "answers.jsonl");
    await using ledger = await Ledger.open(path);
    let checks = 0;
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const entry = entryAt(i);
      await ledger.append(entry);
      if (i % 20) return;
      checks++;
      assert.ok((await Deno.readTextFile(path)).includes(entry.key));
    }));
    assert.equal(checks, 10);
    const same = entryAt(1000);
    await Promise.all([ledger.append(same), ledger.append(same), ledger.append({ ...same, cost: 1 })]);
    assert.equal(verifyLedger(path).faults.length, 0);
    assert.equal(verifyLedger(path).answers, 201);
  }));

Deno.test("Ledger.open() cuts off a torn end at any byte, and what a power cut leaves", () =>
  inFolder(async (folder) => {
    const path = join(folder, "answers.jsonl");
    await written(path, [entryAt(0), entryAt(1)]);
    const whole = await Deno.readFile(path), first = whole.indexOf(10) + 1;
    for (let cut = first + 1; cut < whole.length; cut += 7) {
      await Deno.writeFile(path, whole.subarray(0, cut));
      await using ledger = await Ledger.open(path);
      assert.deepEqual([ledger.size, ledger.dropped], [1, cut - first], `cut at ${cut}`);
      await ledger.append(entryAt(2));
      assert.deepEqual(verifyLedger(path), { answers: 2, faults: [] });
    }
    await Deno.writeFile(path, new Uint8Array([...whole, ...new Uint8Array(300), 10, 0, 0]));
    await using ledger = await Ledger.open(path);
    assert.deepEqual([ledger.size, ledger.dropped], [2, 303]);
    assert.deepEqual(await Deno.readFile(path), whole);
  }));

Deno.test("Ledger finds what it appends behind blank lines", () =>
  inFolder(async (folder) => {
    const path = join(folder, "answers.jsonl");
    await written(path, [entryAt(0)]);
    await Deno.writeTextFile(path, "\n\n", { append: true });
    await using ledger = await Ledger.open(path);
    await ledger.append(entryAt(1));
    assert.deepEqual([0, 1].map((i) => ledger.get(entryAt(i).key)), [entryAt(0), entryAt(1)]);
    assert.deepEqual(verifyLedger(path), { answers: 2, faults: [] });
  }));

Deno.test("Ledger.open() refuses a line that was changed, and a file that is no ledger, and leaves both as they are", () =>
  inFolder(async (folder) => {
    const path = join(folder, "answers.jsonl");
    await written(path, [entryAt(0), entryAt(1), entryAt(2)]);
    const good = await Deno.readTextFile(path);
    for (
      const [text, why] of [
        [
          good.replace('"text":"1"', '"text":"9"'),
          /answers\.jsonl:2 as a ledger: the check sum differs; see ual/,
        ],
        ["a\n" + good, /answers\.jsonl:1 as a ledger: not a line of a ledger/],
        ['{"messages": []}\n{"messages": []}\n', /:1 as a ledger: not a line/],
        ["some text", /:1 as a ledger: not a line/],
        ["{\n", /:1 as a ledger: not a line/],
        ['{"key":"my own"}', /:1 as a ledger: not a line/],
        ["\x7fELF\0\0\x01\x02", /:1 as a ledger: not a line/],
        ["\0asm\x01\0\0\0", /:1 as a ledger: not a line/],
        [[..."notes\nof mine\n"].join("\0") + "\0", /:1 as a ledger: not a line/], // UTF-16, the low byte first
        [[..."\nnotes\nof mine\n"].join("\0"), /:2 as a ledger: not a line/], // the high byte first, from line 2 on
      ] as [string, RegExp][]
    ) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(Ledger.open(path), why);
      assert.equal(await Deno.readTextFile(path), text);
    }
  }));

Deno.test("Ledger.open() refuses a second opening with the holder's pid, or waits for its end", () =>
  inFolder(async (folder) => {
    const path = join(folder, "answers.jsonl"), first = await Ledger.open(path);
    await assert.rejects(Ledger.open(path), {
      name: "InputError",
      message:
        `Cannot use ${path}: process ${Deno.pid} has it open; wait for it, stop it, or give another file`,
    });
    let told = "";
    const second = Ledger.open(path, { wait: true, onWait: (pid) => told = pid });
    await first.append(entryAt(0));
    await first.close();
    await using ledger = await second;
    assert.deepEqual([told, ledger.size], [`${Deno.pid}`, 1]);
    const signal = AbortSignal.timeout(50);
    await assert.rejects(Ledger.open(path, { wait: true, signal }), { name: "TimeoutError" });
  }));

Deno.test("verifyLedger() names torn, changed, doubled and foreign lines", () =>
  inFolder(async (folder) => {
    const path = join(folder, "answers.jsonl"), lines = [0, 1, 2, 3].map((i) => formatLine(entryAt(i)));
    lines[1] = lines[1].replace("häufig", "selten");
    lines[2] = formatLine({ ...entryAt(2), key: "ab".repeat(32) });
    const text = [...lines, lines[0], "foreign", ""].join("\n") + lines[3].slice(0, 50);
    await Deno.writeTextFile(path, text);
    assert.deepEqual(verifyLedger(path), {
      answers: 2,
      faults: [
        { line: 2, fault: "the check sum differs" },
        { line: 3, fault: "the key is not the question's" },
        { line: 5, fault: "it answers the same question as line 1" },
        { line: 6, fault: "not a line of a ledger" },
        { line: 7, fault: "it is torn: its end is missing; the next start that writes will cut it off" },
      ],
    });
    assert.deepEqual([...ledgerEntries(path)].map(({ line }) => line), [1, 3, 4, 5]);
  }));

/** Runs main() and returns its code and what it printed. */
async function ual(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { log, error } = console, out: string[] = [], err: string[] = [];
  console.log = (text: string) => out.push(text);
  console.error = (text: string) => err.push(text);
  try {
    return { code: await main(args), out: out.join("\n"), err: err.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("ual ledger lists, shows and verifies, and exits 1 where something is wrong", () =>
  inFolder(async (folder) => {
    const path = join(folder, "answers.jsonl"), entries = [entryAt(0), { ...entryAt(1), cost: undefined }];
    await written(path, entries);
    const list = await ual("ledger", "ls", path);
    assert.equal(list.code, 0);
    assert.match(
      list.out,
      new RegExp(
        `^${entries[0].key.slice(0, 12)}  2024-01-31T12:00:00.000Z +10\\+1 tokens +0.250000 USD  judge$`,
        "m",
      ),
    );
    assert.match(list.out, /^2 answers, 0.250000 USD where the price was known$/m);
    const json = JSON.parse((await ual("ledger", "ls", path, "--json")).out);
    assert.deepEqual(json.map((one: { key: string }) => one.key), entries.map(({ key }) => key));
    const shown = await ual("ledger", "show", path, "--key", entries[1].key.slice(0, 10));
    assert.deepEqual(JSON.parse(shown.out).answer, entries[1].answer);
    const none = await ual("ledger", "show", path, "--key", "zz");
    assert.deepEqual([none.code, none.err], [
      2,
      `ual: Cannot show zz of ${path}: no key begins so; see ual ledger ls`,
    ]);
    assert.deepEqual(await ual("ledger", "verify", path), {
      code: 0,
      out: "2 answers; nothing is wrong",
      err: "",
    });
    await Deno.writeTextFile(path, "x\n", { append: true });
    const wrong = await ual("ledger", "verify", path);
    assert.deepEqual([wrong.code, wrong.out], [
      1,
      `${path}:3: not a line of a ledger\n2 answers; 1 line is wrong`,
    ]);
    assert.equal((await ual("ledger", "ls", join(folder, "none"))).code, 2);
  }));
