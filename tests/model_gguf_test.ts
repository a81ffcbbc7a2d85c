// lib/model/gguf.ts, gguf_cursor.ts and dequantise.ts against files of llama.cpp's gguf 0.19.0 (parity/gguf/make.py).
import assert from "node:assert/strict";
import { join } from "node:path";
import { openGguf } from "../lib/model/gguf.ts";
import { openSafetensors } from "../lib/model/safetensors.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";
import { f32Rows, type Field, ggufBytes, type Lies, type Row } from "./oracles/gguf_bytes.ts";

const STORED = join(import.meta.dirname!, "parity/gguf");

Deno.test("openGguf() dequantises every type bit for bit as gguf does", async () => {
  using gguf = await openGguf(join(STORED, "types.gguf"));
  using expected = await openSafetensors(join(STORED, "expected.safetensors"));
  const bits = (data: ArrayLike<number> & { buffer: ArrayBufferLike }) => new Uint32Array(data.buffer);
  for (const name of ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"]) {
    const ours = await gguf.read(name), theirs = await expected.read(name);
    assert.deepEqual(ours.shape, [3, 512]);
    assert.deepEqual(bits(ours.data), bits(theirs.data), name);
  }
  await assert.rejects(gguf.read("q2_k"), /type is Q2_K; F32, F16, BF16, .*, Q6_K can be read/);
  await assert.rejects(gguf.read("none"), /none of that name/);
});

Deno.test("openGguf() reads metadata of every type", async () => {
  using gguf = await openGguf(join(STORED, "types.gguf"));
  assert.equal(gguf.version, 3);
  assert.deepEqual(Object.fromEntries(gguf.metadata), {
    "general.architecture": "test",
    "x.uint8": 255,
    "x.int8": -128,
    "x.uint16": 65535,
    "x.int16": -32768,
    "x.uint32": 2 ** 32 - 1,
    "x.int32": -(2 ** 31),
    "x.float32": Math.fround(0.1),
    "x.uint64": 2n ** 64n - 1n,
    "x.int64": -(2n ** 53n) - 2n,
    "x.float64": 0.1,
    "x.bool": true,
    "x.string": "é🙂\n",
    "x.strings": ["a", "", "ĊĊ"],
    "x.floats": [0.5, -2],
    "x.nested": [[1, 2], [3]],
  });
});

const key: [string, Field][] = [["general.architecture", "llama"]];
const row = (change: Partial<Row> = {}): Row => ({ name: "a", dims: [4, 2], type: 0, offset: 0, ...change });
const u64 = (n: bigint) => new Uint8Array(BigUint64Array.of(n).buffer);
const list = (type: number, count: bigint) => ({
  type: 9,
  bytes: Uint8Array.of(type, 0, 0, 0, ...u64(count)),
});
const file = (fields: [string, Field][], rows: Row[], data = 0, lies: Lies = {}) =>
  ggufBytes(fields, rows, new Uint8Array(data), lies);

// deno-fmt-ignore
const DAMAGED: [string, Uint8Array, RegExp][] = [
  ["no bytes", new Uint8Array(0), /does not start as a GGUF file/],
  ["magic", file(key, [], 0, { magic: "GGML" }), /does not start as a GGUF file/],
  ["version 1", file(key, [], 0, { version: 1 }), /has version 1;/],
  ["big-endian", file(key, [], 0, { version: 3 << 24 }), /has version 50331648;/],
  ["huge tensor count", file(key, [], 0, { tensorCount: 2n ** 60n }), /number of tensors is 1152921504606846976/],
  ["many tensors", file(key, [], 0, { tensorCount: 1000n }), /number of tensors is 1000, more than fit/],
  ["huge value count", file(key, [], 0, { valueCount: 2n ** 40n }), /number of metadata values is 1099511627776, more/],
  ["more values than there are", file(key, [], 64, { valueCount: 3n }), /"" twice|announced|more than fit/],
  ["text past the end", file([["k", { type: 8, bytes: u64(500n) }]], []), /length of metadata "k" is 500, more than fit/],
  ["huge text", file([["k", { type: 8, bytes: u64(2n ** 63n) }]], []), /is 9223372036854775808/],
  ["huge array", file([["k", list(0, 2n ** 50n)]], []), /length of metadata "k" is 1125899906842624, more than fit/],
  ["array of unknown type", file([["k", list(77, 1n)]], []), /unknown type 77/],
  ["unknown type", file([["k", { type: 13, bytes: new Uint8Array(8) }]], []), /"k" has the unknown type 13/],
  ["nested too deep", file([["k", { type: 9, bytes: new Uint8Array(12 * 9).map((_, i) => (i % 12 === 0 ? 9 : i % 12 === 4 ? 1 : 0)) }]], []), /more than four deep/],
  ["truth value", file([["k", { type: 7, bytes: Uint8Array.of(2) }]], []), /truth value of 2/],
  ["not UTF-8", file([["k", { type: 8, bytes: Uint8Array.of(...u64(1n), 255) }]], []), /not valid UTF-8/],
  ["key twice", file([...key, ...key], []), /"general.architecture" twice/],
  ["alignment 0", file([["general.alignment", { u32: 0 }]], []), /alignment is 0/],
  ["alignment text", file([["general.alignment", "x"]], []), /alignment is x/],
  ["tensor past the end", file(key, [row()], 16), /tensor "a" ends at byte \d+, the file at/],
  ["tensor twice", file(key, [row(), row({ offset: 32 })], 64), /tensor "a" twice/],
  ["overlap", file(key, [row(), row({ name: "b" })], 64), /tensor "b" overlaps/],
  ["misaligned", file(key, [row({ offset: 4 })], 64), /offset 4, no multiple of 32/],
  ["five dimensions", file(key, [row({ dims: [1, 1, 1, 1, 1] })], 64), /5 dimensions/],
  ["many dimensions", file(key, [row({ dims: [2 ** 40, 2 ** 40] })], 64), /would have the shape/],
  ["huge dimension", file(key, [row({ dims: [2n ** 63n] })], 64), /dimension of tensor "a" is 9223372036854775808/],
  ["huge offset", file(key, [row({ offset: 2n ** 63n })], 64), /offset of tensor "a" is 9223372036854775808/],
  ["offset past the end", file(key, [row({ offset: 2 ** 50 })], 64), /ends at byte/],
  ["part of a block", file(key, [row({ type: 8, dims: [16] })], 64), /rows of 16 values, no multiple of Q8_0's 32/],
  ["unknown tensor type", file(key, [row({ type: 4 })], 64), /unknown type 4/],
];

Deno.test("openGguf() refuses a damaged or lying header", async (t) => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.gguf");
    for (const [name, bytes, message] of DAMAGED) {
      await t.step(name, async () => {
        await Deno.writeFile(path, bytes);
        await assert.rejects(openGguf(path), (error) => {
          assert.ok(error instanceof InputError, String(error));
          assert.match(error.message, message);
          assert.ok(error.message.includes(path));
          return true;
        });
      });
    }
  });
});

Deno.test("openGguf() refuses a file cut anywhere in its header", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.gguf");
    const values = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const { rows, data } = f32Rows([["a", [2, 4], values]]);
    const whole = ggufBytes([...key, ["k", ["a", "b"]], ["n", { u32: 7 }]], rows, data);
    await Deno.writeFile(path, whole);
    using gguf = await openGguf(path);
    assert.deepEqual(await gguf.read("a"), { dtype: "float32", shape: [2, 4], data: values });
    for (let length = 0; length < whole.length; length++) {
      await Deno.writeFile(path, whole.subarray(0, length));
      await assert.rejects(openGguf(path), InputError, `${length} bytes`);
    }
  });
});
