// ual answer, judge and grade as a user meets them: files, exit codes, what is refused before anything is written, a kill midway.
import assert from "node:assert/strict";
import { join } from "node:path";
import { verifyLedger } from "../lib/chat/ledger_verify.ts";
import { lockFile } from "../lib/run/lock.ts";
import { inFolder } from "./folder.ts";
import { besideJudge, type LoopbackJudge, type Script } from "./oracles/loopback_judge.ts";
import { ual } from "./oracles/ual.ts";
import { until, withTinyModel } from "./oracles/tiny_server.ts";

const root = join(import.meta.dirname!, "..");

/** Answers of two models to `n` prompts; the second's are better where the number is odd. */
async function answers(folder: string, n: number): Promise<void> {
  for (const generator of ["ref", "own"]) {
    const rows = Array.from({ length: n }, (_, i) => ({
      dataset: "made",
      instruction: `Question number ${i}?`,
      output: `${(generator === "own") === (i % 2 === 1) ? "good" : "poor"} answer of ${generator} to ${i}`,
      generator,
    }));
    await Deno.writeTextFile(join(folder, `${generator}.json`), JSON.stringify(rows));
  }
}

const wise: Script = async ({ body }) => {
  await new Promise((done) => setTimeout(done, 5));
  const text = body.messages[1].content, first = text.indexOf("good answer") < text.indexOf("poor answer");
  return { answer: `[{'model': 'model_1', 'rank': ${first ? 1 : 2}}]` };
};

const judgeArgs = (judge: LoopbackJudge, ...more: string[]) => [
  "judge",
  "own.json",
  "--reference",
  "ref.json",
  "--out",
  "run",
  "--base-url",
  judge.baseUrl,
  "--model-name",
  "judge",
  "--annotator",
  "alpaca_eval_gpt4",
  ...more,
];

Deno.test("ual judge killed with SIGKILL midway goes on, asks for nothing twice, and counts every pair", () =>
  inFolder((folder) =>
    besideJudge(wise, async (judge) => {
      await answers(folder, 200);
      const process = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          join(root, "tools/ual.ts"),
          ...judgeArgs(judge, "--concurrency", "2"),
        ],
        cwd: root,
        env: { INIT_CWD: folder, NO_COLOR: "1" },
        stdout: "null",
        stderr: "null",
      }).spawn();
      await until(() => judge.calls.length > 40, "the judge is asked");
      process.kill("SIGKILL");
      await process.status;
      const { code, stdout, stderr } = await ual(judgeArgs(judge, "--json"), folder);
      assert.equal(code, 0, stderr);
      const { pairs, n_total, win_rate, failed, model, reference } = JSON.parse(stdout);
      assert.deepEqual([pairs, n_total, win_rate, failed, model, reference], [200, 200, 50, 0, "own", "ref"]);
      assert.deepEqual(verifyLedger(join(folder, "run/answers.jsonl")), { answers: 200, faults: [] });
      // at the kill 2 were in flight, and one may have come and not been written
      assert.ok(judge.calls.length <= 203, `${judge.calls.length} calls`);
    })
  ));

Deno.test("ual judge refuses bad input before anything is written, and exits 1 where no pair could be judged", () =>
  inFolder((folder) =>
    besideJudge(() => ({ answer: "no idea" }), async (judge) => {
      await answers(folder, 3);
      await Deno.writeTextFile(join(folder, "other.json"), '[{"instruction":"x","output":"y"}]');
      await Deno.writeTextFile(join(folder, "prompt.md"), "Which? {{instruction}} {{output_1}}");
      const bad: [string[], RegExp][] = [
        [["--order", "third"], /choose from random, both/],
        [["--reference", "none.json"], /Cannot read .*none\.json/],
        [["--reference", "other.json"], /no instruction was answered by both/],
        [["--prompt", "prompt.md"], /\{\{output_2\}\} stands in it 0 times/],
        [["--length-table", "ref.json"], /no column instruction_difficulty|no CSV/],
        [["--budget", "1"], /the price of judge is unknown/],
        [["--temperature", "hot"], /--temperature hot/],
      ];
      for (const [more, message] of bad) {
        const { code, stderr } = await ual(judgeArgs(judge, ...more), folder);
        assert.deepEqual([code, message.test(stderr)], [2, true], stderr);
      }
      assert.equal(judge.calls.length, 0);
      const { code, stdout } = await ual(judgeArgs(judge, "--order", "both", "--json"), folder);
      const { n_total, failed, win_rate } = JSON.parse(stdout);
      assert.deepEqual([code, n_total, failed, win_rate], [1, 0, 3, null]);
    })
  ));

Deno.test("ual answer, judge and grade work with a small model of ours, and answer goes on where it was", () =>
  withTinyModel(async (_, folder) => {
    const env = { UAL_CACHE: join(folder, "cache") }, model = ["--model", "tiny.gguf", "--threads", "1"];
    const rows = [{ instruction: "ab" }, {
      turns: ["cd", "ef"],
      question_id: "q",
      category: "math",
      reference: ["x", "y"],
    }];
    await Deno.writeTextFile(join(folder, "p.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const answer = (...more: string[]) =>
      ual(["answer", "p.jsonl", ...model, "--max-new", "5", ...more], folder, env);
    const run = await answer("--out", "a.json", "--json");
    assert.equal(run.code, 0, run.stderr);
    assert.equal(JSON.parse(run.stdout).answers, 2);
    await answer("--out", "b.json", "--temperature", "2", "--generator", "warm");
    const turns = await answer("--out", "t.jsonl", "--json");
    assert.equal(JSON.parse(turns.stdout).answers, 3);
    const [first, second] = JSON.parse(await Deno.readTextFile(join(folder, "a.json")));
    assert.deepEqual([first.instruction, second.instruction, first.dataset], ["ab", "cd", "file"]);
    assert.deepEqual([...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".partial")), []);
    const lock = await lockFile(join(folder, "busy.json")), busy = await answer("--out", "busy.json");
    lock.release();
    assert.deepEqual([busy.code, /busy\.json: process \d+ has it open/.test(busy.stderr)], [2, true]);
    const judged = await ual(
      ["judge", "b.json", "--reference", "a.json", "--out", "j", ...model],
      folder,
      env,
    );
    assert.ok(judged.code <= 1, judged.stderr); // random weights: whether A or B is among the likeliest tokens is chance
    assert.match(judged.stdout, /^warm against /);
    const graded = await ual(["grade", "t.jsonl", "--out", "g", "--json", ...model], folder, env);
    assert.ok(graded.code <= 1, graded.stderr);
    assert.equal(JSON.parse(graded.stdout).count, 3);
    for (
      const [args, message] of [
        [["answer", "p.jsonl", "--out", "a.txt", ...model], /end it in \.json or \.jsonl/],
        [["answer", "none.jsonl", "--out", "c.json", ...model], /Cannot read .*none\.jsonl/],
        [["grade", "a.json", "--out", "h", ...model], /Cannot (use|read) .*a\.json/],
      ] as const
    ) {
      const { code, stderr } = await ual([...args], folder, env);
      assert.deepEqual([code, message.test(stderr)], [2, true], stderr);
    }
  }));
