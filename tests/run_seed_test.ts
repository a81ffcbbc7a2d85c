// The random streams against Random123's published vectors and simple statistics.
import { deepEqual, equal, notDeepEqual, ok, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { stream, threefry2x32 } from "../lib/run/seed.ts";

Deno.test("threefry2x32() gives the known answers of Random123's kat_vectors (20 rounds)", () => {
  deepEqual(threefry2x32([0, 0], [0, 0]), [0x6b200159, 0x99ba4efe]);
  deepEqual(threefry2x32([0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff]), [0x1cb996fc, 0xbb002be7]);
  deepEqual(threefry2x32([0x243f6a88, 0x85a308d3], [0x13198a2e, 0x03707344]), [0xc4923a9c, 0x483df7a0]);
});

Deno.test("stream() derives its key from seed and name alone", () => {
  const key = createHash("sha256").update('[7,"shuffle",3]').digest();
  const expected = threefry2x32([5, 2], [key.readUInt32LE(0), key.readUInt32LE(4)]);
  equal(stream(7, "shuffle", 3).u32(5 + 2 * 2 ** 32), expected[0]);
  const first = (...name: (string | number)[]) => stream(7, ...name).ints(4, 1000);
  deepEqual(first("a"), first("a"));
  notDeepEqual(first("a"), first("b"));
  notDeepEqual(first("a", 1), first("a", "1"));
  notDeepEqual(stream(8, "a").ints(4, 1000), first("a"));
  throws(() => stream(-1, "a"), RangeError);
  throws(() => stream(0.5, "a"), RangeError);
});

Deno.test("uniform() and normal() have the right moments and range", () => {
  const s = stream(1, "moments");
  const n = 20000;
  let u = 0, z = 0, zz = 0, zzzz = 0;
  for (let i = 0; i < n; i++) {
    const x = s.uniform(i);
    ok(x >= 0 && x < 1);
    u += x / n;
    const y = s.normal(i);
    ok(Number.isFinite(y));
    z += y / n;
    zz += y * y / n;
    zzzz += y ** 4 / n;
  }
  ok(Math.abs(u - 0.5) < 0.01, `mean of uniform ${u}`);
  ok(Math.abs(z) < 0.03 && Math.abs(zz - 1) < 0.05 && Math.abs(zzzz - 3) < 0.3, `moments ${z} ${zz} ${zzzz}`);
});

Deno.test("shuffle() is a permutation, and every place is equally likely", () => {
  const counts = Array.from({ length: 5 }, () => new Array(5).fill(0));
  for (let seed = 0; seed < 4000; seed++) {
    const order = stream(seed, "p").shuffle(5);
    deepEqual([...order].sort(), [0, 1, 2, 3, 4]);
    order.forEach((v, i) => counts[i][v]++);
  }
  for (const c of counts.flat()) ok(Math.abs(c - 800) < 130, `count ${c} of about 800`);
  deepEqual(stream(0, "p").shuffle(0), []);
});

Deno.test("ints() stays below its limit and starts where told", () => {
  const s = stream(3, "ints");
  deepEqual(s.ints(3, 10, 2), s.ints(5, 10).slice(2));
  ok(s.ints(1000, 7).every((v) => Number.isInteger(v) && v >= 0 && v < 7));
});
