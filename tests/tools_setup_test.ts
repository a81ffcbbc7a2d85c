// The parts of set-up and of the test runner that read other programs' words. Set-up itself is seen in a fresh clone.
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { run, why } from "../tools/command.ts";
import { counts } from "../tools/test.ts";
import { inFolder } from "./folder.ts";

Deno.test("why() finds reason and remedy in what failed programs print", () => {
  match(
    why("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
    /^no space left/,
  );
  match(
    why("NewConnectionError: Failed to establish a new connection: Temporary failure in name resolution"),
    /network/,
  );
  match(why("error sending request for url: dns error: failed to lookup address information"), /network/);
  equal(why("a\nerror: bad pin\nb\n"), "error: bad pin; all of its output is in .ual/setup.log");
  equal(why(""), "it gave no reason; all of its output is in .ual/setup.log");
});

Deno.test("run() gives stdout, and a failed program's reason in one line", () =>
  inFolder(async (cwd) => {
    equal(await run("bash", ["-c", "echo $X"], { cwd, what: "try", env: { X: "y" } }), "y\n");
    await rejects(run("bash", ["-c", "echo 'error: no' >&2; exit 1"], { cwd, what: "try it" }), {
      name: "InputError",
      message: "Cannot try it: error: no; all of its output is in .ual/setup.log",
    });
    const own = "echo 'Cannot use x: y; z' >&2; exit 2";
    await rejects(run("bash", ["-c", own], { cwd, what: "try" }), { message: "Cannot use x: y; z" });
    await rejects(run("no-such-program", [], { cwd, what: "try" }), {
      message: "Cannot try: there is no no-such-program; install it",
    });
    match(await Deno.readTextFile(`${cwd}/.ual/setup.log`), /^\$ bash -c echo \$X\ny\n/);
  }));

Deno.test("counts() reads the runner's summary", () => {
  const line = "FAILED | 17 passed (2 steps) | 2 failed | 1 ignored (1 step) | 3 filtered out (82ms)";
  deepEqual(counts(`ok | 99 passed | 0 failed (1s)\nx\n\n${line}\n\n`), [17, 2, 1]);
  deepEqual(counts("ok | 5 passed | 0 failed (1s)\n"), [5, 0, 0]);
  deepEqual(counts("error: Type checking failed.\n"), [0, 0, 0]);
});
