// Stopping and watching a run: by the button's endpoint, by ual stop, from another process; what is left goes on.
import assert from "node:assert/strict";
import { join } from "node:path";
import { lineOf, wholeLines } from "../lib/cli/watch.ts";
import { holderOf, lockFolder } from "../lib/run/lock.ts";
import { requestStop } from "../lib/run/stop.ts";
import { buttonPlace } from "../lib/show/mod.ts";
import type { StepMetrics } from "../lib/train/mod.ts";
import { inFolder } from "./folder.ts";
import { ended, tinyTask, tinyUal } from "./oracles/tiny_trainable.ts";

const bytes = (folder: string, run: string) =>
  Deno.readFile(join(folder, run, "adapter/adapter_model.safetensors"));

/** So many that a run of the tiny model is still at work when another process asks it to stop. */
const STEPS = 1500;

const trainArgs = (out: string) =>
  `train train.jsonl --out ${out} --batch 2 --smoothing uncertainty --steps ${STEPS}`.split(" ");

/** Waits until a run has taken a few steps. */
async function underWay(dir: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    const text = await Deno.readTextFile(join(dir, "metrics.jsonl")).catch(() => "");
    if (text.split("\n").length > 4) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${dir}: no step in 30 s`);
}

Deno.test("ual stop ends a run after its step, ual watch follows it, and ual train goes on to the same bytes", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const whole = await ended(tinyUal(folder, ...trainArgs("whole")));
    assert.equal(whole.code, 0, whole.stderr);
    const run = join(folder, "run"), training = ended(tinyUal(folder, ...trainArgs("run")));
    await underWay(run);
    assert.equal(typeof holderOf(run), "number");
    const watching = ended(ual(folder, "watch", "run"));
    const stop = await ended(ual(folder, "stop", "run", "--json"));
    assert.equal(stop.code, 0, stop.stderr);
    assert.equal(JSON.parse(stop.stdout).pid, holderOf(run) ?? JSON.parse(stop.stdout).pid);
    const stopped = await training;
    assert.equal(stopped.code, 0, stopped.stderr);
    assert.match(stopped.stdout, /^stopped at step \d+/);
    const { stdout, code, stderr } = await watching;
    assert.equal(code, 0, stderr);
    const step = Number(/stopped at step (\d+)/.exec(stopped.stdout)![1]);
    assert.ok(step < STEPS);
    const lines = stdout.trim().split("\n");
    assert.equal(lines.length, step + 1); // every step, and how it ended
    assert.match(lines[0], new RegExp(`^step 1 of ${STEPS} · loss \\d+\\.\\d{4}, mean of 1 `));
    assert.match(lines.at(-1)!, new RegExp(`^not running: step ${step} of ${STEPS} · loss`));
    const nobody = await ended(ual(folder, "stop", "run"));
    assert.equal(nobody.code, 2);
    assert.match(nobody.stderr, /Cannot stop .*run: no process trains in it/);
    const again = await ended(tinyUal(folder, ...trainArgs("run")));
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(await bytes(folder, "run"), await bytes(folder, "whole"));
    const once = await ended(ual(folder, "watch", "run", "--once", "--json"));
    assert.deepEqual([JSON.parse(once.stdout).state, JSON.parse(once.stdout).step], ["complete", STEPS]);
    const empty = await ended(ual(folder, "watch", "nowhere"));
    assert.equal(empty.code, 2);
    assert.match(empty.stderr, /no training run in it/);
  }));

/** A verb that takes no model, with the narrow permissions that it runs under. */
function ual(folder: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(import.meta.dirname!, "../tools/ual.ts"), ...args],
    cwd: folder,
    env: { INIT_CWD: folder, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("the stop button's endpoint takes its own token only, by POST, and closes", async () => {
  let pressed = 0;
  const place = await buttonPlace(), button = await place.open("Stop", () => void pressed++);
  const ask = async (url: string, method = "POST") => {
    const response = await fetch(url, { method });
    await response.body?.cancel();
    return response.status;
  };
  const { port } = new URL(button.url);
  assert.equal(await ask(button.url.replace(/token=./, "token=z")), 403);
  assert.equal(await ask(`http://127.0.0.1:${port}/stop`), 403);
  assert.equal(await ask(button.url.replace("127.0.0.1", "localhost")).catch(() => 403), 403); // a name may be rebound
  assert.equal(await ask(button.url, "GET"), 405);
  assert.equal(await ask(button.url, "OPTIONS"), 204);
  assert.equal(pressed, 0);
  assert.equal(await ask(button.url), 200);
  assert.equal(pressed, 1);
  await button.close();
  await assert.rejects(fetch(button.url, { method: "POST" }));
  const other = await place.open("Stop", () => {});
  assert.notEqual(new URL(other.url).search, new URL(button.url).search);
  await other.close();
});

Deno.test("a stop asked through the endpoint ends a real run", () =>
  inFolder(async (folder) => {
    await tinyTask(folder);
    const run = join(folder, "run"), training = ended(tinyUal(folder, ...trainArgs("run")));
    await underWay(run);
    const button = await (await buttonPlace()).open("Stop", () => requestStop(run));
    await (await fetch(button.url, { method: "POST" })).text();
    const { stdout } = await training;
    await button.close();
    assert.match(stdout, /^stopped at step/);
  }));

Deno.test("wholeLines() and lineOf() read a file that is being written", () => {
  const step = (n: number): Partial<StepMetrics> => ({
    step: n,
    loss: n,
    lr: 3e-4,
    tokens: 100,
    seconds: 0.5,
  });
  const text = [1, 2, 3].map((n) => JSON.stringify(step(n))).join("\n") + '\n{"step":4,"lo';
  const metrics = wholeLines(text);
  assert.deepEqual(metrics.map((m) => m.step), [1, 2, 3]);
  assert.equal(
    lineOf(metrics, 13),
    "step 3 of 13 · loss 3.0000, mean of 3 2.0000 · lr 3.00e-4 · 200 tokens/s · 0:05 left",
  );
  assert.equal(lineOf(metrics), "step 3 · loss 3.0000, mean of 3 2.0000 · lr 3.00e-4 · 200 tokens/s");
  assert.deepEqual(wholeLines(""), []);
});

Deno.test("holderOf() gives the pid of the process at work, and nothing after it", () =>
  inFolder((folder) => {
    assert.equal(holderOf(folder), undefined);
    const lock = lockFolder(folder);
    assert.equal(holderOf(folder), Deno.pid);
    lock.release();
    assert.equal(holderOf(folder), undefined);
  }));
