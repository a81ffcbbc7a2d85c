// lib/evaluate/open_tasks.ts: real files of the local mirror against stored contexts of the harness, and bad input.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { zipSync } from "fflate";
import { basename, join } from "node:path";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import type { ChoiceItem, OpenTask } from "../lib/evaluate/task.ts";
import { TaskFiles, type TaskSource } from "../lib/evaluate/task_files.ts";
import { MMLU_SUBJECTS } from "../lib/evaluate/tasks/mmlu.ts";
import { readJsonl, sha256Hex } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";
import { writeRows } from "./oracles/benchmark_rows.ts";
import { besideHub } from "./oracles/loopback_hub.ts";

const data = mirror("data"), parity = mirror("parity");

/** Stored files by name, with the task and settings that they are of. */
const STORED: [file: string, task: string, options: Parameters<typeof openTasks>[2]][] = [
  ["arc_challenge", "arc_challenge", {}],
  ["arc_challenge_dev5", "arc_challenge", { shots: 5 }],
  ["hellaswag", "hellaswag", {}],
  ["hellaswag_val2", "hellaswag", { shots: 2 }],
  ["mmlu_elementary_mathematics", "mmlu_elementary_mathematics", { settings: "openllm" }],
  ["truthfulqa_mc1", "truthfulqa_mc1", {}],
  ["truthfulqa_mc2", "truthfulqa_mc2", {}],
  ["gsm8k", "gsm8k", {}],
];

const inMirror: TaskSource = { source: "mirror", mirror: data };

Deno.test({
  name: "openTasks() writes the harness's contexts of real files",
  ignore: !data || !parity,
  async fn() {
    for (const [file, name, options] of STORED) {
      const [{ items }] = await openTasks([name], inMirror, options);
      await checkStored(file, items as ChoiceItem[]);
    }
  },
});

Deno.test({
  name: "openTasks() capitalises where a real file's contexts come in two parts",
  ignore: !data || !parity,
  fn: () =>
    inFolder(async (mirror) => {
      const [{ items }] = await openTasks(["hellaswag"], inMirror);
      const stored = await storedRows("hellaswag_split");
      const rows = stored.map((row) => {
        const { question, choices, gold } = items[row.doc_index] as ChoiceItem;
        const [label] = question.split(": "), scene = question.slice(label.length + 2);
        const ctx_a = scene.slice(0, row.ctx_a_len), ctx_b = row.ctx_b;
        return { activity_label: label, ctx_a, ctx_b, endings: choices, label: String(gold) };
      });
      await writeRows(join(mirror, "hellaswag/validation.jsonl"), rows);
      const [open] = await openTasks(["hellaswag"], { mirror });
      const contexts = open.items.map(({ contexts }) => sha256Hex(contexts[0]));
      deepEqual(contexts, stored.map(({ context_sha256 }) => context_sha256));
    }),
});

// deno-lint-ignore no-explicit-any
const storedRows = async (file: string): Promise<any[]> =>
  (await readJsonl(join(parity!, "lmeval", `${file}.jsonl`))).map(({ value }) => value);

async function checkStored(file: string, items: ChoiceItem[]) {
  const stored = await storedRows(file);
  ok(stored.length > 1);
  for (const row of stored) {
    const item = items.find(({ docIndex }) => docIndex === row.doc_index)!, at = `${file} ${row.doc_index}`;
    equal(sha256Hex(item.contexts[0]), row.context_sha256, at);
    if (!row.choices) continue;
    deepEqual([item.choices, item.gold], [row.choices, row.gold], at);
    deepEqual(item.continuations, row.choices.map((choice: string) => ` ${choice}`), at);
  }
}

Deno.test({
  name: "openTasks() reads every row of the mirror's files",
  ignore: !data,
  async fn() {
    const absent: string[] = [];
    const options = { settings: "openllm" as const, onAbsent: (task: string) => absent.push(task) };
    const names = ["all", "mmlu"], opened = await openTasks(names, inMirror, { ...options, limit: 3000 });
    const rows = (name: string) => opened.find(({ task }) => task.name === name)!;
    const total = (name: string) => rows(name).total;
    equal(total("arc_challenge"), 1172);
    equal(total("hellaswag"), 10042);
    equal(total("truthfulqa_mc1"), 817);
    equal(total("truthfulqa_mc2"), 817);
    equal(total("gsm8k"), 1319);
    const subjects = opened.filter(({ task }) => task.group === "mmlu");
    equal(subjects.length, 57);
    equal(subjects.reduce((sum, { items }) => sum + items.length, 0), 14042);
    ok(
      subjects.every(({ shots, files, shotsFrom }) =>
        shots === 5 && files.length === 1 && shotsFrom === "mmlu.zip"
      ),
    );
    deepEqual(opened.flatMap(({ leftOut }) => leftOut), []);
    deepEqual([rows("arc_challenge").shots, rows("arc_challenge").shotsFrom], [
      25,
      "ARC-Challenge-Dev.jsonl",
    ]);
    deepEqual([rows("truthfulqa_mc1").shots, rows("truthfulqa_mc1").shotsFrom], [0, undefined]);
    deepEqual(rows("hellaswag").items.length, 3000);
    for (const name of ["arc_easy", "winogrande", "piqa"]) ok(absent.includes(name), name);
    match(rows("mmlu_elementary_mathematics").remarks[0], /^1 item has equal choices: row \d+$/);
  },
});

Deno.test({
  name: "TaskFiles() reads MMLU's cells as Python's csv does",
  ignore: !data,
  async fn() {
    const files = new TaskFiles(inMirror), lines: string[] = [];
    for (const subject of Object.values(MMLU_SUBJECTS).flat().sort()) {
      for (const split of ["dev", "test", "val"]) {
        const mirror = [`mmlu/mmlu.zip!${split}/${subject}_${split}.csv`];
        const { rows } = (await files.rows({ bundled: "", mirror, hub: { name: "", split: "" } }))!;
        const cells = sha256Hex(JSON.stringify(rows.map(({ row }) => row.cells)));
        lines.push(`${subject} ${split} ${rows.length} ${cells}\n`);
      }
    }
    // of the same lines made with csv.reader and json.dumps of CPython 3.11
    equal(sha256Hex(lines.join("")), "10a001716fe8a3bf1d37c3ebf79544be39009e91d1a60baca60e78368076e9ee");
  },
});

Deno.test("openTasks() reads a zip of CSV files: quotes, line ends and spaces are kept", () =>
  inFolder(async (mirror) => {
    const csv = (text: string) => new TextEncoder().encode(text);
    const row = '"A ""quoted""\nquestion, ", a,b "x" ,"c, d",,B\r\n';
    const zip = zipSync({
      "data/test/anatomy_test.csv": csv(row + "\r\nLast?,1,2,3,4,D\r\n"),
      "data/dev/anatomy_dev.csv": csv("Dev?,1,2,3,4,A"),
      "data/test/other_anatomy_test.csv": csv("x"),
    });
    await Deno.mkdir(join(mirror, "mmlu"));
    await Deno.writeFile(join(mirror, "mmlu/mmlu.zip"), zip);
    const [{ items, total, remarks }] = await openTasks(["mmlu_anatomy"], { mirror }, { shots: 1 });
    equal(
      items[0].contexts[0],
      "The following are multiple choice questions (with answers) about anatomy.\n\n" +
        "Dev?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: A\n\n" +
        'A "quoted"\nquestion,\nA.  a\nB. b "x" \nC. c, d\nD. \nAnswer:',
    );
    deepEqual([total, (items[0] as ChoiceItem).gold, items[1].docIndex], [2, 1, 1]);
    deepEqual(remarks, ["1 item has an empty choice: row 0"]);
  }));

const arc = (id: number, more: Record<string, unknown> = {}) => ({
  id: String(id),
  question: `Question ${id}?`,
  choices: { text: ["yes", "no"], label: ["A", "B"] },
  answerKey: "A",
  ...more,
});

/** arc_challenge of a mirror with these rows. */
const withArc = (
  { test, train }: { test: unknown[]; train?: unknown[] },
  body: (
    open: (options?: Parameters<typeof openTasks>[2]) => Promise<OpenTask>,
    mirror: string,
  ) => Promise<void>,
) =>
  inFolder(async (mirror) => {
    await writeRows(join(mirror, "arc_challenge/test.jsonl"), test);
    if (train) await writeRows(join(mirror, "arc_challenge/train.jsonl"), train);
    await body(async (options) => (await openTasks(["arc_challenge"], { mirror }, options))[0], mirror);
  });

Deno.test("openTasks() leaves out and lists what cannot be scored; the others keep index and shots", () =>
  withArc({
    test: [arc(0), arc(1, { answerKey: "E" }), arc(2), arc(3, { choices: { text: ["a"], label: ["A"] } })],
    train: Array.from({ length: 40 }, (_, i) => arc(100 + i)),
  }, async (open, mirror) => {
    const { items, leftOut, total } = await open({ shots: 3 });
    deepEqual([items.map(({ docIndex }) => docIndex), total], [[0, 2], 4]);
    deepEqual(leftOut, [
      'row 1: answerKey "E" is not among the labels A, B',
      "row 3: it has 1 choices, fewer than two",
    ]);
    await writeRows(join(mirror, "arc_challenge/test.jsonl"), [arc(0), arc(1), arc(2)]);
    const whole = await open({ shots: 3 });
    equal(whole.items[2].contexts[0], items[1].contexts[0]);
    const limited = await open({ shots: 3, limit: 2 });
    deepEqual([limited.items, limited.total], [whole.items.slice(0, 2), 3]);
    equal((await open({ shots: 3, seed: 9 })).items[0].contexts[0] === whole.items[0].contexts[0], false);
  }));

Deno.test("openTasks() remarks on equal and empty choices, which are scored", () =>
  withArc({
    test: [
      arc(0, { choices: { text: ["a", "a"], label: ["A", "B"] } }),
      arc(1),
      arc(2, {
        choices: { text: ["", "b"], label: ["A", "B"] },
      }),
    ],
  }, async (open) => {
    const { items, remarks } = await open();
    deepEqual(remarks, ["1 item has equal choices: row 0", "1 item has an empty choice: row 2"]);
    deepEqual((items[2] as ChoiceItem).continuations, [" ", " b"]);
  }));

Deno.test("openTasks() names file and row of what is malformed", () =>
  withArc({ test: [arc(0), arc(1, { question: 5 })] }, async (open, mirror) => {
    await rejects(open(), {
      name: "InputError",
      message:
        /^Cannot use arc_challenge\/test.jsonl:2 for arc_challenge: question is 5, not an object; give/,
    });
    const path = join(mirror, "arc_challenge/test.jsonl");
    await Deno.writeTextFile(path, JSON.stringify(arc(0)) + '\n{"id": tr');
    await rejects(open(), { message: /^Cannot read arc_challenge\/test.jsonl:2: not valid JSON/ });
    await Deno.writeTextFile(path, "[1]\n");
    await rejects(open(), { message: /it is no object/ });
    await writeRows(path, [arc(0), arc(1, { question: "half \ud83d?" })]);
    await rejects(open(), {
      message: /test.jsonl:2 for .*: question holds half of a surrogate pair; correct/,
    });
    await writeRows(path, [arc(0, { choices: { text: ["a", "\udc00"], label: ["A", "B"] } })]);
    await rejects(open(), { message: /text holds half of a surrogate pair/ });
    await Deno.writeTextFile(path, "");
    await rejects(open(), { message: "Cannot use arc_challenge/test.jsonl: it is empty; get it again" });
    await writeRows(path, [arc(0, { answerKey: "Z" }), arc(1, { answerKey: "Z" })]);
    await rejects(open(), {
      message:
        'Cannot evaluate arc_challenge: none of its documents can be scored (row 0: answerKey "Z" is not among the ' +
        "labels A, B, and 1 more); take another file",
    });
  }));

Deno.test("openTasks() refuses shots that are too many or no shots at all", () =>
  withArc({ test: [arc(0)], train: [arc(1), arc(2, { answerKey: "Z" })] }, async (open) => {
    await rejects(open({ shots: 3 }), {
      name: "InputError",
      message:
        "Cannot evaluate arc_challenge: Cannot draw 3 shots: there are 2 documents to draw from, fewer than 3 in " +
        "train.jsonl; give fewer with --shots",
    });
    await rejects(open({ shots: 2 }), {
      message: /^Cannot use arc_challenge\/train.jsonl:2 as a shot of arc_challenge: answerKey "Z"/,
    });
    await rejects(open({ shots: 1.5 }), { message: "Cannot use --shots 1.5: give a whole number from 0" });
    await rejects(open({ limit: 0 }), { message: "Cannot use --limit 0: give a whole number from 1" });
  }));

Deno.test("openTasks() checks files by the mirror's SHA256SUMS", () =>
  withArc({ test: [arc(0)] }, async (open, mirror) => {
    const bytes = await Deno.readFile(join(mirror, "arc_challenge/test.jsonl")), sha256 = sha256Hex(bytes);
    await Deno.writeTextFile(join(mirror, "SHA256SUMS"), `${sha256}  ./arc_challenge/test.jsonl\n`);
    deepEqual((await open()).files, [{ name: "test.jsonl", sha256 }]);
    const wrong = "0".repeat(64);
    await Deno.writeTextFile(join(mirror, "SHA256SUMS"), `${wrong} *arc_challenge/test.jsonl\n`);
    await rejects(open(), {
      name: "InputError",
      message:
        `Cannot use arc_challenge/test.jsonl: its SHA-256 is ${sha256}, but SHA256SUMS says ${wrong}; ` +
        "the file is corrupted, get it again",
    });
  }));

Deno.test("openTasks() says what a source lacks", () =>
  withArc({ test: [arc(0)] }, async (_, mirror) => {
    await rejects(openTasks(["hellaswag"], { mirror }), {
      name: "InputError",
      message: /^Cannot evaluate hellaswag: there is no hellaswag\/hellaswag_val.jsonl.gz \(nor .*\) in /,
    });
    const absent: string[] = [];
    const opened = await openTasks(["all"], { mirror }, { onAbsent: (task) => absent.push(task) });
    deepEqual(opened.map(({ task }) => task.name), ["arc_challenge"]);
    ok(absent.includes("mmlu_anatomy"));
    await rejects(
      openTasks(["mmlu_stem"], { mirror }),
      /the mirror files have none of mmlu_abstract_algebra, /,
    );
    await rejects(openTasks(["arc_easy"], { mirror: join(mirror, "none") }), /it is no folder/);
    await Deno.mkdir(join(mirror, "mmlu"));
    await Deno.writeTextFile(join(mirror, "mmlu/mmlu.zip"), "no zip");
    await rejects(
      openTasks(["mmlu_anatomy"], { mirror }),
      /^InputError: Cannot read mmlu\/mmlu.zip: it is no zip/,
    );
  }));

Deno.test("openTasks() opens all bundled benchmarks, sixty questions or more of each kind", async () => {
  for (const settings of ["harness", "openllm"] as const) {
    const opened = await openTasks(["all"], {}, { settings });
    const kinds = Map.groupBy(opened, ({ task }) => task.group ?? task.name);
    for (const name of ["arc_challenge", "arc_easy", "hellaswag", "mmlu", "truthfulqa"]) {
      ok(kinds.has(name), name);
    }
    for (const [name, tasks] of kinds) {
      const count = tasks.reduce((sum, { items }) => sum + items.length, 0);
      ok(count >= 60, `${name}: ${count}`);
      for (const { task, leftOut, remarks, shots } of tasks) {
        deepEqual([leftOut, remarks], [[], []], task.name);
        equal(shots, task.defaultShots[settings]);
      }
    }
  }
});

Deno.test("TaskFiles() reads a hub's split, all columns, over all its files", () => {
  const jsonl = (...rows: unknown[]) =>
    new TextEncoder().encode(rows.map((row) => JSON.stringify(row) + "\n").join(""));
  const parquet = Deno.readFileSync(join(import.meta.dirname!, "parity/parquet/alpaca.parquet"));
  const files = {
    "tiny/test-00000-of-00002.jsonl": jsonl(arc(0), arc(1)),
    "tiny/test-00001-of-00002.jsonl": jsonl(arc(2)),
    "tiny/train.jsonl": jsonl(arc(10)),
    "data/train-00000-of-00001.parquet": parquet,
  };
  return inFolder((folder) =>
    besideHub(files, async ({ endpoint }) => {
      const hub = { endpoint, folder: join(folder, "hub"), token: "" };
      const read = new TaskFiles({ source: "hub", hub });
      const split = (config: string | undefined, split: string, last?: number) =>
        read.rows({ bundled: "", mirror: [], hub: { name: "org/tiny", config, split }, last });
      const test = await split("tiny", "test");
      deepEqual(test!.rows.map(({ index, row }) => [index, row.id]), [[0, "0"], [1, "1"], [2, "2"]]);
      equal(test!.rows[2].place, "org/tiny/tiny/test-00001-of-00002.jsonl:1");
      deepEqual(
        test!.files.map(({ name }) => name),
        Object.keys(files).slice(0, 2).map((path) => basename(path)),
      );
      deepEqual((await split("tiny", "test", 2))!.rows, test!.rows.slice(1));
      const table = await split(undefined, "train");
      equal(table!.files[0].sha256, sha256Hex(parquet));
      ok(table!.rows.length > 1 && "instruction" in table!.rows[0].row);
    }, "dataset")
  );
});
