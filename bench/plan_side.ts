// The estimate side of plan.ts: what the library expects of the task's run, as one JSON line.
// deno run -A bench/plan_side.ts TASK.json
import { baseOf, openModel, readAdapter } from "../lib/model/mod.ts";
import { estimateTraining } from "../lib/train/estimate.ts";
import { sequencesOf, settingsOf } from "./lora_step.ts";
import type { Task } from "./side.ts";

const start = performance.now();
const task: Task = JSON.parse(await Deno.readTextFile(Deno.args[0]));
const model = task.base ? undefined : await openModel(task.model);
const base = task.base ?? baseOf(model!);
const init = task.adapter ? (await readAdapter(task.adapter, base.config)).params : undefined;
const openSeconds = (performance.now() - start) / 1000;
const estimate = await estimateTraining(base, sequencesOf(task), settingsOf(task), { init, openSeconds });
model?.weights.close();
console.log(JSON.stringify(estimate));
