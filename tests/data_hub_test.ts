// lib/data/hub_dataset.ts and hub.ts: data sets of a hub on loopback. What is general to downloads is in model_hub_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { hubSource } from "../lib/data/hub.ts";
import { openDataset, parseDatasetName } from "../lib/data/hub_dataset.ts";
import { openSource, readSource } from "../lib/data/open_source.ts";
import { inFolder } from "./folder.ts";
import { besideHub, type LoopbackHub } from "./oracles/loopback_hub.ts";
import { peers, runPeer } from "./peers.ts";

const parity = join(import.meta.dirname!, "parity/parquet");
const bytes = (text: string) => new TextEncoder().encode(text);
const rows = (...prompts: string[]) =>
  bytes(prompts.map((prompt) => JSON.stringify({ prompt, response: "A" }) + "\n").join(""));
const stored = (name: string) => Deno.readFileSync(join(parity, name));

/** Runs `body` beside a hub with the data set org/tiny of those files, and a folder for what is downloaded. */
const withHub = (
  files: Record<string, Uint8Array>,
  body: (hub: LoopbackHub, folder: string) => Promise<void>,
) => inFolder((folder) => besideHub(files, (hub) => body(hub, join(folder, "hub")), "dataset"));

const options = ({ endpoint }: LoopbackHub, folder: string) => ({ endpoint, folder, token: "" });

Deno.test("parseDatasetName() takes a repository, a revision and a part", () => {
  const name = { owner: "org", name: "tiny", revision: "main" };
  assert.deepEqual(parseDatasetName("hf:org/tiny"), name);
  assert.deepEqual(parseDatasetName("hf:org/tiny@v1:test"), { ...name, revision: "v1", part: "test" });
  assert.deepEqual(parseDatasetName("hf:org/tiny@refs/convert/parquet:main/train"), {
    ...name,
    revision: "refs/convert/parquet",
    part: "main/train",
  });
  for (
    const text of [
      "hf:tiny",
      "hf:org/tiny:",
      "hf:org/../tiny",
      "hf:org/tiny@..",
      "hf:",
      "hf:/org/tiny",
      "org/tiny",
    ]
  ) {
    assert.throws(
      () => parseDatasetName(text),
      /^InputError: Cannot use .* as a data set: give hf:owner\/name/,
      text,
    );
  }
});

const FILES = {
  "README.md": bytes("# tiny\n"),
  ".gitattributes": bytes("\n"),
  "dataset_infos.json": bytes("{}"),
  "data/train-00000-of-00002-ab12.parquet": stored("sharegpt.parquet"),
  "data/train-00001-of-00002-cd34.parquet": stored("ultrachat.parquet"),
  "data/test-00000-of-00001.parquet": stored("alpaca.parquet"),
  "extra/train.jsonl": rows("one", "two"),
};

Deno.test("openSource() downloads a hub's split once, at one commit, checked", () =>
  withHub(FILES, async (hub, folder) => {
    const source = openSource("hf:org/tiny:train", { hub: options(hub, folder), layout: undefined });
    const examples = await Array.fromAsync(source);
    assert.deepEqual(examples.map(({ id }) => id), [
      ..."0123456",
      ..."0123456".split("").map((n) => `p${n}`),
    ]);
    assert.deepEqual([examples[0].source, source.tally.commit], ["org/tiny:train", hub.commit]);
    assert.deepEqual(source.tally.files.map(({ name, layout }) => [name, layout]), [
      ["org/tiny/data/train-00000-of-00002-ab12.parquet", "sharegpt"],
      ["org/tiny/data/train-00001-of-00002-cd34.parquet", "ultrachat"],
    ]);
    const dir = join(folder, "datasets/org", hub.commit, "tiny");
    assert.deepEqual(await hubSource(dir), { repo: "org/tiny", commit: hub.commit });
    const record = JSON.parse(await Deno.readTextFile(join(dir, "source.json")));
    assert.deepEqual(Object.keys(record.files), Object.keys(FILES).slice(3, 5));
    assert.match(record.files["data/train-00000-of-00002-ab12.parquet"].sha256, /^[0-9a-f]{64}$/);
    hub.requests.length = 0;
    assert.equal((await readSource("hf:org/tiny:train", { hub: options(hub, folder) })).length, 14);
    assert.equal(hub.requests.length, 0, "it is there");
    const extra = await readSource("hf:org/tiny:extra/train", { hub: options(hub, folder) });
    assert.deepEqual(extra.map(({ id }) => id), ["org/tiny:extra/train#1", "org/tiny:extra/train#2"]);
    const taken = hub.requests.map(({ path }) => path).filter((path) => path.startsWith("/cdn/"));
    assert.deepEqual([...new Set(taken)], ["/cdn/extra/train.jsonl"]);
    const test = await readSource("hf:org/tiny@v1:data/test-00000-of-00001.parquet", {
      hub: options(hub, folder),
    });
    assert.equal(test.length, 3);
    hub.requests.length = 0;
    for (const part of ["train", "test", "extra/train"]) {
      await openDataset(parseDatasetName(`hf:org/tiny:${part}`), options(hub, folder));
    }
    assert.equal(hub.requests.length, 0);
  }));

Deno.test("openSource() numbers rows without ids over all files of a split", () =>
  withHub(
    { "train-00000-of-00002.jsonl": rows("a", "b"), "train-00001-of-00002.jsonl": rows("c") },
    async (hub, folder) => {
      const examples = await readSource("hf:org/tiny", { hub: options(hub, folder) });
      assert.deepEqual(examples.map(({ id, turns }) => [id, turns[0].content]), [
        ["org/tiny#1", "a"],
        ["org/tiny#2", "b"],
        ["org/tiny#3", "c"],
      ]);
    },
  ));

/** Files → what each name of a part means, or what is said. */
const PARTS: [string[], Record<string, string[] | RegExp>][] = [
  [["databricks-dolly-15k.jsonl", "README.md"], {
    "": ["databricks-dolly-15k.jsonl"],
    train: /it has no train; name one after a colon: databricks-dolly-15k/,
  }],
  [["train.jsonl", "test.jsonl", "lima.py"], {
    "": ["train.jsonl"],
    test: ["test.jsonl"],
    "lima.py": ["lima.py"],
    dev: /it has no dev; name one after a colon: test, train$/,
  }],
  [[
    "main/train-00000-of-00001.parquet",
    "socratic/train-00000-of-00001.parquet",
    "main/test-00000-of-00001.parquet",
  ], {
    "": /it has several parts; name one after a colon: main\/test, main\/train, socratic\/train/,
    "main/train": ["main/train-00000-of-00001.parquet"],
    train: /train means several; name one/,
    socratic: /it has no socratic/,
  }],
  [[
    "data/train_sft-00000-of-00002.parquet",
    "data/train_sft-00001-of-00002.parquet",
    "data/test_sft-00000-of-00001.parquet",
  ], {
    "": ["data/train_sft-00000-of-00002.parquet", "data/train_sft-00001-of-00002.parquet"],
    test_sft: ["data/test_sft-00000-of-00001.parquet"],
    test: ["data/test_sft-00000-of-00001.parquet"],
  }],
  [["default/train/0000.parquet", "default/train/0001.parquet", "default/partial-test/0000.parquet"], {
    "default/train": ["default/train/0000.parquet", "default/train/0001.parquet"],
    "": ["default/train/0000.parquet", "default/train/0001.parquet"],
    "default/test": ["default/partial-test/0000.parquet"],
  }],
  [["a.json", "b.json"], { "": /it has several parts/, "b.json": ["b.json"], b: ["b.json"] }],
  [["README.md", "weights.bin"], { "": /it has no jsonl, json, csv or parquet file/ }],
];

Deno.test("openDataset() tells splits and configurations by file names", async (t) => {
  for (const [files, parts] of PARTS) {
    await t.step(
      files.join(", "),
      () =>
        withHub(Object.fromEntries(files.map((path) => [path, rows(path)])), async (hub, folder) => {
          for (const [part, wanted] of Object.entries(parts)) {
            const name = parseDatasetName(part ? `hf:org/tiny:${part}` : "hf:org/tiny");
            const opened = openDataset(name, options(hub, folder));
            if (wanted instanceof RegExp) await assert.rejects(opened, wanted);
            else {assert.deepEqual(
                (await opened).files.map(({ shown }) => shown),
                wanted.map((path) => `org/tiny/${path}`),
              );}
          }
        }),
    );
  }
});

Deno.test("a hub's file names that would leave the folder are refused before anything is taken", async (t) => {
  const evil = [
    "../evil.jsonl",
    "a/../../evil.jsonl",
    "/etc/evil.jsonl",
    "a//evil.jsonl",
    "..\\evil.jsonl",
    "./evil.jsonl",
    "C:/evil.jsonl",
    "a\nb.jsonl",
  ];
  for (const path of evil) {
    await t.step(
      JSON.stringify(path),
      () =>
        withHub({ "train.jsonl": rows("a"), [path]: rows("b") }, async (hub, folder) => {
          for (const ranges of [false, true]) {
            await assert.rejects(
              openDataset(parseDatasetName("hf:org/tiny:train"), { ...options(hub, folder), ranges }),
              /^InputError: Cannot download org\/tiny: it lists a file ".*", which is no plain path inside the repository/,
            );
          }
          assert.ok(!hub.requests.some(({ path }) => path.startsWith("/cdn/")));
          const left = await Array.fromAsync(
            Deno.readDir(join(folder, "datasets/org", hub.commit, "tiny")),
            ({ name }) => name,
          );
          assert.deepEqual(left, [".lock"]);
        }),
    );
  }
  await withHub({ "source.json": rows("a") }, (hub, folder) =>
    assert.rejects(
      openDataset(parseDatasetName("hf:org/tiny:source.json"), options(hub, folder)),
      /Cannot download source.json of org\/tiny: that name is kept for our own notes/,
    ));
});

Deno.test("openDataset() goes on where a download broke off and keeps nothing of other bytes", () =>
  withHub({ "train.parquet": stored("ultrachat.parquet") }, async (hub, folder) => {
    const name = parseDatasetName("hf:org/tiny"), size = hub.files["train.parquet"].length;
    hub.endAfter = 2000;
    await assert.rejects(
      openDataset(name, options(hub, folder)),
      /the hub ended train.parquet after 2000 of/,
    );
    hub.endAfter = undefined, hub.requests.length = 0;
    const { files: [{ path }] } = await openDataset(name, options(hub, folder));
    assert.deepEqual(await Deno.readFile(path!), Uint8Array.from(hub.files["train.parquet"]));
    assert.ok(hub.requests.some(({ range }) => range === `bytes=2000-${size - 1}`));
    await Deno.remove(folder, { recursive: true });
    hub.spoil = "train.parquet";
    await assert.rejects(
      openDataset(name, options(hub, folder)),
      /Cannot use train.parquet of org\/tiny: the bytes/,
    );
  }));

Deno.test("a hub's refusals are told in words of data sets", () =>
  withHub(FILES, async (hub, folder) => {
    const refused = (ref: string, words: RegExp, change = {}) =>
      assert.rejects(readSource(ref, { hub: { ...options(hub, folder), ...change } }), words);
    await refused("hf:org/other", /the hub has no such data set, or no revision main of it \(404\)/);
    await refused("hf:org/tiny@v9", /no revision v9 of it/);
    await refused("hf:org/tiny", /does not answer .*; check the network, or give a file/, {
      endpoint: "http://127.0.0.1:1",
    });
    hub.token = "hf_right";
    await refused("hf:org/tiny", /refuses access \(401\); check the name, and set HF_TOKEN/);
    await refused("hf:org/tiny", /accept the data set's licence on its page/, { token: "hf_wrong" });
    assert.equal(
      (await readSource("hf:org/tiny:test", { hub: { ...options(hub, folder), token: "hf_right" } })).length,
      3,
    );
  }));

Deno.test("openSource() reads small parquet by ranges as it reads the download", () =>
  withHub(FILES, async (hub, folder) => {
    for (const part of ["train", "test"]) {
      const hubOptions = { hub: options(hub, folder) }, ref = `hf:org/tiny:${part}`;
      const streamed = openSource(ref, { ...hubOptions, ranges: true });
      assert.deepEqual(await Array.fromAsync(streamed), await readSource(ref, hubOptions));
      assert.equal(streamed.tally.commit, hub.commit);
    }
    await assert.rejects(
      readSource("hf:org/tiny:extra/train", { hub: options(hub, folder), ranges: true }),
      /Cannot read extra\/train.jsonl of org\/tiny by ranges: it is no parquet; download it/,
    );
  }));

Deno.test({
  name:
    "openSource() reads a hub's parquet by ranges, one row group after the other, and no more than is asked for",
  ignore: !peers,
  fn: () =>
    inFolder(async (folder) => {
      const path = join(folder, "big.parquet");
      const count = await runPeer<number>(
        `import json, random, sys, pyarrow as pa, pyarrow.parquet as pq
rng = random.Random(1)
word = lambda: "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(9))
talk = lambda i: [{"role": "user", "content": f"{i} " + " ".join(word() for _ in range(100))}, {"role": "assistant", "content": "yes"}]
pq.write_table(pa.table({"messages": [talk(i) for i in range(4000)], "junk": [rng.randbytes(2000) for i in range(4000)]}), sys.argv[1], row_group_size=500)
print(json.dumps(4000))`,
        path,
      );
      await withHub({ "train.parquet": await Deno.readFile(path) }, async (hub, cache) => {
        const size = hub.files["train.parquet"].length;
        const source = () => openSource("hf:org/tiny", { hub: options(hub, cache), ranges: true });
        const asked = () =>
          hub.requests.flatMap(({ path, range }) => {
            const [, from, to] = /bytes=(\d+)-(\d+)/.exec(path.startsWith("/cdn/") ? range ?? "" : "") ?? [];
            return from === undefined ? [] : [Number(to) - Number(from) + 1];
          }).reduce((sum, n) => sum + n, 0);
        const examples = await Array.fromAsync(source());
        assert.equal(examples.length, count);
        assert.ok(examples.every(({ turns }, i) => turns[0].content.startsWith(`${i} `)));
        assert.ok(asked() < 0.5 * size, `${asked()} of ${size} bytes: the junk stays there`);
        hub.requests.length = 0;
        for await (const _ of source()) break;
        assert.ok(asked() < 0.2 * size, `${asked()} of ${size} bytes for one row`);
        hub.status = 503;
        await assert.rejects(
          Array.fromAsync(source()),
          /^InputError: Cannot download org\/tiny: the hub answered 503/,
        );
        assert.equal(
          (await Deno.stat(cache).catch(() => undefined))?.isDirectory,
          undefined,
          "nothing is stored",
        );
      });
    }),
});
