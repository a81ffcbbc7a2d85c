// How busy others keep the cores, from the kernel's counters.
import assert from "node:assert/strict";
import { othersShare, parseTicks } from "../lib/jit/spinning.ts";

Deno.test("othersShare() is what neither idles nor is ours", () => {
  const system = (user: number, idle: number, steal = 0) =>
    `cpu  ${user} 0 10 ${idle} 5 1 2 ${steal} 0 0\ncpu0 1 2 3\n`;
  const process = (user: number, kernel: number) =>
    `12 (a) b (c)) S 1 12 12 0 -1 4194304 100 0 0 0 ${user} ${kernel} 0 0 20 0 9 0 5 6 7`;
  const a = parseTicks(system(100, 1000), process(50, 5));
  assert.deepEqual(a, { total: 1118, busy: 113, own: 55 });
  const b = parseTicks(system(180, 1100, 20), process(90, 15)); // 80 busy of 200 ticks, 50 of them ours, 20 stolen
  assert.equal(othersShare(a, b), 30 / 200);
  assert.equal(othersShare(a, parseTicks(system(110, 1090), process(70, 5))), 0); // counters are read one after the other
});

Deno.test("parseTicks() reads this machine's counters", { ignore: Deno.build.os !== "linux" }, () => {
  const { total, busy, own } = parseTicks(
    Deno.readTextFileSync("/proc/stat"),
    Deno.readTextFileSync("/proc/self/stat"),
  );
  assert.ok(total > busy && busy >= own && own > 0, `${total} ${busy} ${own}`);
});
