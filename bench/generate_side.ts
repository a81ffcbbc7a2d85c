// Our side of generate.ts: greedy answers to the task's prompts side by side; prints one JSON line.
// deno run -A bench/generate_side.ts TASK.json BATCH float32|int8
import { baseOf, generate, int8Base, openModel } from "../lib/model/mod.ts";
import { peakMemory } from "../lib/run/machine.ts";
import type { GenerateTask } from "./generate.ts";

const [path, count, weights] = Deno.args;
const task: GenerateTask = JSON.parse(await Deno.readTextFile(path));
const prompts = task.prompts.slice(0, Number(count));
const start = performance.now();
const model = await openModel(task.model);
const base = weights === "int8" ? await int8Base(model) : baseOf(model);
const options = { threads: task.threads, batch: prompts.length, stop: [] };
await generate(base, prompts, { ...options, maxNew: 8 });
const startSeconds = (performance.now() - start) / 1000;
const times: number[] = [];
const answers = await generate(base, prompts, {
  ...options,
  maxNew: task.maxNew,
  onToken: () => void times.push(performance.now() / 1000),
});
// All prompts are read first, a token each; from then on every step adds a token to each text.
const steps = times.filter((_, i) => i % prompts.length === prompts.length - 1);
console.log(JSON.stringify({
  seconds: steps.slice(1).map((t, i) => t - steps[i]),
  ids: answers.map((answer) => answer.ids),
  peakBytes: peakMemory(),
  startSeconds,
}));
