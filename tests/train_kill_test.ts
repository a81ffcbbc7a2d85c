// Training through the command line in processes of their own: killed at random moments it ends with the same bytes, and
// two of them never share a folder. A tiny model; on the 135M model: train_resume_test.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { metricsIn, timeless } from "./oracles/small_run.ts";
import { type Ended, ended, tinyTask, tinyUal } from "./oracles/tiny_trainable.ts";

/** A run with everything that has a state: entropies kept before training, dropout, evaluations, the best adapter. */
const FLAGS =
  "--steps 60 --batch 3 --lr 0.02 --warmup 5 --schedule cosine --dropout 0.2 --smoothing entropy --seed 4 " +
  "--checkpoint-every 2 --heldout heldout.jsonl --eval-every 7 --json";
const train = (folder: string, out: string) =>
  tinyUal(folder, "train", "train.jsonl", "--out", out, ...FLAGS.split(" "));

const FILES = ["adapter", "best", "last"].flatMap((name) => [
  `${name}/adapter_config.json`,
  `${name}/adapter_model.safetensors`,
]).concat("manifest.json", "smoothing.jsonl", "run.json", "checkpoint.safetensors");

const sleep = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));

Deno.test("ual train killed with SIGKILL at 20 random moments ends with the bytes of a run left alone", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    await ended(train(folder, "warm")); // fills the caches, so that the next one takes what the killed ones take
    const start = performance.now();
    assert.equal((await ended(train(folder, "whole"))).code, 0);
    const whole = performance.now() - start;
    const random = stream(20, "moments of death");
    let kills = 0, run = 0, attempts = 0;
    const same = async (out: string) => {
      for (const name of FILES) {
        const [a, b] = await Promise.all([out, "whole"].map((o) => Deno.readFile(join(folder, o, name))));
        assert.deepEqual(a, b, `${name} after ${kills} kills`);
      }
      const [a, b] = await Promise.all([out, "whole"].map((o) => metricsIn(join(folder, o))));
      assert.deepEqual(timeless(a), timeless(b));
    };
    while (kills < 20) {
      assert.ok(attempts < 100, "the runs end before they are killed");
      const child = train(folder, `run${run}`), output = ended(child);
      const finished: Ended | void = await Promise.race([output, sleep(random.uniform(attempts++) * whole)]);
      if (finished) {
        assert.equal(finished.code, 0, finished.stderr);
        await same(`run${run++}`);
        continue;
      }
      try {
        child.kill("SIGKILL");
      } catch { /* it has just ended */ }
      const { code, stderr } = await output;
      if (code === 137) kills++;
      else assert.equal(code, 0, stderr);
    }
    const { code, stderr } = await ended(train(folder, `run${run}`));
    assert.equal(code, 0, stderr);
    await same(`run${run}`);
  }));

Deno.test("ual train refuses a folder in which another process trains, with its pid", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const flags = ["train.jsonl", "--out", "run", "--steps", "100000", "--batch", "3"];
    const first = tinyUal(folder, "train", ...flags), output = ended(first);
    const metrics = join(folder, "run/metrics.jsonl");
    while (await Deno.stat(metrics).then(({ size }) => size === 0, () => true)) await sleep(20);
    const second = await ended(tinyUal(folder, "train", ...flags));
    assert.deepEqual([second.code, second.stdout], [2, ""]);
    assert.equal(
      second.stderr.trimEnd().split("\n").at(-1),
      `ual: Cannot use ${
        join(folder, "run")
      }: process ${first.pid} is at work in it; wait for it, stop it, or give ` +
        "another folder",
    );
    first.kill("SIGKILL");
    assert.equal((await output).code, 137);
  }));
