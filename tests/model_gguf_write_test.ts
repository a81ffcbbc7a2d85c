// Writing GGUF: bytes as the gguf package writes them, and back through our reader.
import assert from "node:assert/strict";
import { join } from "node:path";
import { openGguf } from "../lib/model/gguf.ts";
import { GGUF_TYPES, type GgufType, quantise } from "../lib/model/quantise.ts";
import { type GgufField, writeGguf } from "../lib/model/write_gguf.ts";
import { inFolder } from "./folder.ts";
import { peers, runPeer } from "./peers.ts";

/** As parity/gguf/make_written.py has them: sines, a row of zeros, ties of rounding. */
function numbers(): Float32Array<ArrayBuffer> {
  const scale = [1, 1e-3, 0, 40];
  const x = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i) * scale[i >> 6]);
  for (let i = 0; i < 32; i++) x[i] = (i - 16) * 0.5 * (127 / 8) / 127;
  return x;
}

const fields: Record<string, GgufField> = {
  "general.architecture": { text: "llama" },
  "x.count": { u32: 7 },
  "x.float": { f32: 0.1 },
  "x.bool": { bool: true },
  "x.text": { text: "é🙂\n" },
  "x.texts": { texts: ["a", "", "ĊĊ"] },
  "x.numbers": { i32s: [1, -2, 3] },
};
const tensors = Object.fromEntries((["F32", "F16", "BF16", "Q8_0"] as GgufType[]).map((type) => [
  `${type.toLowerCase()}.weight`,
  { shape: [4, 64], type, load: () => Promise.resolve(numbers()) },
]));

Deno.test("writeGguf() writes the bytes that gguf 0.19.0 writes, all four types among them", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.gguf");
    const sha256 = await writeGguf(path, fields, tensors);
    const stored = await Deno.readFile(join(import.meta.dirname!, "parity/gguf/written.gguf"));
    assert.deepEqual(await Deno.readFile(path), stored);
    assert.match(sha256, /^[0-9a-f]{64}$/);
    using gguf = await openGguf(path);
    const x = numbers();
    const largest = (a: ArrayLike<number>) =>
      Array.from(a, (v, i) => Math.abs(v - x[i])).reduce((m, v) => Math.max(m, v));
    assert.equal(largest((await gguf.read("f32.weight")).data), 0);
    assert.ok(largest((await gguf.read("f16.weight")).data) <= 40 / 2048);
    assert.ok(largest((await gguf.read("q8_0.weight")).data) <= 40 / 127);
  }));

Deno.test("quantise() refuses rows that are no whole blocks", () => {
  assert.equal(quantise(new Float32Array(64), "Q8_0").length, 2 * GGUF_TYPES.Q8_0.bytes);
  assert.throws(() => quantise(new Float32Array(33), "Q8_0"), /no whole Q8_0 blocks/);
});

Deno.test({
  name: "the gguf package reads what writeGguf() writes",
  ignore: !peers,
  fn: () =>
    inFolder(async (folder) => {
      const path = join(folder, "a.gguf");
      await writeGguf(path, fields, tensors);
      const script = `
import sys, json, gguf
r = gguf.GGUFReader(sys.argv[1])
t = {x.name: [x.tensor_type.name, [int(n) for n in x.shape], gguf.dequantize(x.data, x.tensor_type).reshape(-1).tolist()] for x in r.tensors}
print(json.dumps({"text": r.fields["x.text"].contents(), "texts": r.fields["x.texts"].contents(), "tensors": t}))`;
      const read = await runPeer<
        { text: string; texts: string[]; tensors: Record<string, [string, number[], number[]]> }
      >(
        script,
        path,
      );
      assert.deepEqual([read.text, read.texts], ["é🙂\n", ["a", "", "ĊĊ"]]);
      using ours = await openGguf(path);
      for (const [name, [type, shape, values]] of Object.entries(read.tensors)) {
        assert.deepEqual([type, shape], [name.split(".")[0].toUpperCase(), [64, 4]]); // ggml's order
        assert.deepEqual(Array.from((await ours.read(name)).data), values);
      }
    }),
});
