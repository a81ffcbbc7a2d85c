// ual cluster as a user meets it, on a tiny model: its answer and files, what it refuses before anything is written, killed runs.
import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../lib/cli.ts";
import { f32 } from "../lib/jit/mod.ts";
import { initLora, type LoraConfig, type Model, writeAdapter } from "../lib/model/mod.ts";
import { lockFolder } from "../lib/run/lock.ts";
import { stream } from "../lib/run/seed.ts";
import { withTinyModel } from "./oracles/tiny_server.ts";
import { ended, tinyUal } from "./oracles/tiny_trainable.ts";

/** `texts` dialogues whose letters follow each other by chance. */
async function dialogues(folder: string, texts: number): Promise<void> {
  const letters = "aaabbcde ";
  const said = (i: number, length: number) => {
    const drawn = stream(1, "letters", i).ints(length, letters.length).map((k) => letters[k]);
    return "x" + drawn.join("").replaceAll(" a", "a");
  };
  const lines = Array.from(
    { length: texts },
    (_, i) =>
      JSON.stringify({ id: `d${i}`, prompt: said(i, 9), response: said(1000 + i, 60) + (i ? "" : "Q") }) +
      "\n",
  );
  await Deno.writeTextFile(join(folder, "d.jsonl"), lines.join(""));
}

/** An adapter that changes something, in `folder`/name. */
async function adapter(folder: string, name: string, { config }: Model, seed: number): Promise<void> {
  const lora: LoraConfig = { r: 2, alpha: 4, dropout: 0, targets: ["q_proj", "v_proj"] };
  const random = stream(seed, "an adapter"), params = initLora(config, lora, seed);
  let at = 0;
  for (const [key, { shape, data }] of Object.entries(params)) {
    params[key] = f32(shape, Float32Array.from(data, () => 0.4 * random.normal(at++)));
  }
  await writeAdapter(join(folder, name), { params, lora }, "tiny");
}

/** A folder with the tiny model, dialogues and two adapters, UAL and SFT. */
function task(texts: number, body: (folder: string) => Promise<void>): Promise<void> {
  return withTinyModel(async (model, folder) => {
    await dialogues(folder, texts);
    await adapter(folder, "UAL", model, 1);
    await adapter(folder, "SFT", model, 2);
    await body(folder);
  });
}

const ARGS = ["cluster", "--data", "d.jsonl", "--adapter", "UAL", "other=SFT"];
const run = (folder: string, ...args: string[]) => ended(tinyUal(folder, ...ARGS, ...args));

const FILES = ["silhouettes.jsonl", "summary.json"].concat(
  ["base", "UAL", "other"].flatMap((model) =>
    ["features", "features_layer_1", "tokens", "positions", "samples"].map((name) =>
      `features/${model}/${name}.npy`
    )
  ),
);
const bytes = (folder: string) =>
  Promise.all(FILES.map(async (name) => [name, await Deno.readFile(join(folder, name))] as const));

Deno.test("ual cluster scores named and drawn pairs under the base model and its adapters, and writes what it found", () =>
  task(8, async (folder) => {
    const flags = ["--random-pairs", "6", "--min-count", "10", "--layers", "1,final", "--max-points", "20"];
    const { code, stdout, stderr } = await run(folder, "--pairs", "a|b", ...flags, "--out", "out", "--json");
    assert.equal(code, 0, stderr);
    const json = JSON.parse(stdout);
    assert.deepEqual(json.pairs.map((pair: { kind: string }) => pair.kind), [
      "named",
      ...Array<string>(6).fill("random"),
    ]);
    const [named] = json.pairs;
    assert.deepEqual([named.a, named.b, named.counts, named.layer], ["a", "b", [20, 20], "final"]);
    assert.deepEqual(Object.keys(named.silhouette), ["base", "UAL", "other"]);
    const { pca2, full, cosine } = named.silhouette.UAL;
    for (const value of [pca2, full, cosine]) assert.ok(value > -1 && value < 1);
    assert.notEqual(full, named.silhouette.base.full);
    assert.equal(json.summary.length, 2 * 3 * 3, "layers, spaces, models");
    assert.ok(
      json.summary.every((row: { kind: string; pairs: number }) => row.kind === "random" && row.pairs === 6),
    );
    assert.equal(json.differences.length, 2 * 3 * 3);
    const means = json.pairs.slice(1).map((pair: typeof named) => pair.silhouette.UAL.pca2);
    const row = json.summary.find((one: Record<string, unknown>) =>
      one.model === "UAL" && one.measure === "pca2" && one.layer === "final"
    );
    const mean = means.reduce((a: number, b: number) => a + b) / 6;
    assert.ok(Math.abs(row.value - mean) < 1e-12 && row.low <= row.value && row.value <= row.high);
    const lines = (await Deno.readTextFile(join(folder, "out/silhouettes.jsonl"))).trim().split("\n");
    assert.equal(lines.length, 7 * 3 * 2, "pairs, models, layers");
    const summary = JSON.parse(await Deno.readTextFile(join(folder, "out/summary.json")));
    assert.deepEqual(summary.summary, json.summary);
    assert.match(summary.adapters.other, /^[0-9a-f]{64}$/);
    const text = await run(folder, "--pairs", "a|b,c|d", "--layers", "1,final");
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /Mean silhouettes of named pairs, 95% intervals/);
    assert.match(text.stdout, /other − UAL/);
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).filter((name) =>
        name === "features"
      ),
      [],
    );
  }));

Deno.test("ual cluster --supervise all counts the requests' tokens too, and one pair has no interval", () =>
  task(8, async (folder) => {
    const read = async (...flags: string[]) => {
      const { code, stdout, stderr } = await run(folder, "--pairs", "a|b", "--json", ...flags);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const [answers, all] = [await read(), await read("--supervise", "all")];
    assert.ok(all.pairs[0].counts[0] > answers.pairs[0].counts[0]);
    assert.equal(answers.samples, 8);
    assert.ok(answers.differences.every((row: { p: null }) => row.p === null));
  }));

/** `ual cluster …` in this process, for what ends before the engine starts. */
async function here(folder: string, args: string[]) {
  const { log, error } = console, said = { stdout: "", stderr: "" };
  const env = { INIT_CWD: folder, UAL_CACHE: join(folder, "cache"), NO_COLOR: "1" };
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  console.log = (text) => said.stdout += text;
  console.error = (text) => said.stderr += text;
  try {
    return { code: await main([...args, "--model", "tiny.gguf", "--threads", "1"]), ...said };
  } finally {
    Object.assign(console, { log, error });
    for (const name of Object.keys(env)) Deno.env.delete(name);
  }
}

Deno.test("ual cluster says what is wrong before it writes anything", () =>
  task(3, async (folder) => {
    await Deno.mkdir(join(folder, "full"));
    await Deno.writeTextFile(join(folder, "full/mine.txt"), "mine");
    await Deno.mkdir(join(folder, "wrong"));
    for (const file of ["adapter_config.json", "adapter_model.safetensors"]) {
      await Deno.copyFile(join(folder, "UAL", file), join(folder, "wrong", file));
    }
    const path = join(folder, "wrong/adapter_config.json");
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace('"r": 2', '"r": 3'));
    const cases: [string[], RegExp][] = [
      [["--pairs", "ab|c"], /"ab" as a token: the model reads it as 2: "a" "b"/],
      [["--pairs", "a|a"], /both sides are the same token/],
      [
        ["--pairs", "a|Q"],
        /the token "Q" \(#\d+\): it comes 1 times in the 3 texts' supervised parts, and 2 are needed/,
      ],
      [["--pairs", "a|Z"], /the token "Z" \(#\d+\): it comes 0 times/],
      [["--pairs", "a|b", "--layers", "7"], /--layers 7: .* has 0 \(the embeddings\) to 2, and final/],
      [["--pairs", "a|b", "--layers", "last"], /--layers last: last names no layer/],
      [
        ["--random-pairs", "5000"],
        /Cannot draw 5000 pairs of tokens: \d+ tokens have at least 20 features each/,
      ],
      [["--random-pairs", "0"], /Cannot cluster without pairs of tokens/],
      [["--pairs", "a|b", "--max-points", "1"], /--max-points 1: give a number of at least 2/],
      [["--pairs", "a|b", "--adapter", "wrong"], /Cannot (use|read|load) .*wrong/],
      [["--pairs", "a|b", "--adapter", "nowhere"], /Cannot read .*nowhere/],
      [["--pairs", "a|b", "--adapter", "UAL=SFT", "--adapter", "UAL"], /two models called UAL/],
      [
        ["--pairs", "a|b", "--out", "full"],
        /Cannot write to .*full: it holds something else, such as mine\.txt; give a new/,
      ],
      [["--pairs", "a|b", "--out", "d.jsonl"], /Cannot write to .*d\.jsonl: it is a file/],
    ];
    for (const [args, message] of cases) {
      const out = args.includes("--out") ? [] : ["--out", "out"];
      const { code, stdout, stderr } = await here(folder, ["cluster", "--data", "d.jsonl", ...args, ...out]);
      assert.deepEqual([code, stdout], [2, ""], `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, message, args.join(" "));
    }
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.ok(!names.includes("out"), names.join());
    assert.deepEqual([...Deno.readDirSync(join(folder, "full"))].map(({ name }) => name), ["mine.txt"]);
  }));

Deno.test("ual cluster leaves a folder alone that another process works in, or that cannot be made", () =>
  task(3, async (folder) => {
    const out = join(folder, "out"), flags = ["--pairs", "a|b", "--out"];
    {
      using _lock = lockFolder(out);
      const { code, stdout, stderr } = await run(folder, ...flags, "out");
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr, new RegExp(`Cannot use .*out: process ${Deno.pid} is at work in it; wait for it`));
    }
    assert.deepEqual([...Deno.readDirSync(out)].map(({ name }) => name), [".lock"]);
    await Deno.writeTextFile(join(out, "features"), "a file");
    for (const place of ["out", "d.jsonl/out"]) {
      const { code, stdout, stderr } = await run(folder, ...flags, place);
      assert.deepEqual([code, stdout], [2, ""], stderr);
      assert.match(stderr, /^ual: Cannot (write|use|read) .*out/m);
      assert.doesNotMatch(stderr, /\n\s+at /, "no stack");
    }
  }));

Deno.test("ual cluster makes features again that something has changed", () =>
  task(6, async (folder) => {
    const flags = ["--pairs", "a|b", "--json", "--out", "out"], first = await run(folder, ...flags);
    assert.equal(first.code, 0, first.stderr);
    const path = join(folder, "out/features/UAL/features.npy"), data = await Deno.readFile(path);
    for (const broken of [data.slice(0, 200), new Uint8Array(data.length), new Uint8Array(0)]) {
      await Deno.writeFile(path, broken);
      const again = await run(folder, ...flags);
      assert.deepEqual([again.code, again.stdout], [0, first.stdout], again.stderr);
      assert.deepEqual(await Deno.readFile(path), data);
    }
  }));

/** `ual cluster …` killed as soon as `now` says so. Throws where it ended before. */
async function killedWhen(now: () => Promise<boolean>, folder: string, flags: string[]): Promise<void> {
  const child = tinyUal(folder, ...ARGS, ...flags), output = ended(child);
  let over = false;
  output.then(() => over = true);
  while (!over && !await now()) await new Promise((done) => setTimeout(done, 2));
  assert.ok(!over, "it ended before it was killed");
  child.kill("SIGKILL");
  assert.equal((await output).code, 137);
}

Deno.test("ual cluster killed with SIGKILL and started again ends with the bytes of a run left alone, and reuses features", () =>
  task(30, async (folder) => {
    const flags = ["--random-pairs", "12", "--layers", "1,final", "--json", "--out"],
      out = join(folder, "killed");
    assert.equal((await run(folder, ...flags, "whole")).code, 0);
    const wanted = await bytes(join(folder, "whole"));
    const there = (name: string) => Deno.stat(join(out, name)).then(() => true, () => false);
    await killedWhen(() => there("features/base/features.npy"), folder, [...flags, "killed"]);
    assert.ok(!await there("features/base/features.json"), "killed while features were made");
    await killedWhen(() => there("features/other/manifest.json"), folder, [...flags, "killed"]);
    assert.ok(!await there("summary.json"), "killed while pairs were scored");
    const features = async () => (await Deno.stat(join(out, "features/base/features.npy"))).mtime;
    const made = await features();
    const again = await run(folder, ...flags, "killed");
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(await features(), made, "features that are there are not made again");
    for (const [i, [name, data]] of (await bytes(out)).entries()) {
      assert.deepEqual(data, wanted[i][1], name);
    }
  }));
