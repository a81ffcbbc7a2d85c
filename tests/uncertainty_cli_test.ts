// ual elicit, agree, score and map as a user meets them: folders that go on, exit codes, what is refused, a model of ours as judge.
import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../lib/cli.ts";
import { inFolder } from "./folder.ts";
import { type Behaviour, besideJudge, type LoopbackJudge, type Script } from "./oracles/loopback_judge.ts";
import { ended } from "./oracles/tiny_trainable.ts";
import { until, withTinyModel } from "./oracles/tiny_server.ts";

const root = join(import.meta.dirname!, "..");

/** `ual ARGS` in `folder`, started; through the launcher, which narrows permissions, where `tool` names it. */
function start(folder: string, args: string[], env: Record<string, string> = {}, tool = "lib/cli.ts") {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, tool), ...args],
    cwd: folder,
    env: { INIT_CWD: folder, NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

const launched = (folder: string, args: string[]) => ended(start(folder, args, {}, "tools/ual.ts"));
const ual = (folder: string, args: string[], env = {}) => ended(start(folder, args, env));

/** `ual ARGS` in this process, for what ends before anything is opened. */
async function here(folder: string, args: string[]) {
  const { log, error } = console, said = { stdout: "", stderr: "" };
  Deno.env.set("INIT_CWD", folder);
  console.log = (text) => said.stdout += text;
  console.error = (text) => said.stderr += text;
  try {
    return { code: await main(args), ...said };
  } finally {
    Object.assign(console, { log, error });
    Deno.env.delete("INIT_CWD");
  }
}

/** Writes `n` dialogues to d.jsonl; the i-th is rated 2·i. */
async function dialogues(folder: string, n: number): Promise<void> {
  const lines = Array.from(
    { length: n },
    (_, i) =>
      JSON.stringify({
        id: `d${i}`,
        prompt: `Say number ${i}.`,
        response: `It is ${i}.`,
        uncertainty: 2 * i,
      }) + "\n",
  );
  await Deno.writeTextFile(join(folder, "d.jsonl"), lines.join(""));
}

const numberIn = (text: string) => Number(/Say number (\d+)\./.exec(text)![1]);
const rate: Script = ({ text }) => ({
  answer: String(2 * numberIn(text) + 1),
  usage: { prompt: 600, completion: 1 },
});

/** A folder with `n` dialogues beside a judge, and the arguments that ask it. */
function beside(
  n: number,
  script: Script,
  body: (folder: string, judge: LoopbackJudge, asked: string[]) => Promise<void>,
): Promise<void> {
  return inFolder((folder) =>
    besideJudge(script, async (judge) => {
      await dialogues(folder, n);
      await body(folder, judge, [
        "elicit",
        "d.jsonl",
        "--out",
        "run",
        "--base-url",
        judge.baseUrl,
        "--model-name",
        "j",
      ]);
    })
  );
}

const lines = async (path: string) =>
  (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));

Deno.test("ual elicit rates into a folder, says the cost first, and has nothing to do the second time", () =>
  beside(12, rate, async (folder, judge, asked) => {
    const priced = [...asked, "--price-in", "2", "--price-out", "8", "--key-env", "MY_KEY", "--json"];
    const { code, stdout, stderr } = await ual(folder, priced, { MY_KEY: "sk-very-secret-key" });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /elicit: 12 calls; .* prompt tokens .* at most .* USD .*given/);
    const json = JSON.parse(stdout);
    assert.deepEqual([json.count, json.rated, json.failed, json.skipped, json.mean], [12, 12, 0, false, 12]);
    assert.ok(Math.abs(json.usd - 12 * (600 * 2 + 8) / 1e6) < 1e-12);
    assert.equal(json.agreement.spearman.value, 1);
    assert.equal(json.agreement.both, 12);
    const rows = await lines(join(folder, "run/ratings.jsonl"));
    assert.deepEqual(rows.map(({ id, rating }) => [id, rating]), rows.map((_, i) => [`d${i}`, 2 * i + 1]));
    const manifest = JSON.parse(await Deno.readTextFile(join(folder, "run/manifest.json")));
    assert.deepEqual([manifest.stage, manifest.results.rated, manifest.settings.judge], ["elicit", 12, "j"]);
    for await (const { name } of Deno.readDir(join(folder, "run"))) {
      assert.ok(!(await Deno.readTextFile(join(folder, "run", name))).includes("very-secret"), name);
    }
    assert.ok(
      judge.calls.every(({ headers }) => headers.get("authorization") === "Bearer sk-very-secret-key"),
    );
    const again = await ual(folder, priced, { MY_KEY: "sk-very-secret-key" });
    assert.deepEqual([again.code, JSON.parse(again.stdout).skipped, judge.calls.length], [0, true, 12]);
    assert.match(
      (await ual(folder, asked)).stdout,
      /12 dialogues: 12 rated, mean 12\.0, 0 failed; .*nothing to do in run/,
    );
    const more = await ual(folder, [...asked, "--repeats", "3", "--limit", "5"]);
    assert.match(
      more.stdout,
      /5 dialogues: 5 rated.*\nbeside the data's own.*\nrepeats: standard deviation 0\.00, all equal 100%/,
    );
    assert.equal(judge.calls.length, 12 + 10);
  }));

Deno.test("ual elicit stops at its budget with exit code 1, and goes on with a higher one", () =>
  beside(30, rate, async (folder, judge, asked) => {
    const priced = [...asked, "--price-in", "1", "--price-out", "1", "--concurrency", "2"];
    const { code, stdout, stderr } = await ual(folder, [...priced, "--budget", "0.006"]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(
      stderr,
      /elicit: \d+ of 30 dialogues are rated; the same command goes on from there\n.*within the budget of 0\.006/s,
    );
    const before = judge.calls.length;
    assert.ok(before > 3 && before < 15, String(before));
    assert.equal(await Deno.stat(join(folder, "run/ratings.jsonl")).catch(() => "none"), "none");
    const { code: ok, stderr: told } = await ual(folder, [...priced, "--budget", "1"]);
    assert.equal(ok, 0, told);
    assert.match(told, new RegExp(`${30 - before} calls, ${before} answers are in the ledger`));
    assert.equal(judge.calls.length, 30);
  }));

Deno.test("ual elicit ends at Ctrl-C when the calls under way have come, and goes on from there", () =>
  beside(40, async (call) => {
    await new Promise((done) => setTimeout(done, 150));
    return await rate(call);
  }, async (folder, judge, asked) => {
    const child = start(folder, [...asked, "--concurrency", "2"]);
    await until(() => judge.calls.length >= 4, "four calls");
    child.kill("SIGINT");
    const { code, stderr } = await ended(child);
    assert.equal(code, 1);
    assert.match(stderr, /stopping after the calls under way.*of 40 dialogues are rated.*Stopped as asked/s);
    const before = judge.calls.length;
    assert.ok(before < 20);
    assert.equal((await lines(join(folder, "run/answers.jsonl"))).length, before);
    judge.script = rate;
    assert.equal((await ual(folder, asked)).code, 0);
    assert.equal(judge.calls.length, 40);
    assert.ok([...judge.paid.values()].every((n) => n === 1));
  }));

Deno.test("ual elicit records failures, exits 1 where all failed, and asks again where the transport did", () =>
  beside(6, (call) => {
    const i = numberIn(call.text);
    const told: Behaviour = i === 5
      ? { status: 400, body: '{"error":{"message":"no"}}' }
      : { answer: i % 2 ? "seven" : "7" };
    return told;
  }, async (folder, judge, asked) => {
    const { code, stdout } = await ual(folder, asked);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /6 dialogues: 3 rated, mean 7\.0, 3 failed; wrote run\/ratings\.jsonl\n {2}d1: malformed \(it is not a whole number alone: "seven"\), then malformed/,
    );
    const calls = judge.calls.length;
    await ual(folder, asked);
    assert.equal(judge.calls.length, calls + 1); // only the refused one again
    judge.script = () => ({ answer: "I cannot." });
    const none = await ual(folder, [...asked.with(3, "other"), "--json"]);
    assert.deepEqual([none.code, JSON.parse(none.stdout).failed], [1, 6]);
    const map = await ual(folder, ["map", "d.jsonl", "--ratings", "run/ratings.jsonl"]);
    assert.equal(map.code, 2);
    assert.match(map.stderr, /Cannot map "d1" and 2 more: the judge's rating failed.*--skip-failed/);
    const kept = await ual(folder, [
      "map",
      "d.jsonl",
      "--ratings",
      "run/ratings.jsonl",
      "--skip-failed",
      "--out",
      "s.jsonl",
    ]);
    assert.match(
      kept.stdout,
      /^3 samples, mean smoothing 0\.1.*left out, not rated: d1, d3, d5; wrote s\.jsonl/,
    );
    assert.deepEqual((await lines(join(folder, "s.jsonl"))).map(({ id }) => id), ["d0", "d2", "d4"]);
  }));

Deno.test("ual elicit, agree, score and map refuse bad usage and input with exit code 2", () =>
  inFolder(async (folder) => {
    await dialogues(folder, 3);
    const write = (name: string, text: string) => Deno.writeTextFile(join(folder, name), text);
    const line = (extra: string) => `{"id":"a","prompt":"p","response":"r"${extra}}\n`;
    await write("twice.jsonl", line("") + line(""));
    await write("half.jsonl", '{"id":"a","prompt":"\\ud800","response":"r"}\n');
    await write("null.jsonl", '{"id":"a","prompt":null,"response":"r"}\n');
    await write("prompt.md", "Rate it.");
    await write("r.jsonl", '{"id":"d0","rating":5}\n{"id":"d1","rating":7}\n');
    await write("s.jsonl", '{"id":"d0","entropy":0.5}\n');
    const to = ["--out", "run", "--base-url", "http://127.0.0.1:9/v1", "--model-name", "j"];
    const cases: [string[], RegExp][] = [
      [["elicit", "d.jsonl"], /--out is missing/],
      [
        ["elicit", "d.jsonl", "--out", "run", "--base-url", "http://127.0.0.1:9/v1"],
        /--model-name is missing/,
      ],
      [["elicit", "twice.jsonl", ...to], /twice\.jsonl:2: the id "a" is that of line 1 too/],
      [["elicit", "half.jsonl", ...to], /half\.jsonl:1: .*surrogate pair/],
      [["elicit", "null.jsonl", ...to], /null\.jsonl:1: prompt is null/],
      [["elicit", "d.jsonl", ...to, "--prompt", "prompt.md"], /{{dialogue}} stands in its user part 0 times/],
      [["elicit", "d.jsonl", ...to, "--prompt", "prompt.md", "--reasons"], /--reasons with --prompt/],
      [["elicit", "d.jsonl", ...to, "--price-in", "1"], /give both/],
      [["elicit", "d.jsonl", ...to, "--budget", "1"], /price of j is unknown/],
      [["elicit", "d.jsonl", ...to, "--repeats", "0"], /--repeats 0/],
      [["elicit", "d.jsonl", ...to, "--temperature", "hot"], /--temperature hot/],
      [["map", "d.jsonl", "--ratings", "r.jsonl"], /rating of "d2": the ratings have no such id/],
      [["map", "d.jsonl", "--ratings", "r.jsonl", "--scores", "s.jsonl"], /both --ratings and --scores/],
      [["map", "d.jsonl", "--scores", "s.jsonl"], /nll of "d0" and 2 more/],
      [["map", "d.jsonl", "--scores", "s.jsonl", "--score", "luck"], /--score luck: choose from nll/],
      [["map", "d.jsonl", "--method", "power", "--power", "0"], /power 0/],
      [["agree"], /give their files/],
      [["agree", "r.jsonl"], /one rater without repeats/],
      [["score", "d.jsonl", "--kinds", "luck"], /--kinds luck: choose from perplexity/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await here(folder, args);
      assert.deepEqual([code, stdout], [2, ""], `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, message);
    }
  }));

Deno.test("ual map takes ratings, expected ratings and scores, by every method", () =>
  inFolder(async (folder) => {
    await dialogues(folder, 4);
    const file = (name: string, rows: unknown[]) =>
      Deno.writeTextFile(join(folder, name), rows.map((row) => JSON.stringify(row) + "\n").join(""));
    await file(
      "r.jsonl",
      [40, 10, 20, 30].map((rating, i) => ({ id: `d${3 - i}`, rating, expected: rating + 5 })),
    );
    await file("s.jsonl", [1, 2, 3, 4].map((nll, i) => ({ id: `d${i}`, nll, entropy: 0.1 * nll })));
    const map = async (...args: string[]) =>
      JSON.parse((await ual(folder, ["map", "d.jsonl", "--json", ...args])).stdout);
    const near = (got: { smoothing: { smoothing: number }[] }, want: number[]) =>
      got.smoothing.forEach(({ smoothing }, i) =>
        assert.ok(Math.abs(smoothing - want[i]) < 1e-12, `${smoothing} ≠ ${want[i]}`)
      );
    const ratings = await map("--ratings", "r.jsonl");
    assert.deepEqual(ratings.smoothing.map((row: { uncertainty: number }) => row.uncertainty), [
      30,
      20,
      10,
      40,
    ]);
    near(ratings, [0.12, 0.08, 0.04, 0.16]);
    near(await map("--ratings", "r.jsonl", "--use", "expected"), [35, 25, 15, 45].map((u) => 0.4 * u / 120));
    near(await map("--scores", "s.jsonl"), [0.04, 0.08, 0.12, 0.16]);
    near(await map("--scores", "s.jsonl", "--score", "entropy"), [0.04, 0.08, 0.12, 0.16]);
    near(await map("--ratings", "r.jsonl", "--method", "rank"), [0.125, 0.075, 0.025, 0.175]);
    const narrow = await launched(folder, ["map", "d.jsonl", "--scores", "s.jsonl", "--out", "out.jsonl"]);
    assert.equal(narrow.code, 0, narrow.stderr);
    const power = await map("--ratings", "r.jsonl", "--method", "power", "--power", "2", "--mean", "0.6");
    assert.deepEqual([power.power, power.truncated > 0, power.clip.cut], [2, true, power.truncated]);
    near(await map("--ratings", "r.jsonl", "--method", "power"), [9, 4, 1, 16].map((v) => 0.4 * v / 30));
    near(await map("--method", "constant"), [0.1, 0.1, 0.1, 0.1]);
  }));

Deno.test("ual agree compares raters pair by pair and a judge with itself", () =>
  inFolder(async (folder) => {
    const file = (name: string, f: (i: number) => number, repeats?: (i: number) => number[]) =>
      Deno.writeTextFile(
        join(folder, name),
        Array.from({ length: 20 }, (_, i) => {
          const again = repeats?.(i).map((rating) => ({ rating, asked: 1 }));
          return JSON.stringify({
            id: `d${i}`,
            rating: f(i),
            ...(again ? { repeats: again } : {}),
          }) + "\n";
        }).join(""),
      );
    await file("a.jsonl", (i) => 4 * i);
    await file("b.jsonl", (i) => 99 - 4 * i);
    await file("c.jsonl", (i) => 4 * i + 3, (i) => [4 * i + 2, 4 * i + 4]);
    const { code, stdout, stderr } = await ual(folder, ["agree", "a.jsonl", "b.jsonl", "c.jsonl", "--json"]);
    assert.equal(code, 0, stderr);
    const json = JSON.parse(stdout);
    assert.deepEqual(json.spearman.map((row: { value: number }) => row.value), [-1, 1, -1]);
    assert.deepEqual(Object.keys(json.pairs), [
      "a.jsonl | b.jsonl",
      "a.jsonl | c.jsonl",
      "b.jsonl | c.jsonl",
    ]);
    assert.equal(json.pairs["a.jsonl | c.jsonl"].difference.value, 3);
    assert.equal(json.test_retest["c.jsonl"].largestRange, 2);
    const text = (await launched(folder, ["agree", "a.jsonl", "c.jsonl"])).stdout;
    assert.match(
      text,
      /^a\.jsonl \| c\.jsonl: 20 dialogues\n {2}Spearman's correlation +1\.000 \(1\.000 to 1\.000\)/,
    );
    assert.match(text, /c\.jsonl with itself: 20 dialogues, largest range 2/);
  }));

Deno.test("ual elicit asks a model of ours in its own process, and finds its answers again on another port", () =>
  withTinyModel(async (_, folder) => {
    await dialogues(folder, 3);
    const args = ["elicit", "d.jsonl", "--out", "run", "--model", "tiny.gguf", "--threads", "1"];
    const env = { UAL_CACHE: join(folder, "cache") };
    const first = await ual(folder, args, env);
    assert.ok(first.code <= 1, first.stderr); // random weights: whether any answer is a number is chance
    assert.match(first.stderr, /elicit: 3 calls/);
    const rows = await lines(join(folder, "run/ratings.jsonl")),
      answers = await lines(join(folder, "run/answers.jsonl"));
    assert.equal(rows.length, 3);
    for (const { rating, failed, judge } of rows) {
      assert.notEqual(rating === undefined, failed === undefined);
      assert.ok(judge.length > 0 && (failed === undefined || /malformed/.test(failed)), failed);
    }
    assert.ok(answers.length >= 3);
    const second = await ual(folder, args, env);
    assert.equal(second.code, first.code);
    assert.equal((await lines(join(folder, "run/answers.jsonl"))).length, answers.length);
  }));

Deno.test("ual score writes scores.jsonl with rank correlations", () =>
  withTinyModel(async (_, folder) => {
    await dialogues(folder, 6);
    const env = { UAL_CACHE: join(folder, "cache") };
    const args = ["score", "d.jsonl", "--model", "tiny.gguf", "--threads", "1", "--out", "s.jsonl", "--json"];
    const kinds = ["--kinds", "perplexity,entropy,spread,hidden-spread", "--samples", "2", "--max-new", "3"];
    const { code, stdout, stderr } = await ual(folder, [...args, ...kinds], env);
    assert.equal(code, 0, stderr);
    const json = JSON.parse(stdout), rows = await lines(join(folder, "s.jsonl"));
    assert.deepEqual(rows, json.scores);
    assert.deepEqual(Object.keys(rows[0]), [
      "id",
      "nll",
      "perplexity",
      "tokens",
      "entropy",
      "spread",
      "hidden_spread",
    ]);
    assert.equal(json.correlations.length, 10);
    assert.deepEqual([json.correlations[0].a, json.correlations[0].b], ["rating", "nll"]);
    const mapped = await ual(folder, [
      "map",
      "d.jsonl",
      "--scores",
      "s.jsonl",
      "--score",
      "entropy",
      "--json",
    ]);
    assert.equal(JSON.parse(mapped.stdout).count, 6);
  }));
