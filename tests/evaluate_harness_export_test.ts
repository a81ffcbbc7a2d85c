// lib/evaluate/harness/harness_export.ts against the files that lm-evaluation-harness 0.4.13 wrote of the same answers
// (tests/parity/lmeval/make_results.py), and read by the real package where it is installed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { harnessResults, samplesOf, writeHarnessResults } from "../lib/evaluate/harness/harness_export.ts";
import {
  harnessMeasure,
  pythonFloat,
  pythonJson,
  real,
  type Sample,
} from "../lib/evaluate/harness/harness_samples.ts";
import type { ItemRow, TaskInfo } from "../lib/evaluate/item_row.ts";
import { summarise } from "../lib/evaluate/scores/summary.ts";
import type { Item, OpenTask } from "../lib/evaluate/task.ts";
import { inFolder } from "./folder.ts";
import { peers, runPeer } from "./peers.ts";

const parity = join(import.meta.dirname!, "parity/lmeval");

// deno-lint-ignore no-explicit-any
type Any = any;

const stored: Any = JSON.parse(await Deno.readTextFile(join(parity, "results.json")));
const names = [
  "arc_easy",
  "gsm8k",
  "mmlu_elementary_mathematics",
  "mmlu_high_school_biology",
  "mmlu_world_religions",
];

async function storedSamples(task: string): Promise<Sample[]> {
  const text = await Deno.readTextFile(join(parity, `samples_${task}.jsonl`));
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

function infoOf(task: string): TaskInfo {
  const common = { task, settings: "harness", source: "bundled", shots: stored["n-shot"][task] };
  if (task === "gsm8k") {
    return { ...common, metrics: ["exact_match_strict", "exact_match_flexible", "released_substring"] };
  }
  if (task === "arc_easy") return { ...common, metrics: ["acc_norm", "acc"] };
  return {
    ...common,
    metrics: ["acc"],
    group: "mmlu",
    subgroup: task.endsWith("religions") ? "humanities" : "stem",
  };
}

/** Our rows and items of what the harness stored. */
function ofSamples(task: string, samples: Sample[]): { rows: ItemRow[]; open: OpenTask } {
  const first = samples.filter((one) => one.filter === samples[0].filter);
  const rows = first.map((one): ItemRow => ({
    model: "org/made-up",
    task,
    doc_index: one.doc_id,
    question: String(one.doc.question),
    context_sha256: one.prompt_hash,
    n_context_tokens: 1,
    truncated: 0,
    ...(task === "gsm8k"
      ? {
        generated: (one.resps as string[][])[0][0],
        target: one.target,
        released_substring: 0,
        ...extracted(samples, one),
      }
      : {
        choices: Object.values(one.arguments).map(({ arg_1 }) => String(arg_1).slice(1)),
        gold: Number(one.target),
        loglikelihoods: (one.resps as string[][][]).map(([[logp]]) => Number(logp)),
        is_greedy: (one.resps as string[][][]).map(([[, greedy]]) => greedy === "True"),
        acc: one.acc,
        acc_norm: one.acc_norm,
      }),
  }));
  const items = first.map((one) => itemOf(one));
  const total = stored["n-samples"][task].original;
  return { rows, open: { task: { name: task }, items, total } as unknown as OpenTask };
}

function extracted(samples: Sample[], { doc_id }: Sample) {
  const by = (filter: string) => samples.find((one) => one.doc_id === doc_id && one.filter === filter)!;
  const strict = by("strict-match"), flexible = by("flexible-extract");
  return {
    strict_match: strict.filtered_resps[0],
    flexible_extract: flexible.filtered_resps[0],
    exact_match_strict: strict.exact_match,
    exact_match_flexible: flexible.exact_match,
  };
}

function itemOf(one: Sample): Item {
  const asked = Object.values(one.arguments) as Any[];
  const contexts = [...new Set(asked.map(({ arg_0 }) => arg_0))];
  return (typeof asked[0].arg_1 === "string"
    ? { kind: "choice", docIndex: one.doc_id, contexts, continuations: asked.map(({ arg_1 }) => arg_1) }
    : { kind: "generation", docIndex: one.doc_id, contexts, stop: asked[0].arg_1.until }) as Item;
}

const tasks = names.map(infoOf);
const parts = await Promise.all(names.map(async (name) => ofSamples(name, await storedSamples(name))));
const rows = parts.flatMap((part) => part.rows), open = parts.map((part) => part.open);
const run = { rows, scores: summarise(rows, tasks), tasks, open };

Deno.test("writeHarnessResults() writes the samples that the harness wrote, but for the source's own rows", () =>
  inFolder(async (folder) => {
    const paths = await writeHarnessResults(folder, run, { date: new Date("2026-01-02T03:04:05.678Z") });
    assert.equal(paths.length, 1 + names.length);
    for (const name of names) {
      const path = join(folder, "org__made-up", `samples_${name}_2026-01-02T03-04-05.678000.jsonl`);
      const lines = (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
      const theirs = await storedSamples(name);
      assert.equal(lines.length, theirs.length);
      lines.forEach((line, i) => {
        const without = ({ doc: _, doc_hash: __, ...rest }: Sample) => rest;
        assert.deepEqual(without(line), without(theirs[i]), `${name}, line ${i}`);
        assert.deepEqual(Object.keys(line), Object.keys(theirs[i]), "the order of fields");
      });
    }
  }));

Deno.test("harnessResults() has the harness's values, errors, groups and headings", () => {
  const ours: Any = JSON.parse(pythonJson(harnessResults(run, "org/made-up", { modelArgs: undefined })));
  delete ours.results.gsm8k["released_substring,ual"],
    delete ours.results.gsm8k["released_substring_stderr,ual"];
  delete ours.higher_is_better.gsm8k.released_substring;
  const close = (a: Any, b: Any, at: string): void => {
    if (typeof b === "number") return assert.ok(Math.abs(a - b) < 1e-12, `${at}: ${a} against ${b}`);
    if (typeof b !== "object" || b === null) return assert.equal(a, b, at);
    assert.deepEqual(Object.keys(a).sort(), Object.keys(b).sort(), at);
    for (const key of Object.keys(b)) close(a[key], b[key], `${at}.${key}`);
  };
  for (
    const key of [
      "results",
      "groups",
      "group_subtasks",
      "versions",
      "n-shot",
      "higher_is_better",
      "n-samples",
    ]
  ) {
    close(ours[key], stored[key], key);
  }
  for (const [name, config] of Object.entries<Any>(stored.configs)) {
    for (const [key, value] of Object.entries(config)) {
      assert.deepEqual(ours.configs[name][key], value, `${name}.${key}`);
    }
  }
  for (const key of Object.keys(stored)) assert.ok(key === "made_by" || key in ours, `no ${key}`);
  assert.deepEqual(Object.keys(ours.task_hashes), Object.keys(stored.task_hashes));
});

Deno.test("harnessResults() names an adapter as the harness names --model_args peft=…", () => {
  const own = rows.map((row) => ({ ...row, model: "runs/ual" }));
  const result: Any = harnessResults({ ...run, rows: own }, "runs/ual", { modelArgs: "pretrained=org/base" });
  assert.equal(result.config.model_args, "pretrained=org/base,peft=runs/ual");
  assert.equal(result.model_name, "runs/ual");
  assert.equal(result.model_name_sanitized, "runs__ual");
});

Deno.test("samplesOf() leaves arguments empty where the items are not there", () => {
  const [{ lines }] = samplesOf({ ...run, open: undefined }, "org/made-up");
  assert.deepEqual(lines[0].arguments, {});
  assert.equal(lines[0].prompt_hash, rows[0].context_sha256);
});

Deno.test("harnessMeasure() keeps what the harness does not know apart", () => {
  assert.deepEqual(harnessMeasure("mc2"), { name: "acc", filter: "none" });
  assert.deepEqual(harnessMeasure("released_best_of_4"), { name: "released_best_of_4", filter: "ual" });
});

Deno.test("pythonFloat() and pythonJson() write what Python writes", () => {
  const written: [number, string][] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-29.65350341796875, "-29.65350341796875"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.25e21, "1.25e+21"],
    [1e100, "1e+100"],
    [-Infinity, "-inf"],
  ];
  for (const [value, text] of written) assert.equal(pythonFloat(value), text);
  assert.equal(
    pythonJson({ a: [1, real(1), real(NaN)], b: {}, c: [], d: "é\n" }),
    '{"a": [1, 1.0, NaN], "b": {}, "c": [], "d": "é\\n"}',
  );
  assert.equal(
    pythonJson({ a: [1, { b: null }] }, 2),
    '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ]\n}',
  );
});

Deno.test({
  name: "writeHarnessResults() writes files that the real lm_eval makes its tables of",
  ignore: !peers,
  fn: () =>
    inFolder(async (folder) => {
      await writeHarnessResults(folder, run, { date: new Date("2026-01-02T03:04:05.678Z") });
      const script = `
import json, sys
from pathlib import Path
from datasets import load_dataset
from lm_eval.utils import (get_file_datetime, get_file_task_name, get_results_filenames, get_sample_results_filenames,
                           make_table)
files = [str(path) for path in Path(sys.argv[1]).rglob("*") if path.is_file()]
(results,) = get_results_filenames(files)
samples = get_sample_results_filenames(files)
found = json.loads(Path(results).read_text())
rows = {get_file_task_name(Path(path).name): load_dataset("json", data_files=path, split="train", cache_dir=sys.argv[1] + "/cache").num_rows
        for path in samples}
print(json.dumps({"table": make_table(found), "groups": make_table(found, "groups"),
                  "theirs": make_table(json.loads(Path(sys.argv[2]).read_text()), "groups"), "rows": rows,
                  "dates": [get_file_datetime(Path(path).name) for path in [results, *samples]]}))`;
      const read = await runPeer<Any>(script, folder, join(parity, "results.json"));
      assert.deepEqual(read.rows, {
        arc_easy: 4,
        gsm8k: 8,
        mmlu_elementary_mathematics: 4,
        mmlu_high_school_biology: 3,
        mmlu_world_religions: 2,
      });
      const cells = (table: string) =>
        table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
      assert.ok(
        cells(read.table).some((row) => row[1] === "arc_easy" && row[5] === "acc" && row[7] === "0.2500"),
      );
      assert.match(read.table, / - stem/);
      assert.equal(read.groups, read.theirs, "the table of groups of the harness's own results");
      assert.ok(read.dates.every((date: string) => date.startsWith("2026-01-02T03-04-05.678000")));
    }),
});
