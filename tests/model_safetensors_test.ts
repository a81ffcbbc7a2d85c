// lib/model/safetensors.ts and half.ts against files of Hugging Face's safetensors 0.8.0 (parity/safetensors/make.py).
import assert from "node:assert/strict";
import { join } from "node:path";
import { f32, i32, type Params } from "../lib/jit/params.ts";
import { floatsToBfloats, floatsToHalves, halvesToFloats } from "../lib/model/half.ts";
import { openSafetensors, writeSafetensors } from "../lib/model/safetensors.ts";
import { sha256File } from "../lib/run/files.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";

const STORED = join(import.meta.dirname!, "parity/safetensors");

/** The values that the stored files were made from, before rounding. */
function values(): { a: Float32Array; b: Float32Array } {
  const all = new Float32Array(Deno.readFileSync(join(STORED, "halves.f32")).buffer);
  return { a: all.slice(0, 15), b: all.slice(15, 23) };
}

/** The value of a half by its definition. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

Deno.test("openSafetensors() reads what Hugging Face's safetensors wrote", async () => {
  using file = await openSafetensors(join(STORED, "f32_i32.safetensors"));
  assert.deepEqual({ ...file.metadata }, { format: 'pt "x"\n' });
  assert.deepEqual([...file.tensors.keys()].sort(), ["a.weight", "b", "c", "empty", "é"]);
  assert.deepEqual(await file.read("a.weight"), f32([3, 5], values().a));
  const b = [0, -0, 1e-8, 65504, 1 / 3, 2 ** -24, 3e38, -1.5];
  assert.deepEqual(await file.read("b"), f32([8], b));
  assert.deepEqual(await file.read("c"), i32([2, 2], [-(2 ** 31), -1, 0, 2 ** 31 - 1]));
  assert.deepEqual(await file.read("empty"), f32([0, 4], []));
  assert.deepEqual(await file.read("é"), f32([], [2.5]));
  const { begin, end } = file.tensors.get("a.weight")!;
  const bytes = Deno.readFileSync(file.path).slice(begin, end);
  assert.deepEqual(new Float32Array(bytes.buffer), values().a, "offsets count from the start of the file");
  await assert.rejects(file.read("d"), /Cannot read tensor d: .* none of that name/);
});

Deno.test("openSafetensors() reads F16 and BF16 exactly", async () => {
  using halves = await openSafetensors(join(STORED, "f16.safetensors"));
  using bfloats = await openSafetensors(join(STORED, "bf16.safetensors"));
  const raw = (path: string, { begin, end }: { begin: number; end: number }) =>
    new Uint16Array(Deno.readFileSync(path).slice(begin, end).buffer);
  for (const name of ["a.weight", "b", "é"]) {
    const half = await halves.read(name), bits = raw(halves.path, halves.tensors.get(name)!);
    assert.deepEqual(half.data, Float32Array.from(bits, halfValue));
    const bfloat = await bfloats.read(name), upper = raw(bfloats.path, bfloats.tensors.get(name)!);
    assert.deepEqual(bfloat.data, new Float32Array(Uint32Array.from(upper, (word) => word << 16).buffer));
  }
});

Deno.test("writeSafetensors() writes the same bytes as Hugging Face's safetensors", async () => {
  await inFolder(async (folder) => {
    const { a, b } = values();
    const path = join(folder, "x.safetensors");
    const same = async (name: string) =>
      assert.deepEqual(
        await Deno.readFile(path),
        await Deno.readFile(join(STORED, `${name}.safetensors`)),
        name,
      );
    const first: Params = {
      c: i32([2, 2], [-(2 ** 31), -1, 0, 2 ** 31 - 1]),
      "é": f32([], [2.5]),
      b: f32([8], [0, -0, 1e-8, 65504, 1 / 3, 2 ** -24, 3e38, -1.5]),
      empty: f32([0, 4]),
      "a.weight": f32([3, 5], a),
    };
    const hash = await writeSafetensors(path, first, { metadata: { format: 'pt "x"\n' } });
    await same("f32_i32");
    assert.equal(hash, await sha256File(path));
    const load = () => Promise.resolve(b);
    const second = {
      b: { dtype: "float32" as const, shape: [8], load },
      "é": f32([], [2.5]),
      "a.weight": f32([3, 5], a),
    };
    await writeSafetensors(path, second, { dtype: "F16" });
    await same("f16");
    await writeSafetensors(path, second, { dtype: "BF16" });
    await same("bf16");
  });
});

Deno.test("writeSafetensors() leaves the old file where a tensor cannot be made", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    await Deno.writeTextFile(path, "old");
    const bad = {
      a: f32([2], [1, 2]),
      b: { dtype: "float32" as const, shape: [3], load: () => new Float32Array(2) },
    };
    await assert.rejects(writeSafetensors(path, bad), /Cannot write tensor b: 2 values for shape \[3\]/);
    await assert.rejects(writeSafetensors(path, { __metadata__: f32([0]) }), RangeError);
    assert.equal(await Deno.readTextFile(path), "old");
    assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name), [
      "x.safetensors",
    ]);
  });
});

Deno.test("half floats round to nearest even and keep every pattern", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const floats = halvesToFloats(all);
  for (const bits of all) assert.ok(Object.is(floats[bits], Math.fround(halfValue(bits))), `pattern ${bits}`);
  const numbers = all.filter((bits) => !Number.isNaN(halfValue(bits)));
  assert.deepEqual(floatsToHalves(halvesToFloats(numbers)), numbers);
  // ties, one above a tie, overflow, NaN: 1 + 2^-8 is the middle between two bfloats
  const some = new Float32Array(
    Uint32Array.of(0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x7f800001, 0xff800000).buffer,
  );
  assert.deepEqual([...floatsToBfloats(some)], [0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x7fc0, 0xff80]);
});

/** A file of a header given as text, or as a JSON value, and `data` zero bytes. */
function bytesOf(header: unknown, data = 0, length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const tensor = (dtype: string, shape: unknown, ...data_offsets: unknown[]) => ({
  dtype,
  shape,
  data_offsets,
});

// deno-fmt-ignore
const DAMAGED: [string, Uint8Array, RegExp][] = [
  ["no bytes", new Uint8Array(0), /0 bytes are too few/],
  ["header past the end", bytesOf({}, 0, 99n), /would end at byte 107, the file ends at 10/],
  ["huge header", bytesOf({}, 0, 2n ** 63n), /would be 9223372036854775808 bytes/],
  ["not JSON", bytesOf("{]"), /not JSON/],
  ["not UTF-8", bytesOf("{}").map((byte, i) => (i === 8 ? 255 : byte)), /not JSON/],
  ["a list", bytesOf("[]"), /not a JSON object/],
  ["white space first", bytesOf(" {}"), /not a JSON object/],
  ["past the end", bytesOf({ a: tensor("F32", [2], 0, 8) }, 4), /tensor "a" ends at byte \d+, the file at/],
  ["overlap", bytesOf({ a: tensor("F32", [2], 0, 8), b: tensor("F32", [1], 4, 8) }, 8), /"b" overlaps/],
  ["hole", bytesOf({ a: tensor("F32", [1], 4, 8) }, 8), /belong to no tensor/],
  ["bytes behind", bytesOf({ a: tensor("F32", [1], 0, 4) }, 8), /tensors end at byte/],
  ["wrong size", bytesOf({ a: tensor("F32", [3], 0, 8) }, 8), /has 8 bytes, F32 \[3\] needs 12/],
  ["negative dimension", bytesOf({ a: tensor("F32", [-1], 0, 8) }, 8), /shape \[-1\]/],
  ["fractional dimension", bytesOf({ a: tensor("F32", [0.5], 0, 2) }, 2), /shape \[0.5\]/],
  ["overflowing shape", bytesOf({ a: tensor("F32", [2 ** 40, 2 ** 40], 0, 8) }, 8), /needs 4\.8/],
  ["unsafe count", bytesOf(`{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,8]}}`, 8), /shape/],
  ["offsets reversed", bytesOf({ a: tensor("F32", [0], 8, 0) }, 8), /data_offsets \[8,0\]/],
  ["one offset", bytesOf({ a: tensor("F32", [0], 0) }), /data_offsets \[0\]/],
  ["unknown dtype", bytesOf({ a: tensor("F31", [1], 0, 4) }, 4), /unknown dtype "F31"/],
  ["inherited dtype", bytesOf({ a: tensor("toString", [1], 0, 4) }, 4), /unknown dtype "toString"/],
  ["no object", bytesOf({ a: 1 }), /tensor "a" is not described/],
  ["extra field", bytesOf({ a: { ...tensor("F32", [0], 0, 0), x: 1 } }), /unknown field "x"/],
  ["metadata of numbers", bytesOf({ __metadata__: { a: 1 } }), /"a", which is not a text/],
  ["name twice", bytesOf(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`), /names "a" twice/],
  ["field twice", bytesOf(`{"a":{"dtype":"F32","shape":[0],"shape":[0],"data_offsets":[0,0]}}`), /names "shape" twice/],
];

Deno.test("openSafetensors() refuses a damaged or lying header", async (t) => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    for (const [name, bytes, message] of DAMAGED) {
      await t.step(name, async () => {
        await Deno.writeFile(path, bytes);
        await assert.rejects(openSafetensors(path), (error) => {
          assert.ok(error instanceof InputError, String(error));
          assert.match(error.message, message);
          assert.ok(error.message.includes(path));
          return true;
        });
      });
    }
  });
});

Deno.test("openSafetensors() takes text in braces and commas for what it is", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    await Deno.writeFile(
      path,
      bytesOf({ __metadata__: { 'a":{"b': '{"x":1,"x":2}' }, 'q"{}': tensor("I64", [1], 0, 8) }, 8),
    );
    using file = await openSafetensors(path);
    assert.deepEqual({ ...file.metadata }, { 'a":{"b': '{"x":1,"x":2}' });
    await assert.rejects(file.read('q"{}'), /type is I64; F32, F16, BF16 and I32 can be read/);
  });
});

Deno.test("openSafetensors() names a missing file and a folder", async () => {
  await inFolder(async (folder) => {
    await assert.rejects(openSafetensors(join(folder, "none")), /Cannot read .*none: no such file/);
    await assert.rejects(openSafetensors(folder), /not a regular file/);
  });
});

Deno.test("openSafetensors() notices a file cut while it is open", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    await writeSafetensors(path, { a: f32([100]) });
    using file = await openSafetensors(path);
    await Deno.truncate(path, 200);
    await assert.rejects(file.read("a"), /it ends at byte 200/);
  });
});
