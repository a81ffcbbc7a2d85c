// On the 135M model, in processes of their own: two runs give the same bytes, and so does one that is killed and resumed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { readJsonl } from "../lib/run/files.ts";
import { inFolder } from "./folder.ts";

const root = join(import.meta.dirname!, "..");

function start(dir: string): Deno.ChildProcess {
  const flags = "--steps 4 --batch 2 --context 96 --lr 1e-3 --checkpoint-every 2 --seed 3 --threads 2 --json"
    .split(" ");
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "lib/cli.ts",
      "train",
      "--data",
      "data/dialogues_train.jsonl",
      "--out",
      dir,
      ...flags,
    ],
    cwd: root,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function result(child: Deno.ChildProcess) {
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const lines = (dir: string) => readJsonl(join(dir, "metrics.jsonl")).then((l) => l.length, () => 0);
const adapter = (dir: string) => Deno.readFile(join(dir, "adapter/adapter_model.safetensors"));

Deno.test("ual train gives the same adapter in two processes, and after kill -9 and resume", () =>
  inFolder(async (folder) => {
    const [whole, again, killed] = ["whole", "again", "killed"].map((name) => join(folder, name));
    assert.equal((await result(start(whole))).state, "complete");
    assert.equal((await result(start(again))).state, "complete");
    const victim = start(killed);
    while (await lines(killed) < 3) await new Promise((r) => setTimeout(r, 20));
    victim.kill("SIGKILL");
    await victim.output();
    const resumed = await result(start(killed));
    assert.equal(resumed.resumed_from, 2);
    assert.deepEqual(await adapter(again), await adapter(whole));
    assert.deepEqual(await adapter(killed), await adapter(whole));
    assert.deepEqual(
      await Deno.readFile(join(killed, "manifest.json")),
      await Deno.readFile(join(whole, "manifest.json")),
    );
    assert.equal((await result(start(whole))).state, "already complete");
  }));
