// Our side of harness.ts: the work's items under the base model; writes a row an item and prints one JSON line.
// deno run -A bench/harness_side.ts WORK.json OUT.jsonl
import { evaluate } from "../lib/evaluate/evaluate.ts";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import { openModel } from "../lib/model/mod.ts";
import { peakMemory } from "../lib/run/machine.ts";
import type { Work } from "./harness_work.ts";

const [path, out] = Deno.args;
const work: Work = JSON.parse(await Deno.readTextFile(path));
const start = performance.now();
const model = await openModel(work.model);
const { names, mirror, settings, shots, limit, threads } = work;
const tasks = await openTasks(names, { mirror }, { settings, shots, limit });
const opened = performance.now();
const times: number[] = [];
const onItem = () => void times.push(performance.now());
const rows = await evaluate(model, { base: undefined }, tasks, { threads, onItem });
const done = performance.now();
// The first batch's items come at once; a batch takes longer than that.
const gap = times.findIndex((t, i) => i > 0 && t - times[i - 1] > 20), first = gap < 0 ? times.length : gap;
await Deno.writeTextFile(out, rows.map((row) => JSON.stringify(row) + "\n").join(""));
console.log(JSON.stringify({
  seconds: (done - opened) / 1000,
  items: rows.length,
  peakBytes: peakMemory(),
  startSeconds: (opened - start) / 1000,
  firstSeconds: (times[0] - opened) / 1000,
  later: { items: times.length - first, seconds: (done - times[first - 1]) / 1000 },
}));
