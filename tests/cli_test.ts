// The command line as a user meets it: exit codes, JSON on stdout, and that bad input leaves everything untouched.
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeTable } from "../lib/plot/tables.ts";
import { oneLine } from "../lib/run/errors.ts";
import { inFolder } from "./folder.ts";

const root = join(import.meta.dirname!, "..");

/** Runs `ual ARGS` through the launcher, in `cwd` as the user's folder. */
async function ual(args: string[], cwd = root) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, "tools/ual.ts"), ...args],
    cwd: root,
    env: { INIT_CWD: cwd, NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const rated = (u: number[]) =>
  u.map((uncertainty, i) =>
    JSON.stringify({ id: `d${i}`, prompt: `Say ${i}.`, response: `It is ${i}.`, uncertainty }) + "\n"
  ).join("");

Deno.test("ual --help lists the verbs, ual VERB --help its flags", async () => {
  const general = await ual(["--help"]);
  assert.equal(general.code, 0);
  for (const verb of ["map", "data", "figures", "train", "perplexity", "generate"]) {
    assert.match(general.stdout, new RegExp(`^  ${verb} `, "m"));
  }
  const train = await ual(["train", "--help"]);
  assert.equal(train.code, 0);
  for (
    const flag of [
      "init-adapter",
      "shuffle",
      "steps",
      "batch",
      "context",
      "supervise",
      "smoothing",
      "mean",
      "dropout",
      "lr",
      "warmup",
      "schedule",
      "template",
      "smoothing-file",
      "weight-decay",
      "clip",
    ]
  ) {
    assert.match(train.stdout, new RegExp(`--${flag} `));
  }
});

Deno.test("ual map writes smoothing.jsonl relative to the user's folder and prints one JSON object", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "d.jsonl"), rated([0, 10, 30, 80.5]));
    const { code, stdout } = await ual(
      ["map", "d.jsonl", "--mean", "0.2", "--out", "s.jsonl", "--json"],
      folder,
    );
    assert.equal(code, 0);
    const json = JSON.parse(stdout);
    assert.equal(stdout.trim().split("\n").length, 1);
    assert.ok(Math.abs(json.alpha - 0.8 / 120.5) < 1e-12);
    const rows = (await Deno.readTextFile(join(folder, "s.jsonl"))).trim().split("\n").map((l) =>
      JSON.parse(l)
    );
    assert.deepEqual(rows, json.smoothing);
    assert.ok(
      Math.abs(rows.reduce((s: number, r: { smoothing: number }) => s + r.smoothing, 0) / 4 - 0.2) < 1e-12,
    );
  }));

Deno.test("ual data counts what is in a file", async () => {
  const { code, stdout } = await ual([
    "data",
    "data/dialogues_heldout.jsonl",
    "--require-uncertainty",
    "--json",
  ]);
  assert.equal(code, 0);
  const json = JSON.parse(stdout);
  const lines = (await Deno.readTextFile(join(root, "data/dialogues_heldout.jsonl"))).trim().split("\n").map((
    l,
  ) => JSON.parse(l));
  assert.deepEqual([json.count, json.rated], [lines.length, lines.length]);
  assert.equal(json.multi_turn, lines.filter((l) => l.messages.length > 2).length);
  assert.equal(json.categories.advice, lines.filter((l) => l.category === "advice").length);
});

Deno.test("ual figures draws a run's tables again without a model", () =>
  inFolder(async (folder) => {
    await writeTable(join(folder, "run/tables"), "ratings", {
      rows: [{ category: "advice", uncertainty: 71 }, { category: "facts", uncertainty: 3 }],
    });
    const { code, stdout, stderr } = await ual(["figures", "run", "--out", "out", "--json"], folder);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout).figures, ["ratings"]);
    const figure = JSON.parse(await Deno.readTextFile(join(folder, "out/ratings.json")));
    assert.ok(figure.data.length > 0 && figure.layout.title);
    const nothing = await ual(["figures", "out", "--out", "again"], folder);
    assert.deepEqual([nothing.code, nothing.stdout], [2, ""]);
    assert.match(nothing.stderr, /holds no tables; run the notebooks first/);
  }));

Deno.test("bad input and usage exit 2 with one line that says what to do, and write nothing", () =>
  inFolder(async (folder) => {
    const file = async (name: string, text: string) => {
      await Deno.writeTextFile(join(folder, name), text);
      return name;
    };
    const good = await file("good.jsonl", rated([10, 20]));
    const cases: [string[], RegExp][] = [
      [["fly"], /there is no such verb; use one of map/],
      [["map"], /--data is missing/],
      [["map", "nowhere.jsonl", "--out", "s.jsonl"], /Cannot read .*nowhere\.jsonl/],
      [["map", good, "--mean", "lots", "--out", "s.jsonl"], /--mean lots: give a number/],
      [["map", good, "--mean", "0.995", "--out", "s.jsonl"], /mean 0\.995/],
      [["map", good, "--methd", "none"], /methd/],
      [["map", good, "--method", "cubic"], /choose from truncated-linear, rank, power, constant, none/],
      [
        ["map", await file("zero.jsonl", rated([0, 0])), "--out", "s.jsonl"],
        /every uncertainty is 0.*largest reachable mean is 0/,
      ],
      [["map", await file("broken.jsonl", rated([3]) + "{oops\n"), "--out", "s.jsonl"], /broken\.jsonl:2/],
      [["map", await file("high.jsonl", rated([3, 100])), "--out", "s.jsonl"], /high\.jsonl:2.*0.*99/],
      [
        ["map", await file("unrated.jsonl", '{"prompt":"a","response":"b"}\n'), "--out", "s.jsonl"],
        /unrated\.jsonl:1.*uncertainty/,
      ],
      [["map", await file("empty.jsonl", ""), "--out", "s.jsonl"], /empty\.jsonl.*empty/],
      [
        ["train", good, "--out", "run", "--context", "9000"],
        /context of 9000 tokens: .* was trained for 8192/,
      ],
      [["train", good, "--out", "run", "--batch", "0"], /--batch 0: give a number of at least 1/],
      [["train", good, "--out", "run", "--targets", "q_proj,zzz"], /Cannot adapt zzz/],
      [["train", good, "--out", "run", "--mean", "0.999"], /mean 0\.999/],
      [[
        "train",
        good,
        "--out",
        "run",
        "--smoothing-file",
        await file("s0.jsonl", '{"id":"other","smoothing":0.1}\n'),
      ], /sample "d0".*no such id/],
      [
        ["train", good, "--out", "run", "--template", await file("bad.jinja", "{% for x in %}")],
        /chat template/,
      ],
      [["train", good, "--out", "run", "--init-adapter", "nowhere"], /Cannot read .*adapter_config\.json/],
      [
        ["train", good, "--out", "run", "--model", await file("lie.gguf", "GGUF\u0003\0\0\0 not a model")],
        /lie\.gguf/,
      ],
      [["perplexity", good, "--context", "4"], /none has an answer token within 4 tokens/],
      [["generate"], /there is no prompt/],
      [["train", good, "--out", ""], /--out: its value is empty; give DIR/],
      [["perplexity", good, "--adapter="], /--adapter: its value is empty/],
      [["map", good, "--mean", "-1"], /--mean -1: give a number of at least 0/],
      [["train", good, "--out", "run", "--targets", "constructor"], /Cannot adapt constructor/],
      [["train", good, "--out", good], /Cannot use .*good\.jsonl as a run's folder: it is a file/],
      [["train", good, "--out", "run", "--threads", "1e12"], /--threads 1e12: give a number from 1 to 1024/],
      [["generate", "hello", "--max-new", "9000"], /the model's context is 8192/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await ual(args, folder);
      assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
      assert.equal(stdout, "", args.join(" "));
      assert.match(stderr, message, args.join(" "));
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    }
    const names = [...Deno.readDirSync(folder)].map((e) => e.name);
    assert.ok(!names.includes("s.jsonl") && !names.includes("run"), names.join());
  }));

Deno.test("ual generate and perplexity answer on the real model as JSON", () =>
  inFolder(async (folder) => {
    const generated = await ual(
      ["generate", "What is the capital of France?", "--max-new", "12", "--json"],
      folder,
    );
    assert.equal(generated.code, 0, generated.stderr);
    const [answer] = JSON.parse(generated.stdout).results;
    assert.match(answer.text, /Paris/);
    assert.ok(answer.finished);
    const data = join(folder, "d.jsonl");
    const dialogue = (response: string) =>
      JSON.stringify({ prompt: "What is the capital of France?", response }) + "\n";
    await Deno.writeTextFile(
      data,
      dialogue("The capital of France is Paris.") + dialogue("Wet the of purple Paris capital."),
    );
    const scored = await ual(["perplexity", data, "--json"], folder);
    assert.equal(scored.code, 0, scored.stderr);
    const json = JSON.parse(scored.stdout), [right, wrong] = json.samples;
    assert.deepEqual([right.id, wrong.id], ["1", "2"]);
    assert.ok(right.perplexity < 2 && wrong.perplexity > 50, `${right.perplexity} ${wrong.perplexity}`);
    assert.ok(Math.abs(json.nll - right.nll - wrong.nll) < 1e-9);
    assert.ok(Math.abs(json.perplexity - Math.exp(json.nll / json.tokens)) < 1e-9);
  }));

Deno.test("ual writes over no file that it reads, also behind a link, and none twice", () =>
  inFolder(async (folder) => {
    const path = join(folder, "d.jsonl"), data = rated([1, 2, 3]);
    await Deno.writeTextFile(path, data);
    await Deno.writeTextFile(join(folder, "r.jsonl"), '{"id":"d0","rating":5}\n');
    await Deno.symlink(path, join(folder, "link.jsonl"));
    for (
      const [args, flag, other] of [
        [["map", "d.jsonl", "--out", "d.jsonl"], "out d.jsonl", "data"],
        [["map", "d.jsonl", "--ratings", "r.jsonl", "--out", "./r.jsonl"], "out ./r.jsonl", "ratings"],
        [["data", "select", "d.jsonl", "--out", "link.jsonl"], "out link.jsonl", "data"],
        [["data", "select", "d.jsonl", "--out", "o.jsonl", "--report", "d.jsonl"], "report d.jsonl", "data"],
        [["data", "mix", "r.jsonl", "d.jsonl", "--out", "d.jsonl"], "out d.jsonl", "data"],
        [["data", "select", "d.jsonl", "--out", "o.jsonl", "--report", "o.jsonl"], "report o.jsonl", "out"],
        [["score", "d.jsonl", "--out", "d.jsonl"], "out d.jsonl", "data"],
        [["data", "score", "d.jsonl", "--out", "d.jsonl"], "out d.jsonl", "data"],
      ] as [string[], string, string][]
    ) {
      const { code, stderr } = await ual(args, folder), name = flag.split(" ")[0];
      assert.deepEqual([code, stderr], [
        2,
        `ual: Cannot write --${flag}: it is the file of --${other} too; give --${name} another file\n`,
      ]);
    }
    assert.equal(await Deno.readTextFile(path), data);
    assert.equal((await Array.fromAsync(Deno.readDir(folder))).length, 3);
    const many = await ual(["data", "mix", "d.jsonl", "--by-uncertainty", "1e9", "--out", "o.jsonl"], folder);
    assert.deepEqual([many.code, many.stderr], [
      2,
      "ual: Cannot use --by-uncertainty 1000000000: give a whole number from 2 to 1000\n",
    ]);
  }));

Deno.test("ual says on one line what is wrong, whatever the data holds", () =>
  inFolder(async (folder) => {
    const pair = { prompt: "Q", response: "A" }, id = `a\n\u001b[2J${"i".repeat(1e5)}`;
    await Deno.writeTextFile(join(folder, "good.jsonl"), JSON.stringify({ ...pair, id: "a" }) + "\n");
    await Deno.writeTextFile(
      join(folder, "twice.jsonl"),
      (JSON.stringify({ id, rating: 5 }) + "\n").repeat(2),
    );
    await Deno.writeTextFile(join(folder, "zeros.jsonl"), "\0".repeat(1000) + "\n");
    await Deno.writeTextFile(join(folder, "field.jsonl"), JSON.stringify({ ["k".repeat(1e5)]: 1 }) + "\n");
    for (
      const args of [
        ["map", "--data", "good.jsonl", "--ratings", "twice.jsonl"],
        ["data", "inspect", "zeros.jsonl"],
        ["data", "inspect", "field.jsonl"],
      ]
    ) {
      const { code, stdout, stderr } = await ual(args, folder);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^ual: Cannot [^\p{Cc}]*; [^\p{Cc}]*\n$/u);
      assert.ok(stderr.length < 2100);
    }
    const { code, stderr } = await ual(["data", "inspect", "zeros.jsonl", "--skip-bad"], folder);
    assert.deepEqual([code, /[^\P{Cc}\n]/u.test(stderr)], [0, false]);
  }));

Deno.test("oneLine() writes out what ends a line or steers a terminal, and nothing else", () => {
  assert.equal(
    oneLine("a\n\u001b[2Jb\0\r\u2028\u202e\u0085"),
    "a\\n\\u001b[2Jb\\u0000\\u000d\\u2028\\u202e\\u0085",
  );
  const plain = "Cannot read x: “é” 🙂 — 日本\u00a0\u200d; save it";
  assert.equal(oneLine(plain), plain);
});

Deno.test("oneLine() leaves out the middle of a long text and keeps its end, the remedy", () => {
  const text = oneLine(`Cannot use ${"i".repeat(5_000_000)}; give another`, 100);
  assert.equal(text.length, 103);
  assert.match(text, /^Cannot use i+ … i+; give another$/);
});
