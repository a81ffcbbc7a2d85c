// `ual evaluate`: benchmarks under a model and its adapters, item by item, into a folder.
import { join, resolve } from "node:path";
import type { Output } from "../cli.ts";
import { bundledPath } from "../data/bundled.ts";
import { openSource } from "../data/open_source.ts";
import { readExamples } from "../data/source.ts";
import { type TaskContamination, taskContamination, unseenRows } from "../evaluate/contamination.ts";
import { compareModels } from "../evaluate/scores/compare.ts";
import { evaluate as evaluateTasks } from "../evaluate/evaluate.ts";
import { writeHarnessResults } from "../evaluate/harness/harness_export.ts";
import { evaluateHeldout } from "../evaluate/heldout.ts";
import { ItemLedger } from "../evaluate/item_ledger.ts";
import type { ItemRow, TaskInfo } from "../evaluate/item_row.ts";
import { openTasks, taskInfo } from "../evaluate/open_tasks.ts";
import { comparisonTable, scoreTable } from "../evaluate/scores/score_table.ts";
import { summarise } from "../evaluate/scores/summary.ts";
import type { OpenTask, Settings } from "../evaluate/task.ts";
import type { Adapter, Model } from "../model/mod.ts";
import { InputError } from "../run/errors.ts";
import { readBytes, resolveUser, writeFileAtomic } from "../run/files.ts";
import { lockFolder } from "../run/lock.ts";
import { hardware, versions } from "../run/machine.ts";
import { sortedJson } from "../run/manifest.ts";
import { Progress } from "../run/progress.ts";
import { table } from "../show/text.ts";
import type { Flags } from "./flags.ts";
import { jitOf, modelOf, modelsNamed, readAdapters } from "./model.ts";

/** The pseudo-task of held-out dialogues, which has no items of choices. */
const HELDOUT = "heldout";

/** Evaluates, or goes on where a run into the same folder was killed. */
export async function evaluate(flags: Flags): Promise<Output> {
  const out = resolveUser(flags.required("out")), started = performance.now();
  const names = namesOf(flags), tasks = await tasksOf(flags, names.filter((name) => name !== HELDOUT));
  const dialogues = names.includes(HELDOUT) ? await heldoutOf(flags) : undefined;
  const wanted = modelsNamed(flags.list("adapter"));
  const training = await trainingOf(flags, wanted);
  const { model, template } = await modelOf(flags), context = dialogues && contextOf(flags, model);
  const { adapters, hashes } = await readAdapters(wanted, model);
  const found = await contaminationOf(training, tasks); // first: what is wrong with the data is said before hours of scoring
  using _lock = lockFolder(out);
  using ledger = await ItemLedger.open(out);
  for (const { task, leftOut, remarks } of tasks) {
    for (const note of [...leftOut.map((why) => `left out ${why}`), ...remarks]) {
      console.error(`${task.name}: ${note}`);
    }
  }
  const rows = await scored(flags, model, adapters, tasks, { ledger, hashes });
  const heldout = dialogues &&
    await evaluateHeldout(model, adapters, dialogues, {
      ...jitOf(flags),
      template,
      context,
    });
  const infos = tasks.map(taskInfo), many = Object.keys(adapters).length > 1;
  const scores = summarise(rows, infos), comparisons = many ? compareModels(rows, infos) : [];
  const contamination = found.map((one) => reportOf(one, rows, infos));
  const summary = finite({
    model: { name: model.name, hash: model.hash },
    adapters: Object.fromEntries(Object.keys(adapters).map((name) => [name, hashes[name] ?? null])),
    tasks: tasks.map((task, i) => ({ ...infos[i], ...aboutTask(task, rows) })),
    scores,
    comparisons,
    ...(heldout ? { heldout } : {}),
    contamination,
    versions: versions(),
  });
  const written = {
    items: join(out, "items.jsonl"),
    summary: join(out, "summary.json"),
    results: join(out, "results.jsonl"),
  };
  await writeFileAtomic(written.items, lines(rows));
  await writeFileAtomic(written.results, lines(scores));
  await writeFileAtomic(written.summary, sortedJson(summary));
  const seconds = (performance.now() - started) / 1000;
  await writeFileAtomic(join(out, "volatile.json"), sortedJson({ seconds, hardware: hardware() }));
  if (flags.flag("harness")) {
    const run = { rows, scores, tasks: infos, open: tasks };
    await writeHarnessResults(join(out, "harness"), run, { modelArgs: `pretrained=${model.name}`, seconds });
  }
  return {
    json: { out, ...written, ...summary },
    text: textOf({ scores, comparisons, heldout, contamination, out }),
  };
}

/** Names given by --tasks, with commas or several times. */
function namesOf(flags: Flags): string[] {
  const given = flags.list("tasks").flatMap((list) => list.split(",")).map((name) => name.trim()).filter(
    Boolean,
  );
  if (flags.given("tasks") && given.length === 0) {
    throw new InputError("Cannot use --tasks: it names no task; give NAMES or leave it out");
  }
  return [...new Set(given.length ? given : DEFAULT_TASKS)];
}

/** The paper's four benchmarks. */
const DEFAULT_TASKS = ["arc_challenge", "hellaswag", "mmlu", "truthfulqa_mc2"];

async function tasksOf(flags: Flags, names: string[]): Promise<OpenTask[]> {
  if (names.length === 0) return [];
  const count = (name: string, least: number) => flags.given(name) ? flags.whole(name, least) : undefined;
  const source = flags.text("source") as "bundled" | "mirror" | "hub" | undefined;
  const absent: string[] = [];
  const tasks = await openTasks(names, { source, mirror: flags.text("mirror") }, {
    settings: flags.required("settings") as Settings,
    shots: count("shots", 0),
    limit: count("limit", 1),
    seed: flags.whole("seed", 0),
    split: flags.required("split") as "default" | "validation",
    onAbsent: (task) => absent.push(task),
  });
  if (absent.length) {
    const shown = absent.slice(0, 3).join(", ") + (absent.length > 3 ? " …" : "");
    console.error(
      `${absent.length} tasks of ${names.join(", ")} left out, the source has no items of them: ${shown}`,
    );
  }
  return tasks;
}

async function heldoutOf(flags: Flags) {
  const path = flags.text("heldout");
  const all = await readExamples(path ? resolveUser(path) : bundledPath("heldout"));
  return flags.given("limit") ? all.slice(0, flags.whole("limit")) : all;
}

/** The longest dialogue: as told, else 1024 or what the model can take. */
function contextOf(flags: Flags, { name, config: { maxPositions } }: Model): number {
  const context = flags.whole("context", 2);
  if (!flags.given("context")) return Math.min(context, maxPositions);
  if (context <= maxPositions) return context;
  throw new InputError(
    `Cannot use --context ${context}: ${name} was trained for ${maxPositions}; give at most that`,
  );
}

/** Training data to look for the tasks' items in: by model, as --train or the adapter's run says. */
async function trainingOf(
  flags: Flags,
  models: Map<string, string | undefined>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (flags.flag("no-decontaminate")) return found;
  for (const ref of flags.list("train")) found.set(ref, ref);
  if (found.size) return found;
  for (const [name, folder] of models) {
    if (!folder) continue;
    const data = await dataOf(resolve(folder, "../volatile.json"));
    if (data) found.set(name, data);
    else {console.error(
        `${name}: training data not known, so not checked for the tasks' items; name it by --train`,
      );}
  }
  return found;
}

/** The data file that a run's volatile.json names, where it is still there. */
async function dataOf(path: string): Promise<string | undefined> {
  try {
    const { data } = JSON.parse(new TextDecoder().decode(await readBytes(path)));
    if (typeof data === "string" && (await Deno.stat(data)).isFile) return data;
  } catch {
    // another program's adapter, or the data has gone
  }
  return undefined;
}

async function scored(
  flags: Flags,
  model: Model,
  adapters: Record<string, Adapter | undefined>,
  tasks: OpenTask[],
  { ledger, hashes }: { ledger: ItemLedger; hashes: Record<string, string> },
): Promise<ItemRow[]> {
  const total = Object.keys(adapters).length * tasks.reduce((sum, { items }) => sum + items.length, 0);
  if (total === 0) return [];
  const progress = new Progress("evaluate", total);
  const rows = await evaluateTasks(model, adapters, tasks, {
    ...jitOf(flags),
    ledger,
    adapterHashes: hashes,
    batchTokens: flags.whole("batch-tokens"),
    batch: flags.whole("batch"),
    onItem: (done, _, task) => progress.update(done, { note: task }),
  });
  await progress.finish(`${total} items`);
  return rows;
}

/** What the summary says of a task's files and items. */
function aboutTask({ task, files, shotsFrom, total, items, leftOut, remarks }: OpenTask, rows: ItemRow[]) {
  const cut = new Set(rows.filter((r) => r.task === task.name && r.truncated > 0).map((r) => r.doc_index));
  return {
    files,
    ...(shotsFrom ? { shots_from: shotsFrom } : {}),
    rows: total,
    items: items.length,
    truncated: cut.size,
    left_out: leftOut,
    remarks,
  };
}

/** What was found in each training set. */
async function contaminationOf(
  training: Map<string, string>,
  tasks: OpenTask[],
): Promise<[training: string, found: TaskContamination][]> {
  const all: [string, TaskContamination][] = [];
  for (const [name, ref] of training) all.push([name, await taskContamination(openSource(ref), tasks)]);
  return all;
}

/** That for summary.json, with the scores without the items in it. */
function reportOf(
  [training, { seen, ...found }]: [string, TaskContamination],
  rows: ItemRow[],
  infos: TaskInfo[],
) {
  const without = seen.length ? { scores_without: summarise(unseenRows(rows, seen), infos) } : {};
  const own = seen.map(({ task, docIndex, example, words }) => ({
    task,
    doc_index: docIndex,
    example,
    words,
  }));
  return { training, ...found, seen: own, ...without };
}

const lines = (rows: object[]) => rows.map((row) => JSON.stringify(row) + "\n").join("");

/** A value as JSON has it: NaN is null. */
const finite = (value: object): object =>
  JSON.parse(JSON.stringify(value, (_, v) => typeof v === "number" && !Number.isFinite(v) ? null : v));

interface Told {
  scores: ReturnType<typeof summarise>;
  comparisons: ReturnType<typeof compareModels>;
  heldout?: Awaited<ReturnType<typeof evaluateHeldout>>;
  contamination: ReturnType<typeof reportOf>[];
  out: string;
}

function textOf({ scores, comparisons, heldout, contamination, out }: Told): string {
  const plain = (rows: object[], options: Parameters<typeof table>[1]) =>
    String(table(rows, options)["text/plain"]);
  const parts: string[] = [];
  if (scores.length) {
    const { rows, columns, caption } = scoreTable(scores, comparisons);
    parts.push(plain(rows, { columns, caption }));
  }
  if (comparisons.length) {
    const { rows, columns, caption } = comparisonTable(comparisons);
    parts.push(plain(rows, { columns, caption }));
  }
  if (heldout) {
    const columns = ["model", "perplexity", "low", "high", "ece", "accuracy", "dialogues"];
    parts.push(
      plain(heldout, {
        columns,
        caption: "Held-out dialogues: perplexity (95% interval), calibration error",
      }),
    );
  }
  for (const { training, n, examples, hit, seen } of contamination) {
    const items = new Set(seen.map(({ task, doc_index }) => `${task} ${doc_index}`)).size;
    parts.push(`${training}: ${hit} of ${examples} training examples share ${n} words with ${items} items`);
  }
  return [...parts, `items and summary in ${out}`].join("\n\n");
}
