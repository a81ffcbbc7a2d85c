// What both sides of harness.ts evaluate: tasks with their shots and how many items, and the local files they are read from.
import { join, resolve } from "node:path";
import type { OpenTask, Settings, Task } from "../lib/evaluate/task.ts";
import { InputError } from "../lib/run/errors.ts";
import { root } from "../tools/setup.ts";

/** Tasks that are run and timed together. */
export interface Workload {
  /** As a person writes it: "mmlu_astronomy+mmlu_management:5". */
  label: string;
  /** Of tasks and groups of them. */
  names: string[];
  /** Default: the settings'. */
  shots?: number;
  /** Items of each task. */
  limit?: number;
}

/** A task and the files it is read from, as the harness's side (peers/harness_tasks.py) takes it. */
export interface TaskFilesOf {
  name: string;
  /** Paths; "a.zip!b.csv" is the entry whose name ends in b.csv. */
  test: string;
  shots?: string;
  count?: number;
  /** The subject whose rows of a file of several are taken. */
  subject?: string;
}

/** What a side reads from its file. */
export interface Work extends Workload {
  /** The model's folder. */
  model: string;
  threads: number;
  mirror?: string;
  settings: Settings;
  /** The same as settings, and the tasks, as the harness's side takes them. */
  openllm: boolean;
  tasks: TaskFilesOf[];
}

/** What is compared by default; the number of items fits what the harness takes for one. */
export const WORKLOADS = [
  "mmlu_astronomy+mmlu_management:5/50",
  "hellaswag:0/60",
  "hellaswag:10/12",
  "arc_challenge:0/80",
  "arc_challenge:25/12",
  "truthfulqa_mc1/16",
  "truthfulqa_mc2/16",
  "gsm8k:5/6",
];

/** "TASK[+TASK…][:SHOTS][/LIMIT]" → a workload. Throws InputError for another form. */
export function parseWorkload(text: string, limit?: number): Workload {
  const [, names, shots, own] = /^([^:/]+)(?::(\d+))?(?:\/(\d+))?$/.exec(text) ?? [];
  if (names === undefined) {
    throw new InputError(`Cannot run the bench on ${text}: write TASK[+TASK…][:SHOTS][/ITEMS]`);
  }
  return {
    label: text.replace(/\/\d+$/, ""),
    names: names.split("+"),
    ...(shots === undefined ? {} : { shots: Number(shots) }),
    ...(limit ?? own ? { limit: limit ?? Number(own) } : {}),
  };
}

/** The files that a task is read from in `mirror`, else the bundled ones, as openTasks() chooses them. */
export function filesOf({ task, shots: count }: OpenTask, mirror?: string): TaskFilesOf {
  const folder = mirror ? resolve(mirror) : join(root, "data/benchmarks");
  const find = (split: NonNullable<Task["shots"]>) => {
    const places = mirror ? split.mirror : [split.bundled];
    const place = places.find((place) => isFile(join(folder, place.split("!")[0])));
    return place && join(folder, place);
  };
  const shots = task.shots && find(task.shots);
  return {
    name: task.name,
    test: find(task.test)!,
    ...(shots ? { shots } : {}),
    count,
    ...(task.group === "mmlu" ? { subject: task.name.replace(/^mmlu_/, "") } : {}),
  };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
