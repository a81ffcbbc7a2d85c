// lib/uncertainty/smoothing_file.ts: what is written reads back to the same doubles; what is wrong is refused with its line.
import assert from "node:assert/strict";
import { join } from "node:path";
import { InputError } from "../lib/run/errors.ts";
import { readSmoothing, smoothingFor, smoothingLines } from "../lib/uncertainty/mod.ts";

async function withFile(text: string | Uint8Array, use: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir(), path = join(folder, "smoothing.jsonl");
  try {
    await Deno.writeFile(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
    await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("smoothingLines() writes what readSmoothing() reads, to the last bit", async () => {
  const rows = [
    { id: "a", uncertainty: 12.5, smoothing: 0.1 + 0.2 },
    { id: 'quoted "é"\n', uncertainty: 0, smoothing: 0 },
    { id: "42", smoothing: 5e-324 },
    { id: "d", uncertainty: 1e-17, smoothing: 0.99 },
  ];
  const text = smoothingLines(rows);
  assert.equal(text.split("\n")[0], '{"id":"a","uncertainty":12.5,"smoothing":0.30000000000000004}');
  assert.ok(text.endsWith("\n"));
  await withFile(text, async (path) => assert.deepEqual(await readSmoothing(path), rows));
});

Deno.test("readSmoothing() passes over blank lines, further keys and the order of keys", async () => {
  const text = '\r\n{"smoothing":0.5,"note":"x","id":"a","uncertainty":null}\r\n\n{"id":"b","smoothing":0}';
  await withFile(text, async (path) => {
    assert.deepEqual(await readSmoothing(path), [{ id: "a", smoothing: 0.5 }, { id: "b", smoothing: 0 }]);
  });
});

Deno.test("readSmoothing() refuses a wrong line with its number", async () => {
  const good = '{"id":"a","smoothing":0.1}\n';
  const wrong: [string, RegExp][] = [
    [good + good, /:2: its id "a" is that of .*:1 too/],
    [good + '{"id":"b","smoothing":1}', /:2: its smoothing is 1;/],
    [good + '{"id":"b","smoothing":-1e-9}', /:2: its smoothing is -1e-9/],
    [good + '{"id":"b"}', /:2: its smoothing is missing/],
    [good + '{"id":"b","smoothing":"0.1"}', /:2: its smoothing is "0.1"/],
    [good + '{"id":7,"smoothing":0.1}', /:2: its id is 7/],
    [good + '{"id":"","smoothing":0.1}', /:2: its id is ""/],
    [good + '{"id":"b","smoothing":0.1,"uncertainty":-3}', /:2: its uncertainty is -3/],
    [good + "[1]", /:2: it is not a JSON object/],
    [good + '{"id":', /:2: not valid JSON/],
    ["", /empty/],
  ];
  for (const [text, message] of wrong) {
    await withFile(text, async (path) => {
      await assert.rejects(
        readSmoothing(path),
        (e) => e instanceof InputError && message.test(e.message),
        text,
      );
    });
  }
  await assert.rejects(readSmoothing("no/such/file.jsonl"), InputError);
});

Deno.test("smoothingLines() refuses rows that could not be read back", () => {
  assert.throws(() => smoothingLines([{ id: "a", smoothing: NaN }]), /row 1: its smoothing is NaN/);
  const twice = [{ id: "a", smoothing: 0 }, { id: "a", smoothing: 0 }];
  assert.throws(() => smoothingLines(twice), InputError);
});

Deno.test("smoothingFor() gives the asked samples in the asked order", () => {
  const rows = [{ id: "a", smoothing: 0.1 }, { id: "b", smoothing: 0.2 }, { id: "c", smoothing: 0.3 }];
  assert.deepEqual([...smoothingFor(["c", "a"], rows)], [0.3, 0.1]);
  assert.throws(
    () => smoothingFor(["a", "x", "y"], rows),
    (e) => e instanceof InputError && /"x" and 1 more/.test(e.message),
  );
});
