// All benchmarks by name, and the groups of them that one name stands for.
import { InputError } from "../../run/errors.ts";
import type { Task } from "../task.ts";
import { arcChallenge, arcEasy } from "./arc.ts";
import { gsm8k } from "./gsm8k.ts";
import { gsm8kCot } from "./gsm8k_cot.ts";
import { hellaswag } from "./hellaswag.ts";
import { metamath } from "./metamath.ts";
import { mmlu } from "./mmlu.ts";
import { piqa } from "./piqa.ts";
import { RELEASED_LETTERS } from "./released_letters.ts";
import { truthfulqaMc1, truthfulqaMc2 } from "./truthfulqa.ts";
import { winogrande } from "./winogrande.ts";

/** Every task, in the order of tables. One that is added here can be named everywhere. */
export const TASKS: readonly Task[] = [
  arcChallenge,
  arcEasy,
  hellaswag,
  ...mmlu,
  truthfulqaMc1,
  truthfulqaMc2,
  winogrande,
  piqa,
  gsm8k,
  gsm8kCot,
  metamath,
  ...RELEASED_LETTERS,
] as Task[];

const named = new Map(TASKS.map((task) => [task.name, task]));

/**
 * Names that stand for several tasks: all, mmlu, mmlu_stem and so on, truthfulqa; released are the benchmarks as the
 * released code asks them, which all leaves out.
 */
export const GROUPS: ReadonlyMap<string, readonly string[]> = groupsOf(TASKS);

function groupsOf(tasks: readonly Task[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  const put = (group: string, name: string) => groups.set(group, [...groups.get(group) ?? [], name]);
  const released = new Set(RELEASED_LETTERS.map(({ name }) => name));
  for (const { name, group, subgroup } of tasks) {
    put(released.has(name) ? "released" : "all", name);
    if (group) put(group, name);
    if (group && subgroup) put(`${group}_${subgroup}`, name);
  }
  return groups;
}

/** The tasks that `names` mean, each once, groups expanded. Throws InputError with all unknown names and those there are. */
export function tasksNamed(names: readonly string[]): Task[] {
  const unknown = names.filter((name) => !named.has(name) && !GROUPS.has(name));
  if (unknown.length || names.length === 0) {
    throw new InputError(
      `Cannot evaluate ${unknown.join(", ") || "nothing"}: ${
        unknown.length > 1 ? "there are no tasks of these names" : "there is no task of that name"
      }; choose from ${taskNames().join(", ")}`,
    );
  }
  return [...new Set(names.flatMap((name) => GROUPS.get(name) ?? [name]))].map((name) => named.get(name)!);
}

/** The names to choose from, for messages and help: groups for what has many members, "mmlu_SUBJECT" for its subjects. */
export function taskNames(): string[] {
  const single = TASKS.filter(({ group }) => !group?.endsWith("mmlu")).map(({ name }) => name);
  return [...GROUPS.keys(), ...single, "mmlu_SUBJECT"].filter((name, i, all) => all.indexOf(name) === i);
}
