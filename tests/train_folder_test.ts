// A run's folder: which settings differ where a run is not resumed, damaged run files, a full disk.
import assert from "node:assert/strict";
import { join } from "node:path";
import { initLora } from "../lib/model/lora.ts";
import type { Adapter } from "../lib/model/mod.ts";
import { requestStop } from "../lib/run/stop.ts";
import { keptSteps, paramsHash, type StepMetrics, train } from "../lib/train/mod.ts";
import { inFolder } from "./folder.ts";
import { smallBase } from "./oracles/small_model.ts";
import { metricsIn, quiet, sequences, settings, smallRun, smoothing, timeless } from "./oracles/small_run.ts";

Deno.test("train() names what differs where it does not resume", () =>
  inFolder(async (folder) => {
    const options = { name: "run", code: "a", made: { context: 256, mean: 0.1 }, heldout: sequences };
    const there = { evalEvery: 6 };
    await smallRun(folder, there, options);
    const { config } = await smallBase(folder);
    const cases: [Parameters<typeof smallRun>[1], Partial<Parameters<typeof smallRun>[2]>, RegExp][] = [
      [{ lr: 0.5 }, {}, /\(lr is 0\.02 there and 0\.5 here\);/],
      [
        { weightDecay: 0, seed: 7 },
        {},
        /\(seed is 1 there and 7 here, weight-decay is 0\.01 there and 0 here\)/,
      ],
      [{ lora: { ...settings.lora, r: 4, targets: ["q_proj"] } }, {}, /rank is 2 there and 4 here/],
      [{ lora: { ...settings.lora, targets: ["q_proj"] } }, {}, /targets is \["q_proj","v_proj"\] there and/],
      [{ threads: 2 }, {}, /threads is 1 there and 2 here/],
      [{ weighting: "token" }, {}, /weighting is "sample" there and "token" here/],
      [{ patience: 3 }, {}, /patience is not set there and 3 here/],
      [{}, { made: { context: 128, mean: 0.1 } }, /\(context is 256 there and 128 here\)/],
      [{}, { how: smoothing.toReversed() }, /\(another smoothing\)/],
      [{}, { how: { method: "perplexity", mean: 0.1, ceiling: 0.9 } }, /\(another smoothing\)/],
      [{}, { init: initLora(config, settings.lora, 99) }, /\(another start adapter\)/],
      [{}, { heldout: sequences.slice(1) }, /\(another set of held-out dialogues\)/],
      [{}, { code: "b" }, /\(another version of our code or of what it runs on\)/],
    ];
    for (const [change, other, message] of cases) {
      await assert.rejects(smallRun(folder, { ...there, ...change }, { ...options, ...other }), {
        name: "InputError",
        message,
      });
    }
    assert.equal((await smallRun(folder, there, options)).resumedFrom, 6, "the refusals changed nothing");
    await Deno.writeTextFile(join(folder, "run/run.json"), "{");
    assert.equal((await smallRun(folder, there, options)).resumedFrom, 6, "the checkpoint is this run's");
    await Deno.remove(join(folder, "run/run.json"));
    await assert.rejects(
      smallRun(folder, { ...there, lr: 1 }, options),
      /of a run with other settings, data or model \(its own record of them is lost\)/,
    );
  }));

Deno.test("train() says what is wrong with a damaged run, and leaves it", () =>
  inFolder(async (folder) => {
    const { dir } = await smallRun(folder, {}, { name: "run", checkpointEvery: 4 });
    const resume = () => smallRun(folder, {}, { name: "run" });
    const damage = async (
      name: string,
      change: (bytes: Uint8Array) => Uint8Array | string,
      message: RegExp,
    ) => {
      const path = join(dir, name), whole = await Deno.readFile(path), bad = change(whole);
      await (typeof bad === "string" ? Deno.writeTextFile(path, bad) : Deno.writeFile(path, bad));
      await assert.rejects(resume(), { name: "InputError", message });
      const left = await Deno.readFile(path);
      assert.deepEqual(left, typeof bad === "string" ? new TextEncoder().encode(bad) : bad);
      await Deno.writeFile(path, whole);
    };
    const flip = (at: number) => (bytes: Uint8Array) =>
      bytes.map((b, i) => i === (at + bytes.length) % bytes.length ? b ^ 1 : b);
    const lines = (change: (lines: string[]) => string[]) => (bytes: Uint8Array) =>
      change(new TextDecoder().decode(bytes).trimEnd().split("\n")).map((line) => line + "\n").join("");
    const checkpoint = "checkpoint.safetensors";
    await damage(checkpoint, (b) => b.slice(0, -40), /Cannot resume in .*delete the checkpoint to start/);
    await damage(checkpoint, () => "", /Cannot resume in .*delete the checkpoint to start/);
    await damage(
      checkpoint,
      flip(-5),
      /checkpoint\.safetensors is damaged, its content is not what was written; restore/,
    );
    await damage(
      "metrics.jsonl",
      lines((l) => l.slice(0, 3)),
      /checkpoint is of step 6, but metrics\.jsonl ends at step 3; restore/,
    );
    await damage(
      "metrics.jsonl",
      lines((l) => l.toSpliced(1, 1)),
      /metrics\.jsonl:2: it should be of step 2 and is of step 3; restore/,
    );
    await damage(
      "metrics.jsonl",
      lines((l) => l.with(2, l[2].slice(9))),
      /Cannot resume in .*metrics\.jsonl:3: not valid JSON.*; restore/,
    );
    await damage(
      "metrics.jsonl",
      lines((l) => l.with(0, "7")),
      /metrics\.jsonl:1: it should be of step 1 and is of none/,
    );
    await damage("metrics.jsonl", () =>
      "", /Cannot resume in .*it is empty.*; restore it, or delete the folder/);
    await Deno.rename(join(dir, "metrics.jsonl"), join(dir, "aside"));
    await assert.rejects(resume(), /^InputError: Cannot resume in .*metrics\.jsonl: no such file/);
    await Deno.rename(join(dir, "aside"), join(dir, "metrics.jsonl"));
    assert.equal((await resume()).resumedFrom, 6);
  }));

Deno.test("train() refuses a folder with smoothing values that are no run's", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "mine"));
    await Deno.writeTextFile(join(folder, "mine/smoothing.jsonl"), '{"id":"a","smoothing":0.5}\n');
    await assert.rejects(
      smallRun(folder, {}, { name: "mine", uncertainty: smoothing }),
      /^InputError: Cannot train into .*it holds smoothing\.jsonl but no checkpoint of this run; give an empty folder/,
    );
    assert.equal(
      await Deno.readTextFile(join(folder, "mine/smoothing.jsonl")),
      '{"id":"a","smoothing":0.5}\n',
    );
  }));

/** Runs a program; whether it succeeded, and what it said. */
async function runs(...command: string[]): Promise<{ success: boolean; why: string }> {
  try {
    const { success, stderr } = await new Deno.Command(command[0], { args: command.slice(1) }).output();
    return { success, why: new TextDecoder().decode(stderr).trim() };
  } catch (error) {
    return { success: false, why: String(error) };
  }
}

/** Runs `body` in a small file system of its own. */
async function onSmallDisk(kilobytes: number, body: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const { success, why } = await runs("mount", "-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", folder);
    if (!success) throw new Error(why);
    try {
      await body(folder);
    } finally {
      await runs("umount", folder);
    }
  });
}

const mounting = await onSmallDisk(64, () => Promise.resolve()).then(() => "", (error) => error.message);
if (mounting) console.error(`skipped: no small disk can be mounted here (${mounting})`);

Deno.test({
  name:
    "train() on a disk that fills up at a checkpoint: one line with the remedy, the last checkpoint whole, and it goes on",
  ignore: mounting !== "",
  fn: () =>
    inFolder(async (folder) => {
      const change = { lora: { ...settings.lora, r: 48, dropout: 0.1 } };
      const whole = await smallRun(folder, change, { name: "whole" });
      await onSmallDisk(300, async (disk) => {
        const { base } = await smallBase(folder);
        const dir = join(disk, "run"),
          checkpoint = join(dir, "checkpoint.safetensors"),
          filler = join(disk, "filler");
        const options = { dir, ...quiet, checkpointEvery: 2 };
        let kept = new Uint8Array();
        const full = train(base, sequences, smoothing, { ...settings, ...change }, {
          ...options,
          onStep: async ({ step }) => {
            if (step !== 2) return;
            kept = await Deno.readFile(checkpoint);
            await fill(filler, 8192); // too little for a second checkpoint, enough for lines of metrics
          },
        });
        const error = await full.then(() => undefined, (error) => error);
        assert.match(
          `${error}`,
          /^InputError: Cannot write .*\/run\/checkpoint\.safetensors: no space left on device; free some space there or choose another folder; the checkpoint of step 2 is whole and the same command goes on from it$/,
        );
        assert.deepEqual(await Deno.readFile(checkpoint), kept);
        const names = [...Deno.readDirSync(dir)].map((entry) => entry.name).sort();
        assert.deepEqual(names, [".lock", "checkpoint.safetensors", "metrics.jsonl", "run.json"]);
        await Deno.remove(filler);
        const resumed = await train(base, sequences, smoothing, { ...settings, ...change }, options);
        assert.equal(resumed.resumedFrom, 2);
        assert.deepEqual(resumed.adapter, whole.adapter);
        assert.deepEqual(timeless(await metricsIn(dir)), timeless(whole.metrics));
      });
    }),
});

/** Writes zeros to `path` until only about `left` bytes are free. */
async function fill(path: string, left: number): Promise<void> {
  {
    using file = await Deno.open(path, { write: true, create: true });
    const block = new Uint8Array(1024);
    try {
      for (;;) file.writeSync(block);
    } catch { /* full */ }
  }
  await Deno.truncate(path, (await Deno.stat(path)).size - left);
}

Deno.test("train() hands adapters over along the way, the same ones after a stop, and the last", () =>
  inFolder(async (folder) => {
    const seen: [number, string][] = [];
    const kept = (list: [number, string][]) => ({
      keepEvery: 4,
      onKeep: ({ params }: Adapter, step: number) => void list.push([step, paramsHash(params)]),
    });
    const whole = await smallRun(folder, {}, { name: "whole", ...kept(seen) });
    assert.deepEqual(seen.map(([step]) => step), [4, 6]);
    assert.equal(seen[1][1], paramsHash(whole.adapter.params));
    const half = await smallRun(folder, { steps: 4 }, { name: "four" });
    assert.equal(
      seen[0][1],
      paramsHash(half.adapter.params),
      "a constant rate: 4 steps are the first 4 of 6",
    );
    const again: [number, string][] = [];
    const stop = async (m: StepMetrics) =>
      m.step === 3 ? await requestStop(join(folder, "parts")) : undefined;
    await smallRun(folder, {}, { name: "parts", ...kept(again), onStep: stop });
    await smallRun(folder, {}, { name: "parts", ...kept(again) });
    assert.deepEqual(again, seen);
    await assert.rejects(smallRun(folder, {}, { keepEvery: 0.5 }), /Cannot keep an adapter every 0\.5 steps/);
  }));

Deno.test("keptSteps() are every so many and the last", () => {
  assert.deepEqual(keptSteps(4, 10), [4, 8, 10]);
  assert.deepEqual(keptSteps(5, 10), [5, 10]);
  assert.deepEqual([keptSteps(20, 3), keptSteps(undefined, 3)], [[3], []]);
});
