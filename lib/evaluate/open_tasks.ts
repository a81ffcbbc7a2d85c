// From names to items: tasks with their documents read, their shots drawn and their contexts written, ready to be asked.
import { InputError } from "../run/errors.ts";
import { type ShotRules, Shots } from "./harness/fewshot.ts";
import type { TaskInfo } from "./item_row.ts";
import type { OpenTask, Settings, SplitSource, Task } from "./task.ts";
import { type Split, TaskFiles, type TaskRow, type TaskSource } from "./task_files.ts";
import { tasksNamed } from "./tasks/mod.ts";
import { writeItems } from "./write_items.ts";

/** How tasks are set up. */
export interface OpenOptions {
  /** Whose settings; default the harness's. */
  settings?: Settings;
  /** Shots of all tasks whose number is not fixed; default: those of the settings. */
  shots?: number;
  /** The first documents of each task; their shots are those of a run over all. */
  limit?: number;
  /** "validation" scores that split of tasks which score another by default, arc's and mmlu's. */
  split?: "default" | "validation";
  /** The seed of the draws; default 1234. */
  seed?: number;
  /** Hears of tasks that a group's name stands for but the source has no file of. */
  onAbsent?: (task: string, why: string) => void;
}

/**
 * The tasks that `names` mean (groups as "mmlu" and "all" expanded), with their items. A task that only a group named is
 * passed over where the source lacks it. Throws InputError for unknown names, a task named itself whose file is absent,
 * malformed rows (with file and row), a corrupted file, and more shots than there are documents to draw from.
 */
export async function openTasks(
  names: readonly string[],
  where: TaskSource = {},
  options: OpenOptions = {},
): Promise<OpenTask[]> {
  checkCount("--shots", options.shots, 0);
  checkCount("--limit", options.limit, 1);
  const files = new TaskFiles(where), opened: OpenTask[] = [];
  const absent: string[] = [];
  for (const task of tasksNamed(names)) {
    const source = scoredSplit(task, options), split = source && await files.rows(source);
    const rows = split?.rows.filter(({ row }) => task.accepts?.(row) ?? true) ?? [];
    if (split && rows.length) {
      opened.push(await open(task, { test: { ...split, rows }, files, options }));
      continue;
    }
    const why = split
      ? `${split.files[0].name} has no row of it`
      : `there is no ${source ? placesOf(files, source) : "validation split of it"}`;
    if (names.includes(task.name)) {
      throw new InputError(`Cannot evaluate ${task.name}: ${why}; take another task or source`);
    }
    absent.push(task.name);
    options.onAbsent?.(task.name, why);
  }
  if (opened.length) return opened;
  throw new InputError(
    `Cannot evaluate ${names.join(", ")}: the ${files.kind} files have none of ${
      absent.slice(0, 3).join(", ")
    }${absent.length > 3 ? " …" : ""}; take another source`,
  );
}

/** What tables need to know of a task. */
export function taskInfo({ task, shots, settings, source }: OpenTask): TaskInfo {
  const { name, group, subgroup, metrics } = task;
  return {
    task: name,
    ...(group ? { group } : {}),
    ...(subgroup ? { subgroup } : {}),
    metrics,
    shots,
    settings,
    source,
  };
}

function checkCount(flag: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw new InputError(`Cannot use ${flag} ${value}: give a whole number from ${least}`);
}

/** The split whose documents are scored; undefined where the one asked for does not exist. */
function scoredSplit({ test, validation }: Task, { split }: OpenOptions): SplitSource | undefined {
  return split !== "validation" || test.hub.split === "validation" ? test : validation;
}

function placesOf(files: TaskFiles, split: SplitSource): string {
  const [first, ...more] = files.places(split);
  return `${first}${more.length ? ` (nor ${more.join(", ")})` : ""}${
    files.kind === "mirror" ? ` in ${files.folder}` : ""
  }`;
}

interface Opening {
  /** The rows that are the task's. */
  test: Split;
  files: TaskFiles;
  options: OpenOptions;
}

async function open(task: Task, { test, files, options }: Opening): Promise<OpenTask> {
  const settings = options.settings ?? "harness";
  const count = task.fixedShots ? 0 : options.shots ?? task.defaultShots[settings];
  const pool = count ? await poolOf(task, files) ?? test : undefined;
  // as the harness does, and where the scored documents are the shots of each other
  const dropOwn = pool?.rows.includes(test.rows[0]) || (task.drawsOneMore?.includes(settings) ?? false);
  const shots = pool && shotsOf(task, pool, { count, dropOwn, pick: task.pick, seed: options.seed });
  const { items, leftOut, remarks } = await writeItems(task, test.rows.slice(0, options.limit), shots);
  if (items.length === 0) {
    const more = leftOut.length > 1 ? `, and ${leftOut.length - 1} more` : "";
    throw new InputError(
      `Cannot evaluate ${task.name}: none of its documents can be scored (${
        leftOut[0]
      }${more}); take another file`,
    );
  }
  return {
    task,
    settings,
    shots: task.fixedShots ? task.defaultShots[settings] : count,
    source: files.kind,
    files: together(test.files, pool?.files ?? []),
    ...(pool ? { shotsFrom: pool.files[0].name } : {}),
    total: test.rows.length,
    leftOut,
    remarks,
    items,
  };
}

/** Both, each file once (one zip may hold both splits). */
function together(a: OpenTask["files"], b: OpenTask["files"]): OpenTask["files"] {
  return [...a, ...b.filter(({ name, sha256 }) => !a.some((x) => x.name === name && x.sha256 === sha256))];
}

/** The task's rows of the split that its shots come from; undefined where that is absent. */
async function poolOf(task: Task, files: TaskFiles): Promise<Split | undefined> {
  const split = task.shots && await files.rows(task.shots);
  const rows = split?.rows.filter(({ row }) => task.accepts?.(row) ?? true) ?? [];
  return split && rows.length ? { ...split, rows } : undefined;
}

function shotsOf(task: Task, pool: Split, rules: ShotRules): Shots<TaskRow> {
  try {
    return new Shots(pool.rows, ({ row }) => JSON.stringify(row), rules);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(
      `Cannot evaluate ${task.name}: ${error.message} in ${pool.files[0].name}; give fewer with --shots`,
    );
  }
}
