// The facts about machine and code, against the system's own answers.
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { gitState, hardware, hashLib, versions } from "../lib/run/machine.ts";
import { inFolder } from "./folder.ts";

Deno.test("versions() names the version of each installed package", () => {
  const installed = (name: string) =>
    JSON.parse(Deno.readTextFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url)))
      .version;
  deepEqual(versions(), {
    deno: Deno.version.deno,
    "onnxruntime-node": installed("onnxruntime-node"),
    tfjs: installed("@tensorflow/tfjs"),
    ual: JSON.parse(Deno.readTextFileSync(new URL("../deno.json", import.meta.url))).version,
  });
});

Deno.test("hardware() has no name of the machine", () => {
  const found = hardware();
  ok(found.cores >= 1 && found.memory! > 1e8 && found.load!.length === 3);
  ok(!JSON.stringify(found).includes(Deno.hostname()));
});

Deno.test("peakMemory() rises with memory that was touched and freed", async () => {
  // In a process of its own: here, earlier tests may have left a peak that 300 MB do not reach.
  const code = `const { peakMemory } = await import(${
    JSON.stringify(import.meta.resolve("../lib/run/machine.ts"))
  });
    const before = peakMemory(), now = Deno.memoryUsage().rss;
    new Uint8Array(3e8).fill(1);
    console.log(JSON.stringify({ before, now, rise: peakMemory() - before }));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
  const { before, now, rise } = JSON.parse(new TextDecoder().decode(stdout));
  ok(before >= now * 0.9 && rise > 1e8, `from ${before} by ${rise}`);
});

Deno.test("gitState() tells the commit and whether files differ from it", () =>
  inFolder(async (dir) => {
    equal(gitState(dir), undefined);
    const git = (...args: string[]) => {
      const env = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
      const settings = ["-C", dir, "-c", "user.name=a", "-c", "user.email=a@b"];
      const out = new Deno.Command("git", { args: [...settings, ...args], env }).outputSync();
      return new TextDecoder().decode(out.stdout).trim();
    };
    git("init", "-q");
    git("commit", "-q", "--allow-empty", "-m", "x");
    const commit = git("rev-parse", "HEAD");
    match(commit, /^[0-9a-f]{40}$/);
    deepEqual(gitState(dir), { commit, dirty: false });
    await Deno.writeTextFile(join(dir, "x"), "");
    deepEqual(gitState(dir), { commit, dirty: true });
  }));

Deno.test("hashLib() depends on the folders alone, not on their order", () => {
  equal(hashLib(["run", "show"]), hashLib(["show", "run"]));
  notEqual(hashLib(["run"]), hashLib(["run", "show"]));
  match(hashLib(["run"]), /^[0-9a-f]{64}$/);
});
