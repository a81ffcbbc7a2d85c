// Progress with a clock of its own: speed and time left by hand.
import { deepEqual, equal } from "node:assert/strict";
import { clock, Progress, progressLine, type ProgressState } from "../lib/run/progress.ts";

Deno.test("Progress measures the recent steps alone", async () => {
  const states: ProgressState[] = [];
  let time = 0;
  const progress = new Progress("train", 100, (s) => states.push({ ...s }), () => time);
  for (let step = 1; step <= 50; step++) {
    time += step <= 20 ? 5000 : 2000; // the slow start must be forgotten
    await progress.update(step, { tokens: 100, note: `loss ${step}` });
  }
  const last = states.at(-1)!;
  deepEqual([last.done, last.tokensPerSecond, last.secondsLeft], [50, 50, 100]);
  equal(progressLine(last), "train: 50/100 · loss 50 · 50 tokens/s · 1:40 left");
  equal(states[0].secondsLeft, 495);
  await progress.finish();
  equal(progressLine(states.at(-1)!), "train: 50/100 · loss 50 · 50 tokens/s");
});

Deno.test("Progress says no speed where there is none", async () => {
  const states: ProgressState[] = [];
  const progress = new Progress("x", 2, (s) => states.push({ ...s }), () => 0);
  await progress.update(1);
  equal(progressLine(states[0]), "x: 1/2");
});

Deno.test("clock() reads as hours, minutes, seconds", () => {
  deepEqual([7, 754, 3723, -1].map(clock), ["0:07", "12:34", "1:02:03", "0:00"]);
});
