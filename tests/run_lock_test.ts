// The lock and the stop flag of a run's folder, across real processes.
import { doesNotThrow, equal, rejects, throws } from "node:assert/strict";
import { join } from "node:path";
import { lockFolder } from "../lib/run/lock.ts";
import { clearStop, requestStop, stopRequested } from "../lib/run/stop.ts";
import { inFolder } from "./folder.ts";

Deno.test("lockFolder() refuses a second process with the first's pid, and takes over from a dead one", () =>
  inFolder(async (dir) => {
    const run = join(dir, "run");
    const module = new URL("../lib/run/lock.ts", import.meta.url).href;
    const code =
      `(await import("${module}")).lockFolder("${run}"); console.log("held"); setInterval(() => {}, 1000)`;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    equal(new TextDecoder().decode((await reader.read()).value).trim(), "held");
    throws(() => lockFolder(run), {
      name: "InputError",
      message:
        `Cannot use ${run}: process ${child.pid} is at work in it; wait for it, stop it, or give another folder`,
    });
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    const lock = lockFolder(run);
    equal(Deno.readTextFileSync(join(run, ".lock")).trim(), String(Deno.pid));
    lock.release();
  }));

Deno.test("lockFolder() refuses a second stage of the same process until the first lets go", () =>
  inFolder((dir) => {
    {
      using _lock = lockFolder(dir);
      throws(() => lockFolder(dir), new RegExp(`process ${Deno.pid} is at work`));
    }
    doesNotThrow(() => lockFolder(dir).release());
    throws(() => lockFolder("/dev/null/x"), /Cannot write/);
  }));

Deno.test("requestStop() is seen until clearStop()", () =>
  inFolder(async (dir) => {
    equal(stopRequested(dir), false);
    await requestStop(dir);
    equal(stopRequested(dir), true);
    await clearStop(dir);
    await clearStop(dir);
    equal(stopRequested(dir), false);
    await rejects(requestStop("/dev/null/x"), { name: "InputError" });
  }));
