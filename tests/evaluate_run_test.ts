// `ual evaluate` on a tiny model: what it writes, several models in one pass, going on after a kill, and what it refuses.
import assert from "node:assert/strict";
import { join } from "node:path";
import { evaluate } from "../lib/evaluate/evaluate.ts";
import { ItemLedger, LEDGER } from "../lib/evaluate/item_ledger.ts";
import type { ItemRow } from "../lib/evaluate/item_row.ts";
import { openTasks } from "../lib/evaluate/open_tasks.ts";
import { initLora, openModel } from "../lib/model/mod.ts";
import { readJsonl } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";
import { ended, tinyTask, tinyUal } from "./oracles/tiny_trainable.ts";

const items = async (folder: string) =>
  (await readJsonl(join(folder, "items.jsonl"))).map(({ value }) => value as ItemRow);

async function ual(folder: string, ...args: string[]) {
  const { code, stdout, stderr } = await ended(tinyUal(folder, "evaluate", ...args));
  assert.equal(code, 0, stderr);
  return { json: args.includes("--json") ? JSON.parse(stdout) : undefined, stderr };
}

const TASKS = ["--tasks", "arc_challenge,winogrande,mmlu", "--limit", "6", "--shots", "1"];

Deno.test("ual evaluate scores the base model and two adapters in one pass, resumes after kills, and takes nothing for another's", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    for (const seed of ["1", "2"]) {
      const args = [
        "train",
        "train.jsonl",
        "--out",
        `run${seed}`,
        "--steps",
        "2",
        "--batch",
        "2",
        "--lr",
        "0.05",
      ];
      const { code, stderr } = await ended(
        tinyUal(folder, ...args, "--seed", seed, "--warmup", "0", "--smoothing", "none"),
      );
      assert.equal(code, 0, stderr);
    }
    const models = ["base", "one=run1/adapter", "run2/adapter"];
    const { json } = await ual(folder, ...models, ...TASKS, "--out", "whole", "--json");
    const rows = await items(join(folder, "whole"));
    const tasks = [...new Set(rows.map(({ task }) => task))];
    assert.deepEqual(Object.keys(json.adapters), ["base", "one", "run2"]);
    assert.equal(
      rows.length,
      3 * json.tasks.reduce((sum: number, { items }: { items: number }) => sum + items, 0),
    );
    assert.ok(tasks.length > 5 && tasks[0] === "arc_challenge");
    assert.deepEqual(
      json.contamination.map(({ training, examples }: Record<string, unknown>) => [training, examples]),
      [
        ["one", 9],
        ["run2", 9],
      ],
    );
    const of = (model: string) => rows.filter((row) => row.model === model).map((row) => row.loglikelihoods);
    assert.notDeepEqual(of("one"), of("run2"));
    assert.notDeepEqual(of("one"), of("base"));
    assert.ok(json.comparisons.length > 0);
    // The tiny model reads bytes and 256 of them: contexts are cut in front, and counted.
    assert.ok(rows.some(({ truncated }) => truncated > 0));
    assert.ok(json.tasks[0].truncated > 0);

    // One adapter at a time into one folder: from the ledger where it is the same, computed where it is not.
    const alone = join(folder, "alone");
    await ual(folder, "run1/adapter", ...TASKS, "--out", "alone");
    const strip = (list: ItemRow[]) => list.map(({ model: _, ...row }) => row);
    const near = (a: ItemRow[], b: ItemRow[]) =>
      a.forEach((row, i) => {
        row.loglikelihoods!.forEach((ll, j) => assert.ok(Math.abs(ll - b[i].loglikelihoods![j]) < 1e-4));
        assert.deepEqual({ ...row, loglikelihoods: 0 }, { ...b[i], loglikelihoods: 0 });
      });
    near(
      strip(await items(alone)) as ItemRow[],
      strip(rows.filter(({ model }) => model === "one")) as ItemRow[],
    );
    await ual(folder, "run2/adapter", ...TASKS, "--out", "alone");
    near(
      strip(await items(alone)) as ItemRow[],
      strip(rows.filter(({ model }) => model === "run2")) as ItemRow[],
    );
    const before = (await Deno.readTextFile(join(alone, LEDGER))).length;
    await ual(folder, "again=run1/adapter", ...TASKS, "--out", "alone");
    assert.equal((await Deno.readTextFile(join(alone, LEDGER))).length, before); // nothing computed
    assert.deepEqual([...new Set((await items(alone)).map(({ model }) => model))], ["again"]);

    // Killed in the middle, once with half a line left: the same command goes on.
    for (let kills = 0; kills < 2; kills++) {
      const child = tinyUal(folder, "evaluate", ...models, ...TASKS, "--out", "killed");
      const grown = join(folder, "killed", LEDGER);
      while ((await Deno.stat(grown).catch(() => ({ size: 0 }))).size < 2000 * (kills + 1)) {
        if (
          await Promise.race([
            child.status.then(() => true),
            new Promise((done) => setTimeout(done, 5, false)),
          ])
        ) break;
      }
      try {
        child.kill("SIGKILL");
      } catch {
        // it was quicker
      }
      await ended(child);
      if (kills) await Deno.writeTextFile(grown, '{"key":"half', { append: true });
    }
    await ual(folder, ...models, ...TASKS, "--out", "killed");
    const bytes = (name: string) => Deno.readTextFile(join(folder, name, "items.jsonl"));
    assert.equal(await bytes("killed"), await bytes("whole"));
  }));

Deno.test("evaluate() gives the same rows in any order of items and bucket size, and keeps what was done before a failure", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const model = await openModel(join(folder, "tiny.gguf"));
    const tasks = await openTasks(["hellaswag", "gsm8k"], {}, { limit: 6, shots: 0 });
    for (const task of tasks) for (const item of task.items) if (item.kind === "generation") item.maxNew = 8;
    const options = { cache: false as const, threads: 1 }, base = { base: undefined };
    const rows = await evaluate(model, base, tasks, options);
    assert.equal(rows.length, 12);
    const turned = tasks.map((task) => ({ ...task, items: task.items.toReversed() }));
    const others = await evaluate(model, base, turned, { ...options, batchTokens: 64, batch: 2 });
    const find = ({ task, doc_index }: ItemRow) =>
      others.find((other) => other.task === task && other.doc_index === doc_index)!;
    for (const row of rows) {
      const other = find(row);
      row.loglikelihoods?.forEach((ll, i) => assert.ok(Math.abs(ll - other.loglikelihoods![i]) < 1e-4));
      assert.deepEqual({ ...row, loglikelihoods: 0 }, { ...other, loglikelihoods: 0 });
    }
    const fails = {
      onItem: (done: number) => {
        if (done === 4) throw new Error("the disk is gone");
      },
    };
    {
      using ledger = await ItemLedger.open(folder);
      await assert.rejects(
        evaluate(model, base, tasks, { ...options, ledger, ...fails }),
        /the disk is gone/,
      );
      ledger.flush();
      assert.equal(ledger.size, 4);
    }
    using ledger = await ItemLedger.open(folder);
    let first = 0;
    const onItem = (done: number) => void (first ||= done);
    const resumed = await evaluate(model, base, tasks, { ...options, ledger, onItem });
    assert.equal(first, 4);
    assert.equal(ledger.size, 12);
    assert.deepEqual(
      resumed.map(({ task, doc_index, acc }) => [task, doc_index, acc]),
      rows.map(({ task, doc_index, acc }) => [task, doc_index, acc]),
    );
  }));

Deno.test("ual evaluate refuses bad input before anything is scored", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const refused = async (pattern: RegExp, ...args: string[]) => {
      const { code, stderr } = await ended(tinyUal(folder, "evaluate", "--out", "none", ...args));
      assert.equal(code, 2, stderr);
      assert.match(stderr, pattern);
      await assert.rejects(Deno.stat(join(folder, "none", "items.jsonl")));
    };
    await refused(/no task of that name; choose from all/, "--tasks", "arc_chalenge");
    await refused(/--limit 0/, "--tasks", "piqa", "--limit", "0");
    await refused(/nowhere/, "--tasks", "piqa", "nowhere");
    await refused(/two models called a/, "--tasks", "piqa", "a=x", "a=y");
    await refused(/two models called a/, "--tasks", "piqa", "a=x", "a=base");
    await refused(/Cannot call base __proto__: that is no name/, "--tasks", "piqa", "__proto__=base");
    await refused(/that is the model without an adapter/, "--tasks", "piqa", "base=x");
    await refused(/that is no name/, "--tasks", "piqa", "..=x");
    await refused(/characters that steer a terminal/, "--tasks", "piqa", "a\u001b[31m");
    await refused(/it names no task/, "--tasks", " ,");
    await refused(/--context 999: .* was trained for 256/, "--tasks", "piqa,heldout", "--context", "999");
    await refused(/nowhere.jsonl: no such file/, "--tasks", "piqa", "--train", "nowhere.jsonl");
    await refused(/mirror/, "--tasks", "piqa", "--mirror", "nowhere");
    await assert.rejects(Deno.stat(join(folder, "none")));
    await refused(/gsm8k: its answers may have 256 tokens/, "--tasks", "piqa,gsm8k");
  }));

Deno.test("ual evaluate takes adapters of different ranks in one pass, and only its own rows from a ledger", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    for (const rank of ["2", "4"]) {
      const args = ["train.jsonl", "--out", `run${rank}`, "--rank", rank, "--steps", "1", "--lr", "0.05"];
      const { code, stderr } = await ended(
        tinyUal(folder, "train", ...args, "--batch", "2", "--warmup", "0", "--smoothing", "none"),
      );
      assert.equal(code, 0, stderr);
    }
    const args = ["run2/adapter", "base", "run4/adapter", "--tasks", "arc_challenge,heldout", "--limit", "3"];
    const { json } = await ual(folder, ...args, "--out", "ranks", "--json");
    assert.deepEqual(json.heldout.map(({ model }: ItemRow) => model), ["run2", "base", "run4"]);
    const rows = await items(join(folder, "ranks"));
    assert.equal(new Set(rows.map(({ loglikelihoods }) => String(loglikelihoods))).size, 9);
    const { model: _, ...plain } = JSON.parse(await Deno.readTextFile(join(folder, "ranks/summary.json")));
    assert.deepEqual(plain, Object.fromEntries(Object.keys(plain).map((key) => [key, json[key]])));

    // Rows under another's key are scored again, and nothing but a file is taken for the ledger.
    const ledger = join(folder, "ranks", LEDGER),
      whole = await Deno.readTextFile(join(folder, "ranks/items.jsonl"));
    const lines = (await readJsonl(ledger)).map(({ value }) => value as { key: string; row: ItemRow });
    [lines[0].row, lines[1].row] = [lines[1].row, lines[0].row];
    lines[2].row = { ...lines[2].row, acc: undefined };
    await Deno.writeTextFile(ledger, lines.map((line) => JSON.stringify(line) + "\n").join(""));
    await ual(folder, ...args, "--out", "ranks");
    assert.equal(await Deno.readTextFile(join(folder, "ranks/items.jsonl")), whole);
    await Deno.mkdir(join(folder, "device"));
    await Deno.symlink("/dev/zero", join(folder, "device", LEDGER));
    const { code, stderr } = await ended(
      tinyUal(folder, "evaluate", "--tasks", "piqa", "--limit", "1", "--out", "device"),
    );
    assert.equal(code, 2);
    assert.match(stderr, /it is no file/);
  }));

Deno.test("evaluate() scores a question of 50,000 words, cut at the model's context", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const model = await openModel(join(folder, "tiny.gguf")),
      [task] = await openTasks(["piqa"], {}, { limit: 1 });
    const [item] = task.items;
    item.contexts = ["word ".repeat(5e4)];
    const [row] = await evaluate(model, { base: undefined }, [task], { cache: false, threads: 1 });
    assert.ok(row.truncated > 2e5 && Number.isFinite(row.loglikelihoods![0]));
    const lora = { r: 1, alpha: 1, dropout: 0, targets: ["q_proj"] },
      params = initLora(model.config, lora, 1);
    for (const { data } of Object.values(params)) data.fill(3e38);
    await assert.rejects(
      evaluate(model, { wild: { params, lora } }, [task], { cache: false, threads: 1 }),
      /Cannot score piqa row 0 under wild: its log-likelihood is NaN/,
    );
  }));
