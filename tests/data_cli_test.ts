// `ual data inspect|select|mix` as a user meets them: narrow permissions, files and reports, exit codes.
import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { splitVerb, verbs } from "../lib/cli_verbs.ts";
import { permissionFlags } from "../tools/permissions.ts";
import { inFolder } from "./folder.ts";
import { mirror } from "./mirror.ts";
import { besideHub } from "./oracles/loopback_hub.ts";
import { ual } from "./oracles/ual.ts";

const root = join(import.meta.dirname!, "..");

/** The JSON that a call prints. */
async function told(args: string[], cwd: string, env = {}) {
  const { code, stdout, stderr } = await ual([...args, "--json"], cwd, env);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The same without the launcher's set-up, which would fill another cache: the verb under its own permissions. */
async function narrowly(args: string[], cwd: string, env: Record<string, string>) {
  const own = { INIT_CWD: cwd, NO_COLOR: "1", ...env }, { name, rest } = splitVerb(args);
  const before = Object.keys(own).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(own)) Deno.env.set(name, value);
  const flags = permissionFlags(root, verbs[name], rest);
  for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", ...flags, join(root, "lib/cli.ts"), ...args, "--json"],
    cwd: root,
    env: own,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const lines = (rows: unknown[]) => rows.map((row) => JSON.stringify(row) + "\n").join("");
const rows = (n: number, about: (i: number) => object = () => ({})) =>
  Array.from(
    { length: n },
    (_, i) => ({ id: `e${i}`, prompt: `Say number ${i}.`, response: `It is number ${i}.`, ...about(i) }),
  );
const readJsonl = async (path: string) =>
  (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));

Deno.test("ual data and ual data inspect count what is in data of any format and layout", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(
      join(folder, "talks.jsonl.gz"),
      gzipSync(lines([
        { id: "a", conversations: [{ from: "human", value: "Hi" }, { from: "gpt", value: "Hello." }] },
        { id: "b", conversations: [{ from: "human", value: "Hi" }] },
        {
          id: "c",
          conversations: [{ from: "human", value: "Hi" }, { from: "gpt", value: "" }],
          category: "greeting",
          uncertainty: 7,
        },
      ])),
    );
    const bad = await ual(["data", "talks.jsonl.gz"], folder);
    assert.equal(bad.code, 2);
    assert.match(
      bad.stderr,
      /^ual: Cannot read .*talks\.jsonl\.gz:2: its last turn is the user's; end each dialogue/,
    );
    const json = await told(["data", "talks.jsonl.gz", "--skip-bad"], folder);
    assert.deepEqual(json, await told(["data", "inspect", "talks.jsonl.gz", "--skip-bad"], folder));
    assert.deepEqual([
      json.count,
      json.turns,
      json.rated,
      json.mean_uncertainty,
      json.bad_rows,
      json.empty_answers,
    ], [2, 4, 1, 7, 1, 1]);
    assert.deepEqual(json.categories, { "(none)": 1, greeting: 1 });
    assert.deepEqual(json.files.map(({ format, layout }: Record<string, string>) => [format, layout]), [[
      "jsonl",
      "sharegpt",
    ]]);
    assert.match(json.first_bad_rows[0].place, /talks\.jsonl\.gz:2$/);
    const text = await ual(
      ["data", "inspect", "talks.jsonl.gz", "--skip-bad", "--layout", "sharegpt"],
      folder,
    );
    assert.match(
      text.stdout,
      /^2 dialogues, 0 of several turns, 1 rated, mean rating 7.0, 1 with an empty answer, 1 bad rows left out\n/,
    );
    assert.match(text.stderr, /^1 bad rows left out:\n {2}.*:2: its last turn/);
  }));

Deno.test("ual data select takes its steps, writes our layout and a report that is the same each time", () =>
  inFolder(async (folder) => {
    const file = (name: string, content: string) => Deno.writeTextFile(join(folder, name), content);
    const scores = (i: number) => ({ scores: { complexity: [i % 7], quality: [2] }, uncertainty: 10 * i });
    await file("d.jsonl", lines([...rows(9, scores), { ...rows(1)[0], ...scores(1), id: "again" }]));
    await file(
      "bench.jsonl",
      '{"question":"say number 3","text":"it is number 3 or so they say in town today"}\n{"q":"Say number 5. It is number 5."}\n',
    );
    await file(
      "e.jsonl",
      lines([...Array(9).keys()].map((i) => ({ id: `e${i}`, embedding: i === 6 ? [1, 5] : [1, i] }))),
    );
    const args =
      "data select d.jsonl --out o.jsonl --most-uncertainty 70 --dedupe --compare request --decontaminate bench.jsonl --ngram 4 --deita 2 --embeddings e.jsonl"
        .split(" ");
    const json = await told(args, folder);
    assert.deepEqual(
      json.steps.map(({ step, before, after }: Record<string, unknown>) => [step, before, after]),
      [
        ["range", 10, 9],
        ["dedupe", 9, 8],
        ["decontaminate", 8, 6],
        ["deita", 6, 2],
      ],
    );
    assert.deepEqual(json.steps[1].dropped, [{ id: "again", of: "e0", kind: "exact", similarity: 1 }]);
    assert.deepEqual(json.steps[2].dropped.map(({ id, item }: Record<string, string>) => [id, item]), [[
      "e3",
      "bench.jsonl#1",
    ], ["e5", "bench.jsonl#2"]]);
    const out = await readJsonl(join(folder, "o.jsonl"));
    assert.deepEqual(out.map(({ id }) => id), ["e6", "e1"]);
    assert.deepEqual(out[0], {
      id: "e6",
      source: "d.jsonl",
      messages: [{ role: "user", content: "Say number 6." }, {
        role: "assistant",
        content: "It is number 6.",
      }],
      uncertainty: 60,
      scores: { complexity: [6], quality: [2] },
    });
    const report = await Deno.readTextFile(join(folder, "o.report.json"));
    const { report: path, ...rest } = json;
    assert.deepEqual([JSON.parse(report), path], [rest, join(folder, "o.report.json")]);
    await told(args, folder);
    assert.equal(await Deno.readTextFile(join(folder, "o.report.json")), report);
    const all = await told(["data", "select", "d.jsonl", "--out", "all.jsonl", "--report", "r.json"], folder);
    assert.deepEqual([all.count, all.steps], [10, []]);
    assert.equal((await told(["data", "all.jsonl"], folder)).count, 10);
  }));

Deno.test("ual data select takes the uncertainty from a judge's ratings", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "d.jsonl"), lines(rows(4)));
    const rating = (i: number, value: object) => ({
      id: `e${i}`,
      repeats: [],
      judge: "j",
      prompt: "p",
      ...value,
    });
    await Deno.writeTextFile(
      join(folder, "ratings.jsonl"),
      lines([
        rating(0, { rating: 10 }),
        rating(1, { failed: "no" }),
        rating(2, { rating: 80, expected: 30 }),
      ]),
    );
    const args = ["data", "select", "d.jsonl", "--out", "o.jsonl", "--ratings", "ratings.jsonl"];
    const json = await told(args, folder);
    assert.deepEqual([json.count, json.unrated], [2, 2]);
    assert.deepEqual(
      (await readJsonl(join(folder, "o.jsonl"))).map(({ id, uncertainty }) => [id, uncertainty]),
      [["e0", 10], ["e2", 80]],
    );
    assert.equal((await told([...args, "--least-uncertainty", "40"], folder)).count, 1);
    assert.equal(
      (await told([...args, "--use", "expected", "--least-uncertainty", "40"], folder).catch(() => ({
        count: 0,
      }))).count,
      0,
    );
    await Deno.writeTextFile(join(folder, "other.jsonl"), lines([rating(9, { rating: 10 })]));
    const none = await ual([...args.slice(0, -1), "other.jsonl"], folder);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /Cannot use the ratings: none is of a dialogue here \(ids such as e0\)/);
  }));

Deno.test("ual data mix draws from several sets, or from one set's parts by uncertainty", () =>
  inFolder(async (folder) => {
    const file = (name: string, content: string) => Deno.writeTextFile(join(folder, name), content);
    await file("high.jsonl", lines(rows(20, (i) => ({ id: `h${i}` }))));
    await file(
      "low.csv",
      "question,answer\n" + Array.from({ length: 30 }, (_, i) => `${i} + 1?,${i + 1}\n`).join(""),
    );
    const json = await told(
      "data mix high.jsonl low.csv --shares 1,3 --count 20 --seed 4 --out m.jsonl".split(" "),
      folder,
    );
    assert.deepEqual(json.parts, [
      { source: "high.jsonl", size: 20, share: 1, drawn: 5 },
      { source: "low.csv", size: 30, share: 3, drawn: 15 },
    ]);
    const mixed = await readJsonl(join(folder, "m.jsonl"));
    assert.equal(mixed.filter(({ source }) => source === "low.csv").length, 15);
    const before = await Deno.readTextFile(join(folder, "m.jsonl"));
    await told(
      "data mix high.jsonl low.csv --shares 1,3 --count 20 --seed 4 --out m.jsonl".split(" "),
      folder,
    );
    assert.equal(await Deno.readTextFile(join(folder, "m.jsonl")), before);
    await file("rated.jsonl", lines(rows(10, (i) => ({ uncertainty: 9 * ((7 * i) % 10) }))));
    const bands = await told(
      "data mix rated.jsonl --by-uncertainty 2 --shares 1,1 --count 6 --out b.jsonl".split(" "),
      folder,
    );
    assert.deepEqual(
      bands.parts.map(({ uncertainty, drawn }: Record<string, unknown>) => [uncertainty, drawn]),
      [
        [{ least: 0, most: 36 }, 3],
        [{ least: 45, most: 81 }, 3],
      ],
    );
    assert.equal(
      (await readJsonl(join(folder, "b.jsonl"))).filter(({ uncertainty }) => uncertainty < 40).length,
      3,
    );
  }));

Deno.test("bad use of ual data exits 2, says what to do, and writes nothing", () =>
  inFolder(async (folder) => {
    const file = (name: string, content: string) => Deno.writeTextFile(join(folder, name), content);
    await file("d.jsonl", lines(rows(3)));
    await file("torn.jsonl", lines(rows(3)) + "{oops\n");
    await file("e.jsonl", '{"id":"e0","embedding":[1]}\n');
    const cases: [string, RegExp][] = [
      ["data inspect", /--data is missing/],
      ["data inspect nowhere.jsonl", /Cannot read .*nowhere\.jsonl: no such file/],
      ["data inspect d.jsonl --layout xml", /choose from ours, lima/],
      ["data select d.jsonl", /--out is missing/],
      ["data select torn.jsonl --out o.jsonl", /torn\.jsonl:4: not valid JSON/],
      [
        "data select d.jsonl --out o.jsonl --report o.jsonl",
        /Cannot write --report o\.jsonl: it is the file of --out/,
      ],
      [
        "data select d.jsonl --out o.jsonl --least-uncertainty 3",
        /Cannot select by uncertainty: e0 has none/,
      ],
      [
        "data select d.jsonl --out o.jsonl --least-uncertainty 30 --most-uncertainty 3",
        /from 30 to 3: there is nothing between/,
      ],
      [
        "data select d.jsonl --out o.jsonl --most-uncertainty 100",
        /--most-uncertainty 100: give a number from 0 to 99/,
      ],
      [
        "data select d.jsonl --out o.jsonl --dedupe --similarity 0",
        /--similarity 0: give a number from 0.01 to 1/,
      ],
      [
        "data select d.jsonl --out o.jsonl --similarity 0.9",
        /Cannot use --similarity alone: there is no --dedupe/,
      ],
      ["data select d.jsonl --out o.jsonl --use expected", /Cannot use --use alone: there is no --ratings/],
      ["data select d.jsonl --out o.jsonl --decontaminate nothing", /Cannot read .*nothing: no such file/],
      ["data select d.jsonl --out o.jsonl --deita 2", /Cannot select by --deita without embeddings/],
      [
        "data select d.jsonl --out o.jsonl --deita 2 --embeddings e.jsonl",
        /Cannot select by DEITA: no dialogue has scores/,
      ],
      ["data mix d.jsonl --out o.jsonl --by-uncertainty 2", /d\.jsonl:1: it has no uncertainty/],
      ["data mix d.jsonl d.jsonl --out o.jsonl", /the id e\d is in two of the parts/],
      ["data mix d.jsonl --out o.jsonl --shares 1,2", /--shares 1,2: give 1 numbers/],
      [
        "data mix d.jsonl --out o.jsonl --count 4",
        /Cannot mix 4 examples: part 1 has 3 examples, 4 are wanted/,
      ],
      ["data mix --out o.jsonl", /--data is missing/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await ual(args.split(" "), folder);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stdout, "", args);
      assert.match(stderr, message, args);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    }
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["d.jsonl", "e.jsonl", "torn.jsonl"]);
  }));

Deno.test("ual data inspect reads a hub's data set, downloaded or by ranges; the token is written nowhere", () =>
  inFolder((folder) =>
    besideHub(
      {
        "data/train-00000-of-00001.parquet": Deno.readFileSync(
          join(root, "tests/parity/parquet/ultrachat.parquet"),
        ),
      },
      async (hub) => {
        hub.token = "hf_secretsecret";
        const env = { HF_ENDPOINT: hub.endpoint, HF_TOKEN: hub.token, UAL_CACHE: join(folder, "cache") };
        const streamed = await narrowly(["data", "inspect", "hf:org/tiny@v1", "--ranges"], folder, env);
        assert.deepEqual([streamed.count, streamed.commit], [7, hub.commit]);
        assert.deepEqual([...Deno.readDirSync(folder)], []);
        const selected = await narrowly(
          ["data", "select", "hf:org/tiny:train", "--out", "o.jsonl"],
          folder,
          env,
        );
        assert.equal(selected.commit, hub.commit);
        assert.equal((await readJsonl(join(folder, "o.jsonl"))).length, 7);
        const offline = { ...env, HF_ENDPOINT: "http://127.0.0.1:1" };
        assert.equal((await narrowly(["data", "hf:org/tiny:train"], folder, offline)).count, 7);
        const found = await new Deno.Command("grep", { args: ["-rl", "hf_secret", folder] }).output();
        assert.equal(found.code, 1, "a file holds the token");
      },
      "dataset",
    )
  ));

Deno.test({
  name: "ual data select reads the mirror and its benchmarks",
  ignore: !mirror("data"),
  fn: () =>
    inFolder(async (folder) => {
      const json = await told(
        "data select mirror:lima --out o.jsonl --decontaminate arc --decontaminate truthfulqa".split(" "),
        folder,
        {
          UAL_MIRROR: mirror("data")!,
        },
      );
      assert.deepEqual([json.dialogues, json.count, json.steps[0].benchmarks.arc.hit], [1029, 1028, 1]);
    }),
});
