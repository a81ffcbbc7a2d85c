// Results and items in lm-evaluation-harness 0.4.13's files (lm_eval/loggers/evaluation_tracker.py), for its tools.
// What only it knows (a task's yaml, the environment) is left out; sources' own rows are replaced by what an item holds.
import { join } from "node:path";
import { sha256Hex, writeFileAtomic } from "../../run/files.ts";
import { pooledError } from "../../stats/mod.ts";
import {
  harnessMeasure,
  harnessOrder,
  harnessSamples,
  pythonJson,
  real,
  type SampleFile,
} from "./harness_samples.ts";
import type { ItemRow, TaskInfo } from "../item_row.ts";
import type { OpenTask } from "../task.ts";
import type { TaskScore } from "../scores/task_score.ts";

/** What a run gave. Rows and scores may be of several models: each gets a folder. */
export interface HarnessRun {
  rows: readonly ItemRow[];
  /** As summarise() makes them of the rows. */
  scores: readonly TaskScore[];
  tasks: readonly TaskInfo[];
  /** The tasks as they were asked, for contexts and continuations; without them the files' `arguments` are empty. */
  open?: readonly OpenTask[];
}

/** What writeHarnessResults() can be told. */
export interface HarnessExportOptions {
  /** As the harness's --model_args: "pretrained=org/name"; of an adapter "peft=NAME" is added. */
  modelArgs?: string;
  /** When the run began; it names the files. Default now. */
  date?: Date;
  /** Items a task at most, where limited. */
  limit?: number;
  seconds?: number;
}

/** Versions of the harness's own tasks (metadata.version of their yaml in 0.4.13), which ours follow. */
const VERSIONS: Record<string, number> = {
  arc_challenge: 1,
  arc_easy: 1,
  hellaswag: 1,
  truthfulqa_mc1: 2,
  truthfulqa_mc2: 3,
  gsm8k: 3,
  gsm8k_cot: 3,
  winogrande: 1,
  piqa: 1,
};

/** Groups that the harness aggregates itself, with their version. Others ("truthfulqa") are only tags there. */
const GROUPS: Record<string, string> = { mmlu: "2" };

/**
 * Writes MODEL/results_DATE.json and MODEL/samples_TASK_DATE.jsonl for each model into `dir` and returns their paths. Throws
 * InputError where the place cannot be written.
 */
export async function writeHarnessResults(
  dir: string,
  run: HarnessRun,
  options: HarnessExportOptions = {},
): Promise<string[]> {
  const date = options.date ?? new Date(), paths: string[] = [];
  const stamp = date.toISOString().replace("Z", "000").replaceAll(":", "-");
  for (const model of new Set(run.rows.map((row) => row.model))) {
    const samples = samplesOf(run, model);
    const results = harnessResults(run, model, { ...options, date, samples });
    const folder = join(dir, sanitized(String(results.model_name)));
    const put = async (name: string, text: string) => {
      paths.push(join(folder, name));
      await writeFileAtomic(paths.at(-1)!, text);
    };
    await put(`results_${stamp}.json`, pythonJson(results, 2));
    for (const { task, lines } of samples) {
      await put(`samples_${task}_${stamp}.jsonl`, lines.map((line) => pythonJson(line) + "\n").join(""));
    }
  }
  return paths;
}

/** The samples of a model's tasks, in the order of `run.tasks`. */
export function samplesOf({ rows, tasks, open = [] }: HarnessRun, model: string): SampleFile[] {
  const own = Map.groupBy(rows.filter((row) => row.model === model), (row) => row.task);
  return tasks.filter(({ task }) => own.has(task)).map((info) => ({
    task: info.task,
    lines: harnessSamples(own.get(info.task)!, info, open.find((one) => one.task.name === info.task)),
  }));
}

/** The value of results_DATE.json for one model. */
export function harnessResults(
  run: HarnessRun,
  model: string,
  { modelArgs, date = new Date(), limit, seconds, samples = samplesOf(run, model) }: HarnessExportOptions & {
    samples?: SampleFile[];
  } = {},
): Record<string, unknown> {
  const infos = run.tasks.filter(({ task }) => samples.some((file) => file.task === task));
  const results = Object.fromEntries(infos.map((info) => [info.task, taskResult(run.scores, model, info)]));
  const groups = groupResults(infos, results), args = argsOf(modelArgs, model), name = nameOf(args) ?? model;
  return {
    results: { ...results, ...groups.results },
    ...(Object.keys(groups.results).length > 0 && { groups: groups.results }),
    group_subtasks: groups.subtasks,
    configs: sorted(infos.map((info) => [info.task, configOf(info)])),
    versions: sorted([
      ...infos.map(({ task, group }): [string, unknown] => [task, versionOf(task, group)]),
      ...Object.keys(groups.results).map((group): [string, unknown] => [group, GROUPS[group.split("_")[0]]]),
    ]),
    "n-shot": sorted([
      ...infos.map(({ task, shots }): [string, unknown] => [task, shots]),
      ...spread(groups.subtasks, infos, (members) => allEqual(members.map(({ shots }) => shots))),
    ]),
    higher_is_better: sorted([
      ...infos.map((info): [string, unknown] => [info.task, higher(info)]),
      ...spread(groups.subtasks, infos, (members) => Object.assign({}, ...members.map(higher))),
    ]),
    "n-samples": Object.fromEntries(infos.map(({ task }) => [task, {
      original: run.open?.find((one) => one.task.name === task)?.total ?? sizeOf(results[task]),
      effective: sizeOf(results[task]),
    }])),
    config: { model: "ual", model_args: args, limit: limit ?? null, bootstrap_iters: 0, fewshot_seed: 1234 },
    date: real(date.getTime() / 1000),
    // No version of its own: it did not run.
    lm_eval_version: "not used (layout of 0.4.13)",
    task_hashes: Object.fromEntries(samples.map(({ task, lines }) => [task, taskHash(lines)])),
    model_source: "ual",
    model_name: name,
    model_name_sanitized: sanitized(name),
    system_instruction: null,
    system_instruction_sha: null,
    fewshot_as_multiturn: false,
    chat_template: null,
    chat_template_sha: null,
    total_evaluation_time_seconds: seconds === undefined ? null : String(seconds),
  };
}

/** utils.py, sanitize_model_name(). */
function sanitized(name: string): string {
  return name.replace(/["<>:/|\\?*\[\]]+/g, "__");
}

/** "pretrained=…,peft=…" for an adapter. */
function argsOf(args: string | undefined, model: string): string {
  if (!args) return model === "base" ? "" : `peft=${model}`;
  return model === "base" ? args : `${args},peft=${model}`;
}

/** evaluation_tracker.py, _get_model_name(): an adapter's name goes before its base's. */
function nameOf(args: string): string | undefined {
  for (const key of ["peft", "pretrained"]) {
    const value = args.split(",").find((part) => part.startsWith(`${key}=`))?.slice(key.length + 1);
    if (value) return value;
  }
}

type Result = Record<string, unknown>;

const sizeOf = (result: Result) => result.sample_len as number;

function taskResult(scores: readonly TaskScore[], model: string, info: TaskInfo): Result {
  const result: Result = { name: info.task, alias: aliasOf(info), sample_len: 0 };
  for (const metric of harnessOrder(info.metrics)) {
    const score = scores.find((one) =>
      one.model === model && one.task === info.task && one.level === "task" && one.metric === metric
    );
    if (!score) continue;
    const { name, filter } = harnessMeasure(metric);
    result.sample_len = Math.max(sizeOf(result), score.n);
    result[`${name},${filter}`] = real(score.value);
    result[`${name}_stderr,${filter}`] = errorOf(score.stderr);
  }
  return result;
}

const errorOf = (stderr: number) => Number.isFinite(stderr) ? real(stderr) : "N/A";

function aliasOf({ task, group }: TaskInfo): string {
  return group && group in GROUPS ? task.slice(group.length + 1) : task;
}

/** Groups below before those above them, each the mean by size of its tasks, with the pooled error. */
function groupResults(infos: readonly TaskInfo[], results: Record<string, Result>) {
  const grouped: Record<string, Result> = {}, subtasks: Record<string, string[]> = {};
  for (const group of new Set(infos.map((info) => info.group).filter((name) => name && name in GROUPS))) {
    const members = infos.filter((info) => info.group === group);
    const below = [...Map.groupBy(members.filter((info) => info.subgroup), (info) => info.subgroup!)];
    const loose = members.filter((info) => !info.subgroup).map((info) => info.task);
    subtasks[group!] = [...below.map(([name]) => `${group}_${name}`), ...loose];
    for (const [name, own] of below) {
      const full = `${group}_${name}`;
      subtasks[full] = own.map((info) => info.task);
      grouped[full] = groupResult(full, name, own.map((info) => results[info.task]));
    }
    grouped[group!] = groupResult(group!, group!, members.map((info) => results[info.task]));
  }
  return { results: grouped, subtasks };
}

/** As api/group.py's aggregate() with weight_by_size: acc only, as the harness's mmlu. */
function groupResult(name: string, alias: string, members: Result[]): Result {
  const sizes = members.map(sizeOf), n = sizes.reduce((a, b) => a + b, 0);
  const values = members.map((result) => Number(result["acc,none"]));
  const errors = members.map((result) => result["acc_stderr,none"]);
  const value = values.reduce((sum, one, i) => sum + one * sizes[i], 0) / n;
  const stderr = errors.includes("N/A") ? NaN : pooledError(errors.map(Number), sizes);
  return {
    alias,
    name,
    sample_len: n,
    "acc,none": real(value),
    "acc_stderr,none": errorOf(stderr),
    sample_count: { "acc,none": n },
  };
}

function configOf(info: TaskInfo): Result {
  return {
    task: info.task,
    ...(aliasOf(info) !== info.task && { task_alias: aliasOf(info) }),
    output_type: info.metrics.some((metric) => metric.startsWith("exact_match"))
      ? "generate_until"
      : "multiple_choice",
    num_fewshot: info.shots,
    repeats: 1,
    metadata: { version: versionOf(info.task, info.group), settings: info.settings, source: info.source },
  };
}

function versionOf(task: string, group?: string): unknown {
  return task in VERSIONS ? real(VERSIONS[task]) : group === "mmlu" ? real(1) : "N/A";
}

function higher({ metrics }: TaskInfo): Record<string, boolean> {
  return Object.fromEntries(metrics.map((metric) => [harnessMeasure(metric).name, true]));
}

/** Entries for groups whose direct members are tasks; undefined values leave the group out. */
function spread(
  subtasks: Record<string, string[]>,
  infos: readonly TaskInfo[],
  value: (members: TaskInfo[]) => unknown,
): [string, unknown][] {
  return Object.entries(subtasks).flatMap(([group, names]): [string, unknown][] => {
    const members = infos.filter((info) => names.includes(info.task));
    const found = members.length > 0 ? value(members) : undefined;
    return found === undefined ? [] : [[group, found]];
  });
}

const allEqual = (values: number[]) => new Set(values).size === 1 ? values[0] : undefined;

function sorted(entries: [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => a < b ? -1 : 1));
}

/** evaluation_tracker.py, save_results_aggregated(). */
function taskHash(lines: SampleFile["lines"]): string {
  return sha256Hex(lines.map((line) => `${line.doc_hash}${line.prompt_hash}${line.target_hash}`).join(""));
}
