// NumPy files beside those that numpy wrote (parity/numpy), mapped and read; other kinds, damaged ones and no files at all.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { openArray } from "../lib/cluster/mapped.ts";
import { npyHeader, npyInts } from "../lib/cluster/npy.ts";
import { InputError } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";

const refuses = (action: Promise<unknown>, why: RegExp) =>
  rejects(action, (error) => {
    ok(error instanceof InputError, String(error));
    ok(/^Cannot \w+ .*: .*; .*/s.test(error.message), `no action, value or remedy: ${error.message}`);
    ok(why.test(error.message), error.message);
    return true;
  });

const stored: {
  taken: Record<string, { file: string; dtype: "<f4" | "<i4"; shape: number[]; values: number[] }>;
  refused: Record<string, string>;
} = JSON.parse(await Deno.readTextFile(join(import.meta.dirname!, "parity/numpy/npy.json")));
const decoded = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

Deno.test("npyHeader(), npyInts() and openArray() agree with numpy's files, mapped and read", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.npy");
    for (const [name, { file, dtype, shape, values }] of Object.entries(stored.taken)) {
      const bytes = decoded(file), head = npyHeader(dtype, shape);
      deepEqual(head, bytes.slice(0, bytes.length - 4 * values.length), name);
      if (dtype === "<i4") deepEqual(npyInts(Int32Array.from(values)), bytes);
      await Deno.writeFile(path, bytes);
      for (const map of [true, false]) {
        const array = openArray(path, { map });
        equal(array.mapped, map && Deno.build.os === "linux", name);
        deepEqual([array.dtype, array.shape], [dtype, shape]);
        deepEqual([...array.slice(0, values.length)], values);
        deepEqual([...array.slice(1, 2)], values.slice(1, 2));
        array.close();
        array.close();
      }
    }
  }));

Deno.test("openArray() refuses other kinds of arrays and files, and says why", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.npy"), open = () => Promise.resolve().then(() => openArray(path));
    const why: Record<string, RegExp> = {
      "float64": /it holds <f8, not float32 or int32/,
      "float16": /it holds <f2/,
      "big-endian": /it holds >f4/,
      "Fortran order": /it is in Fortran order/,
      "records": /it holds records/,
      "version 2.0": /its format is version 2\.0, not 1\.0/,
    };
    for (const [name, file] of Object.entries(stored.refused)) {
      await Deno.writeFile(path, decoded(file));
      await refuses(open(), why[name]);
    }
    const good = decoded(stored.taken.floats.file),
      changed = (from: string, to: string) => {
        const text = Array.from(good, (byte) => String.fromCharCode(byte)).join("").replace(from, to);
        return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      };
    const wrong: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /not a NumPy file/],
      [good.slice(0, 11), /not a NumPy file/],
      [new TextEncoder().encode('{"text": "not an array at all"}'), /not a NumPy file/],
      [good.slice(0, 100), /header is damaged/],
      [good.slice(0, good.length - 1), /it has 187 bytes and its header promises 188/],
      [Uint8Array.from([...good, 0]), /it has 189 bytes/],
      [changed("(3, 5)", "(9, 5)"), /its header promises 308/],
      [changed("(3, 5)", "(-3,5"), /header is damaged/],
      [changed("(3, 5)", "999999"), /header is damaged/],
    ];
    for (const [bytes, reason] of wrong) {
      await Deno.writeFile(path, bytes);
      await refuses(open(), reason);
    }
    await rejects(Promise.resolve().then(() => openArray(folder)), InputError, "a folder");
    await rejects(Promise.resolve().then(() => openArray(join(folder, "nowhere.npy"))), InputError);
  }));
